// Backup and restore when the power goes, the disk is full or a sync does nothing: there is a whole one or none.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/case_stride_for_test.h"
#include "db/backup_manifest.h"
#include "db/offline/verification.h"
#include "db/unfinished_directory.h"
#include "test/backup_fixture.h"

namespace tidal::test {
namespace {

/// Segments in wal/ and archive/ and a base, so that every kind of file is copied.
std::unique_ptr<BackedUp> written(std::uint64_t seed) {
  auto database = std::make_unique<BackedUp>(seed, "log_bytes:128KiB");
  database->write_segments(3);
  EXPECT_TRUE(database->core->compact().ok());
  database->write_segments(4);
  return database;
}

/// Nobody takes it for a database, not even who would make one.
void expect_no_database(BackedUp& database, const std::string& path) {
  const Result<std::vector<std::string>> names = database.fs.list(path);
  if (!names.ok() || names->empty()) return;
  const auto opened = open_core(database.fs, database.clock, path);
  ASSERT_FALSE(opened.ok()) << "an unfinished folder was opened";
  EXPECT_EQ(opened.error().code, Code::FailedPrecondition) << opened.error().message;
  EXPECT_NE(opened.error().message.find("remove the folder"), std::string::npos) << opened.error().message;
  EXPECT_EQ(db::verify_directory(database.fs, path).error().code, Code::FailedPrecondition);
}

TEST(BackupCrash, AtEveryOperationLeavesAWholeBackupOrNone) {
  std::uint64_t operations = 0;
  {
    const auto database = written(1);
    const std::uint64_t before = database->fs.operations();
    ASSERT_TRUE(database->backup().ok());
    operations = database->fs.operations() - before;
  }
  ASSERT_GT(operations, 40U);
  std::uint64_t whole = 0;
  for (std::uint64_t at = base::first_case(operations); at <= operations; at += base::kCaseStride) {
    SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations));
    const auto database = written(1);
    const ViewDigests before = database->digest();
    database->fs.stop_at(at);
    EXPECT_FALSE(database->backup().ok());
    database->fs.crash();
    database->core.reset();
    if (database->fs.exists(kBackup + "/BACKUP")) {
      ++whole;
      const auto restored = database->try_restore();
      ASSERT_TRUE(restored.ok()) << restored.error().to_string();
      ASSERT_EQ(restored->second, before);
    } else {
      expect_no_database(*database, kBackup);
      const auto restored = database->try_restore();
      ASSERT_FALSE(restored.ok());
      EXPECT_FALSE(database->fs.exists(kRestored));
    }
    database->open();
    ASSERT_EQ(database->digest(), before) << "the source suffered";
    ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
    ASSERT_TRUE(database->backup().ok());
    ASSERT_EQ(database->try_restore()->second, before);
  }
  EXPECT_GT(whole, 0U);
  EXPECT_LT(whole, 4U) << "the manifest comes last";
}

TEST(RestoreCrash, AtEveryOperationLeavesAWholeDatabaseOrNone) {
  const auto database = written(2);
  ASSERT_TRUE(database->backup().ok());
  const SeqNo target{db::read_backup_manifest(database->fs, kBackup)->seqno.value - 3};
  const auto whole_restore = database->restore({.to_seqno = target});
  ASSERT_TRUE(whole_restore.ok());
  const ViewDigests expected = replayed_digest(database->fs, kRestored);
  ASSERT_TRUE(database->fs.remove_all(kRestored).ok());
  ASSERT_TRUE(database->fs.sync_directory("/").ok());
  const std::uint64_t before = database->fs.operations();
  ASSERT_TRUE(database->restore({.to_seqno = target}).ok());
  const std::uint64_t operations = database->fs.operations() - before;
  ASSERT_GT(operations, 20U);
  std::uint64_t whole = 0;
  constexpr std::uint64_t kRounds = 4;  // each with other coins
  for (std::uint64_t i = base::first_case(kRounds * operations); i <= kRounds * operations; i += base::kCaseStride) {
    const std::uint64_t at = 1 + (i - 1) % operations;
    SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations));
    ASSERT_TRUE(database->fs.remove_all(kRestored).ok());
    ASSERT_TRUE(database->fs.sync_directory("/").ok());
    database->fs.stop_at(at);
    EXPECT_FALSE(database->restore({.to_seqno = target}).ok());
    database->fs.crash();
    const Result<std::vector<std::string>> names = database->fs.list(kRestored);
    const bool is_nothing = !names.ok() || names->empty();
    if (!is_nothing && db::check_is_finished(database->fs, kRestored).ok()) {
      ++whole;
      ASSERT_EQ(replayed_digest(database->fs, kRestored), expected);
      continue;
    }
    expect_no_database(*database, kRestored);
    if (!is_nothing) {
      EXPECT_EQ(database->restore().error().code, Code::FailedPrecondition);
      ASSERT_TRUE(database->fs.remove_all(kRestored).ok());
    }
    ASSERT_TRUE(database->restore({.to_seqno = target}).ok());
    ASSERT_EQ(replayed_digest(database->fs, kRestored), expected);
  }
  EXPECT_GT(whole, 0U);
  EXPECT_LE(whole, 2 * kRounds) << "the mark goes last";
}

