// Co-engagement: values worked out by hand, and a fold over random histories by plain maps.
#include "relationship/co_engagement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "relationship/co_engagement_model_for_test.h"

namespace tidal::relationship {
namespace {

constexpr Ordinal kAnn = to_ordinal(0);
constexpr Ordinal kBob = to_ordinal(1);
constexpr Ordinal item(std::uint32_t i) { return to_ordinal(i); }

/// The pair's weight, -1 where there is none.
double pair_of(const CoEngagement& state, Ordinal of, Ordinal with) {
  double out = -1;
  state.for_each_fact([&](const CoEngagementFact& f) {
    if (f.type == CoEngagementFact::Type::Pair && f.item == of && f.other == with) {
      out = std::bit_cast<float>(static_cast<std::uint32_t>(f.number));
    }
  });
  return out;
}

double self_of(const CoEngagement& state, Ordinal of) {
  double out = 0;
  state.for_each_fact([&](const CoEngagementFact& f) {
    if (f.type == CoEngagementFact::Type::Self && f.item == of) out = std::bit_cast<double>(f.number);
  });
  return out;
}

std::vector<Ordinal> items_of(const std::vector<RecentItem>& list) {
  std::vector<Ordinal> out;
  for (const RecentItem& r : list) out.push_back(r.item);
  return out;
}

TEST(CoEngagement, APairGainsWhatItsGapAndTheListsLengthLeave) {
  CoEngagement state;
  state.record({kAnn, item(0), Timestamp{0}});
  EXPECT_EQ(self_of(state, item(0)), 1.0);
  EXPECT_TRUE(state.neighbours(item(0), 10).empty());
  state.record({kAnn, item(1), Timestamp{0}});
  state.record({kAnn, item(2), Timestamp{0}});
  // The fourth, a half-life earlier than the others by event time: 1/√4 · 1/2.
  state.record({kAnn, item(3), Timestamp{-days(30).us}});
  EXPECT_EQ(self_of(state, item(3)), 0.5);
  for (std::uint32_t other = 0; other < 3; ++other) {
    EXPECT_EQ(pair_of(state, item(3), item(other)), 0.25);
    EXPECT_EQ(pair_of(state, item(other), item(3)), 0.25);
  }
  EXPECT_EQ(pair_of(state, item(0), item(1)), static_cast<double>(static_cast<float>(1 / std::sqrt(2.0))));
  EXPECT_EQ(pair_of(state, item(1), item(2)), static_cast<double>(static_cast<float>(1 / std::sqrt(3.0))));
}

TEST(CoEngagement, SimilarityIsTheCosineTimesTheSupport) {
  EXPECT_EQ(similarity({.pair = 2, .self = 4, .other_self = 16}), 0.125);  // 2/8 · 2/4
  EXPECT_EQ(similarity({.pair = 6, .self = 6, .other_self = 6}), 0.75);    // 1 · 6/8
  EXPECT_EQ(similarity({.pair = 6, .self = 1, .other_self = 1}), 0.75);    // a cosine is at most 1
  EXPECT_EQ(similarity({.pair = 1, .self = 0, .other_self = 1}), 0.0);
  CoEngagement state;
  state.record({kAnn, item(0), Timestamp{0}});
  state.record({kAnn, item(1), Timestamp{0}});
  const double pair = static_cast<double>(static_cast<float>(1 / std::sqrt(2.0)));
  const double expected = pair / std::sqrt(1.0 * (1 / std::sqrt(2.0))) * (pair / (pair + 2));
  ASSERT_EQ(state.neighbours(item(0), 10).size(), 1U);
  EXPECT_DOUBLE_EQ(state.neighbours(item(0), 10)[0].similarity, expected);
  const std::vector<Ordinal> asked = {item(1), item(0), item(9), Ordinal::None};
  std::vector<double> out(4, -1);
  state.scores(item(0), asked, out);
  EXPECT_DOUBLE_EQ(out[0], expected);
  EXPECT_EQ(out[1], 0.0);
  EXPECT_EQ(out[2], 0.0);
  EXPECT_EQ(out[3], 0.0);
}

TEST(CoEngagement, ARepeatMovesToTheFrontKeepsTheLaterTimeAndAddsNothing) {  // E1
  CoEngagement state;
  for (std::uint32_t i = 0; i < 3; ++i) state.record({kAnn, item(i), Timestamp{100 + i}});
  const double before = pair_of(state, item(0), item(2));
  state.record({kAnn, item(0), Timestamp{7}});
  EXPECT_EQ(state.recent(kAnn),
            (std::vector<RecentItem>{{item(0), Timestamp{100}}, {item(2), Timestamp{102}}, {item(1), Timestamp{101}}}));
  state.record({kAnn, item(2), Timestamp{900}});
  EXPECT_EQ(state.recent(kAnn)[0], (RecentItem{item(2), Timestamp{900}}));
  EXPECT_EQ(pair_of(state, item(0), item(2)), before);
  EXPECT_EQ(self_of(state, item(0)), 1.0);
}

TEST(CoEngagement, TheOldestLeavesBeforeTheNewcomersPairsAreMade) {  // E1
  CoEngagement state({.neighbours = 64, .recent = 3});
  for (std::uint32_t i = 0; i < 4; ++i) state.record({kAnn, item(i), Timestamp{0}});
  EXPECT_EQ(items_of(state.recent(kAnn)), (std::vector{item(3), item(2), item(1)}));
  EXPECT_EQ(pair_of(state, item(3), item(0)), -1);
  EXPECT_EQ(pair_of(state, item(3), item(1)), static_cast<double>(static_cast<float>(1 / std::sqrt(3.0))));
}

TEST(CoEngagement, FiftyAreKeptUnlessToldOtherwise) {
  CoEngagement state;
  for (std::uint32_t i = 0; i < 60; ++i) state.record({kAnn, item(i), Timestamp{0}});
  EXPECT_EQ(state.recent(kAnn).size(), 50U);
  EXPECT_EQ(state.neighbours(item(59), 1000).size(), 49U);
  EXPECT_EQ(state.neighbours(item(30), 1000).size(), 59U);
  for (std::uint32_t i = 60; i < 79; ++i) state.record({kAnn, item(i), Timestamp{0}});
  EXPECT_EQ(state.neighbours(item(40), 1000).size(), 64U);
}

TEST(CoEngagement, OfAFullRowTheLowestGoesNewcomerIncluded) {  // E2
  CoEngagement state({.neighbours = 2, .recent = 50});
  const auto like_both = [&](std::uint32_t user, std::uint32_t other, Duration gap) {
    state.record({to_ordinal(user), item(0), Timestamp{0}});
    state.record({to_ordinal(user), item(other), Timestamp{gap.us}});
  };
  like_both(0, 5, days(30));
  like_both(1, 3, days(30));
  const double half = static_cast<double>(static_cast<float>(0.5 / std::sqrt(2.0)));
  // As heavy as the lowest with a higher ordinal: stays out, while its own row has it.
  like_both(2, 7, days(30));
  EXPECT_EQ(pair_of(state, item(0), item(7)), -1);
  EXPECT_EQ(pair_of(state, item(7), item(0)), half);
  // As heavy with a lower ordinal: the highest ordinal goes.
  like_both(3, 1, days(30));
  EXPECT_EQ(pair_of(state, item(0), item(5)), -1);
  EXPECT_EQ(pair_of(state, item(0), item(1)), half);
  EXPECT_EQ(pair_of(state, item(0), item(3)), half);
  // Heavier: enters; of the two equal ones the higher ordinal goes. It restarts at 0 when it comes back.
  like_both(4, 9, days(0));
  EXPECT_EQ(pair_of(state, item(0), item(3)), -1);
  EXPECT_EQ(pair_of(state, item(0), item(9)), static_cast<double>(static_cast<float>(1 / std::sqrt(2.0))));
  like_both(5, 3, days(15));
  EXPECT_LT(pair_of(state, item(0), item(3)), 2 * half);
  EXPECT_GT(pair_of(state, item(0), item(3)), half);
  EXPECT_EQ(pair_of(state, item(0), item(1)), -1);
  // Lighter than all: stays out.
  like_both(6, 2, days(60));
  EXPECT_EQ(pair_of(state, item(0), item(2)), -1);
}

TEST(CoEngagement, TakingBackLeavesPairsAndAnEmptyListLeavesNothing) {
  CoEngagement state;
  state.record({kAnn, item(0), Timestamp{0}});
  state.record({kAnn, item(1), Timestamp{0}});
  const double pair = pair_of(state, item(0), item(1));
  state.take_back(kAnn, item(0));
  state.take_back(kAnn, item(7));
  state.take_back(kBob, item(0));
  EXPECT_EQ(items_of(state.recent(kAnn)), std::vector{item(1)});
  EXPECT_EQ(pair_of(state, item(0), item(1)), pair);
  EXPECT_EQ(self_of(state, item(0)), 1.0);
  state.take_back(kAnn, item(1));
  EXPECT_TRUE(state.recent(kAnn).empty());
  state.record({kAnn, item(2), Timestamp{0}});
  EXPECT_EQ(self_of(state, item(2)), 1.0);
}

TEST(CoEngagement, DecadesApartIsNoPair) {  // E4: half of 2^-500 is nothing in a float
  CoEngagement state;
  state.record({kAnn, item(0), Timestamp{0}});
  state.record({kAnn, item(1), Timestamp{0} + days(30 * 500)});
  state.record({kAnn, item(2), Timestamp{std::numeric_limits<std::int64_t>::min()}});
  EXPECT_TRUE(state.neighbours(item(0), 10).empty());
  EXPECT_EQ(state.recent(kAnn).size(), 3U);
}

TEST(CoEngagement, ADeletedItemIsNowhereAndDoesNotComeBack) {  // E3
  CoEngagement state;
  const auto like_all = [&](Ordinal user) {
    for (std::uint32_t i = 0; i < 4; ++i) state.record({user, item(i), Timestamp{0}});
  };
  // More often than generations are told apart.
  for (std::uint32_t round = 0; round < 600; ++round) {
    like_all(to_ordinal(round));
    EXPECT_EQ(state.neighbours(item(0), 10).size(), 3U);
    state.delete_item(item(1));
    EXPECT_EQ(state.neighbours(item(0), 10).size(), 2U);
    EXPECT_TRUE(state.neighbours(item(1), 10).empty());
    EXPECT_EQ(self_of(state, item(1)), 0.0);
    EXPECT_EQ(pair_of(state, item(0), item(1)), -1);
    EXPECT_EQ(items_of(state.recent(to_ordinal(round))), (std::vector{item(3), item(2), item(0)}));
    double score = -1;
    const Ordinal gone = item(1);
    state.scores_for_user(to_ordinal(round), {&gone, 1}, {&score, 1});
    EXPECT_EQ(score, 0.0);
  }
  state.record({kAnn, item(1), Timestamp{0}});
  EXPECT_EQ(pair_of(state, item(0), item(1)), 0.5) << "restarts at 0";
  // A list of before may not hold it when the same generation is counted again.
  CoEngagement other;
  other.record({kBob, item(1), Timestamp{0}});
  other.record({kBob, item(2), Timestamp{0}});
  for (int i = 0; i < 256; ++i) other.delete_item(item(1));
  EXPECT_EQ(items_of(other.recent(kBob)), std::vector{item(2)});
  EXPECT_TRUE(other.neighbours(item(2), 10).empty());
}

TEST(CoEngagement, PlacesOfDeletedItemsAreFree) {  // E3, E2
  CoEngagement state({.neighbours = 2, .recent = 50});
  state.record({kAnn, item(0), Timestamp{0}});
  state.record({kAnn, item(1), Timestamp{0}});
  state.record({kAnn, item(2), Timestamp{0}});
  state.delete_item(item(1));
  // Lighter than both that were there, yet it enters.
  state.record({kBob, item(0), Timestamp{0}});
  state.record({kBob, item(8), Timestamp{days(300).us}});
  EXPECT_GT(pair_of(state, item(0), item(8)), 0);
  EXPECT_GT(pair_of(state, item(0), item(2)), 0);
}

TEST(CoEngagement, RecommendsWhatWasLikedBesideTheUsersRecentItems) {
  CoEngagement state;
  for (std::uint32_t user = 10; user < 20; ++user) {
    for (const std::uint32_t i : {0, 1, 2}) state.record({to_ordinal(user), item(i), Timestamp{0}});
  }
  state.record({to_ordinal(30), item(0), Timestamp{0}});
  state.record({to_ordinal(30), item(5), Timestamp{0}});
  state.record({kAnn, item(0), Timestamp{1}});
  state.record({kAnn, item(1), Timestamp{2}});
  const auto found = state.from_recent(kAnn, 10);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].item, item(2));
  EXPECT_EQ(found[1].item, item(5));
  double sum = 0;
  for (const Ordinal anchor : {item(1), item(0)}) {
    double score = 0;
    const Ordinal asked = item(2);
    state.scores(anchor, {&asked, 1}, {&score, 1});
    sum += score;
  }
  EXPECT_EQ(found[0].similarity, sum);
  EXPECT_EQ(state.from_recent(kAnn, 1), std::vector{found[0]});
  EXPECT_TRUE(state.from_recent(kBob, 10).empty());
}

