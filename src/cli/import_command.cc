// tidal import: one file after the other.
#include "cli/import_command.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <istream>
#include <ostream>
#include <system_error>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/import/database_target.h"
#include "cli/import/guess.h"
#include "cli/import/line_reader.h"
#include "cli/import/operation_source.h"
#include "cli/interrupt.h"
#include "cli/open_database.h"
#include "cli/progress.h"
#include "cli/quantity_text.h"
#include "cli/table.h"

namespace tidal::cli {
namespace {

constexpr Duration kOldData = days(30);

/// Spill files lie in the data directory (same disk, and locked: what is there already, a killed import left) unless
/// TMPDIR says otherwise.
std::string spill_folder_for(const std::string& directory) {
  if (const char* folder = std::getenv("TMPDIR"); folder != nullptr && *folder != '\0') {
    return std::string(folder) + "/tidal-import-" + std::to_string(getpid());
  }
  return directory + "/import-spill";
}

void show_guess(const Terminal& terminal, const std::string& path, const Guess& guess) {
  Table table;
  for (std::size_t i = 0; i < guess.columns.size(); ++i) {
    table.columns.push_back({.name = guess.columns[i] + " (" + std::string(column_type_text(guess.types[i])) + ")"});
  }
  for (const auto& row : guess.rows) {
    if (row.size() == guess.columns.size()) table.rows.push_back(row);
  }
  terminal.err << path << ": " << (guess.has_header ? "a table with a header" : "a table without a header")
               << ", separated by " << (guess.separator == '\t' ? std::string("tabs") : std::string(1, guess.separator))
               << "; the first rows:\n"
               << render(table, static_cast<std::size_t>(terminal.columns));
  for (const std::string& note : guess.notes) terminal.err << "  note: " << note << "\n";
}

/// The map to use for a bare table: guessed, shown, and agreed to by a person. Nothing when it must not be used.
Result<std::optional<std::string>> agreed_map(const Terminal& terminal, const Database& database,
                                              const std::string& path, const std::string& command) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<InputStream> stream, open_input(base::posix_file_system(), path));
  LineReader lines(std::move(stream));
  TIDAL_TRY_ASSIGN(const std::string_view head, lines.peek());
  if (Status text = check_is_text(head); !text.ok()) {
    return Error(text.error().code, path + ": " + text.error().message);
  }
  if (looks_like_json(head) || head.empty()) return std::optional<std::string>("");
  const Guess guess = guess_table(head, read_declared(database.schema_text()));
  show_guess(terminal, path, guess);
  if (guess.map.empty()) {
    return Error(Code::InvalidArgument, path +
                                            ": cannot guess what its columns mean; say it with --map, for example "
                                            "--map 'item:key=1,title=2'");
  }
  terminal.err << "guessed map: " << guess.map << "\n";
  if (!terminal.in_is_terminal || !terminal.err_is_terminal) {
    terminal.err << "Nothing was imported. If the guess is right, run:\n  " << command << " --map '" << guess.map
                 << "'\n";
    return std::optional<std::string>();
  }
  terminal.err << "Import it like this? [y/N] " << std::flush;
  std::string answer;
  std::getline(terminal.in, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return std::optional(guess.map);
  terminal.err << "Nothing was imported. With another map:\n  " << command << " --map '" << guess.map << "'\n";
  return std::optional<std::string>();
}

void tell(const Terminal& terminal, const std::string& path, const ImportReport& report, Duration elapsed,
          Timestamp now) {
  std::ostream& err = terminal.err;
  if (report.rejected > 0) {
    err << path << ": " << counted(report.rejected, "bad line") << " left out, ";
    if (report.rejected_earlier > 0) err << with_commas(report.rejected_earlier) << " of them by an earlier run, ";
    err << "the first: " << report.first_reject << "\n";
    if (!report.rejects_path.empty()) err << "  all of them with their reasons: " << report.rejects_path << "\n";
  }
  if (!report.rejects_defect.empty()) {
    err << "warning: " << report.rejects_defect << " (another place: --rejects)\n";
  }
  if (report.interrupted) {
    err << path << ": stopped; " << counted(report.applied, "operation") << " are in. Run the same command to go on.\n";
    return;
  }
  if (terminal.quiet) return;
  const double in_seconds = std::max(static_cast<double>(elapsed.us) / 1e6, 1e-6);
  err << path << ": " << counted(report.applied, "operation");
  if (report.skipped > 0) err << " (" << with_commas(report.skipped) << " were in already)";
  if (report.duplicates > 0) err << ", " << counted(report.duplicates, "duplicate") << " not counted again";
  err << " in " << elapsed_text(elapsed.us);
  if (report.applied > 0) {
    err << ", " << with_commas(static_cast<std::uint64_t>(static_cast<double>(report.applied) / in_seconds))
        << " a second";
  }
  err << "\n";
  if (report.newest && now - *report.newest >= kOldData) {
    err << "The newest event is of " << to_string(*report.newest) << ", " << rough_span(now - *report.newest)
        << " ago: nothing is trending at today's clock. To ask as if it were then, add `--clock events`.\n";
  }
}

/// A pipe, a fifo, a terminal give their bytes once.
Status check_can_be_read_twice(const std::string& path) {
  std::error_code missing;  // its opening will tell
  const std::filesystem::file_type type = std::filesystem::status(path, missing).type();
  using enum std::filesystem::file_type;
  if (type != fifo && type != socket && type != character) return {};
  return Error(Code::InvalidArgument,
               path +
                   ": an import reads its file twice, and what comes through a pipe can be read once: save it to a "
                   "file first");
}

}  // namespace

