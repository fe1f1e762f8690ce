// tidal status, verify and digest.
#include <ostream>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "cli/progress.h"
#include "cli/quantity_text.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "db/unfinished_directory.h"

namespace tidal::cli {
namespace {

void print_status(std::ostream& out, const std::string& directory, const DatabaseStats& stats) {
  out << directory << "\n";
  out << "  holds        " << counted(stats.items, "item") << ", " << counted(stats.users, "user") << ", "
      << counted(stats.creators, "creator") << "\n";
  out << "  log          " << counted(stats.last_seqno.value, "record") << ", " << bytes_text(stats.log_bytes) << " in "
      << counted(stats.log_segments, "segment") << "\n";
  out << "  history      since " << to_string(stats.history_since) << " (seqno "
      << with_commas(stats.history_first.value) << ")";
  if (stats.base_seqno.value > 0) out << ", on a base at seqno " << with_commas(stats.base_seqno.value);
  if (stats.archive_segments > 0) out << ", " << counted(stats.archive_segments, "segment") << " in archive/";
  out << "\n";
  if (stats.newest_event) {
    out << "  newest event " << to_string(*stats.newest_event) << "\n";
  } else {
    out << "  newest event none yet\n";
  }
  out << "  clock        " << to_string(stats.now) << "\n";
  if (stats.newest_event && stats.now - *stats.newest_event >= days(30)) {
    out << "               the newest event lies " << rough_span(stats.now - *stats.newest_event)
        << " back: add `--clock events` to ask as if it were then\n";
  }
  if (stats.checkpoint_seqno.value == 0) {
    out << "  checkpoint   none yet\n";
  } else {
    out << "  checkpoint   at seqno " << with_commas(stats.checkpoint_seqno.value) << ", "
        << counted(stats.last_seqno.value - stats.checkpoint_seqno.value, "record") << " behind the end of the log\n";
  }
  std::uint64_t memory = 0;
  for (const ViewInfo& view : stats.views) memory += view.memory_bytes;
  out << "  memory       " << bytes_text(memory) << " in " << counted(stats.views.size(), "view") << ":";
  for (const ViewInfo& view : stats.views) {
    out << (&view == &stats.views.front() ? " " : ", ") << view.name << " " << bytes_text(view.memory_bytes);
  }
  out << "\n  schema       version " << stats.schema_version << "\n";
}

Result<DigestReport> digest_of(const Terminal& terminal, const CommonOptions& common, const std::string& directory) {
  Result<Database> database = open_directory(directory, common);
  const bool is_backup = base::posix_file_system().exists(directory + "/" + std::string(db::kBackupManifestName));
  if (!database.ok() && (is_backup || database.error().code == Code::PermissionDenied)) {
    terminal.err << "note: " << directory << (is_backup ? " is a backup" : " cannot be written")
                 << ": its log is replayed from the beginning\n";
    TIDAL_TRY_ASSIGN(const auto replayed, db::ReplayedDatabase::open(base::posix_file_system(), directory));
    return replayed->digest();
  }
  if (!database.ok()) return database.error();
  Result<DigestReport> report = database->digest();
  TIDAL_TRY(database->close());
  return report;
}

}  // namespace

Exit run_status(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options) {
  Result<Database> database = open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  print_status(terminal.out, options.directory, database->stats());
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return Exit::Ok;
}

namespace {

/// The digest line of that view.
Result<std::string> line_of(Database& database, const std::string& view) {
  TIDAL_TRY_ASSIGN(const DigestReport report, database.digest());
  for (const auto& [name, digest] : report.by_view) {
    if (name == view) return digest;
  }
  return std::string();
}

Status rebuild_one(const Terminal& terminal, Database& database, const std::string& view) {
  const base::SystemClock clock;
  Progress progress(terminal, clock, "events");
  progress.stage("rebuilding " + view);
  TIDAL_TRY_ASSIGN(const std::string before, line_of(database, view));
  const Result<RebuildReport> report = database.rebuild(view, [&progress](const RebuildProgress& at) {
    progress.update(
        at.through.value,
        at.target.value == 0 ? 1.0 : static_cast<double>(at.through.value) / static_cast<double>(at.target.value));
    return !interrupted();
  });
  progress.clear();
  TIDAL_TRY(report);
  TIDAL_TRY_ASSIGN(const std::string after, line_of(database, view));
  terminal.out << view << ": rebuilt from " << counted(report->events, "event") << "; "
               << (before == after ? "the same as before" : "it was not what the log says, and now is") << "\n";
  return {};
}

}  // namespace

Exit run_rebuild(const Terminal& terminal, const CommonOptions& common, const RebuildOptions& options) {
  Result<Database> database = open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  std::vector<std::string> views = {options.view};
  if (options.view.empty()) views = Database::rebuildable_views();
  for (const std::string& view : views) {
    if (const Status rebuilt = rebuild_one(terminal, *database, view); !rebuilt.ok()) {
      return fail(terminal, rebuilt.error());
    }
  }
  // A close would only log that its checkpoint failed.
  if (const Result<SeqNo> kept = database->checkpoint(); !kept.ok()) return fail(terminal, kept.error());
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return Exit::Ok;
}

Exit run_compact(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options) {
  let_signals_end();  // as a crash would, after which the next compaction goes on
  Result<Database> database = open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  const Result<CompactionReport> report = database->compact();
  if (!report.ok()) return fail(terminal, report.error());
  if (report->segments_rewritten > 0) {
    terminal.out << options.directory << ": " << counted(report->records_made_anonymous, "record")
                 << " of forgotten users made anonymous in " << counted(report->segments_rewritten, "segment") << "\n";
  }
  const std::uint64_t segments = report->segments_archived + report->segments_removed;
  if (segments == 0) {
    terminal.out << options.directory
                 << ": nothing is to leave the log: its older segments are within the limits (SHOW SETTINGS: "
                 << "log_retention, log_bytes)\n";
  } else {
    terminal.out << options.directory << ": " << counted(segments, "segment") << " of the log "
                 << (report->segments_archived > 0 ? "archived" : "removed") << ", " << bytes_text(report->bytes_freed)
                 << " freed; it stands on a base at seqno " << with_commas(report->base.value) << "\n";
  }
  if (report->newest_is_too_large) {
    terminal.out << "  log_bytes allows less than the newest segment holds, which never leaves the log\n";
  }
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return Exit::Ok;
}

Exit run_verify(const Terminal& terminal, const DirectoryOptions& options) {
  let_signals_end();
  const Result<db::Verification> result = db::verify_directory(base::posix_file_system(), options.directory);
  if (!result.ok()) return fail(terminal, result.error());
  if (!terminal.quiet) {
    for (const std::string& fact : result->facts) terminal.out << fact << "\n";
  }
  for (const std::string& note : result->notes) terminal.err << "note: " << note << "\n";
  for (const std::string& defect : result->defects) {
    terminal.err << error_text(terminal, Error(Code::Corruption, defect));
  }
  if (!result->defects.empty()) return Exit::Failed;
  terminal.out << options.directory << ": every checksum is right\n";
  return Exit::Ok;
}

Exit run_digest(const Terminal& terminal, const CommonOptions& common, const DirectoryOptions& options) {
  let_signals_end();
  const Result<DigestReport> report = digest_of(terminal, common, options.directory);
  if (!report.ok()) return fail(terminal, report.error());
  if (options.by_view) {
    for (const auto& [view, digest] : report->by_view) terminal.out << digest << "  " << view << "\n";
  }
  terminal.out << report->all << "  seqno " << report->seqno.value << "\n";
  return Exit::Ok;
}

}  // namespace tidal::cli
