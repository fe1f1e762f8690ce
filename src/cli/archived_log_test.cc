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
  EXPECT_EQ(lines.exit, Exit::Failed);
  EXPECT_THAT(lines.err, HasSubstr("the log begins at seqno"));
  EXPECT_THAT(lines.out, Not(HasSubstr("Heat")));
}

}  // namespace
}  // namespace tidal::cli
