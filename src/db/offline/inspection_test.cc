// Every file of a data directory can be inspected, and says what it holds.
#include "db/offline/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "db/offline/directory_for_test.h"

namespace tidal::db {
namespace {

using testing::HasSubstr;

base::FileSystem& files() { return base::posix_file_system(); }

struct Inspected {
  Status status;
  std::string text;
};

Inspected inspect(const std::string& path) {
  Inspected inspected;
  inspected.status = inspect_file(files(), path, [&inspected](std::string_view line) {
    inspected.text += line;
    inspected.text += '\n';
  });
  return inspected;
}

/// The only path in the directory that contains `part`.
std::string path_with(const ClosedDatabase& database, const std::string& part) {
  std::string found;
  for (const auto& [path, about] : snapshot_of(database.path())) {
    if (path.find(part) != std::string::npos && !std::get<0>(about).empty()) found = path;
  }
  EXPECT_FALSE(found.empty()) << part;
  return found;
}

TEST(Inspection, EveryFileOfADirectorySaysWhatItHolds) {
  const ClosedDatabase database;
  const Snapshot before = snapshot_of(database.path());
  for (const auto& [path, about] : before) {
    if (files().is_directory(path)) continue;
    const Inspected inspected = inspect(path);
    EXPECT_TRUE(inspected.status.ok()) << path << ": " << inspected.status.error().to_string();
    EXPECT_THAT(inspected.text, testing::StartsWith("{\""));
  }
  EXPECT_TRUE(snapshot_of(database.path()) == before);
}

TEST(Inspection, TheStoreTellsItsSeqnoAndDamage) {
  const ClosedDatabase database;
  const std::string path = path_with(database, "/data.mdb");
  EXPECT_THAT(inspect(path).text, HasSubstr(R"("backend":"lmdb","seqno":)" +
                                            std::to_string(database.digest().seqno.value) + R"(,"values":1,)"));
  std::string bad = base::read_file(files(), path).value();
  bad[bad.find("Heat")] ^= 1;
  ASSERT_TRUE((*files().open(path, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(bad)).ok());
  EXPECT_EQ(inspect(path).status.error().code, Code::Corruption);
}

TEST(Inspection, AViewTellsItsCountsAndWhetherItsChecksumIsRight) {
  const ClosedDatabase database;
  const std::string view = path_with(database, "/schema");
  EXPECT_THAT(inspect(view).text, HasSubstr(R"("checksum":"right")"));
  EXPECT_THAT(inspect(view).text, HasSubstr(R"("changes":1)"));
  EXPECT_THAT(inspect(view.substr(0, view.rfind('/')) + "/entities").text, HasSubstr(R"("items":2})"));
  std::string bad = base::read_file(files(), view).value();
  bad.back() ^= 1;
  ASSERT_TRUE((*files().open(view, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(bad)).ok());
  const Inspected inspected = inspect(view);
  EXPECT_THAT(inspected.text, HasSubstr(R"("checksum":"wrong")"));
  EXPECT_EQ(inspected.status.error().code, Code::Corruption);
}

TEST(Inspection, RecordsCarryTheAppendTimeOfTheirFrame) {
  const ClosedDatabase database;
  const std::string text = inspect(path_with(database, ".wal")).text;
  EXPECT_THAT(text, HasSubstr(R"("type":"signal")"));
  EXPECT_THAT(text, testing::Not(HasSubstr(R"("append_time":"1970)")));
}

TEST(Inspection, AnArchivedSegmentTellsWhatTheSegmentTold) {
  ClosedDatabase database;
  const std::string segment = path_with(database, ".wal");
  const std::string before = inspect(segment).text;
  database.archive_log();
  ASSERT_FALSE(files().exists(segment));
  const std::string path = path_with(database, ".wal.zst");
  const Inspected inspected = inspect(path);
  EXPECT_TRUE(inspected.status.ok());
  EXPECT_THAT(inspected.text, testing::StartsWith(R"({"archive":{"format":1,"shard":0,"first_seqno":1,)"));
  EXPECT_THAT(inspected.text, HasSubstr(R"("type":"signal")"));
  EXPECT_THAT(inspected.text, HasSubstr(R"("sealed":true)"));
  EXPECT_THAT(inspected.text, HasSubstr(before.substr(0, before.find("\"segment\"") - 2)));
  std::string bad = base::read_file(files(), path).value();
  bad[bad.size() / 2] ^= 1;
  ASSERT_TRUE((*files().open(path, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(bad)).ok());
  EXPECT_EQ(inspect(path).status.error().code, Code::Corruption);
}

TEST(Inspection, OtherFilesAreNoneOfOurs) {
  storage::TemporaryDirectory directory;
  ASSERT_TRUE(base::write_file_atomically(files(), directory.child("letter"), "dear reader").ok());
  EXPECT_EQ(inspect(directory.child("letter")).status.error().code, Code::InvalidArgument);
  EXPECT_EQ(inspect(directory.child("nothing")).status.error().code, Code::NotFound);
}

}  // namespace
}  // namespace tidal::db
