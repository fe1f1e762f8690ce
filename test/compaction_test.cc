// The base and what may then leave the log: after any compaction, crash and loss of caches the state is the one that a
// replay of base and log gives, and it is the one that was there before.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/memory_file_system.h"
#include "db/base_state.h"
#include "db/offline/repairing.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "test/core_fixture.h"
#include "wal/segment_reader.h"

namespace tidal::test {
namespace {

constexpr std::string_view kPath = "/db";
const std::string kWal = std::string(kPath) + "/wal";
const std::string kArchive = std::string(kPath) + "/archive";
const std::string kBase = std::string(kPath) + "/base";

/// A database under random writes, on files that forget.
class Compacted {
 public:
  explicit Compacted(std::uint64_t seed) : fs(seed), history_(seed, kStart) {}

  Result<std::unique_ptr<db::Core>> open_result() { return open_core(fs, clock, std::string(kPath)); }
  void open() {
    auto opened = open_result();
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    core = std::move(*opened);
  }
  void define(std::string_view text) { test::define(*core, text); }
  void write(int steps) {
    for (int i = 0; i < steps; ++i) {
      const Step step = history_.next();
      clock.set(history_.now());
      write_step(*core, step);
    }
  }
  /// Writes until the log has so many segments.
  void write_segments(std::size_t count) {
    while (fs.list(kWal)->size() < count) write(10);
  }
  [[nodiscard]] std::map<std::string, std::string> digest() const {
    const DigestReport report = core->digest().value();
    return {report.by_view.begin(), report.by_view.end()};
  }

  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  std::unique_ptr<db::Core> core;