/// "" when the state is the model's and every read what the maps give.
std::string difference(const CoEngagement& state, const Model& model) {
  if (facts_of(state) != model.facts()) return "facts differ";
  std::vector<Ordinal> all;
  for (std::uint32_t i = 0; i < kItems; ++i) all.push_back(item(i));
  std::vector<double> out(all.size());
  for (const Ordinal anchor : all) {
    const auto similar = model.similarities(anchor);
    if (state.neighbours(anchor, 3) != Model::best(similar, 3)) return "neighbours differ";
    state.scores(anchor, all, out);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (out[i] != (similar.contains(all[i]) ? similar.at(all[i]) : 0.0)) return "scores differ";
    }
  }
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    const Ordinal user = to_ordinal(u);
    const auto list = model.lists.find(user);
    if (state.recent(user) != (list == model.lists.end() ? std::vector<RecentItem>() : list->second)) {
      return "recent items differ";
    }
    auto sums = model.sums(user);
    state.scores_for_user(user, all, out);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (out[i] != (sums.contains(all[i]) ? sums.at(all[i]) : 0.0)) return "scores for a user differ";
    }
    for (const RecentItem& recent : state.recent(user)) sums.erase(recent.item);
    if (state.from_recent(user, 4) != Model::best(sums, 4)) return "recommendations differ";
  }
  return {};
}

