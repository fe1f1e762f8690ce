// Backup and restore: a backup taken between writes gives back, at every record and at every time, what was there then.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/case_stride_for_test.h"
#include "db/backup_manifest.h"
#include "db/forget.h"
#include "db/offline/verification.h"
#include "db/unfinished_directory.h"
#include "test/backup_fixture.h"

namespace tidal::test {
namespace {

/// Writes go on during the backup: some between any two file operations of its own.
Result<BackupReport> backup_between_writes(BackedUp& database, const BackupOptions& options = {}) {
  bool inside = false;
  int operations = 0;
  database.fs.set_hook([&](const base::FileOperation& operation) {
    if (inside || !operation.path.starts_with(kBackup) || ++operations % 3 != 0) return;
    inside = true;
    database.write(1);
    inside = false;
  });
  Result<BackupReport> report = database.backup(options);
  database.fs.set_hook({});
  return report;
}

/// A log of several segments, some in the archive when `settings` say so, backed up while it was written.
std::unique_ptr<BackedUp> backed_up(std::uint64_t seed, const std::string& settings,
                                    const BackupOptions& options = {}) {
  auto database = std::make_unique<BackedUp>(seed, settings);
  database->write_segments(4);
  EXPECT_TRUE(database->core->compact().ok());
  database->write_segments(6);
  const auto report = backup_between_writes(*database, options);
  EXPECT_TRUE(report.ok()) << report.error().to_string();
  database->write(30);
  return database;
}

class BackupSeed : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, BackupSeed, ::testing::Range<std::uint64_t>(1, 5));

/// Records to restore to: around every file's ends, and others by chance.
std::set<std::uint64_t> chosen_records(const db::BackupManifest& manifest, std::uint64_t seed) {
  std::set<std::uint64_t> chosen;
  const auto choose = [&](std::uint64_t seqno) {
    if (seqno >= 1 && seqno <= manifest.seqno.value) chosen.insert(seqno);
  };
  for (const db::BackupFile& file : manifest.files) {
    const std::uint64_t seqno = std::stoull(file.path.substr(file.path.find('/') + 1, 20));
    for (std::uint64_t near = seqno < 6 ? 0 : seqno - 6; near <= seqno + 6; near += base::kCaseStride) {
      choose(near);
    }
  }
  base::Random random(seed);
  for (std::uint64_t seqno = 1; seqno <= manifest.seqno.value; seqno += (1 + random.below(20)) * base::kCaseStride) {
    choose(seqno);
  }
  choose(manifest.seqno.value);
  return chosen;
}

TEST_P(BackupSeed, RestoresToRecordsByView) {
  const bool archives = GetParam() % 2 == 1;
  const auto database = backed_up(GetParam(), archives ? "log_bytes:128KiB" : "log_bytes:10GiB");
  const db::BackupManifest manifest = db::read_backup_manifest(database->fs, kBackup).value();
  EXPECT_EQ(std::ranges::any_of(manifest.files, [](const db::BackupFile& f) { return f.path.starts_with("archive/"); }),
            archives);
  const std::map<std::uint64_t, Moment> moments = moments_of(database->fs, kSource);
  ASSERT_GT(moments.size(), manifest.seqno.value) << "nothing was written after the backup";
  EXPECT_EQ(database->digest(), moments.rbegin()->second.digest);
  for (const std::uint64_t seqno : chosen_records(manifest, GetParam())) {
    const auto restored = database->try_restore({.to_seqno = SeqNo{seqno}});
    ASSERT_TRUE(restored.ok()) << "seqno " << seqno << ": " << restored.error().to_string();
    ASSERT_EQ(restored->first.seqno, SeqNo{seqno});
    ASSERT_EQ(restored->first.time, moments.at(seqno).append_time) << "seqno " << seqno;
    ASSERT_EQ(restored->second, moments.at(seqno).digest) << "seqno " << seqno;
  }
}

TEST_P(BackupSeed, RestoresToEveryTimeBetween) {
  const auto database = backed_up(GetParam() + 10, "log_bytes:128KiB");
  const SeqNo last = db::read_backup_manifest(database->fs, kBackup)->seqno;
  const std::map<std::uint64_t, Moment> moments = moments_of(database->fs, kSource);
  base::Random random(GetParam());
  for (std::uint64_t i = 0; i < 60; i += base::kCaseStride) {
    const std::uint64_t chosen = 1 + random.below(last.value);
    const Timestamp time = moments.at(chosen).append_time + Duration{static_cast<std::int64_t>(random.below(3)) - 1};
    std::uint64_t expected = 0;
    while (expected < last.value && moments.at(expected + 1).append_time <= time) ++expected;
    const auto restored = database->try_restore({.to_time = time});
    if (expected == 0) {
      ASSERT_FALSE(restored.ok());
      continue;
    }
    ASSERT_TRUE(restored.ok()) << restored.error().to_string();
    ASSERT_EQ(restored->first.seqno, SeqNo{expected}) << to_string(time);
    ASSERT_EQ(restored->second, moments.at(expected).digest);
  }
  const auto later = database->try_restore({.to_time = moments.at(last.value).append_time + days(1)});
  EXPECT_EQ(later->first.seqno, last);
}

TEST(Backup, TakenBetweenWritesHoldsWhatWasThereWhenItBegan) {
  BackedUp database(1);
  database.write(100);
  const SeqNo before = database.core->applied();
  std::uint64_t calls = 0;
  const auto report = backup_between_writes(database, {.progress = [&calls](std::uint64_t done, std::uint64_t all) {
                                              EXPECT_LE(done, all);
                                              return ++calls > 0;
                                            }});
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_GT(database.core->applied(), report->seqno) << "no write came in between";
  EXPECT_GE(report->seqno, before);
  EXPECT_EQ(report->first_seqno, SeqNo{1});
  EXPECT_GT(calls, 0U);
  const db::BackupManifest manifest = db::read_backup_manifest(database.fs, kBackup).value();
  EXPECT_EQ(manifest.seqno, report->seqno);
  EXPECT_EQ(manifest.last_append, report->time);
  EXPECT_EQ(manifest.files.size(), report->files);
  EXPECT_EQ(manifest.bytes(), report->bytes);
  EXPECT_FALSE(database.fs.exists(kBackup + "/LOCK"));
  EXPECT_FALSE(database.fs.exists(kBackup + "/cursor.key"));
}

TEST(Backup, IsADataDirectoryForEveryOfflineReader) {
  const auto database = backed_up(21, "log_bytes:128KiB");
  const SeqNo last = db::read_backup_manifest(database->fs, kBackup)->seqno;
  const auto verified = db::verify_directory(database->fs, kBackup);
  ASSERT_TRUE(verified.ok()) << verified.error().to_string();
  EXPECT_TRUE(verified->defects.empty()) << verified->defects.front();
  EXPECT_EQ(replayed_digest(database->fs, kBackup), moments_of(database->fs, kSource).at(last.value).digest);
}

TEST(Backup, IsNotOpenedSinceThatWouldChangeIt) {
  const auto database = backed_up(22, "log_bytes:128KiB");
  const auto opened = open_core(database->fs, database->clock, kBackup);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::FailedPrecondition);
  EXPECT_NE(opened.error().message.find("is a backup"), std::string::npos) << opened.error().message;
  EXPECT_TRUE(db::verify_directory(database->fs, kBackup)->defects.empty());
}

