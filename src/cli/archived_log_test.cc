// The commands that read the log see what was archived from it, and say what is in neither place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/commands.h"
#include "db/offline/directory_for_test.h"

namespace tidal::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Printed {
  Exit exit = Exit::Ok;
  std::string out;
  std::string err;
};

template <class Command>
Printed run(Command command) {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  const Exit exit = command(Terminal{.in = in, .out = out, .err = err, .columns = 200});
  return {.exit = exit, .out = out.str(), .err = err.str()};
}

std::ptrdiff_t lines_of(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

Printed dump(const std::string& path, std::uint64_t from) {
  return run([&](const Terminal& t) { return run_wal_dump(t, {.directory = path, .from = from}); });
}

Printed exported(const std::string& path) {
  return run([&](const Terminal& t) { return run_export(t, {.directory = path, .out = {}}); });
}

TEST(ArchivedLog, IsDumpedCountedExportedAndVerified) {
  db::ClosedDatabase database;
  database.archive_log();
  const std::string& path = database.path();
  const Printed dumped = dump(path, 1);
  EXPECT_EQ(dumped.exit, Exit::Ok) << dumped.err;
  EXPECT_THAT(dumped.out, ::testing::StartsWith("{\"seqno\":1,"));
  EXPECT_EQ(lines_of(dumped.out), static_cast<std::ptrdiff_t>(database.digest().seqno.value));
  const Printed stats = run([&](const Terminal& t) { return run_wal_stats(t, {.directory = path}); });
  EXPECT_EQ(stats.exit, Exit::Ok) << stats.err;
  EXPECT_THAT(stats.out, HasSubstr("00000000000000000001.wal.zst"));
  EXPECT_THAT(stats.out, HasSubstr("archived"));
  const Printed lines = exported(path);
  EXPECT_EQ(lines.exit, Exit::Ok) << lines.err;
  EXPECT_THAT(lines.out, HasSubstr("Heat"));
  const Printed verified = run([&](const Terminal& t) { return run_verify(t, {.directory = path}); });
  EXPECT_EQ(verified.exit, Exit::Ok) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("archive: 1 segments"));
}

TEST(ArchivedLog, ThatWasMovedAwayIsMissedByTheExportAlone) {
  db::ClosedDatabase database;
  database.archive_log();
  database.write_base();
  const std::string& path = database.path();
  ASSERT_TRUE(base::posix_file_system().remove_all(path + "/archive").ok());
  EXPECT_EQ(dump(path, database.digest().seqno.value).exit, Exit::Ok);
  EXPECT_EQ(run([&](const Terminal& t) { return run_verify(t, {.directory = path}); }).exit, Exit::Ok);
  const Printed lines = exported(path);
  EXPECT_EQ(lines.exit, Exit::Ok);
  EXPECT_THAT(lines.err, HasSubstr("are in no file"));
  EXPECT_THAT(lines.out, Not(HasSubstr("Heat")));
}

/// Archived first, then removed, then kept: the log of somebody who changed their mind about log_archive.
class ThinnedLog {
 public:
  ThinnedLog() {
    Result<Database> database = Database::open(path(), {.create_if_missing = true, .segment_bytes = 64U << 10U});
    EXPECT_TRUE(database.ok()) << database.error().to_string();
    EXPECT_TRUE(database->execute("DEFINE FIELD item.title TEXT; ALTER SETTINGS log_bytes:64KiB").ok());
    fill(*database, "archived");
    EXPECT_TRUE(database->execute("ALTER SETTINGS log_archive:false").ok());
    fill(*database, "removed");
    EXPECT_TRUE(database->execute("PUT item @newest {}").ok());
    EXPECT_TRUE(database->close().ok());
  }
  [[nodiscard]] std::string path() const { return directory_.child("db"); }
  /// A byte in the middle of an archived segment changes.
  void damage() const {
    base::FileSystem& fs = base::posix_file_system();
    const std::string file = path() + "/archive/" + fs.list(path() + "/archive")->front();
    std::string bytes = base::read_file(fs, file).value();
    const std::size_t at = bytes.size() / 2;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    ASSERT_TRUE(fs.open(file, base::OpenMode::ReadWrite).value()->write_at(0, base::as_bytes(bytes)).ok());
  }