 private:
  History history_;
};

/// A log of several segments with the settings given, before its first compaction.
std::unique_ptr<Compacted> written(std::uint64_t seed, const std::string& settings) {
  auto database = std::make_unique<Compacted>(seed);
  database->open();
  database->define(history_schema());
  database->define("ALTER SETTINGS " + settings);
  database->write_segments(6);
  return database;
}

TEST(Compaction, DoesNothingWithinTheLimits) {
  const auto database = written(1, "log_bytes:10GiB");
  const CompactionReport report = database->core->compact().value();
  EXPECT_EQ(report.base, SeqNo{});
  EXPECT_EQ(report.segments_archived + report.segments_removed, 0U);
  EXPECT_FALSE(database->fs.exists(kBase));
  EXPECT_EQ(database->core->stats().history_first, SeqNo{1});
}

TEST(Compaction, KeepsTheLogBelowItsSizeOnABase) {
  for (const bool archive : {false, true}) {
    const auto database = written(2, std::string("log_bytes:192KiB, log_archive:") + (archive ? "true" : "false"));
    const auto before = database->digest();
    const SeqNo last = database->core->applied();
    const CompactionReport report = database->core->compact().value();
    EXPECT_EQ(report.base, last);
    EXPECT_EQ(archive ? report.segments_archived : report.segments_removed, 3U);
    EXPECT_EQ(report.bytes_freed, 3U * (64U << 10U));
    EXPECT_EQ(database->core->stats().log_segments, 3U);
    EXPECT_EQ(database->core->stats().archive_segments, archive ? 3U : 0U);
    EXPECT_EQ(database->core->stats().history_first == SeqNo{1}, archive);
    EXPECT_EQ(database->digest(), before);
    database->write(200);
    const auto later = database->digest();
    EXPECT_EQ(database->core->compact()->base, report.base) << "a base that covers enough is kept";
    database->core.reset();
    ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/checkpoints").ok());
    ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/stores").ok());
    const auto verified = db::verify_directory(database->fs, std::string(kPath)).value();
    EXPECT_TRUE(verified.defects.empty()) << verified.defects.front();
    const auto replayed = db::ReplayedDatabase::open(database->fs, std::string(kPath));
    ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
    const DigestReport fresh = (*replayed)->digest();
    EXPECT_EQ((std::map<std::string, std::string>{fresh.by_view.begin(), fresh.by_view.end()}), later);
    database->open();
    EXPECT_EQ(database->core->open_report().base, report.base);
    EXPECT_EQ(database->digest(), later);
  }
}

TEST(Compaction, LetsGoByAge) {
  const auto database = written(3, "log_retention:3d, log_bytes:all");
  database->clock.advance(days(2));
  const std::size_t segments = database->fs.list(kWal)->size();
  const CompactionReport some = database->core->compact().value();
  EXPECT_GT(some.segments_archived, 0U);
  EXPECT_LT(some.segments_archived, segments - 1) << "the histories of a log span more than three days";
  database->clock.advance(days(100));
  const CompactionReport rest = database->core->compact().value();
  EXPECT_EQ(database->core->stats().log_segments, 1U) << "the newest stays";
  EXPECT_EQ(some.segments_archived + rest.segments_archived, segments - 1);
}

TEST(Compaction, OfADatabaseInMemoryIsRefused) {
  base::MemoryFileSystem fs;
  base::FixedClock clock{kStart};
  const auto core =
      db::Core::open("", {}, {.fs = fs, .clock = clock, .stores = db::Stores::Files::Plain, .background = false});
  EXPECT_EQ((*core)->compact().error().code, Code::FailedPrecondition);
}

TEST(Base, ThatIsDamagedIsNotUsedAndNothingIsGuessed) {
  for (const bool archive : {false, true}) {
    const auto database = written(4, std::string("log_bytes:192KiB, log_archive:") + (archive ? "true" : "false"));
    ASSERT_TRUE(database->core->compact().ok());
    const auto before = database->digest();
    database->core.reset();
    const std::string directory = kBase + "/" + database->fs.list(kBase)->front();
    const std::vector<std::string> files = *database->fs.list(directory);
    for (const std::string& name : files) {
      SCOPED_TRACE(name);
      const std::string path = directory + "/" + name;
      const std::string sound = base::read_file(database->fs, path).value();
      std::string damaged = sound;
      damaged[sound.size() / 2] ^= 4;
      ASSERT_TRUE(base::write_file_atomically(database->fs, path, damaged).ok());
      auto opened = database->open_result();
      if (archive) {
        ASSERT_TRUE(opened.ok()) << "the archive has every record: " << opened.error().to_string();
        database->core = std::move(*opened);
        EXPECT_EQ(database->digest(), before);
        EXPECT_FALSE(database->core->open_report().notes.empty());
        database->core.reset();
      } else {
        ASSERT_FALSE(opened.ok()) << "an incomplete database came up";
        EXPECT_EQ(opened.error().code, Code::Corruption);
        EXPECT_NE(opened.error().message.find("not used"), std::string::npos) << opened.error().message;
      }
      const auto verified = db::verify_directory(database->fs, std::string(kPath)).value();
      EXPECT_FALSE(verified.defects.empty());
      ASSERT_TRUE(base::write_file_atomically(database->fs, path, sound).ok());
    }
    database->open();
    EXPECT_EQ(database->digest(), before);
  }
}

TEST(Base, ThatIsDamagedIsBridgedByACheckpoint) {
  const auto database = written(5, "log_bytes:192KiB, log_archive:false");
  ASSERT_TRUE(database->core->compact().ok());
  database->write(50);
  ASSERT_TRUE(database->core->checkpoint().ok());
  const auto before = database->digest();
  database->core.reset();
  ASSERT_TRUE(database->fs.remove_all(kBase).ok());
  database->open();
  EXPECT_EQ(database->digest(), before);
}

TEST(Base, WithoutTheLogBehindItIsRefused) {
  const auto database = written(6, "log_bytes:192KiB");
  ASSERT_TRUE(database->core->compact().ok());
  database->write_segments(5);
  database->core.reset();
  ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/checkpoints").ok());
  const std::vector<std::string> names = *database->fs.list(kWal);
  for (const std::string& name : names) ASSERT_TRUE(database->fs.remove(kWal + "/" + name).ok());
  const auto opened = database->open_result();
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, Code::Corruption);
}

/// The power goes at every file operation of a compaction, once each.
TEST(Compaction, SurvivesACrashAtEveryOperation) {
  std::uint64_t crashes = 0;
  std::uint64_t from_base = 0;
  for (const bool archive : {false, true}) {
    const std::string settings = std::string("log_bytes:128KiB, log_archive:") + (archive ? "true" : "false");
    std::uint64_t operations = 0;
    {
      const auto database = written(7, settings);
      const std::uint64_t before = database->fs.operations();
      ASSERT_TRUE(database->core->compact().ok());
      operations = database->fs.operations() - before;
    }
    ASSERT_GT(operations, 20U);
    for (std::uint64_t at = base::first_case(operations); at <= operations; at += base::kCaseStride) {
      SCOPED_TRACE("operation " + std::to_string(at) + (archive ? " archiving" : " removing"));
      const auto database = written(7, settings);
      const auto before = database->digest();
      database->fs.stop_at(at);
      EXPECT_FALSE(database->core->compact().ok());
      database->fs.crash();
      database->core.reset();
      ++crashes;
      database->open();
      ASSERT_EQ(database->digest(), before);
      const CompactionReport again = database->core->compact().value();
      EXPECT_NE(again.base, SeqNo{});
      EXPECT_LE(database->core->stats().log_segments, 2U);
      database->write(20);
      const auto later = database->digest();
      database->core.reset();
      ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/checkpoints").ok());
      ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/stores").ok());
      database->open();
      if (database->core->open_report().base != SeqNo{}) ++from_base;
      ASSERT_EQ(database->digest(), later);
    }
  }
  EXPECT_EQ(from_base, crashes);
}

/// Each sync that a base and its successor in the log stand on, left out: some crash must lose something.
TEST(CompactionCanary, NoticesEveryMissingSync) {
  using Kind = base::MemoryFileSystem::SyncKind;
  const std::pair<Kind, std::string> syncs[] = {
      {Kind::File, "/base/"}, {Kind::Directory, ".tmp"}, {Kind::Directory, "/base"}};
  for (const auto& [kind, path] : syncs) {
    bool noticed = false;
    for (std::uint64_t seed = 1; seed <= 40 && !noticed; ++seed) {
      const auto database = written(seed, "log_bytes:128KiB, log_archive:false");
      const auto before = database->digest();
      database->fs.ignore_syncs(kind, path);
      ASSERT_TRUE(database->core->compact().ok());
      database->fs.crash();
      database->core.reset();
      auto opened = database->open_result();
      if (opened.ok()) database->core = std::move(*opened);
      noticed = !database->core || database->digest() != before;
    }
    EXPECT_TRUE(noticed) << path;
  }
}

/// Repairs the closed database; what is lost, and whether the state is as it was.
void repair(Compacted& database, std::uint64_t lost, bool promotes) {
  auto plan = db::DirectoryRepair::plan(database.fs, std::string(kPath));
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_EQ((*plan)->log().lost_records(), lost);
  EXPECT_EQ((*plan)->promoted() != SeqNo{}, promotes);
  const Result<std::string> folder = (*plan)->apply();
  ASSERT_TRUE(folder.ok()) << folder.error().to_string();
  plan->reset();
  const auto verified = db::verify_directory(database.fs, std::string(kPath)).value();
  EXPECT_TRUE(verified.defects.empty()) << verified.defects.front();
  EXPECT_TRUE((*db::DirectoryRepair::plan(database.fs, std::string(kPath)))->empty());
}

TEST(CompactedRepair, FindsNothingWrongWithALogThatStandsOnABase) {
  for (const bool archive : {false, true}) {
    const auto database = written(8, std::string("log_bytes:128KiB, log_archive:") + (archive ? "true" : "false"));
    ASSERT_TRUE(database->core->compact().ok());
    database->core.reset();
    const auto plan = db::DirectoryRepair::plan(database->fs, std::string(kPath));
    ASSERT_TRUE(plan.ok()) << plan.error().to_string();
    EXPECT_TRUE((*plan)->empty()) << to_text((*plan)->log().damages.front());
  }
}

TEST(CompactedRepair, MakesANewBaseOfACheckpointWhenTheOldOneIsDamaged) {
  const auto database = written(9, "log_bytes:128KiB, log_archive:false");
  ASSERT_TRUE(database->core->compact().ok());
  database->write(30);
  ASSERT_TRUE(database->core->checkpoint().ok());
  database->write(30);
  const auto before = database->digest();
  const std::uint64_t gone = database->core->stats().history_first.value - 1;
  database->core.reset();
  const std::string base = kBase + "/" + database->fs.list(kBase)->front();
  ASSERT_TRUE(database->fs.remove(base + "/ledger").ok());
  repair(*database, 0, true);
  for (const char* cache : {"/checkpoints", "/stores"}) {
    ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + cache).ok());
  }
  database->open();
  EXPECT_EQ(database->digest(), before);
  EXPECT_GT(gone, 0U);
}