TEST(Backup, OfABackedUpDatabaseThatWasRestoredIsTheSameAgain) {
  const auto database = backed_up(23, "log_bytes:128KiB");
  ASSERT_TRUE(database->restore().ok());
  ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
  auto restored = open_core(database->fs, database->clock, kRestored);
  ASSERT_TRUE(restored.ok()) << restored.error().to_string();
  const ViewDigests before = by_view((*restored)->digest().value());
  ASSERT_TRUE((*restored)->backup(kBackup, {}).ok());
  restored->reset();
  ASSERT_TRUE(database->fs.remove_all(kRestored).ok());
  EXPECT_EQ(database->try_restore()->second, before);
}

TEST(Restore, GivesADatabaseThatGoesOn) {
  for (const bool archives : {false, true}) {
    const auto database = backed_up(24, archives ? "log_bytes:128KiB" : "log_bytes:128KiB, log_archive:false");
    const db::BackupManifest manifest = db::read_backup_manifest(database->fs, kBackup).value();
    const SeqNo target{manifest.seqno.value - 5};
    ASSERT_TRUE(database->restore({.to_seqno = target}).ok());
    auto core = open_core(database->fs, database->clock, kRestored);
    ASSERT_TRUE(core.ok()) << core.error().to_string();
    EXPECT_EQ((*core)->applied(), target);
    History history(99, database->clock.now());
    const auto write = [&](int steps) {
      for (int i = 0; i < steps; ++i) write_step(**core, history.next());
    };
    write(800);
    ASSERT_TRUE((*core)->compact().ok());
    write(30);
    const ViewDigests later = by_view((*core)->digest().value());
    core->reset();
    EXPECT_EQ(replayed_digest(database->fs, kRestored), later);
    auto again = open_core(database->fs, database->clock, kRestored);
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    EXPECT_EQ(by_view((*again)->digest().value()), later);
  }
}