Exit import_one(const Terminal& terminal, Database& database, const std::string& path, ImportOptions options,
                const std::string& command) {
  if (const Status file = check_can_be_read_twice(path); !file.ok()) return fail(terminal, file.error());
  if (options.maps.empty()) {
    Result<std::optional<std::string>> map = agreed_map(terminal, database, path, command);
    if (!map.ok()) return fail(terminal, map.error());
    if (!*map) return Exit::Failed;
    if (!(*map)->empty()) options.maps.push_back(**map);
  }
  const base::SystemClock clock;
  Progress progress(terminal, clock, "operations");
  std::string stage;
  const auto draw = [&](std::string_view name, std::uint64_t done, double share) {
    if (stage != name) progress.stage(stage = name);
    progress.update(done, share);
  };
  DatabaseTarget target(database);
  const Result<ImportReport> report = import_file(base::posix_file_system(), target, path, options, draw);
  progress.clear();
  if (!report.ok()) {
    Error error = report.error();
    error.message = path + ": " + error.message;
    return fail(terminal, error);
  }
  tell(terminal, path, *report, progress.elapsed(), database.now());
  return report->interrupted || report->rejected > 0 ? Exit::Failed : Exit::Ok;
}

namespace {

/// InvalidArgument when rejects would be written over one of the files that are to be read.
Status check_rejects(const ImportCommandOptions& options) {
  const auto refused = [](const std::string& what) { return Status(Error(Code::InvalidArgument, "--rejects" + what)); };
  if (!options.rejects_path.empty() && options.files.size() > 1) return refused(" goes with one FILE");
  std::error_code none;  // of files that are not there: they are nobody's input
  if (std::filesystem::exists(options.rejects_path, none) &&
      !std::filesystem::is_regular_file(options.rejects_path, none)) {
    return refused(": expected a file, got '" + options.rejects_path + "'");
  }
  for (const std::string& file : options.files) {
    const std::string list = options.rejects_path.empty() ? file + ".rejects" : options.rejects_path;
    for (const std::string& input : options.files) {
      if (list == input || std::filesystem::equivalent(list, input, none)) {
        return refused(": '" + list + "' is a file to read, bad lines would be written over it");
      }
    }
  }
  return {};
}

}  // namespace

Exit run_import(const Terminal& terminal, const CommonOptions& common, const ImportCommandOptions& options) {
  if (const Status place = check_rejects(options); !place.ok()) {
    static_cast<void>(fail(terminal, place.error()));
    return Exit::Usage;
  }
  Result<Database> database = open_directory(options.directory, common);
  if (!database.ok()) return fail(terminal, database.error());
  const std::string spill = spill_folder_for(options.directory);
  base::FileSystem& fs = base::posix_file_system();
  if (fs.exists(spill)) static_cast<void>(fs.remove_all(spill));  // of a killed import: its only loss is room
  Exit result = Exit::Ok;
  for (const std::string& file : options.files) {
    const ImportOptions each{.maps = options.maps,
                             .as_is = options.as_is,
                             .created_at_now = options.created_at == "now",
                             .rejects_max = options.rejects_max,
                             .rejects_path = options.rejects_path,
                             .rejects_must_work = !options.rejects_path.empty(),
                             .spill_folder = spill};
    if (import_one(terminal, *database, file, each, "tidal import " + options.directory + " " + file) != Exit::Ok) {
      result = Exit::Failed;
    }
    if (interrupted()) break;
  }
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  return result;
}

}  // namespace tidal::cli
