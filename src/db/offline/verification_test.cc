// Verifying and replaying a directory finds every damage and leaves no trace.
#include "db/offline/verification.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "db/offline/directory_for_test.h"
#include "db/offline/replayed.h"

namespace tidal::db {
namespace {

base::FileSystem& files() { return base::posix_file_system(); }

TEST(Verification, ChangesNothing) {
  const ClosedDatabase database;
  const Snapshot before = snapshot_of(database.path());
  const auto result = verify_directory(files(), database.path());
  ASSERT_TRUE(result.ok()) << result.error().to_string();
  EXPECT_TRUE(result->defects.empty());
  const std::string seqno = std::to_string(database.digest().seqno.value);
  ASSERT_GE(result->facts.size(), 2U);
  EXPECT_EQ(result->facts.end()[-2], "entity store: at seqno " + seqno);
  EXPECT_EQ(result->facts.back(), "store of histories: at seqno " + seqno);
  EXPECT_TRUE(snapshot_of(database.path()) == before);
}

TEST(Verification, MakesNoLockFileInACopyThatHasNone) {
  const ClosedDatabase database;
  ASSERT_TRUE(files().remove(database.path() + "/LOCK").ok());
  EXPECT_TRUE(verify_directory(files(), database.path()).ok());
  EXPECT_FALSE(files().exists(database.path() + "/LOCK"));
}

TEST(Verification, RefusesADirectoryThatIsOpen) {
  const ClosedDatabase closed;
  const auto open = Database::open(closed.path(), {});
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(verify_directory(files(), closed.path()).error().code, Code::AlreadyOpen);
}

TEST(Verification, ChecksTheArchive) {
  ClosedDatabase database;
  database.archive_log();
  const auto good = verify_directory(files(), database.path());
  ASSERT_TRUE(good.ok()) << good.error().to_string();
  EXPECT_TRUE(good->defects.empty()) << good->defects.front();
  EXPECT_EQ(good->facts.at(1).substr(0, 20), "archive: 1 segments,");
  const std::string path = database.path() + "/archive/00000000000000000001.wal.zst";
  const std::string content = base::read_file(files(), path).value();
  for (std::size_t at = 0; at < content.size(); at += 1 + content.size() / 40) {
    std::string bad = content;
    bad[at] ^= 1;
    ASSERT_TRUE((*files().open(path, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(bad)).ok());
    EXPECT_FALSE(verify_directory(files(), database.path())->defects.empty()) << at;
  }
  ASSERT_TRUE(files().remove(path).ok());
  const auto missed = verify_directory(files(), database.path());
  ASSERT_EQ(missed->defects.size(), 1U) << "nothing but caches has what was in it";
  EXPECT_EQ(missed->defects[0].rfind("what the records with seqnos 1 to ", 0), 0U) << missed->defects[0];
  database.write_base();
  const auto moved_away = verify_directory(files(), database.path());
  EXPECT_TRUE(moved_away->defects.empty());
  EXPECT_EQ(moved_away->facts.at(1), "archive: none");
  ASSERT_EQ(moved_away->notes.size(), 1U);
  EXPECT_EQ(moved_away->notes[0].rfind("the records with seqnos 1 to ", 0), 0U) << moved_away->notes[0];
}

TEST(ReplayedDatabase, ReadsTheArchiveToo) {
  ClosedDatabase database;
  database.archive_log();
  const Snapshot before = snapshot_of(database.path());
  {
    const auto replayed = ReplayedDatabase::open(files(), database.path());
    ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
    EXPECT_EQ((*replayed)->digest().all, database.digest().all);
    EXPECT_EQ(*logged_schema(files(), database.path()), database.schema());
  }
  EXPECT_TRUE(snapshot_of(database.path()) == before);
  // And so does a database that has lost all that it could rebuild.
  ASSERT_TRUE(files().remove_all(database.path() + "/checkpoints").ok());
  ASSERT_TRUE(files().remove_all(database.path() + "/stores").ok());
  auto opened = Database::open(database.path(), {});
  ASSERT_TRUE(opened.ok()) << opened.error().to_string();
  EXPECT_EQ(opened->digest()->all, database.digest().all);
}

/// The files whose every byte is under a checksum, with how much of each is in use.
std::map<std::string, std::size_t> checked_files(const Snapshot& snapshot) {
  std::map<std::string, std::size_t> found;
  for (const auto& [path, about] : snapshot) {
    const std::string& content = std::get<0>(about);
    const bool is_checkpoint = path.find("/checkpoints/") != std::string::npos && !content.empty();
    if (is_checkpoint) found[path] = content.size();
    if (path.ends_with(".wal")) found[path] = content.find_last_not_of('\0') + 1;
  }
  return found;
}

TEST(Verification, NamesTheFileOfAnyFlippedBit) {
  const ClosedDatabase database;
  base::Random random(3);
  int tried = 0;
  for (const auto& [path, used] : checked_files(snapshot_of(database.path()))) {
    const std::string good = base::read_file(files(), path).value();
    for (int i = 0; i < 25; ++i) {
      std::size_t at = random.below(used);
      if (path.ends_with(".wal") && at >= 64 && at < 4096) at = 4096 + at % 512;  // behind the header is no content
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (1 << random.below(8)));
      ASSERT_TRUE((*files().open(path, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(bad)).ok());
      const auto result = verify_directory(files(), database.path());
      ++tried;
      if (result.ok()) {
        // The mark of the clean close is the log's last frame: damage to it looks like an unfinished write.
        const bool is_mark = path.ends_with(".wal") && !result->notes.empty();
        EXPECT_TRUE(is_mark || !result->defects.empty()) << path << " byte " << at;
      } else {
        EXPECT_EQ(result.error().code, Code::FailedPrecondition)
            << path << " byte " << at;  // looks like a newer format
      }
    }
    ASSERT_TRUE((*files().open(path, base::OpenMode::ReadWrite))->write_at(0, base::as_bytes(good)).ok());
  }
  EXPECT_GE(tried, 150);
  EXPECT_TRUE(verify_directory(files(), database.path())->defects.empty());
}

TEST(ReplayedDatabase, HasTheDigestAndTheSchemaAndChangesNothing) {
  const ClosedDatabase database;
  const Snapshot before = snapshot_of(database.path());
  const auto replayed = ReplayedDatabase::open(files(), database.path());
  ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
  EXPECT_EQ((*replayed)->digest().all, database.digest().all);
  EXPECT_EQ((*replayed)->digest().seqno, database.digest().seqno);
  EXPECT_EQ((*replayed)->digest().by_view, database.digest().by_view);
  EXPECT_EQ(logged_schema(files(), database.path()).value(), database.schema());
  EXPECT_TRUE(snapshot_of(database.path()) == before);
}

TEST(ReplayedDatabase, RefusesALogThatLostWhatACheckpointHas) {
  const ClosedDatabase database;
  const std::string wal = database.path() + "/wal";
  const std::vector<std::string> segments = files().list(wal).value();
  for (const std::string& name : segments) ASSERT_TRUE(files().remove(wal + "/" + name).ok());
  EXPECT_EQ(ReplayedDatabase::open(files(), database.path()).error().code, Code::Corruption);
  EXPECT_EQ(logged_schema(files(), database.path()).error().code, Code::Corruption);
}

}  // namespace
}  // namespace tidal::db