TEST(Restore, OfAnEmptyDatabaseIsEmpty) {
  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  const auto core = open_core(fs, clock, kSource).value();
  const BackupReport report = core->backup(kBackup, {}).value();
  EXPECT_EQ(report.seqno, SeqNo{});
  EXPECT_EQ(report.first_seqno, SeqNo{});
  const auto restored = db::restore_backup(fs, kBackup, kRestored, {});
  ASSERT_TRUE(restored.ok()) << restored.error().to_string();
  auto opened = open_core(fs, clock, kRestored);
  ASSERT_TRUE(opened.ok()) << opened.error().to_string();
  EXPECT_EQ((*opened)->applied(), SeqNo{});
  define(**opened, history_schema());
}

TEST(Restore, OutsideOfWhatTheBackupReachesIsRefusedNamingThat) {
  // Without the archive the history begins at a base.
  const auto database = backed_up(25, "log_bytes:128KiB", {.archive = false});
  const db::BackupManifest manifest = db::read_backup_manifest(database->fs, kBackup).value();
  const SeqNo base = database->core->stats().base_seqno;
  ASSERT_GT(base, SeqNo{1});
  const std::map<std::uint64_t, Moment> moments = moments_of(database->fs, kSource);
  const std::string reaches = "from seqno " + std::to_string(base.value);
  const auto refused = [&](const RestoreOptions& options) {
    const auto restored = database->restore(options);
    ASSERT_FALSE(restored.ok());
    EXPECT_EQ(restored.error().code, Code::InvalidArgument);
    EXPECT_NE(restored.error().message.find(reaches), std::string::npos) << restored.error().message;
    EXPECT_NE(restored.error().message.find(" to seqno " + std::to_string(manifest.seqno.value)), std::string::npos)
        << restored.error().message;
    EXPECT_FALSE(database->fs.exists(kRestored));
  };
  refused({.to_seqno = SeqNo{}});
  refused({.to_seqno = SeqNo{1}});
  refused({.to_seqno = SeqNo{base.value - 1}});
  refused({.to_seqno = manifest.seqno.next()});
  refused({.to_time = kStart - days(1)});
  for (const SeqNo seqno : {base, base.next(), manifest.seqno}) {
    const auto restored = database->try_restore({.to_seqno = seqno});
    ASSERT_TRUE(restored.ok()) << restored.error().to_string();
    EXPECT_EQ(restored->first.base, seqno == manifest.seqno ? restored->first.base : base);
    EXPECT_EQ(restored->second, moments.at(seqno.value).digest);
  }
  EXPECT_EQ(database->restore({.to_seqno = base, .to_time = kStart}).error().code, Code::InvalidArgument);
}

