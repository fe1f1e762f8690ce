// What every view must do, whatever it holds: one suite, run for each registered view over random histories.
//
// A view that is added to src/db/views.cc is in this suite by being registered.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/case_stride_for_test.h"
#include "base/random.h"
#include "base/vector_target_for_test.h"
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
  /// Every second history has some.
  static std::size_t erasures(std::uint64_t seed) { return seed % 2 == 0 ? 12 : 0; }
};

TEST_P(Conformance, TwiceIsOnce) {
  for (std::uint64_t seed = 1; seed <= kHistories; seed += base::kCaseStride) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps, erasures(seed));
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
  for (std::uint64_t seed = 1; seed <= kHistories; seed += base::kCaseStride) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps, erasures(seed));
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
  for (std::uint64_t seed = 1; seed <= kHistories; seed += base::kCaseStride) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps, erasures(seed));
    base::Random random(seed);
    const std::size_t at = 1 + random.below(records.size() - 1);
    Stand live;
    live.apply(records, 0, at);

    materializer::CheckpointDirectory directory(live.fs, "/checkpoints");
    materializer::Capture capture = materializer::capture(live.views->registry(), SeqNo{at}, 1);
    // Writers go on between capture and write: the image must not move with them.
    live.apply(records, at, records.size());
    ASSERT_TRUE(directory.write(std::move(capture), kHistoryStart).ok());

    db::Views restored(live.stores);
    std::vector<std::string> notes;
    const Result<SeqNo> from =
        directory.restore(restored.registry(), {.first = {}, .last = SeqNo{records.size()}}, notes);
    ASSERT_TRUE(from.ok()) << from.error().to_string();
    ASSERT_EQ(from->value, at) << (notes.empty() ? "" : notes.front());
    for (wal::WalEvent& event : events_of(records, at, records.size())) restored.registry().apply(event);
    ASSERT_EQ(materializer::digest_of(*restored.registry().find(GetParam())).hex, live.digest(GetParam()));
  }
}

TEST_P(Conformance, RebuildFromZeroEqualsLive) {
  for (std::uint64_t seed = 1; seed <= kHistories; seed += base::kCaseStride) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Records records = random_records(seed, kSteps, erasures(seed));
    Stand live;
    live.apply(records, 0, records.size());
    const std::string before = live.digest(GetParam());
    live.views->registry().reset_all();
    ASSERT_TRUE(live.stores.clear().ok());
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
    db::Views other(live.stores);
    std::vector<std::string> notes;
    const Result<SeqNo> restored = directory.restore(other.registry(), {.first = {}, .last = seqno}, notes);
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
    pairs_.insert(std::string(key) + "\n" + std::string(value));
  }
  [[nodiscard]] const std::multiset<std::string>& pairs() const { return pairs_; }
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& pair : pairs_) all += pair + "\n";
    return all;
  }

 private:
  std::multiset<std::string> pairs_;
};

constexpr std::string_view kSecret = "zQ7-unmistakable-user-key-4411";

/// A history in which the user of that key has done everything a user can, fields included.
Records with_secret_user(Stand& live) {
  Records records = random_records(5, 250);
  live.apply(records, 0, records.size());
  const Timestamp now = kHistoryStart + days(900);
  const std::string secret(kSecret);
  for (const std::string_view kind : {"view", "like", "watchlist", "hide"}) {
    db::Preparer preparer(live.views->schema(), *live.views, {now, now});
    const std::vector<Operation> operations = {
        PutOperation{.kind = EntityKind::Item, .key = "erase-item", .entity = {}},
        Signal{.kind = std::string(kind),
               .item = "erase-item",
               .user = secret,
               .at = kHistoryStart,
               .idempotency_key = secret + std::string(kind)},
        PutOperation{.kind = EntityKind::User, .key = secret, .entity = {.fields = {{"country", secret}}}}};
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, {});
    EXPECT_TRUE(batch.ok()) << batch.error().to_string();
    for (const db::PreparedRecord& record : batch->records) append(live, records, record);
  }
  return records;
}

std::string image_of(materializer::Materializer& view) {
  std::string image;
  EXPECT_TRUE(view.checkpoint()->write_to(image).ok());
  return image;
}

