// tidal export: a schema file and the log as lines that import reads.
#include <ostream>
#include <utility>
#include <vector>

#include "base/file_system.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/interrupt.h"
#include "cli/quantity_text.h"
#include "db/anonymiser.h"
#include "db/log_lines.h"
#include "db/offline/log_walk.h"
#include "db/offline/replayed.h"
#include "db/unfinished_directory.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

/// Lines to stdout or, in blocks, to a new file.
class LineSink {
 public:
  explicit LineSink(std::ostream& out) : out_(&out) {}
  explicit LineSink(std::unique_ptr<base::File> file) : file_(std::move(file)) {}

  Status add(std::string_view line) {
    block_.append(line).push_back('\n');
    ++lines_;
    return block_.size() < kBlockBytes ? Status() : flush();
  }
  Status flush() {
    if (file_ != nullptr) {
      TIDAL_TRY(file_->write_at(written_, base::as_bytes(block_)));
      written_ += block_.size();
    } else if (!(*out_ << block_ << std::flush)) {
      return Error(Code::IoError, "cannot write to stdout");
    }
    block_.clear();
    return {};
  }
  [[nodiscard]] std::uint64_t lines() const { return lines_; }

 private:
  std::ostream* out_ = nullptr;
  std::unique_ptr<base::File> file_;
  std::string block_;
  std::uint64_t written_ = 0;
  std::uint64_t lines_ = 0;
};

/// What import needs to know before the first line: that the order must stay.
constexpr std::string_view kMark = R"({"op":"export","order":"log"})";

bool is_wanted(wal::RecordType type, const std::string& what) {
  if (what == "all") return true;
  if (type == wal::RecordType::SchemaChange) return false;  // for a database that has a schema of its own
  return (what == "signals") == (type == wal::RecordType::Signal);
}

/// Who was forgotten: an export tells no more of them than the log will after its next compaction.
Result<db::Anonymiser> erasures_of(const std::string& directory) {
  db::Anonymiser anonymiser;
  const auto each = [&](const wal::WalEvent& event) -> Status {
    anonymiser.add(std::span(&event, 1));
    return {};
  };
  TIDAL_TRY(db::walk_log(base::posix_file_system(), directory, each));
  return anonymiser;
}

/// The lines of the log that is there; gives what is missing of it. Damage is an error.
Result<std::vector<wal::Gap>> write_lines(const ExportOptions& options, LineSink& sink) {
  TIDAL_TRY(sink.add(kMark));
  TIDAL_TRY_ASSIGN(db::Anonymiser anonymiser, erasures_of(options.directory));
  const auto each = [&](const wal::WalEvent& event) -> Status {
    if (interrupted()) return Error(Code::Unavailable, "interrupted");
    wal::WalEvent shown = event;
    static_cast<void>(anonymiser.edit(shown));
    if (!is_wanted(shown.record.type, options.what)) return {};
    TIDAL_TRY_ASSIGN(const std::optional<std::string> line, db::import_line(shown.record));
    return line ? sink.add(*line) : Status();
  };
  TIDAL_TRY_ASSIGN(const wal::LogSummary log, db::walk_log(base::posix_file_system(), options.directory, each));
  if (!log.defects.empty()) return Error(Code::Corruption, db::to_text(log.defects.front()));
  TIDAL_TRY(sink.flush());
  return db::missing_records(log);
}

void warn_of(const Terminal& terminal, const std::vector<wal::Gap>& missing) {
  for (const wal::Gap& gap : missing) warn(terminal, db::to_text(gap));
  if (missing.empty()) return;
  warn(terminal, "what they said is not in this export; tidal backup copies a database with it");
}

/// What became of data.jsonl.
struct Written {
  std::uint64_t lines = 0;
  std::vector<wal::Gap> missing;
};

/// Under its name only when it is whole: an export that was stopped cannot be mistaken for one.
Result<Written> write_file(base::FileSystem& fs, const std::string& path, const ExportOptions& options) {
  if (fs.exists(path)) return Error(Code::AlreadyExists, path + " exists: choose another folder");
  const std::string unfinished = path + ".unfinished";
  if (fs.exists(unfinished)) TIDAL_TRY(fs.remove(unfinished));
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs.open(unfinished, base::OpenMode::Create));
  base::File& synced = *file;
  LineSink sink(std::move(file));
  const auto fill = [&]() -> Result<Written> {
    TIDAL_TRY_ASSIGN(std::vector<wal::Gap> missing, write_lines(options, sink));
    TIDAL_TRY(synced.sync());
    TIDAL_TRY(fs.rename(unfinished, path));
    return Written{.lines = sink.lines(), .missing = std::move(missing)};
  };
  Result<Written> written = fill();
  if (!written.ok()) static_cast<void>(fs.remove(unfinished));  // the first error is the one that counts
  return written;
}

void tell(const Terminal& terminal, const ExportOptions& options, const std::string& path, const Written& written) {
  terminal.err << "wrote " << path << ": " << counted(written.lines, "line") << ". To read it back:\n";
  if (options.what == "all") {
    // The beginning of the schema may be among what is missing.
    terminal.err << "  tidal init COPY" << (written.missing.empty() ? "" : " --schema " + options.out + "/schema.tidal")
                 << "\n";
  }
  terminal.err << "  tidal import COPY " << path << "\n";
}

Status write_all(const Terminal& terminal, const ExportOptions& options) {
  base::FileSystem& fs = base::posix_file_system();
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::FileLock> lock, db::lock_to_read(fs, options.directory));
  // Corruption when neither the log nor a base has what came before.
  TIDAL_TRY_ASSIGN(const std::string schema, db::logged_schema(fs, options.directory));
  if (options.out.empty()) {
    if (options.what == "schema") {
      terminal.out << schema << std::flush;
      return {};
    }
    LineSink sink(terminal.out);
    TIDAL_TRY_ASSIGN(const std::vector<wal::Gap> missing, write_lines(options, sink));
    warn_of(terminal, missing);
    return {};
  }
  TIDAL_TRY(db::check_is_outside("the export", options.out, options.directory));
  const std::string schema_path = options.out + "/schema.tidal";
  const std::string path = options.out + "/data.jsonl";
  const bool has_schema = options.what == "schema" || options.what == "all";
  // Before either is written: nothing of the user's is replaced, and no export is half done for it.
  for (const auto& [is_written, file] : {std::pair(has_schema, schema_path), {options.what != "schema", path}}) {
    if (is_written && fs.exists(file)) return Error(Code::AlreadyExists, file + " exists: choose another folder");
  }
  TIDAL_TRY(fs.create_directories(options.out));
  if (has_schema) {
    TIDAL_TRY(base::write_file_atomically(fs, schema_path, schema));
    if (!terminal.quiet) terminal.err << "wrote " << schema_path << "\n";
  }
  if (options.what == "schema") return {};
  const Result<Written> written = write_file(fs, path, options);
  if (!written.ok() && has_schema) static_cast<void>(fs.remove(schema_path));  // so that it can be tried again
  if (!written.ok()) return written.error();
  warn_of(terminal, written->missing);
  if (!terminal.quiet) tell(terminal, options, path, *written);
  return {};
}

}  // namespace

Exit run_export(const Terminal& terminal, const ExportOptions& options) {
  const Status written = write_all(terminal, options);
  return written.ok() ? Exit::Ok : fail(terminal, written.error());
}

}  // namespace tidal::cli
