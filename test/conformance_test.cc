// What every view must do, whatever it holds: one suite, run for each registered view over random histories.
//
// A view that is added to src/db/views.cc is in this suite by being registered.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "db/core.h"
#include "materializer/checkpoint.h"
#include "test/view_stand.h"

namespace tidal::test {
namespace {

std::vector<std::string> view_names() { return Stand().names(); }

class Conformance : public testing::TestWithParam<std::string> {
 protected:
  static constexpr std::uint64_t kHistories = 40;
  static constexpr std::size_t kSteps = 250;
};

TEST_P(Conformance, TwiceIsOnce) {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps);
    Stand once;
    once.apply(records, 0, records.size());
    Stand twice;
    for (const std::string& record : records) {
      twice.apply(record);
      twice.apply(record);
    }
    twice.apply(records, 0, records.size());
    ASSERT_EQ(once.digest(GetParam()), twice.digest(GetParam()));
  }
}

TEST_P(Conformance, InGroupsEqualsOneByOne) {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps);
    Stand singly;
    singly.apply(records, 0, records.size());
    Stand grouped;
    base::Random random(seed);
    std::vector<wal::WalEvent> events = events_of(records, 0, records.size());
    for (std::span<wal::WalEvent> rest = events; !rest.empty();) {
      const std::size_t n = std::min<std::size_t>(rest.size(), 1 + random.below(wal::kEventGroup));
      grouped.views->registry().apply(rest.first(n));
      rest = rest.subspan(n);
    }
    ASSERT_EQ(singly.digest(GetParam()), grouped.digest(GetParam()));
  }
}

TEST_P(Conformance, CheckpointAndReplayEqualsLive) {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps);
    base::Random random(seed);
    const std::size_t at = 1 + random.below(records.size() - 1);
    Stand live;
    live.apply(records, 0, at);

    materializer::CheckpointDirectory directory(live.fs, "/checkpoints");
    materializer::Capture capture = materializer::capture(live.views->registry(), SeqNo{at}, 1);
    // Writers go on between capture and write: the image must not move with them.
    live.apply(records, at, records.size());
    ASSERT_TRUE(directory.write(std::move(capture), kHistoryStart).ok());

    db::Views restored(*live.store);
    std::vector<std::string> notes;
    const Result<SeqNo> from = directory.restore(restored.registry(), {.last = SeqNo{records.size()}}, notes);
    ASSERT_TRUE(from.ok()) << from.error().to_string();
    ASSERT_EQ(from->value, at) << (notes.empty() ? "" : notes.front());
    for (wal::WalEvent& event : events_of(records, at, records.size())) restored.registry().apply(event);
    ASSERT_EQ(materializer::digest_of(*restored.registry().find(GetParam())).hex, live.digest(GetParam()));
  }
}

TEST_P(Conformance, RebuildFromZeroEqualsLive) {
  for (std::uint64_t seed = 1; seed <= kHistories; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps);
    Stand live;
    live.apply(records, 0, records.size());
    const std::string before = live.digest(GetParam());
    live.views->registry().reset_all();
    ASSERT_TRUE(live.store->clear().ok());
    live.apply(records, 0, records.size());
    ASSERT_EQ(live.digest(GetParam()), before);
  }
}

TEST_P(Conformance, DamagedCheckpointIsCorruption) {
  const Records records = random_records(7, kSteps);
  Stand live;
  live.apply(records, 0, records.size());
  materializer::CheckpointDirectory directory(live.fs, "/checkpoints");
  const SeqNo seqno{records.size()};
  ASSERT_TRUE(directory.write(materializer::capture(live.views->registry(), seqno, 1), kHistoryStart).ok());
  const std::string path = "/checkpoints/" + std::string(20 - std::to_string(seqno.value).size(), '0') +
                           std::to_string(seqno.value) + "/" + GetParam();
  const Result<std::string> sound = base::read_file(live.fs, path);
  ASSERT_TRUE(sound.ok());
  base::Random random(11);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = *sound;
    if (round % 3 == 0) {
      damaged.resize(random.below(damaged.size()));
    } else {
      damaged[random.below(damaged.size())] ^= static_cast<char>(1U << random.below(8));
    }
    ASSERT_TRUE(base::write_file_atomically(live.fs, path, damaged).ok());
    db::Views other(*live.store);
    std::vector<std::string> notes;
    const Result<SeqNo> restored = directory.restore(other.registry(), {.last = seqno}, notes);
    ASSERT_TRUE(restored.ok());
    EXPECT_EQ(*restored, SeqNo{}) << "a damaged file was used";
    ASSERT_EQ(notes.size(), 1U);
    EXPECT_NE(notes.front().find(GetParam()), std::string::npos) << notes.front();
  }
}