TEST(BackupCrash, OfAFailedOperationLeavesNothingBehind) {
  const auto database = written(3);
  const ViewDigests before = database->digest();
  const std::uint64_t begin = database->fs.operations();
  ASSERT_TRUE(database->backup().ok());
  const std::uint64_t operations = database->fs.operations() - begin;
  for (const auto fault : {base::MemoryFileSystem::Fault::IoError, base::MemoryFileSystem::Fault::NoSpace}) {
    for (std::uint64_t at = 1; at + 1 < operations; ++at) {
      SCOPED_TRACE("operation " + std::to_string(at) + " of " + std::to_string(operations));
      ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
      database->fs.fail_operation(at, fault);
      const auto report = database->backup();
      if (report.ok()) continue;  // it struck while nothing depended on it
      EXPECT_EQ(report.error().code,
                fault == base::MemoryFileSystem::Fault::IoError ? Code::IoError : Code::ResourceExhausted);
      EXPECT_FALSE(database->fs.exists(kBackup));
    }
  }
  ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
  ASSERT_TRUE(database->backup().ok());
  EXPECT_EQ(database->try_restore()->second, before);
  database->write(10);
  EXPECT_NE(database->digest(), before) << "the log takes writes";
}

TEST(BackupFullDisk, IsRefusedAndCostsNothing) {
  const auto database = written(4);
  const BackupReport report = database->backup().value();
  ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
  std::uint64_t refused = 0;
  for (std::uint64_t space = 0; space < report.bytes; space += 1 + report.bytes / 40) {
    database->fs.set_space(space);
    const auto full = database->backup();
    if (full.ok()) {  // holes take no space
      ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
      continue;
    }
    ++refused;
    EXPECT_EQ(full.error().code, Code::ResourceExhausted);
    EXPECT_FALSE(database->fs.exists(kBackup));
  }
  EXPECT_GT(refused, 20U);
  database->fs.set_space(std::uint64_t{1} << 40);
  const ViewDigests before = database->digest();
  ASSERT_TRUE(database->backup().ok());
  std::uint64_t restores_refused = 0;
  for (std::uint64_t space = 0; space < report.bytes / 2; space += 1 + report.bytes / 40) {
    database->fs.set_space(space);
    const auto full = database->restore();
    ASSERT_FALSE(full.ok());
    ++restores_refused;
    EXPECT_EQ(full.error().code, Code::ResourceExhausted);
    EXPECT_FALSE(database->fs.exists(kRestored));
  }
  EXPECT_GT(restores_refused, 10U);
  database->fs.set_space(std::uint64_t{1} << 40);
  EXPECT_EQ(database->try_restore()->second, before);
}

using Kind = base::MemoryFileSystem::SyncKind;
struct Sync {
  Kind kind;
  std::string path_part;
};

/// Each sync that a backup stands on, left out: some crash right after it must cost the backup.
TEST(BackupCanary, NoticesEveryMissingSync) {
  const Sync syncs[] = {{Kind::File, kBackup + "/wal/"},         {Kind::File, kBackup + "/archive/"},
                        {Kind::File, kBackup + "/base/"},        {Kind::File, kBackup + "/BACKUP"},
                        {Kind::Directory, kBackup + "/wal"},     {Kind::Directory, kBackup + "/archive"},
                        {Kind::Directory, kBackup + "/base/00"}, {Kind::Directory, kBackup}};
  for (const Sync& sync : syncs) {
    bool noticed = false;
    for (std::uint64_t seed = 1; seed <= 20 && !noticed; ++seed) {
      const auto database = written(seed);
      database->fs.ignore_syncs(sync.kind, sync.path_part);
      ASSERT_TRUE(database->backup().ok());
      database->fs.crash();
      database->core.reset();
      noticed = !database->try_restore().ok();
    }
    EXPECT_TRUE(noticed) << sync.path_part;
  }
}

/// The same of a restored database.
TEST(RestoreCanary, NoticesEveryMissingSync) {
  const Sync syncs[] = {{Kind::File, kRestored + "/wal/"},
                        {Kind::File, kRestored + "/archive/"},
                        {Kind::File, kRestored + "/base/"},
                        {Kind::Directory, kRestored + "/wal"},
                        {Kind::Directory, kRestored + "/archive"},
                        {Kind::Directory, kRestored + "/base/00"},
                        {Kind::Directory, kRestored}};
  for (const Sync& sync : syncs) {
    bool noticed = false;
    for (std::uint64_t seed = 1; seed <= 20 && !noticed; ++seed) {
      const auto database = written(seed);
      ASSERT_TRUE(database->backup().ok());
      database->fs.ignore_syncs(sync.kind, sync.path_part);
      ASSERT_TRUE(database->restore().ok());
      const db::Verification before = db::verify_directory(database->fs, kRestored).value();
      database->fs.crash();
      database->core.reset();
      const auto verified = db::verify_directory(database->fs, kRestored);
      noticed = !verified.ok() || !verified->defects.empty() || verified->facts != before.facts ||
                verified->notes != before.notes;
    }
    EXPECT_TRUE(noticed) << sync.path_part;
  }
}

}  // namespace
}  // namespace tidal::test