/// The log begins right behind the base: no record in it is restored.
TEST(Restore, ToABaseWithNoRecordBehindItWorks) {
  BackedUp database(26, "log_bytes:128KiB, log_archive:false");
  database.write_segments(5);
  ASSERT_TRUE(database.core->compact().ok());
  const SeqNo base = database.core->stats().base_seqno;
  const ViewDigests before = database.digest();
  database.core.reset();
  {
    auto log = wal::Log::open(database.fs, kSource + "/wal", {.segment_bytes = kSegmentBytes}, kStart).value();
    ASSERT_TRUE(log->roll(kStart).ok());  // as before an erasure
    ASSERT_TRUE(log->close(kStart).ok());
  }
  database.open();
  database.write_segments(5);
  // A repair or another program may let every segment go that the base covers.
  database.core.reset();
  {
    auto log = wal::Log::open(database.fs, kSource + "/wal", {.segment_bytes = kSegmentBytes}, kStart).value();
    ASSERT_TRUE(log->retire_segments_before(base.next(), wal::Retire::Remove).ok());
  }
  database.open();
  ASSERT_TRUE(backup_between_writes(database).ok());
  const auto restored = database.try_restore({.to_seqno = base});
  ASSERT_TRUE(restored.ok()) << restored.error().to_string();
  EXPECT_EQ(restored->first.base, base);
  EXPECT_EQ(restored->second, before);

  // Its time is not known, that of the next record is.
  const Timestamp next = database.try_restore({.to_seqno = base.next()})->first.time;
  const auto by_time = database.restore({.to_time = next - Duration{1}});
  ASSERT_FALSE(by_time.ok());
  EXPECT_EQ(by_time.error().code, Code::InvalidArgument);
  EXPECT_NE(by_time.error().message.find("only a base holds it: ask for it by its seqno"), std::string::npos)
      << by_time.error().message;
  EXPECT_GT(database.try_restore({.to_time = next})->first.seqno, base);
}

/// A user whom the history knows is forgotten, and the log made anonymous.
SeqNo forget_somebody(BackedUp& database) {
  Result<ForgetReply> forgotten = Error(Code::NotFound, "nobody");
  for (int i = 0; i < 10 && !forgotten.ok(); ++i) {
    forgotten = db::forget_user(*database.core, "u" + std::to_string(i));
  }
  EXPECT_TRUE(forgotten.ok());
  const auto compacted = database.core->compact();
  EXPECT_TRUE(compacted.ok());
  EXPECT_GT(compacted->records_made_anonymous, 0U);
  return compacted->base;
}

/// Nothing can be replayed from records that were made anonymous, though the log is whole from its first record.
TEST(Restore, BeforeAnErasureThatWasCarriedOutIsRefused) {
  BackedUp database(31);
  database.write_segments(3);
  const SeqNo base = forget_somebody(database);
  ASSERT_EQ(database.core->stats().history_first, SeqNo{1});
  const ViewDigests at_base = database.digest();
  database.write(20);
  const auto report = backup_between_writes(database);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->first_seqno, base);
  for (const SeqNo seqno : {SeqNo{1}, SeqNo{base.value - 1}}) {
    const auto restored = database.restore({.to_seqno = seqno});
    ASSERT_FALSE(restored.ok());
    EXPECT_EQ(restored.error().code, Code::InvalidArgument);
    EXPECT_NE(restored.error().message.find("from seqno " + std::to_string(base.value)), std::string::npos)
        << restored.error().message;
  }
  const auto restored = database.try_restore({.to_seqno = base});
  ASSERT_TRUE(restored.ok()) << restored.error().to_string();
  EXPECT_EQ(restored->second, at_base);
}