/// A later view is held to this by being registered.
TEST_P(Conformance, AnErasedUserIsInNeitherDigestNorImage) {
  Stand live;
  Records records = with_secret_user(live);
  materializer::Materializer& view = *live.views->registry().find(GetParam());
  const Ordinal user = live.views->entities().find(EntityKind::User, kSecret);
  ASSERT_NE(user, Ordinal::None);
  Collected before;
  view.digest(before);
  const std::string image_before = image_of(view);
  append(live, records, erasure_of(kSecret, 1, kHistoryStart + days(901)));
  Collected after;
  view.digest(after);
  EXPECT_EQ(after.text().find(kSecret), std::string::npos);
  EXPECT_EQ(image_of(view).find(kSecret), std::string::npos);
  EXPECT_EQ(view.applied(), SeqNo{records.size()});
  if (GetParam() == "entities") {
    EXPECT_NE(before.text().find(kSecret), std::string::npos) << "the test can see it";
    EXPECT_NE(image_before.find(kSecret), std::string::npos) << "likewise";
  }
  // Keys that are left lead to what they led to.
  EXPECT_EQ(live.views->entities().find(EntityKind::User, kSecret), Ordinal::None);
  EXPECT_EQ(live.views->entities().key_of(EntityKind::User, user), "");

  // The same state comes out of its image, and of a replay.
  Stand replayed;
  replayed.apply(records, 0, records.size());
  EXPECT_EQ(replayed.digest(GetParam()), live.digest(GetParam()));
  materializer::CheckpointDirectory directory(live.fs, "/checkpoints");
  const SeqNo seqno{records.size()};
  ASSERT_TRUE(directory.write(materializer::capture(live.views->registry(), seqno, 1), kHistoryStart).ok());
  db::Views restored(live.stores);
  std::vector<std::string> notes;
  ASSERT_EQ(directory.restore(restored.registry(), {.first = {}, .last = seqno}, notes).value(), seqno);
  EXPECT_EQ(materializer::digest_of(*restored.registry().find(GetParam())).hex, live.digest(GetParam()));
}

/// An aggregate view keeps every byte that names nobody; only the ledger's part of the user itself goes.
TEST_P(Conformance, AnErasureLeavesAggregatesAsTheyWere) {
  Stand live;
  Records records = with_secret_user(live);
  materializer::Materializer& view = *live.views->registry().find(GetParam());
  Collected before;
  view.digest(before);
  const signal::LedgerSet& ledgers = live.views->ledgers();
  const std::size_t item_bytes = ledgers.items.memory_bytes();
  append(live, records, erasure_of(kSecret, 1, kHistoryStart + days(900)));
  if (view.privacy() == materializer::Privacy::Personal) return;
  EXPECT_EQ(ledgers.items.memory_bytes(), item_bytes);
  Collected after;
  view.digest(after);
  std::multiset<std::string> gone = before.pairs();
  for (const std::string& pair : after.pairs()) {
    const auto it = gone.find(pair);
    ASSERT_NE(it, gone.end()) << "an erasure adds nothing";
    gone.erase(it);
  }
  for (const std::string& pair : gone) EXPECT_NE(pair.find(kSecret), std::string::npos);
}

/// The capture is of the moment before: whoever is erased while it is written is in it, with the key.
TEST_P(Conformance, AnErasureBetweenCaptureAndWriteIsNotInTheImage) {
  Stand live;
  Records records = with_secret_user(live);
  const std::size_t at = records.size();
  const std::string digest = live.digest(GetParam());
  materializer::CheckpointDirectory directory(live.fs, "/checkpoints");
  materializer::Capture capture = materializer::capture(live.views->registry(), SeqNo{at}, 1);
  append(live, records, erasure_of(kSecret, 1, kHistoryStart + days(901)));
  ASSERT_TRUE(directory.write(std::move(capture), kHistoryStart).ok());
  db::Views restored(live.stores);
  std::vector<std::string> notes;
  ASSERT_EQ(directory.restore(restored.registry(), {.first = {}, .last = SeqNo{at}}, notes).value(), SeqNo{at});
  EXPECT_EQ(materializer::digest_of(*restored.registry().find(GetParam())).hex, digest);
  for (wal::WalEvent& event : events_of(records, at, records.size())) restored.registry().apply(event);
  EXPECT_EQ(materializer::digest_of(*restored.registry().find(GetParam())).hex, live.digest(GetParam()));
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
/// built by clang and under sanitizers, on each instruction set, and the digests are the ones written here. A change of
/// a view's logic changes its line, and must raise its logic_version.
TEST(Determinism, OneHistoryHasOneDigestHoweverItIsComputed) {
  const Records records = random_records(42, 2'011);
  base::on_every_vector_target([&records](const std::string& target) {
    Stand stand;
    stand.apply(records, 0, records.size());
    std::string lines;
    for (const materializer::ViewDigest& line : stand.views->registry().digest_by_view()) {
      lines += line.view + " " + line.hex + "\n";
    }
    EXPECT_EQ(lines, R"(schema 7520e8c2f28a430400278b7261efa0fa
entities 9aae36f6fea76a7b06b42f94c2c7c1d0
embeddings 17f75f0ea1786013db5d5a4da6b62078
field_index 0ba3bc4214de6a2c9a8fa7313d51c0ad
creator_items 60c137bbc304e5d89da9dc9639bed0a3
hidden 289d95b747b62aa8fe31ffd429e7041b
ledger 2d7e3c9e49b5296a4a12e6f6c593fc46
user_state cf360b577f460dfac08fd532512b6420
preference f44647808dceffb7527052bb0305d2e9
interests b71806c25651c1ccebffcc07dd38ad3a
uniques dc15574c1085568ba93d8fab2c608b4c
rollups b10d47f94407ceba7c15cec84113371b
relations 8991133852a6eed514eaed64a13dc957
weights cd4e80850b23ffd724088fd3773c2390
co_engagement 2af73568cd1e54b23ef3bc850247a8f1
import_marks 00000000000000000000000000000000
duplicates f214ccd2029138fb13eebb1606b7694e
)") << target;
  });
}

}  // namespace
}  // namespace tidal::test
