// The view of weights: conformance, erasure, digest, damaged images, what it takes from records.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "index/ordinal_list.h"
#include "relationship/weight_word.h"
#include "relationship/weights_history_for_test.h"
#include "relationship/weights_mat.h"

namespace tidal::relationship {
namespace {

RC_GTEST_PROP(WeightsView, Conforms, (std::uint64_t seed)) {
  const WeightStory story = random_weight_story(seed, *rc::gen::inRange(0, 150));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<WeightWorld>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's events.
RC_GTEST_PROP(WeightsView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const WeightStory story = random_weight_story(seed, 200);
  const Ordinal user = to_ordinal(0);
  WeightWorld erased;
  for (const auto& event : story.history.events()) erased.apply(event);
  erased.view().erase_user(user);
  WeightWorld never;
  for (const wal::WalEvent& event : story.history.events()) {
    if (event.ids.user != user) never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
  erased.state.for_each_fact_of(user, [](const WeightFact&) { RC_FAIL("a weight is left"); });
}

TEST(WeightsView, DigestSeesEveryKindOfChange) {
  WeightWorld world;
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto add = [&](WeightKind kind, std::uint32_t user, std::uint32_t other, std::int64_t second, double delta) {
    world.state.record({kind, to_ordinal(user), to_ordinal(other), Timestamp{second * 1'000'000}, delta});
  };
  add(WeightKind::Interaction, 1, 2, 100, 1.0);
  expect_new("a pair");
  add(WeightKind::Interaction, 1, 2, 101, 1.0);  // still 1
  expect_new("a time");
  add(WeightKind::Interaction, 1, 2, 101, -0.5);
  expect_new("a weight");
  add(WeightKind::Affinity, 1, 2, 101, 0.5);
  expect_new("the other kind");
  add(WeightKind::Interaction, 1, 3, 101, 0.5);
  expect_new("another creator");
  add(WeightKind::Interaction, 2, 3, 101, 0.5);
  expect_new("another user");
  world.state.set_half_life(days(31));
  expect_new("the half-life");
}

TEST(WeightsView, DigestTellsKindUserAndOtherEndApart) {
  std::set<std::string> digests;
  for (const WeightEvent& event : {WeightEvent{WeightKind::Interaction, to_ordinal(1), to_ordinal(2), {}, 1},
                                   WeightEvent{WeightKind::Interaction, to_ordinal(2), to_ordinal(1), {}, 1},
                                   WeightEvent{WeightKind::Affinity, to_ordinal(1), to_ordinal(2), {}, 1}}) {
    WeightWorld world;
    world.state.record(event);
    EXPECT_TRUE(digests.insert(world.digest()).second);
  }
}

// A like gives 0.1 to the item's creator and 0.3 to the item; taking it back takes that; a follow is of the creator.
TEST(WeightsView, EventsReachTheirPairs) {
  WeightWorld world;
  WeightStory story;
  const Timestamp at{1'700'000'000'000'000};
  story.signal(0, 1, 4, at);  // by creator 4 % 3 = 1
  story.signal(kRelationSignal, 1, 2, at).record.type = wal::RecordType::Relate;
  story.signal(6, 1, 3, at);                           // admires creator 3
  story.signal(8, 1, 0, at);                           // of a user: nothing
  story.signal(4, 1, 0, at).ids.user = Ordinal::None;  // of nobody: nothing
  story.signal(0, 2, 4, at);
  wal::WalEvent& undo = story.signal(0, 2, 4, at);
  undo.record.type = wal::RecordType::Unsignal;
  undo.ids.stood = true;
  for (const auto& event : story.history.events()) world.apply(event);
  const std::vector<Ordinal> all = {to_ordinal(0), to_ordinal(1), to_ordinal(2), to_ordinal(3), to_ordinal(4)};
  std::vector<double> out(all.size());
  const auto expect = [&](const std::vector<double>& expected) {
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-7) << i;
  };
  world.state.interactions(to_ordinal(1), all, at, out);
  expect({0, 0.1, 0.5, 0.4, 0});
  world.state.affinities(to_ordinal(1), all, at, out);
  expect({0, 0, 0, 0, 0.3});
  world.state.interactions(to_ordinal(2), all, at, out);
  expect({0, 0, 0, 0, 0});
  world.state.affinities(to_ordinal(2), all, at, out);
  expect({0, 0, 0, 0, 0});
}

TEST(WeightsView, DeletionTakesAUsersWeightsAndLeavesThoseTowardOthers) {  // W4
  WeightWorld world;
  WeightStory story;
  const Timestamp at{1'700'000'000'000'000};
  story.signal(0, 1, 4, at);
  story.add(wal::RecordType::DeleteEntity, EntityKind::Item, to_ordinal(4), at);
  story.add(wal::RecordType::DeleteEntity, EntityKind::Creator, to_ordinal(1), at);
  for (const auto& event : story.history.events()) world.apply(event);
  EXPECT_EQ(world.state.top(to_ordinal(1), WeightKind::Interaction, 9, at).size(), 1U);
  EXPECT_EQ(world.state.top(to_ordinal(1), WeightKind::Affinity, 9, at).size(), 1U);
  wal::WalEvent last = story.add(wal::RecordType::DeleteEntity, EntityKind::User, to_ordinal(1), at);
  world.apply(last);
  EXPECT_TRUE(world.state.top(to_ordinal(1), WeightKind::Interaction, 9, at).empty());
  EXPECT_TRUE(world.state.top(to_ordinal(1), WeightKind::Affinity, 9, at).empty());
}

TEST(WeightsView, TakesTheHalfLifeFromTheRecord) {
  WeightWorld world;
  world.state.set_half_life(days(7));
  WeightStory story;
  story.settings(days(2));
  const auto change = schema::decode_change(story.history.events()[0].record.payload);
  ASSERT_TRUE(change.ok());
  ASSERT_NE(change->settings.relationship_half_life, days(7));
  world.apply(story.history.events()[0]);
  EXPECT_EQ(world.state.half_life(), change->settings.relationship_half_life);
}

TEST(WeightsView, AnImageKeepsTheHalfLife) {
  WeightWorld world;
  world.state.set_half_life(days(7));
  WeightWorld restored;
  ASSERT_TRUE(restored.view().restore(materializer::image_of(world.view()), SeqNo{1}).ok());
  EXPECT_EQ(restored.state.half_life(), days(7));
  restored.view().reset();
  EXPECT_EQ(restored.state.half_life(), days(30));
}

TEST(WeightsView, PrefetchChangesNothing) {
  const WeightStory story = random_weight_story(12, 300);
  WeightWorld with;
  WeightWorld without;
  std::vector<wal::WalEvent> events(story.history.events().begin(), story.history.events().end());
  events[0].ids = {};  // ids may be missing yet
  for (const auto& event : story.history.events()) {
    with.view().prefetch(events);
    with.apply(event);
    without.apply(event);
  }
  EXPECT_EQ(with.digest(), without.digest());
}

/// One user with one weight toward creator 2, written by hand with one thing wrong at a time.
struct Image {
  std::uint8_t format = 1;
  std::int64_t half_life_us = 1000;
  std::uint64_t user_end = 2;
  std::uint64_t creator_end = 3;
  std::uint64_t item_end = 0;
  std::uint64_t pairs = 1;
  std::uint64_t number = 2;
  std::int64_t word = pack({kUnitsOfOne, 5});
  std::string_view after{};

  [[nodiscard]] Status restore(WeightWorld& world) const {
    base::Encoder out;
    out.u8(format);
    out.i64(half_life_us);
    out.varint(user_end);
    out.varint(creator_end);
    out.varint(item_end);
    const Ordinal user = to_ordinal(1);
    index::encode_ordinals({&user, 1}, out);
    out.varint(pairs);
    out.varint(number);
    out.u64(static_cast<std::uint64_t>(word));
    out.raw(after);
    return world.view().restore(out.str(), SeqNo{1});
  }
};

TEST(WeightsView, RefusesImagesThatItCannotHaveWritten) {
  WeightWorld world;
  const auto pairs = [&] {
    std::size_t count = 0;
    world.state.for_each_fact_of(to_ordinal(1), [&](const WeightFact&) { ++count; });
    return count;
  };
  ASSERT_TRUE(Image{}.restore(world).ok());
  EXPECT_EQ(pairs(), 1U);
  EXPECT_EQ(world.state.half_life(), microseconds(1000));
  const Image wrong[] = {{.format = 0},
                         {.half_life_us = 0},
                         {.half_life_us = -1},
                         {.user_end = 1},
                         {.user_end = 3},
                         {.user_end = kWho + 1},
                         {.user_end = std::uint64_t{1} << 40},
                         {.creator_end = 2},
                         {.creator_end = 4},
                         {.creator_end = std::uint64_t{1} << 40},
                         {.item_end = 1},
                         {.item_end = kWho + 1},
                         {.pairs = 0},
                         {.pairs = 2},
                         {.pairs = std::uint64_t{1} << 60},
                         {.number = 3},
                         {.number = std::uint64_t{1} << 32 | 2},
                         {.number = std::uint64_t{2} << 32 | 2},
                         {.number = ~std::uint64_t{0}},
                         {.word = -1},
                         {.word = std::int64_t{1} << 63},
                         {.after = "x"}};
  for (std::size_t i = 0; i < std::size(wrong); ++i) {
    const Status status = wrong[i].restore(world);
    ASSERT_FALSE(status.ok()) << "case " << i;
    EXPECT_EQ(status.error().code, Code::Corruption) << "case " << i;
    EXPECT_EQ(pairs(), 0U) << "case " << i;  // reset
  }
}

}  // namespace
}  // namespace tidal::relationship
