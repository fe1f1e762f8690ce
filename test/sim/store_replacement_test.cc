// A database that was compacted, opened with every combination of what may be gone, damaged or old: it comes up with
// the state that base and log give, or is refused with Corruption that says why; never wrong, never empty.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/memory_file_system.h"
#include "db/prepare.h"
#include "test/core_fixture.h"
#include "test/sim/expected_opening.h"
#include "test/sim/questions.h"
#include "test/sim/stored_files.h"
#include "test/sim/workload.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";
constexpr std::size_t kWhich = db::kStores.size();

enum class Store : std::uint8_t { Current, OfEarlierCheckpoint, Truncated, Deleted };
enum class Checkpoints : std::uint8_t { Both, NewestDamaged, None };
enum class Base : std::uint8_t { None, Sound, Damaged };
enum class Archive : std::uint8_t { Complete, None };
/// Where the newest checkpoint stands: what is behind the base needs no archive, the other two may.
enum class Written : std::uint8_t { CheckpointsBehindBase, CheckpointsBeforeBase };

/// The number is of the store that `Store` is about; the others are current.
using Combination = std::tuple<Written, Store, Checkpoints, Base, Archive, std::size_t>;

/// What was written, and the state it led to.
struct Original {
  StoredFiles files;
  StoredFiles stores_of_earlier;
  std::string digest;
  std::uint64_t last = 0;
};

class Database {
 public:
  explicit Database(std::uint64_t seed) : random_(seed), workload_(seed, true) {}

  Result<std::unique_ptr<db::Core>> open() { return test::open_core(fs, clock_, kPath); }
  void define(const SchemaChange& change) {
    ASSERT_TRUE(run_script(*core, change.statement).ok());
    if (change.step) model_.apply(*change.step, clock_.now());
  }
  void define_all() {
    define(Workload::first_schema(clock_.now()));
    SchemaChange limits{.statement = "ALTER SETTINGS log_bytes:128KiB, log_archive:true", .step = SchemaStep{}};
    limits.step->settings = model_.settings();
    limits.step->settings->log_bytes = 128 << 10;
    limits.step->at = clock_.now();
    define(limits);
  }
  void write(int batches) {
    for (int i = 0; i < batches; ++i) {
      clock_.advance(seconds(static_cast<std::int64_t>(random_.below(900))));
      const std::vector<Operation> operations = workload_.operations(model_, clock_.now());
      const ModelBatch expected = model_.prepare(operations, clock_.now());
      db::Preparer preparer = core->preparer();
      Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, {});
      if (!batch.ok()) continue;
      const std::vector<Place> places = model_.places(expected.records, clock_.now());
      static_cast<void>(core->commit(*batch));
      for (std::size_t record = 0; record < places.size(); ++record) {
        if (!places[record].is_duplicate) model_.apply(expected.records[record], clock_.now());
      }
    }
  }
  void checkpoint() { ASSERT_TRUE(core->checkpoint().ok()); }
  void write_segments(std::size_t count) {
    while (core->stats().log_segments < count) write(5);
  }

  base::MemoryFileSystem fs;
  std::unique_ptr<db::Core> core;

 private:
  base::Random random_;
  Workload workload_;
  base::FixedClock clock_{Timestamp{1'700'000'000'000'000}};
  Model model_;
};

Original write_original(Written how) {
  Database database(5);
  Original original;
  database.core = database.open().value();
  database.define_all();
  database.write_segments(4);
  const auto compact = [&] { EXPECT_GT(database.core->compact()->segments_archived, 0U); };
  const auto checkpoint_twice = [&] {
    database.checkpoint();
    original.stores_of_earlier = files_below(database.fs, kPath + "/stores").value();
    database.write(5);
    database.checkpoint();
  };
  if (how == Written::CheckpointsBehindBase) {
    compact();
    checkpoint_twice();
  } else {
    checkpoint_twice();
    compact();
  }
  database.write(5);
  original.digest = database.core->digest()->all;
  original.last = database.core->applied().value;
  EXPECT_TRUE(database.core->close().ok());
  original.files = files_below(database.fs, kPath).value();
  return original;
}

const Original& original_of(Written how) {
  static const auto* const originals =
      new std::array{write_original(Written::CheckpointsBehindBase), write_original(Written::CheckpointsBeforeBase)};
  return (*originals)[static_cast<std::size_t>(how)];
}

/// Seqnos of the complete directories below.
std::vector<std::uint64_t> numbered(base::FileSystem& fs, const std::string& directory) {
  std::vector<std::uint64_t> numbers;
  const Result<std::vector<std::string>> names = fs.list(directory);
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>{}) numbers.push_back(std::stoull(name));
  return numbers;
}

