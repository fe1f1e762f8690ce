// tidal repair: says what is damaged and lost, asks, and repairs.
#include <istream>
#include <ostream>
#include <string>

#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/quantity_text.h"
#include "cli/table.h"
#include "db/offline/repairing.h"

namespace tidal::cli {
namespace {

std::string range_text(const wal::SeqnoRange& lost) {
  if (lost.empty()) return "none";
  if (lost.count() == 1) return with_commas(lost.first.value);
  return with_commas(lost.first.value) + " to " + with_commas(lost.last.value);
}

/// A row a damage, then the reason of each.
void print_damages(const Terminal& terminal, const wal::RepairPlan& plan) {
  if (plan.damages.empty()) return;
  Table table{{{.name = "damage"},
               {.name = "segment", .whole = true},
               {.name = "offset", .right = true},
               {.name = "lost seqnos", .right = true},
               {.name = "records", .right = true}},
              {}};
  for (const wal::Damage& damage : plan.damages) {
    table.rows.push_back({std::string(wal::damage_name(damage.kind)), damage.segment, with_commas(damage.offset),
                          range_text(damage.lost), with_commas(damage.lost.count())});
  }
  terminal.out << render(table, static_cast<std::size_t>(terminal.columns)) << "\n";
  for (const wal::Damage& damage : plan.damages) terminal.out << to_text(damage) << "\n";
}

std::string gone_text(const wal::SeqnoRange& gone) {
  return "the records with " + to_text(gone) + " are in no file; the state has them";
}

void print_aside(const Terminal& terminal, const db::PutAside& each) {
  terminal.out << each.path << " is put aside: " << each.why << ".";
  if (each.path.starts_with("archive/")) {
    terminal.out << " With it go the records with " << to_text(each.records);
  } else if (!each.path.starts_with("base/")) {
    terminal.out << " It is a cache: nothing is lost by that";
  }
  terminal.out << "\n";
}

/// What is lost of the state, then what of the history alone.
void print_loss(const Terminal& terminal, const db::DirectoryRepair& repair) {
  const std::uint64_t lost = repair.lost_records();
  std::uint64_t gone = 0;
  for (const wal::SeqnoRange& range : repair.history_gone()) {
    terminal.out << gone_text(range) << "\n";
    gone += range.count();
  }
  if (lost > 0) {
    terminal.out << counted(lost, "record") << " lost";
  } else if (gone > 0) {
    terminal.out << "nothing is lost of the state; of the history " << counted(gone, "record")
                 << (gone == 1 ? " is gone" : " are gone");
  } else {
    terminal.out << "nothing is lost";
  }
  const SeqNo kept = repair.state_kept_through();
  if (lost > 0 && kept != SeqNo{}) {
    terminal.out << "; of those up to seqno " << with_commas(kept.value)
                 << " only the history, their effects are in the base";
  } else if (lost > 0) {
    terminal.out << ", and with them what they did to the state";
  }
  if (repair.log().is_open_ended()) terminal.out << ", as far as can be told from a file that was cut off";
  terminal.out << std::endl;
}

void print_plan(const Terminal& terminal, const db::DirectoryRepair& repair) {
  print_damages(terminal, repair.log());
  for (const db::PutAside& each : repair.aside()) print_aside(terminal, each);
  for (const wal::SeqnoRange& fill : repair.archive_fills()) {
    terminal.out << "the records with " << to_text(fill) << " are lost; empty ones take their place in archive/\n";
  }
  if (repair.promoted() != SeqNo{}) {
    terminal.out << "the checkpoint at seqno " << with_commas(repair.promoted().value)
                 << " becomes the base: all state up to it is kept\n";
  }
  for (const std::string& base : repair.superseded()) {
    terminal.out << base << " makes room for it; it is sound, and kept with what is put aside\n";
  }
  print_loss(terminal, repair);
}

/// Only a person who reads the question can answer it.
bool agrees(const Terminal& terminal, const RepairCommandOptions& options) {
  if (options.yes) return true;
  if (!terminal.in_is_terminal) {
    terminal.err << "nothing was changed; to repair: tidal repair " << options.directory << " --yes\n";
    return false;
  }
  terminal.err << "Repair it? Every damaged file is kept in " << options.directory << "/damaged. [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  terminal.err << "nothing was changed\n";
  return false;
}

}  // namespace

Exit run_repair(const Terminal& terminal, const RepairCommandOptions& options) {
  const Result<std::unique_ptr<db::DirectoryRepair>> repair =
      db::DirectoryRepair::plan(base::posix_file_system(), options.directory);
  if (!repair.ok()) return fail(terminal, repair.error());
  for (const std::string& note : (*repair)->notes()) terminal.err << "note: " << note << "\n";
  if ((*repair)->empty()) {
    for (const wal::SeqnoRange& range : (*repair)->history_gone()) terminal.err << "note: " << gone_text(range) << "\n";
    terminal.out << options.directory << ": nothing to repair\n";
    return Exit::Ok;
  }
  print_plan(terminal, **repair);
  if (!agrees(terminal, options)) return Exit::Failed;
  const Result<std::string> folder = (*repair)->apply();
  if (!folder.ok()) return fail(terminal, folder.error());
  terminal.out << "repaired; the damaged files are in " << *folder << "\n";
  return Exit::Ok;
}

}  // namespace tidal::cli
