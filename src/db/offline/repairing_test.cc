// Repairing a directory: afterwards it verifies, opens, and equals a replay of its log; nothing damaged is thrown away.
#include "db/offline/repairing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/random.h"
#include "db/offline/directory_for_test.h"
#include "db/offline/repair_for_test.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "materializer/checkpoint.h"

namespace tidal::db {
namespace {

using base::MemoryFileSystem;

base::FileSystem& files() { return base::posix_file_system(); }

void overwrite(const std::string& path, const std::string& content) {
  const auto file = files().open(path, base::OpenMode::ReadWrite);
  ASSERT_TRUE((*file)->truncate(content.size()).ok());
  ASSERT_TRUE((*file)->write_at(0, base::as_bytes(content)).ok());
}

/// Plans, applies, and judges what must hold afterwards.
void repair(const std::string& path) {
  const Snapshot before = snapshot_of(path);
  auto plan = DirectoryRepair::plan(files(), path);
  ASSERT_TRUE(plan.ok()) << plan.error().to_string();
  EXPECT_TRUE(snapshot_of(path) == before) << "planning changed something";
  const Result<std::string> folder = (*plan)->apply();
  ASSERT_TRUE(folder.ok()) << folder.error().to_string();
  plan->reset();
  const auto verified = verify_directory(files(), path);
  ASSERT_TRUE(verified.ok() && verified->defects.empty()) << verified->defects.front();
  const auto again = DirectoryRepair::plan(files(), path);
  ASSERT_TRUE(again.ok() && (*again)->empty());
}

/// What opening gives equals what the log alone gives.
void expect_equals_replay(const std::string& path) {
  DigestReport alone;
  {
    const auto replay = ReplayedDatabase::open(files(), path);
    ASSERT_TRUE(replay.ok()) << replay.error().to_string();
    alone = (*replay)->digest();
  }
  auto database = Database::open(path, {.log_level = LogLevel::Off});
  ASSERT_TRUE(database.ok()) << database.error().to_string();
  EXPECT_EQ(database->digest()->by_view, alone.by_view);
  EXPECT_EQ(database->digest()->seqno, alone.seqno);
}

TEST(DirectoryRepair, MakesADirectoryThatVerifiesAndEqualsItsLog) {  // D1, D4
  base::Random random(11);
  for (int i = 0; i < 30 && !testing::Test::HasFailure(); ++i) {
    const ClosedDatabase database;
    std::vector<std::string> paths;
    for (const auto& [path, about] : snapshot_of(database.path())) {
      const bool is_checked =
          path.find("/checkpoints/") != std::string::npos || path.ends_with(".wal") || path.ends_with("data.mdb");
      if (is_checked && !std::get<0>(about).empty()) paths.push_back(path);
    }
    const std::string& path = i % 3 == 0 ? paths.back() : paths[random.below(paths.size())];
    std::string content = base::read_file(files(), path).value();
    const std::size_t used = content.find_last_not_of('\0') + 1;
    const std::size_t at = path.ends_with(".wal") && i % 2 == 0 ? 4096 + random.below(used - 4096) : random.below(used);
    content[at] = static_cast<char>(content[at] ^ (1 << random.below(8)));
    SCOPED_TRACE(path + " byte " + std::to_string(at));
    overwrite(path, content);
    repair(database.path());
    expect_equals_replay(database.path());
  }
}

TEST(DirectoryRepair, PutsDamagedCachesAsideAndLosesNothing) {
  const ClosedDatabase database;
  for (const auto& [path, about] : snapshot_of(database.path())) {
    const bool is_cache = path.ends_with("/MANIFEST") || path.ends_with("data.mdb");
    if (is_cache) overwrite(path, std::get<0>(about).substr(0, 40));
  }
  auto plan = DirectoryRepair::plan(files(), database.path());
  ASSERT_TRUE(plan.ok());
  EXPECT_TRUE((*plan)->log().empty());
  EXPECT_GE((*plan)->aside().size(), 2U);
  const std::string folder = (*plan)->apply().value();
  EXPECT_EQ(folder, database.path() + "/damaged/0001");
  EXPECT_TRUE(files().exists(folder + "/stores/entities/data.mdb"));
  plan->reset();
  EXPECT_EQ(Database::open(database.path(), {})->digest()->by_view, database.digest().by_view);
}

TEST(DirectoryRepair, RefusesADirectoryThatIsOpenAndOneThatIsNone) {
  const ClosedDatabase closed;
  const auto open = Database::open(closed.path(), {});
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(DirectoryRepair::plan(files(), closed.path()).error().code, Code::AlreadyOpen);
  EXPECT_EQ(DirectoryRepair::plan(files(), closed.path() + "/wal").error().code, Code::NotFound);
}

TEST(DirectoryRepair, HoldsTheLock) {
  const ClosedDatabase closed;
  const auto plan = DirectoryRepair::plan(files(), closed.path());
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(Database::open(closed.path(), {}).error().code, Code::AlreadyOpen);
}

TEST(DirectoryRepair, PlansAgainWhenThereWasNoLockToHold) {
  const ClosedDatabase database;
  ASSERT_TRUE(files().remove(database.path() + "/LOCK").ok());
  const std::string segment = database.path() + "/wal/" + files().list(database.path() + "/wal")->front();
  const std::string whole = base::read_file(files(), segment).value();
  std::string bad = whole;
  bad[5000] ^= 1;
  overwrite(segment, bad);
  auto plan = DirectoryRepair::plan(files(), database.path());
  ASSERT_TRUE(plan.ok());
  ASSERT_FALSE((*plan)->empty());
  EXPECT_FALSE(files().exists(database.path() + "/LOCK"));
  overwrite(segment, whole);
  EXPECT_EQ((*plan)->apply().error().code, Code::FailedPrecondition);
  plan->reset();
  EXPECT_EQ(base::read_file(files(), segment).value(), whole);
}

TEST(DirectoryRepair, RefusesANewerFormatOfACheckpoint) {
  const ClosedDatabase database;
  const std::string folder =
      database.path() + "/checkpoints/" + files().list(database.path() + "/checkpoints")->front();
  materializer::Manifest manifest;
  std::string bytes = materializer::encode_manifest(manifest);
  bytes[12] = 9;  // minimum reader
  bytes.resize(bytes.size() - 4);
  const std::uint32_t crc = base::crc32c(bytes);
  bytes.append(reinterpret_cast<const char*>(&crc), sizeof crc);
  overwrite(folder + "/MANIFEST", bytes);
  EXPECT_EQ(DirectoryRepair::plan(files(), database.path()).error().code, Code::FailedPrecondition);
}

TEST(RepairPlan, KnowsTheFirstSeqnoLostBehindAnother) {
  wal::RepairPlan plan;
  EXPECT_EQ(plan.first_lost(), std::nullopt);
  plan.damages.push_back({.segment = "", .expected = "", .found = "", .lost = {SeqNo{25}, SeqNo{26}}});
  plan.damages.push_back({.segment = "", .expected = "", .found = "", .lost = {SeqNo{20}, SeqNo{20}}});
  EXPECT_EQ(plan.first_lost(), SeqNo{20});
  EXPECT_EQ(plan.first_lost(SeqNo{20}), SeqNo{25});
  EXPECT_EQ(plan.first_lost(SeqNo{25}), SeqNo{26});
  EXPECT_EQ(plan.first_lost(SeqNo{26}), std::nullopt);
}

// --- crashes, on files that forget ---

/// Two checkpoints, the log of several frames going on behind them, `last` at its end.
Files database_files(const std::string& last = "") {
  MemoryFileSystem fs;
  auto core = open_core(fs);
  EXPECT_TRUE(core.ok());
  run(**core,
      "BEGIN; DEFINE FIELD item.year INT INDEXED; DEFINE SIGNAL like ROLE positive WINDOWS 24h "
      "EFFECTS mark liked; COMMIT;");
  for (int i = 0; i < 12; ++i) {
    const std::string key = "i" + std::to_string(i);
    run(**core, "PUT item @" + key + " {\"fields\":{\"year\":" + std::to_string(1990 + i) + "}}; SIGNAL like ON @" +
                    key + " BY @u" + std::to_string(i % 3) + ";");
    const bool is_time = i == 3 || i == 8;
    EXPECT_TRUE(!is_time || (*core)->checkpoint().ok());
  }
  if (!last.empty()) run(**core, last);
  EXPECT_TRUE((*core)->close().ok());
  return files_below(fs, "/db");
}

TEST(DirectoryRepairCrash, EndsTheSame) {  // D2, D3, D4
  const Files whole = database_files();
  const std::string segment = "/db/wal/00000000000000000001.wal";
  std::vector<Files> damages(3, whole);
  // A frame between the two checkpoints: the second contradicts the repaired log.
  std::string& content = damages[0][segment];
  content[content.find("i5")] ^= 1;
  // The log ends before the checkpoints.
  damages[1][segment].replace(4096, std::string::npos, whole.at(segment).size() - 4096, '\0');
  damages[2].erase(segment);
  for (const Files& damaged : damages) {
    const Files expected = repaired(damaged);
    std::uint64_t n = 1;
    while (!testing::Test::HasFailure() && crash_at(damaged, expected, n, n)) ++n;
    SCOPED_TRACE("operation " + std::to_string(n));
    ASSERT_FALSE(testing::Test::HasFailure());
    EXPECT_GT(n, 20U);
  }
}

TEST(DirectoryRepair, LeavesPlacesThatHaveNoEffect) {
  for (const std::string last : {"SIGNAL like ON @i1 BY @newcomer;", "PUT item @newcomer {};", "DELETE item @i1;"}) {
    Files damaged = database_files(last);
    std::string& content = damaged["/db/wal/00000000000000000001.wal"];
    const std::size_t mark = content.rfind("TWFR");
    content[content.rfind("TWFR", mark - 1) + 80] ^= 1;
    const auto fs = with_files(repaired(damaged), 1);
    EXPECT_EQ(digest_of(*fs), digest_of(*with_files(database_files(), 1))) << last;
    EXPECT_NE(digest_of(*with_files(database_files(last), 1)), digest_of(*fs)) << last;
    const auto core = open_core(*fs);
    ASSERT_TRUE(core.ok());
    EXPECT_EQ((*core)->applied().value, 26U) << "the lost place keeps its seqno";
  }
}

TEST(DirectoryRepair, MakesACheckpointThatHoldsWhatIsLostTheBase) {  // D4
  const auto digest = digest_of(*with_files(database_files(), 1));
  Files damaged = database_files();
  std::string& content = damaged["/db/wal/00000000000000000001.wal"];
  content[content.find("i5")] ^= 1;
  const auto fs = with_files(damaged, 1);
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ((*plan)->log().lost_records(), 1U);
  EXPECT_NE((*plan)->promoted(), SeqNo{});
  EXPECT_TRUE((*plan)->aside().empty());
  ASSERT_TRUE((*plan)->apply().ok());
  plan->reset();
  EXPECT_TRUE((*DirectoryRepair::plan(*fs, "/db"))->empty());
  EXPECT_EQ(digest_of(*fs), digest);
  for (const char* cache : {"/db/checkpoints", "/db/stores"}) ASSERT_TRUE(fs->remove_all(cache).ok());
  EXPECT_EQ(digest_of(*fs), digest) << "the base has it, too";
}

/// Histories that are lost keep nothing else from being kept.
TEST(DirectoryRepair, MakesABaseWithoutTheHistoriesWhenTheirStoreIsLost) {
  auto digest = digest_of(*with_files(database_files(), 1));
  digest.erase("rollups");
  for (const bool is_damaged : {false, true}) {
    Files damaged = database_files();
    std::string& content = damaged["/db/wal/00000000000000000001.wal"];
    content[content.find("i5")] ^= 1;
    if (is_damaged) {
      damaged.at("/db/stores/rollups").back() ^= 1;
    } else {
      damaged.erase("/db/stores/rollups");
    }
    const auto fs = with_files(damaged, 1);
    auto plan = DirectoryRepair::plan(*fs, "/db");
    ASSERT_TRUE(plan.ok());
    EXPECT_NE((*plan)->promoted(), SeqNo{});
    const bool is_told = std::ranges::any_of((*plan)->notes(), [](const std::string& note) {
      return note.find("the view rollups begins anew") != std::string::npos;
    });
    EXPECT_TRUE(is_told);
    ASSERT_TRUE((*plan)->apply().ok());
    plan->reset();
    for (const char* cache : {"/db/checkpoints", "/db/stores"}) ASSERT_TRUE(fs->remove_all(cache).ok());
    auto kept = digest_of(*fs);
    kept.erase("rollups");
    EXPECT_EQ(kept, digest);
  }
}

TEST(DirectoryRepair, MakesNoBaseOfADamagedCheckpoint) {
  Files damaged = database_files();
  std::string& content = damaged["/db/wal/00000000000000000001.wal"];
  content[content.find("i5")] ^= 1;
  for (auto& [path, bytes] : damaged) {
    if (path.ends_with("/ledger")) bytes.back() = static_cast<char>(bytes.back() ^ 1);
  }
  const auto fs = with_files(damaged, 1);
  auto plan = DirectoryRepair::plan(*fs, "/db");
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ((*plan)->log().lost_records(), 1U);
  EXPECT_EQ((*plan)->promoted(), SeqNo{}) << "what is damaged becomes no base";
  ASSERT_EQ((*plan)->aside().size(), 4U);  // both checkpoints, and the stores that are as new
  EXPECT_TRUE((*plan)->aside()[0].path.starts_with("checkpoints/"));
  EXPECT_EQ((*plan)->aside()[2].path, "stores/entities");
  EXPECT_EQ((*plan)->aside()[3].path, "stores/rollups");
  ASSERT_TRUE((*plan)->apply().ok());
  EXPECT_TRUE(fs->list("/db/checkpoints")->empty());
}

}  // namespace
}  // namespace tidal::db