/// Does it to the files, and tells what they are then from what was asked for alone.
DirectoryState lose(base::FileSystem& fs, const Original& original, const Combination& combination) {
  const auto& [how, store, checkpoints, base, archive, which] = combination;
  EXPECT_TRUE(put_files(fs, kPath, original.files).ok());
  const std::vector<std::uint64_t> taken = numbered(fs, kPath + "/checkpoints");
  const std::uint64_t base_seqno = numbered(fs, kPath + "/base").at(0);
  const std::string base_path = kPath + "/base/" + fs.list(kPath + "/base")->at(0);
  const std::string first_segment = fs.list(kPath + "/wal")->at(0);
  DirectoryState state{.history_first = archive == Archive::Complete ? 1 : std::stoull(first_segment),
                       .last = original.last};
  if (archive == Archive::None) {
    EXPECT_TRUE(fs.remove_all(kPath + "/archive").ok());
  }

  const std::string lost_store = db::store_path(kPath, db::kStores[which]);
  state.stores.assign(kWhich, taken.empty() ? 0 : taken.back());
  if (store != Store::Current) state.stores[which] = 0;
  switch (store) {
    case Store::Current: break;
    case Store::OfEarlierCheckpoint:
      EXPECT_TRUE(base::write_file_atomically(fs, lost_store, original.stores_of_earlier.at(lost_store)).ok());
      if (taken.size() == 2) state.stores[which] = taken.front();
      break;
    case Store::Truncated: EXPECT_TRUE(damage_file(fs, lost_store, Loss::Truncated).ok()); break;
    case Store::Deleted: EXPECT_TRUE(fs.remove(lost_store).ok()); break;
  }
  if (checkpoints == Checkpoints::None) {
    EXPECT_TRUE(fs.remove_all(kPath + "/checkpoints").ok());
  }
  for (std::size_t i = 0; checkpoints != Checkpoints::None && i < taken.size(); ++i) {
    const bool is_newest = i + 1 == taken.size();
    const bool is_sound = checkpoints == Checkpoints::Both || !is_newest;
    const std::string path = kPath + "/checkpoints/" + fs.list(kPath + "/checkpoints")->at(i);
    if (!is_sound) {
      EXPECT_TRUE(damage_file(fs, path + "/entities", Loss::Flipped).ok());
    }
    state.checkpoints.insert(state.checkpoints.begin(), StateFiles{.seqno = taken[i], .is_sound = is_sound});
  }
  if (base == Base::None) {
    EXPECT_TRUE(fs.remove_all(kPath + "/base").ok());
  } else {
    if (base == Base::Damaged) {
      EXPECT_TRUE(damage_file(fs, base_path + "/entity_fields", Loss::Flipped).ok());
    }
    state.base = StateFiles{.seqno = base_seqno, .is_sound = base == Base::Sound};
    state.newest_base = base_seqno;
  }
  return state;
}

class StoreReplacement : public testing::TestWithParam<Combination> {};

TEST_P(StoreReplacement, GivesTheStateOfBaseAndLogOrIsRefused) {
  const Original& original = original_of(std::get<Written>(GetParam()));
  Database database(5);
  const DirectoryState state = lose(database.fs, original, GetParam());
  const ExpectedOpening expected = expected_opening(state);
  const auto opened = database.open();
  if (expected.is_refused) {
    ASSERT_FALSE(opened.ok()) << "it came up at seqno " << (*opened)->applied().value;
    EXPECT_EQ(opened.error().code, Code::Corruption);
    const std::string missing =
        "the records with seqnos 1 to " + std::to_string(state.history_first - 1) + " are missing";
    EXPECT_NE(opened.error().message.find(missing), std::string::npos) << opened.error().message;
    // Once the base is there again, all is.
    StoredFiles base;
    for (const auto& [path, content] : original.files) {
      if (path.starts_with(kPath + "/base/")) base.emplace(path, content);
    }
    ASSERT_TRUE(put_files(database.fs, kPath + "/base", base).ok());
    const auto again = database.open();
    ASSERT_TRUE(again.ok()) << again.error().to_string();
    EXPECT_EQ((*again)->digest()->all, original.digest);
    return;
  }
  ASSERT_TRUE(opened.ok()) << opened.error().to_string();
  EXPECT_EQ((*opened)->open_report().checkpoint.value, expected.checkpoint);
  EXPECT_EQ((*opened)->open_report().base.value, expected.base);
  EXPECT_EQ((*opened)->applied().value, original.last);
  EXPECT_EQ((*opened)->digest()->all, original.digest);
}

INSTANTIATE_TEST_SUITE_P(
    All, StoreReplacement,
    testing::Combine(testing::Values(Written::CheckpointsBehindBase, Written::CheckpointsBeforeBase),
                     testing::Values(Store::Current, Store::OfEarlierCheckpoint, Store::Truncated, Store::Deleted),
                     testing::Values(Checkpoints::Both, Checkpoints::NewestDamaged, Checkpoints::None),
                     testing::Values(Base::None, Base::Sound, Base::Damaged),
                     testing::Values(Archive::Complete, Archive::None), testing::Range(std::size_t{0}, kWhich)));

/// The table is worth something only when each way to open, and the refusal, is in it.
TEST(StoreReplacementTable, HasEveryOutcome) {
  std::map<std::string, int> outcomes;
  for (const Written how : {Written::CheckpointsBehindBase, Written::CheckpointsBeforeBase}) {
    const Original& original = original_of(how);
    for (const Store store : {Store::Current, Store::OfEarlierCheckpoint, Store::Truncated, Store::Deleted}) {
      for (const Checkpoints kept : {Checkpoints::Both, Checkpoints::NewestDamaged, Checkpoints::None}) {
        for (const Base base : {Base::None, Base::Sound, Base::Damaged}) {
          for (const Archive archive : {Archive::Complete, Archive::None}) {
            const std::size_t which = static_cast<std::size_t>(store) % kWhich;
            base::MemoryFileSystem fs;
            const DirectoryState state = lose(fs, original, {how, store, kept, base, archive, which});
            const ExpectedOpening expected = expected_opening(state);
            const bool newest = !state.checkpoints.empty() && expected.checkpoint == state.checkpoints.front().seqno;
            ++outcomes[expected.is_refused        ? "refused"
                       : expected.checkpoint == 0 ? (expected.base != 0 ? "base" : "first record")
                       : newest                   ? "newest checkpoint"
                                                  : "earlier checkpoint"];
          }
        }
      }
    }
  }
  for (const auto& [outcome, count] : outcomes) std::printf("%s: %d\n", outcome.c_str(), count);
  EXPECT_EQ(outcomes.size(), 5U);
}

}  // namespace
}  // namespace tidal::sim
