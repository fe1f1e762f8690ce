// tidal backup and tidal restore.
#include <ostream>
#include <string>

#include "base/clock.h"
#include "base/time_text.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "cli/progress.h"
#include "cli/quantity_text.h"

namespace tidal::cli {
namespace {

/// "seqno 1,204 (appended 2026-11-22T12:00:00Z)"
std::string moment_text(SeqNo seqno, Timestamp time) {
  std::string text = "seqno " + with_commas(seqno.value);
  if (time != Timestamp{}) text += " (appended " + to_string(time) + ")";
  return text;
}

std::string size_text(const Terminal& terminal, std::uint64_t files, std::uint64_t bytes, const Progress& progress) {
  std::string text = bytes_text(bytes) + " in " + counted(files, "file");
  if (!terminal.quiet) text += ", " + elapsed_text(progress.elapsed().us);
  return text;
}

/// Draws how far it is; false once the person asked to stop.
CopyProgress drawn(Progress& progress) {
  return [&progress](std::uint64_t done, std::uint64_t all) {
    progress.update(done >> 20, all == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(all));
    return !interrupted();
  };
}

}  // namespace

Exit run_backup(const Terminal& terminal, const CommonOptions& common, const BackupCommandOptions& options) {
  const base::SystemClock clock;
  Progress progress(terminal, clock, "MiB");
  Result<Database> database = open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  progress.stage("copying");
  const Result<BackupReport> report =
      database->backup(options.backup, {.archive = !options.without_archive, .progress = drawn(progress)});
  progress.clear();
  if (!report.ok()) return fail(terminal, report.error());
  terminal.out << options.backup << ": backed up to " << moment_text(report->seqno, report->time) << "\n  "
               << size_text(terminal, report->files, report->bytes, progress) << "; it can be restored from seqno "
               << with_commas(report->first_seqno.value) << " on\n";
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return Exit::Ok;
}

Exit run_restore(const Terminal& terminal, const RestoreCommandOptions& options) {
  const base::SystemClock clock;
  Progress progress(terminal, clock, "MiB");
  progress.stage("reading and copying");
  RestoreOptions restoring{
      .erase_again = !options.without_erasures, .erasures_of = options.erasures_of, .progress = drawn(progress)};
  if (options.seqno) restoring.to_seqno = SeqNo{*options.seqno};
  if (!options.time.empty()) {
    const Result<Timestamp> time = base::parse_time(options.time);
    if (!time.ok()) return fail(terminal, time.error());
    restoring.to_time = *time;
  }
  const Result<RestoreReport> report = Database::restore(options.backup, options.directory, restoring);
  progress.clear();
  if (!report.ok()) return fail(terminal, report.error());
  terminal.out << options.directory << ": restored to " << moment_text(report->seqno, report->time) << "\n  "
               << size_text(terminal, report->files, report->bytes, progress) << "\n";
  if (report->erasures > 0) {
    terminal.out << "  " << counted(report->erasures, "later erasure")
                 << " repeated: those users are forgotten here too\n";
  }
  return Exit::Ok;
}

}  // namespace tidal::cli
