// The view "co_engagement": conformance, what its digest sees, damage to its image, erasure.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/coding.h"
#include "index/ordinal_list.h"
#include "relationship/co_engagement_model_for_test.h"

namespace tidal::relationship {
namespace {

constexpr CoEngagement::Limits kSmall{.neighbours = 4, .recent = 5};

RC_GTEST_PROP(CoEngagementView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story({.seed = seed, .steps = *rc::gen::inRange(0U, 200U), .limits = kSmall});
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(kSmall); }, story.history) == "");
}

// What is left of a user is what the items earned: the facts without her list, which is as if she had never begun one.
RC_GTEST_PROP(CoEngagementView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const Story story = random_story({.seed = seed, .steps = 150, .limits = kSmall});
  World world(kSmall);
  for (const auto& event : story.history.events()) world.apply(event);
  std::vector<FactRow> expected = facts_of(world.state);
  std::erase_if(expected, [](const FactRow& fact) { return std::get<1>(fact) == to_ordinal(2); });
  world.view().erase_user(to_ordinal(2));
  RC_ASSERT(facts_of(world.state) == expected);
  RC_ASSERT(world.state.recent(to_ordinal(2)).empty());
  RC_ASSERT(world.state.from_recent(to_ordinal(2), 5).empty());
  // Nor in the image: one written after the erasure restores to the same.
  const std::string image = materializer::image_of(world.view());
  World other(kSmall);
  RC_ASSERT(other.view().restore(image, SeqNo{1}).ok());
  RC_ASSERT(facts_of(other.state) == expected);
}

TEST(CoEngagementView, DigestSeesEveryKindOfChange) {
  World world({});
  Story story;
  declare_signals(story);
  for (const auto& event : story.history.events()) world.apply(event);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto like = [&](std::uint32_t user, std::uint32_t item, std::int64_t at) {
    world.state.record({to_ordinal(user), to_ordinal(item), Timestamp{at}});
  };
  like(0, 1, 10);
  expect_new("self and a list");
  world.state.take_back(to_ordinal(0), to_ordinal(1));
  expect_new("a list that is gone");
  like(1, 1, 10);
  expect_new("another user's list");
  like(1, 2, 10);
  expect_new("a pair");
  like(1, 1, 10);
  expect_new("the order of a list");
  like(1, 1, 11);
  expect_new("a time");
  like(2, 2, 10);
  expect_new("self");
  like(2, 3, 10);
  like(2, 1, 10);
  expect_new("a pair's weight");
  world.state.erase_user(to_ordinal(2));
  expect_new("a user's erasure");
  world.state.delete_item(to_ordinal(2));
  expect_new("an item's deletion");
}

// The one with a single row of one pair in each direction, each field spoiled in a way that a walk would trip over.
TEST(CoEngagementView, RefusesImagesThatNothingCanHaveWritten) {
  const auto image = [](auto change) {
    struct Fields {
      std::uint8_t format = 1;
      std::uint64_t item_end = 2, user_end = 1, count = 1, other = 1, places = 2, place = 0, second_place = 1;
      double self = 1;
      float weight = 0.5F;
    } f;
    change(f);
    base::Encoder out;
    out.u8(f.format);
    out.varint(f.item_end);
    out.varint(f.user_end);
    index::encode_ordinals(std::vector{to_ordinal(0), to_ordinal(1)}, out);
    out.f64(f.self);
    out.varint(f.count);
    out.varint(f.other);
    out.f32(f.weight);
    out.f64(0.7);
    out.varint(0);
    index::encode_ordinals(std::vector{to_ordinal(0)}, out);
    out.varint(f.places);
    out.varint(f.place);
    out.zigzag(5);
    out.varint(f.second_place);
    out.zigzag(0);
    return out.take();
  };
  World world(kSmall);
  const auto restore = [&](const std::string& bytes) { return world.view().restore(bytes, SeqNo{1}); };
  const std::string empty = world.digest();
  ASSERT_TRUE(restore(image([](auto&) {})).ok()) << restore(image([](auto&) {})).error().to_string();
  EXPECT_NE(world.digest(), empty);
  EXPECT_EQ(materializer::image_of(world.view()), image([](auto&) {}));
  const auto refuses = [&](const char* what, auto change) {
    const Status s = restore(image(change));
    ASSERT_FALSE(s.ok()) << what;
    EXPECT_EQ(s.error().code, Code::Corruption) << what;
    EXPECT_EQ(world.digest(), empty) << what;
  };
  refuses("format", [](auto& f) { f.format = 2; });
  refuses("unknown item", [](auto& f) { f.item_end = 1'000'000; });
  refuses("item beyond all", [](auto& f) { f.item_end = std::uint64_t{1} << 40; });
  refuses("unknown user", [](auto& f) { f.user_end = 1'000'000; });
  refuses("self of nothing", [](auto& f) { f.self = 0; });
  refuses("negative self", [](auto& f) { f.self = -1; });
  refuses("infinite self", [](auto& f) { f.self = std::numeric_limits<double>::infinity(); });
  refuses("no number", [](auto& f) { f.self = std::numeric_limits<double>::quiet_NaN(); });
  refuses("more pairs than a row holds", [](auto& f) { f.count = 5; });
  refuses("a pair with itself", [](auto& f) { f.other = 0; });
  refuses("a pair with an unknown item", [](auto& f) { f.other = 2; });
  refuses("a pair of weight 0", [](auto& f) { f.weight = 0; });
  refuses("a pair of negative weight", [](auto& f) { f.weight = -1; });
  refuses("a pair of infinite weight", [](auto& f) { f.weight = std::numeric_limits<float>::infinity(); });
  refuses("an empty list", [](auto& f) { f.places = 0; });
  refuses("a list that is too long", [](auto& f) { f.places = 6; });
  refuses("a list with an unknown item", [](auto& f) { f.place = 2; });
  refuses("an item twice in a list", [](auto& f) { f.second_place = 0; });
}

TEST(CoEngagementView, AStateThatRefusesAnImageStaysAsItWas) {
  CoEngagement state(kSmall);
  state.record({to_ordinal(0), to_ordinal(1), Timestamp{1}});
  const auto before = facts_of(state);
  EXPECT_FALSE(state.restore("\x01\x09\x09", [](EntityKind, Ordinal) { return true; }).ok());
  EXPECT_EQ(facts_of(state), before);
}

}  // namespace
}  // namespace tidal::relationship