/// What random histories held.
struct Coverage {
  std::size_t evictions = 0;
  std::size_t late = 0;
  std::size_t long_ones = 0;  ///< so long that generations began anew
};

std::string run(const StoryOptions& options, Coverage* coverage = nullptr) {
  const Story story = random_story(options);
  if (coverage != nullptr) {
    coverage->evictions += story.model.evictions > 0 ? 1 : 0;
    coverage->late += story.model.late > 0 ? 1 : 0;
    coverage->long_ones += story.history.events().size() > options.steps + 200 ? 1 : 0;
  }
  World world(options.limits);
  for (const auto& event : story.history.events()) {
    world.view().prefetch({&event, 1});
    world.apply(event);
  }
  return difference(world.state, story.model);
}

TEST(CoEngagement, EqualsAFoldOverRandomHistories) {  // E1 to E4
  Coverage coverage;
  for (std::uint64_t seed = 1; seed <= 10'000; ++seed) {
    base::Random random(seed);
    StoryOptions options{.seed = seed, .steps = static_cast<std::uint32_t>(random.below(160)), .limits = {}};
    options.limits = {.neighbours = static_cast<std::uint32_t>(1 + random.below(9)),
                      .recent = static_cast<std::uint32_t>(1 + random.below(7))};
    const std::string wrong = run(options, &coverage);
    if (wrong.empty()) continue;
    // A history of fewer steps is a beginning of the longer one.
    while (options.steps > 0 && !run({options.seed, options.steps - 1, options.limits}).empty()) --options.steps;
    FAIL() << wrong << ": seed " << seed << ", steps " << options.steps << ", neighbours " << options.limits.neighbours
           << ", recent " << options.limits.recent;
  }
  EXPECT_GT(coverage.evictions, 3000U);
  EXPECT_GT(coverage.late, 3000U);
  EXPECT_GT(coverage.long_ones, 500U);
}

TEST(CoEngagement, TakesSixHundredBytesAFullRowAndEightHundredAFullList) {
  CoEngagement state;
  constexpr std::uint32_t items = 2000;
  base::Random random(1);
  state.record({to_ordinal(999), item(items - 1), Timestamp{0}});
  const std::size_t before = state.memory_bytes();
  for (std::uint32_t i = 0; i < 50 * items; ++i) {
    state.record({to_ordinal(i % 1000), item(static_cast<std::uint32_t>(random.below(items))), Timestamp{0}});
  }
  const double bytes = static_cast<double>(state.memory_bytes() - before);
  EXPECT_NEAR(bytes, items * (16 + 9 * 64.0) + 1000 * (8 + 16 * 50.0), 2000);
  std::printf("%.0f bytes of rows and lists\n", bytes);
}

}  // namespace
}  // namespace tidal::relationship