/// An erasure replaces the base that an earlier compaction left.
TEST(Backup, AfterAnErasureHasTheNewBase) {
  BackedUp database(32, "log_bytes:128KiB");
  database.write_segments(4);
  ASSERT_TRUE(database.core->compact().ok());
  const SeqNo before = database.core->stats().base_seqno;
  ASSERT_GT(before, SeqNo{});
  const SeqNo base = forget_somebody(database);
  EXPECT_GT(base, before);
  EXPECT_EQ(database.core->stats().base_seqno, base);
  const auto report = backup_between_writes(database);
  ASSERT_TRUE(report.ok()) << report.error().to_string();
  EXPECT_EQ(report->first_seqno, base);
}

TEST(Backup, IntoAFolderThatIsNotEmptyIsRefused) {
  BackedUp database(27);
  ASSERT_TRUE(database.fs.create_directories(kBackup).ok());
  ASSERT_TRUE(database.backup().ok()) << "an empty one is taken";
  EXPECT_EQ(database.backup().error().code, Code::AlreadyExists);
  EXPECT_EQ(database.core->backup(kSource, {}).error().code, Code::AlreadyExists);
  EXPECT_EQ(database.core->backup(kBackup + "/BACKUP", {}).error().code, Code::AlreadyExists);
  EXPECT_EQ(database.core->backup("", {}).error().code, Code::InvalidArgument);
  ASSERT_TRUE(database.restore().ok());
  EXPECT_EQ(database.restore().error().code, Code::AlreadyExists);
  EXPECT_EQ(db::restore_backup(database.fs, kSource, "/other", {}).error().code, Code::NotFound);
  EXPECT_TRUE(db::verify_directory(database.fs, kBackup)->defects.empty());
}

TEST(Backup, ThatIsGivenUpLeavesNothing) {
  const auto database = backed_up(30, "log_bytes:128KiB");
  const db::BackupManifest manifest = db::read_backup_manifest(database->fs, kBackup).value();
  for (std::size_t calls = 1; calls < manifest.files.size() + 5; ++calls) {
    std::size_t left = calls;
    const auto restored = database->restore({.progress = [&left](std::uint64_t, std::uint64_t) { return --left > 0; }});
    ASSERT_FALSE(restored.ok());
    EXPECT_EQ(restored.error().code, Code::Unavailable);
    EXPECT_FALSE(database->fs.exists(kRestored));
  }
  ASSERT_TRUE(database->fs.remove_all(kBackup).ok());
  for (int calls = 1; calls < 5; ++calls) {
    int left = calls;
    const auto report = database->backup({.progress = [&left](std::uint64_t, std::uint64_t) { return --left > 0; }});
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, Code::Unavailable);
    EXPECT_FALSE(database->fs.exists(kBackup));
  }
  EXPECT_TRUE(database->backup().ok());
}

TEST(Backup, OfADatabaseInMemoryIsRefused) {
  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  const auto core = open_core(fs, clock, "").value();
  EXPECT_EQ(core->backup(kBackup, {}).error().code, Code::FailedPrecondition);
  EXPECT_FALSE(fs.exists(kBackup));
}

void flip(base::MemoryFileSystem& fs, const std::string& path, std::uint64_t offset) {
  const auto file = fs.open(path, base::OpenMode::ReadWrite).value();
  std::byte byte{};
  ASSERT_EQ(file->read_at(offset, std::span(&byte, 1)).value(), 1U);
  byte ^= std::byte{0x10};
  ASSERT_TRUE(file->write_at(offset, std::span(&byte, 1)).ok());
}