 private:
  static void fill(Database& database, const std::string& word) {
    for (int i = 0; i < 40; ++i) {
      const std::string title = word + std::string(5'000, 'x');
      EXPECT_TRUE(database.execute(R"(PUT item @a {"fields":{"title":")" + title + "\"}};").ok());
    }
    EXPECT_TRUE(database.compact().ok());
  }

  storage::TemporaryDirectory directory_;
};

TEST(ThinnedLog, IsExportedAndDumpedWithAWarningThatNamesWhatIsMissing) {
  const ThinnedLog log;
  const std::string missing = "warning: the records with seqnos ";
  for (const Printed& printed : {exported(log.path()), dump(log.path(), 1)}) {
    EXPECT_EQ(printed.exit, Exit::Ok) << printed.err;
    EXPECT_THAT(printed.err, HasSubstr(missing));
    EXPECT_THAT(printed.err, HasSubstr(" are in no file; "));
    EXPECT_THAT(printed.out, HasSubstr("archived"));
    EXPECT_THAT(printed.out, HasSubstr("newest"));
  }
  const std::string last = dump(log.path(), 1).out;
  const std::string newest = last.substr(last.rfind("{\"seqno\":") + 9);
  const Printed behind = dump(log.path(), std::stoull(newest));
  EXPECT_EQ(behind.exit, Exit::Ok);
  EXPECT_EQ(behind.err, "") << "nothing is missing from there on";
}

TEST(ThinnedLog, IsLargerThanItsLimitWhenOneSegmentIs) {
  const ThinnedLog log;
  const auto compacted = [&log] {
    return run([&](const Terminal& t) { return run_compact(t, {}, {.directory = log.path()}); });
  };
  EXPECT_EQ(compacted().exit, Exit::Ok);
  EXPECT_THAT(compacted().out, HasSubstr("within the limits"));
  EXPECT_THAT(compacted().out, Not(HasSubstr("never leaves")));
  {
    Result<Database> database = Database::open(log.path(), {});
    ASSERT_TRUE(database.ok()) << database.error().to_string();
    ASSERT_TRUE(database->execute("ALTER SETTINGS log_bytes:1KiB").ok());
    ASSERT_TRUE(database->close().ok());
  }
  const Printed printed = compacted();
  EXPECT_EQ(printed.exit, Exit::Ok) << printed.err;
  EXPECT_THAT(printed.out, HasSubstr("less than the newest segment holds, which never leaves the log"));
}

TEST(ThinnedLog, IsExportedWithoutItsArchive) {
  const ThinnedLog log;
  ASSERT_TRUE(base::posix_file_system().remove_all(log.path() + "/archive").ok());
  const Printed printed = exported(log.path());
  EXPECT_EQ(printed.exit, Exit::Ok) << printed.err;
  EXPECT_THAT(printed.err, HasSubstr("warning: the records with seqnos 1 to "));
  EXPECT_THAT(printed.out, HasSubstr("newest"));
  EXPECT_THAT(dump(log.path(), 1).err, HasSubstr("warning: the records with seqnos 1 to "));
}

TEST(ThinnedLog, ThatIsDamagedIsAnErrorAndLeavesNothing) {
  const ThinnedLog log;
  ASSERT_NO_FATAL_FAILURE(log.damage());
  const std::string out = log.path() + ".out";
  const Printed printed = run([&](const Terminal& t) { return run_export(t, {.directory = log.path(), .out = out}); });
  EXPECT_EQ(printed.exit, Exit::Failed);
  EXPECT_THAT(printed.err, HasSubstr("Corruption"));
  EXPECT_FALSE(base::posix_file_system().exists(out + "/data.jsonl"));
  EXPECT_FALSE(base::posix_file_system().exists(out + "/data.jsonl.unfinished"));
  EXPECT_EQ(dump(log.path(), 1).exit, Exit::Failed);
}

}  // namespace
}  // namespace tidal::cli
