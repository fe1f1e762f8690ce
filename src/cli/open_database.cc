// The --clock option and the three ways to get a database.
#include "cli/open_database.h"

#include <algorithm>
#include <utility>

#include "base/file_system.h"
#include "base/time_text.h"
#include "db/offline/script_text.h"

namespace tidal::cli {

Result<Options> database_options(const CommonOptions& common) {
  Options options;
  options.memory_limit = common.memory_limit;
  if (common.clock.empty()) return options;
  if (common.clock == "events") {
    options.clock.kind = ClockSource::Kind::Events;
    return options;
  }
  const Result<Timestamp> at = base::parse_time(common.clock);
  if (!at.ok()) {
    return Error(Code::InvalidArgument,
                 "expected a time such as 2026-11-22T12:00Z, or events, got '" + common.clock + "'");
  }
  options.clock = {.kind = ClockSource::Kind::Fixed, .at = *at};
  return options;
}

Result<Database> open_directory(const std::string& directory, const CommonOptions& common) {
  TIDAL_TRY_ASSIGN(Options options, database_options(common));
  options.create_if_missing = false;
  return Database::open(directory, options);
}

Result<Database> open_memory(const CommonOptions& common) {
  TIDAL_TRY_ASSIGN(const Options options, database_options(common));
  return Database::open_in_memory(options);
}

namespace {

constexpr std::string_view kBegin = "BEGIN;";
constexpr std::string_view kCommit = ";COMMIT;";  // on a line of its own: a comment may end the schema

/// Positions in the schema instead of those behind the BEGIN that was put in front of it.
Error without_begin(Error error) {
  if (error.detail != nullptr && error.detail->line == 1 && error.detail->column > kBegin.size()) {
    ErrorDetail detail = *error.detail;
    detail.column -= static_cast<std::uint32_t>(kBegin.size());
    if (detail.source_line.compare(0, kBegin.size(), kBegin) == 0) detail.source_line.erase(0, kBegin.size());
    error.detail = std::make_shared<const ErrorDetail>(std::move(detail));
  }
  for (Error& other : error.others) other = without_begin(std::move(other));
  return error;
}

}  // namespace

Status run_schema(Database& database, const std::string& schema) {
  const bool is_batch = db::has_batch(schema);
  const std::string script = is_batch ? schema : std::string(kBegin) + schema + "\n" + std::string(kCommit);
  const Result<std::vector<Reply>> replies = database.execute(script);
  if (replies.ok()) return {};
  const Error& error = replies.error();
  if (!is_batch && error.detail != nullptr && error.detail->source_line == kCommit) {  // it ends in mid-statement
    TIDAL_TRY_ASSIGN(Database trial, Database::open_in_memory());
    const Result<std::vector<Reply>> alone = trial.execute(schema);
    if (!alone.ok()) return alone.error();
  }
  return is_batch ? error : without_begin(error);
}

namespace {

/// FailedPrecondition or AlreadyExists when something is in the way.
Status check_is_free(base::FileSystem& fs, const std::string& directory) {
  if (!fs.exists(directory)) return {};
  if (!fs.is_directory(directory)) return Error(Code::FailedPrecondition, "'" + directory + "' is a file");
  if (fs.exists(directory + "/wal")) {
    return Error(Code::AlreadyExists, "there is a database at '" + directory + "' already");
  }
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(directory));
  // All that an interrupted attempt leaves, in the order in which it makes them.
  const std::vector<std::string> left_over = {"LOCK", "stores"};
  if (names.size() <= left_over.size() && std::equal(names.begin(), names.end(), left_over.begin())) return {};
  return Error(Code::FailedPrecondition, "'" + directory + "' is not empty and no database: choose another name");
}

Result<Database> make(const std::string& directory, const std::string& schema, Options options) {
  options.create_if_missing = true;
  TIDAL_TRY_ASSIGN(Database database, Database::open(directory, options));
  if (database.stats().last_seqno != SeqNo{}) {
    return Error(Code::AlreadyExists, "somebody else has made a database at '" + directory + "'");
  }
  if (!schema.empty()) TIDAL_TRY(run_schema(database, schema));
  return {std::move(database)};
}

/// Takes away what a failed make() left, so that it can be tried again; errors here would hide the one that counts.
void unmake(base::FileSystem& fs, const std::string& directory, bool was_there) {
  if (!was_there) return static_cast<void>(fs.remove_all(directory));
  const Result<std::vector<std::string>> names = fs.list(directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) static_cast<void>(fs.remove_all(directory + "/" + name));
}

}  // namespace

Result<Database> create_directory(const std::string& directory, const std::string& schema,
                                  const CommonOptions& common) {
  base::FileSystem& fs = base::posix_file_system();
  TIDAL_TRY(check_is_free(fs, directory));
  if (!schema.empty()) {
    TIDAL_TRY_ASSIGN(Database trial, Database::open_in_memory());
    TIDAL_TRY(run_schema(trial, schema));
  }
  TIDAL_TRY_ASSIGN(const Options options, database_options(common));
  const bool was_there = fs.exists(directory);
  Result<Database> database = make(directory, schema, options);
  const bool is_anothers =
      !database.ok() && (database.error().code == Code::AlreadyOpen || database.error().code == Code::AlreadyExists);
  if (!database.ok() && !is_anothers) unmake(fs, directory, was_there);
  return database;
}

}  // namespace tidal::cli