TEST(CompactedRepair, NeedsNoBaseWhileTheArchiveIsWhole) {
  const auto database = written(10, "log_bytes:128KiB, log_archive:true");
  ASSERT_TRUE(database->core->compact().ok());
  const auto before = database->digest();
  database->core.reset();
  ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + "/checkpoints").ok());
  const std::string base = kBase + "/" + database->fs.list(kBase)->front();
  ASSERT_TRUE(database->fs.remove(base + "/ledger").ok());
  repair(*database, 0, false);
  database->open();
  EXPECT_EQ(database->digest(), before);
}

TEST(CompactedRepair, SaysWhatIsLostWhenNothingElseHoldsTheBeginning) {
  const auto database = written(11, "log_bytes:128KiB, log_archive:false");
  ASSERT_TRUE(database->core->compact().ok());
  const std::uint64_t gone = database->core->stats().history_first.value - 1;
  database->core.reset();
  ASSERT_TRUE(database->fs.remove_all(kBase).ok());
  EXPECT_EQ(database->open_result().error().code, Code::Corruption);
  repair(*database, gone, false);
  database->open();
}

TEST(CompactedRepair, OfALostFrameBehindTheBaseKeepsTheStateOfALaterCheckpoint) {
  const auto database = written(12, "log_bytes:128KiB, log_archive:false");
  const SeqNo base = database->core->compact()->base;
  database->write(30);
  ASSERT_TRUE(database->core->checkpoint().ok());
  database->write(30);
  const auto before = database->digest();
  database->core.reset();
  const std::string path = kWal + "/" + database->fs.list(kWal)->back();
  const auto file = database->fs.open(path, base::OpenMode::ReadWrite).value();
  const auto header = wal::read_segment_header(*file, path).value();
  wal::SegmentReader reader(*file, header);
  while (reader.next_seqno() <= base.next()) ASSERT_TRUE(reader.next().ok());
  ASSERT_TRUE(file->write_at(reader.offset() + 70, base::as_bytes("damage")).ok());
  repair(*database, reader.header().record_count, true);
  for (const char* cache : {"/checkpoints", "/stores"}) {
    ASSERT_TRUE(database->fs.remove_all(std::string(kPath) + cache).ok());
  }
  database->open();
  EXPECT_EQ(database->digest(), before);
}

}  // namespace
}  // namespace tidal::test