/// Every file that a backup consists of.
std::vector<std::string> files_of(BackedUp& database) {
  std::vector<std::string> files = {kBackup + "/BACKUP"};
  const db::BackupManifest manifest = db::read_backup_manifest(database.fs, kBackup).value();
  for (const db::BackupFile& file : manifest.files) {
    files.push_back(kBackup + "/" + file.path);
  }
  return files;
}

TEST(Restore, RefusesEveryDamageNamingTheFile) {
  const auto database = backed_up(28, "log_bytes:128KiB");
  base::Random random(28);
  const auto refused = [&](const std::string& path, const std::string& what) {
    const auto restored = database->restore();
    ASSERT_FALSE(restored.ok()) << path << " " << what;
    EXPECT_EQ(restored.error().code,
              path.ends_with("/BACKUP") && what == "removed" ? Code::NotFound : Code::Corruption);
    EXPECT_NE(restored.error().message.find(path.ends_with("/BACKUP") ? "BACKUP" : path), std::string::npos)
        << restored.error().message;
    EXPECT_FALSE(database->fs.exists(kRestored));
    const auto verified = db::verify_directory(database->fs, kBackup);
    ASSERT_TRUE(verified.ok()) << verified.error().to_string();
    EXPECT_TRUE(!verified->defects.empty() || what == "removed") << path;
  };
  for (const std::string& path : files_of(*database)) {
    const std::string sound = base::read_file(database->fs, path).value();
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t at = i == 0 ? 0 : i == 1 ? sound.size() - 1 : random.below(sound.size());
      flip(database->fs, path, at);
      refused(path, "flipped at " + std::to_string(at));
      flip(database->fs, path, at);
    }
    ASSERT_TRUE(base::write_file_atomically(database->fs, path, sound.substr(0, sound.size() - 1)).ok());
    refused(path, "cut off");
    ASSERT_TRUE(base::write_file_atomically(database->fs, path, sound + '\0').ok());
    refused(path, "too long");
    ASSERT_TRUE(database->fs.remove(path).ok());
    refused(path, "removed");
    ASSERT_TRUE(base::write_file_atomically(database->fs, path, sound).ok());
  }
  const std::string strange = kBackup + "/wal/" + wal::segment_file_name(SeqNo{1'000'000});
  ASSERT_TRUE(base::write_file_atomically(database->fs, strange, "strange").ok());
  refused(strange, "added");
  ASSERT_TRUE(database->fs.remove(strange).ok());
  EXPECT_TRUE(database->restore().ok());
}

TEST(Backup, OfADamagedLogIsRefusedNamingSegmentAndOffset) {
  const auto damaged = [](BackedUp& database, const std::string& path) {
    flip(database.fs, path, path.ends_with(".zst") ? 200 : 4096 + 40);
    const auto report = database.backup();
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(report.error().code, Code::Corruption);
    EXPECT_NE(report.error().message.find(path + " offset "), std::string::npos) << report.error().message;
    EXPECT_FALSE(database.fs.exists(kBackup));
    flip(database.fs, path, path.ends_with(".zst") ? 200 : 4096 + 40);
  };
  BackedUp database(29, "log_bytes:128KiB");
  database.write_segments(4);
  ASSERT_TRUE(database.core->compact().ok());
  database.write_segments(6);
  for (const std::string& folder : {kSource + "/wal/", kSource + "/archive/"}) {
    const std::vector<std::string> names = database.fs.list(folder).value();
    ASSERT_FALSE(names.empty());
    for (const std::string& name : names) damaged(database, folder + name);
  }
  const std::string base = kSource + "/base/" + database.fs.list(kSource + "/base")->front();
  flip(database.fs, base + "/entities", 50);
  const auto report = database.backup();
  ASSERT_FALSE(report.ok());
  EXPECT_NE(report.error().message.find(base), std::string::npos) << report.error().message;
  flip(database.fs, base + "/entities", 50);
  EXPECT_TRUE(database.backup().ok());
}

}  // namespace
}  // namespace tidal::test