/// A view checks its image by itself too: a checksum only says that the bytes are the ones that were written.
TEST_P(Conformance, MalformedImageNeverCrashes) {
  const Records records = random_records(9, kSteps);
  Stand live;
  live.apply(records, 0, records.size());
  std::string image;
  ASSERT_TRUE(live.views->registry().find(GetParam())->checkpoint()->write_to(image).ok());
  base::Random random(13);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = image;
    const std::uint64_t flips = 1 + random.below(4);
    for (std::uint64_t i = 0; i < flips && !damaged.empty(); ++i) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    }
    if (round % 4 == 0) damaged.resize(random.below(damaged.size() + 1));
    Stand other;
    materializer::Materializer* view = other.views->registry().find(GetParam());
    const Status restored = view->restore(damaged, SeqNo{records.size()});
    if (!restored.ok()) {
      EXPECT_EQ(restored.error().code, Code::Corruption);
      EXPECT_EQ(view->applied(), SeqNo{});
    }
  }
}

class Collected final : public materializer::DigestSink {
 public:
  void add(std::string_view key, std::string_view value) override {
    pairs_.append(key);
    pairs_.push_back('\n');
    pairs_.append(value);
    pairs_.push_back('\n');
  }
  [[nodiscard]] const std::string& text() const { return pairs_; }

 private:
  std::string pairs_;
};

TEST_P(Conformance, ErasingAUserLeavesNoTraceInAPersonalView) {
  const std::string secret = "zQ7-unmistakable-user-key-4411";
  Records records = random_records(5, kSteps);
  Stand live;
  live.apply(records, 0, records.size());
  for (const std::string_view kind : {"view", "like", "watchlist", "hide"}) {
    db::Preparer preparer(live.views->schema(), live.views->entities(),
                          {kHistoryStart + days(900), kHistoryStart + days(900)});
    const std::vector<Operation> operations = {
        PutOperation{.kind = EntityKind::Item, .key = "erase-item", .entity = {}},
        Signal{.kind = std::string(kind), .item = "erase-item", .user = secret, .at = kHistoryStart}};
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, {});
    ASSERT_TRUE(batch.ok()) << batch.error().to_string();
    for (const db::PreparedRecord& record : batch->records) append(live, records, record);
  }
  materializer::Materializer* view = live.views->registry().find(GetParam());
  const Ordinal user = live.views->entities().find(EntityKind::User, secret);
  ASSERT_NE(user, Ordinal::None);
  const std::string before = live.digest(GetParam());
  view->erase_user(user);
  if (view->privacy() == materializer::Privacy::Aggregate && GetParam() != "ledger") {
    EXPECT_EQ(live.digest(GetParam()), before) << "an aggregate view keeps everything";
    return;
  }
  if (view->privacy() != materializer::Privacy::Personal || GetParam() == "entities") return;  // keys go with the log
  Collected after;
  view->digest(after);
  EXPECT_EQ(after.text().find(secret), std::string::npos);
}

TEST_P(Conformance, DigestSeesEveryEventThatMatters) {
  // Leaving out any one record of a kind the view keeps must change its digest, unless a later one overrides it; over a
  // whole history most do. This guards against a digest that forgets a part of the state.
  const Records records = random_records(3, kSteps);
  Stand whole;
  whole.apply(records, 0, records.size());
  const std::string digest = whole.digest(GetParam());
  std::size_t changed = 0;
  for (std::size_t left_out = 1; left_out < records.size(); ++left_out) {
    Stand without;
    without.apply(records, 0, left_out);
    without.apply(records, left_out + 1, records.size());
    if (without.digest(GetParam()) != digest) ++changed;
  }
  if (GetParam() == "schema" || GetParam() == "import_marks") {
    EXPECT_EQ(changed, 0U) << "the history changes neither";
  } else if (GetParam() == "duplicates") {
    EXPECT_GT(changed, 0U) << "only the last two spans leave something";
  } else {
    EXPECT_GT(changed, 5U);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryView, Conformance, testing::ValuesIn(view_names()),
                         [](const auto& view) { return view.param; });

/// State is made of the same bits by every compiler, at every optimisation and on every CPU: this suite also runs as
/// built by clang and under sanitizers, and the digests are the ones written here. A change of a view's logic changes
/// its line, and must raise its logic_version.
TEST(Determinism, OneHistoryHasOneDigestHoweverItIsCompiled) {
  const Records records = random_records(42, 2'000);
  Stand stand;
  stand.apply(records, 0, records.size());
  std::string lines;
  for (const materializer::ViewDigest& line : stand.views->registry().digest_by_view()) {
    lines += line.view + " " + line.hex + "\n";
  }
  EXPECT_EQ(lines, R"(schema 8c7bc7a73689778dcb4ef18d080cc2c8
entities b46b22e932a3601115be1fe934de9ca6
field_index ad68b51040b3d0a2f8d0737415bde22d
ledger b9c4127cedbab2f959d57a78a3ea6827
user_state 7d6c444fff46a13ce5e8ca20b7d417ca
import_marks 00000000000000000000000000000000
duplicates 35d67a193a167328f399d36431f3dc25
)");
}

}  // namespace
}  // namespace tidal::test
