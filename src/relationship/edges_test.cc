// Edges: cases worked out by hand, a fold over the list of events, memory, readers beside a writer.
#include "relationship/edges.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <thread>
#include <tuple>

#include "base/case_stride_for_test.h"
#include "relationship/edges_history_for_test.h"

namespace tidal::relationship {
namespace {

constexpr std::uint16_t kFollows = 0;
constexpr std::uint16_t kBlocks = 1;
constexpr std::uint16_t kFriendOf = 3;
constexpr std::uint16_t kBlocksUser = 4;
constexpr std::uint16_t kMutesUser = 5;

Ordinal nr(std::uint32_t i) { return to_ordinal(i); }

void write(EdgeState& state, std::uint16_t relation, std::uint32_t from, std::uint32_t to, std::int64_t at,
           bool stands = true, double weight = 1.0) {
  state.record({relation, nr(from), nr(to), Timestamp{at}, stands, weight}, relation_pool());
}

/// "" when every read gives what the model folds, else what differs.
std::string compare(const EdgeState& state, const EdgeStory& story) {
  const std::vector<Ordinal> all = index::Bitmap::range(kOrdinals).to_vector();
  std::map<std::pair<std::uint16_t, Ordinal>, std::vector<Edge>> incoming;
  for (std::uint16_t r = 0; r < relation_pool().size(); ++r) {
    for (const Ordinal from : all) {
      std::vector<Edge> outgoing;
      index::Bitmap targets;
      std::vector<double> expected;
      for (const Ordinal to : all) {
        const auto cell = story.cell(r, from, to);
        expected.push_back(cell && cell->stands ? 1.0 : 0.0);
        if (state.stands(r, from, to) != (expected.back() == 1.0)) return "stands";
        if (expected.back() == 0.0) continue;
        targets.add(to);
        outgoing.push_back({to, cell->weight, cell->at});
        incoming[{r, to}].push_back({from, cell->weight, cell->at});
        if (state.edge(r, from, to) != outgoing.back()) return "edge";
      }
      std::vector<double> standing(all.size(), -1);
      state.standing(r, from, all, standing);
      if (standing != expected) return "standing";
      if (!(state.targets(r, from) == targets)) return "targets";
      if (state.outgoing(r, from) != outgoing) return "outgoing";
      if (state.outgoing_count(r, from) != outgoing.size()) return "outgoing_count";
      std::stable_sort(outgoing.begin(), outgoing.end(), [](const Edge& a, const Edge& b) { return a.at > b.at; });
      if (state.outgoing(r, from, EdgeOrder::ByTime) != outgoing) return "outgoing by time";
    }
  }
  for (std::uint16_t r = 0; r < relation_pool().size(); ++r) {
    for (const Ordinal to : all) {
      const std::vector<Edge>& expected = incoming[{r, to}];
      std::vector<Ordinal> sources;
      state.for_each_source(r, to, [&](Ordinal from) {
        sources.push_back(from);
        return true;
      });
      if (state.incoming(r, to) != expected) return "incoming";
      if (!std::ranges::equal(sources, expected, {}, {}, &Edge::other)) return "sources";
      if (state.incoming_count(r, to) != expected.size()) return "incoming_count";
    }
  }
  return {};
}

/// All cells, those that do not stand as well: of the whole state and of every entity.
std::string compare_facts(const EdgeState& state, const EdgeStory& story) {
  using Key = std::tuple<std::uint16_t, Ordinal, Ordinal>;
  std::map<Key, EdgeStory::Cell> expected;
  for (std::uint16_t r = 0; r < relation_pool().size(); ++r) {
    for (std::uint32_t f = 0; f < kOrdinals; ++f) {
      for (std::uint32_t t = 0; t < kOrdinals; ++t) {
        if (const auto cell = story.cell(r, nr(f), nr(t))) expected[{r, nr(f), nr(t)}] = *cell;
      }
    }
  }
  std::map<Key, EdgeStory::Cell> found;
  std::size_t visits = 0;
  const auto take = [&](const EdgeFact& f) {
    found[{f.relation, f.from, f.to}] = {f.stands, f.at, f.weight};
    ++visits;
  };
  state.for_each_fact(take);
  if (found != expected || visits != expected.size()) return "for_each_fact";
  for (std::size_t k = 0; k < kEntityKinds; ++k) {
    for (std::uint32_t o = 0; o < kOrdinals; ++o) {
      found.clear();
      visits = 0;
      state.for_each_fact_of(static_cast<EntityKind>(k), nr(o), take);
      std::map<Key, EdgeStory::Cell> of_entity = expected;
      std::erase_if(of_entity, [&](const auto& entry) {
        const auto& [relation, from, to] = entry.first;
        const RelationDef& def = relation_pool()[relation];
        const bool begins = def.from == static_cast<EntityKind>(k) && from == nr(o);
        const bool ends = def.to == static_cast<EntityKind>(k) && to == nr(o);
        return !begins && !ends;
      });
      if (found != of_entity || visits != of_entity.size()) return "for_each_fact_of";
    }
  }
  return {};
}

TEST(EdgeState, EqualsAFoldOverTheEventsInTenThousandHistories) {  // R1 to R3
  for (std::uint64_t seed = base::first_case(10'000); seed <= 10'000; seed += base::kCaseStride) {
    const EdgeStory story = random_edge_story(seed, static_cast<int>(seed % 60));
    EdgeWorld world;
    for (const auto& event : story.history.events()) world.apply(event);
    ASSERT_EQ(compare(world.state, story), "") << "seed " << seed;
    ASSERT_EQ(compare_facts(world.state, story), "") << "seed " << seed;
  }
}

RC_GTEST_PROP(EdgeState, EqualsAFoldOverTheEvents, (std::uint64_t seed)) {
  const EdgeStory story = random_edge_story(seed, *rc::gen::inRange(0, 400));
  EdgeWorld world;
  for (const auto& event : story.history.events()) world.apply(event);
  RC_ASSERT(compare(world.state, story) == "");
  RC_ASSERT(compare_facts(world.state, story) == "");
}

TEST(EdgeState, TheLatestTimeDecidesAndTiesGoToTheLaterRecord) {  // R1
  EdgeState state;
  write(state, kFollows, 1, 2, 100, true, 0.5);
  write(state, kFollows, 1, 2, 90, false);  // late: nothing
  EXPECT_EQ(state.edge(kFollows, nr(1), nr(2)), (Edge{nr(2), 0.5, Timestamp{100}}));
  write(state, kFollows, 1, 2, 100, true, 2.0);  // a tie takes the weight over
  EXPECT_EQ(state.edge(kFollows, nr(1), nr(2)), (Edge{nr(2), 2.0, Timestamp{100}}));
  write(state, kFollows, 1, 2, 100, false);
  EXPECT_FALSE(state.stands(kFollows, nr(1), nr(2)));
  write(state, kFollows, 1, 2, 99);
  EXPECT_FALSE(state.stands(kFollows, nr(1), nr(2)));
  write(state, kFollows, 1, 2, 101);
  EXPECT_TRUE(state.stands(kFollows, nr(1), nr(2)));
}

TEST(EdgeState, TakingAwayWhatNeverWasKeepsOlderRecordsOut) {  // R1
  EdgeState state;
  write(state, kFollows, 1, 2, 100, false);
  write(state, kFollows, 1, 2, 50);
  EXPECT_FALSE(state.stands(kFollows, nr(1), nr(2)));
  EXPECT_EQ(state.incoming_count(kFollows, nr(2)), 0U);
}

TEST(EdgeState, DeletionTakesFollowsAndLeavesBlocks) {  // R2
  EdgeState state;
  write(state, kFollows, 1, 2, 1);
  write(state, kBlocks, 1, 2, 1);
  write(state, kBlocksUser, 1, 3, 1);
  write(state, kMutesUser, 1, 3, 1);
  write(state, kMutesUser, 3, 1, 1);
  write(state, kFriendOf, 3, 1, 1);
  state.delete_entity(EntityKind::Creator, nr(2), relation_pool());
  EXPECT_FALSE(state.stands(kFollows, nr(1), nr(2)));
  EXPECT_EQ(state.outgoing_count(kFollows, nr(1)), 0U);
  EXPECT_TRUE(state.stands(kBlocks, nr(1), nr(2)));
  state.delete_entity(EntityKind::User, nr(1), relation_pool());
  EXPECT_TRUE(state.stands(kBlocks, nr(1), nr(2)));      // its own hard exclusions stay
  EXPECT_TRUE(state.stands(kBlocksUser, nr(1), nr(3)));  // likewise
  EXPECT_FALSE(state.stands(kMutesUser, nr(1), nr(3)));  // its own soft ones go
  EXPECT_TRUE(state.stands(kMutesUser, nr(3), nr(1)));   // what others keep from themselves stays
  EXPECT_FALSE(state.stands(kFriendOf, nr(3), nr(1)));
  EXPECT_EQ(state.incoming_count(kFriendOf, nr(1)), 0U);
  state.erase_user(nr(1));  // R3
  EXPECT_FALSE(state.stands(kBlocks, nr(1), nr(2)));
  EXPECT_FALSE(state.stands(kMutesUser, nr(3), nr(1)));
}

TEST(EdgeState, ADeletedEntityForgetsWhatFellToo) {  // R2
  EdgeState state;
  write(state, kFollows, 1, 2, 100, false);
  state.delete_entity(EntityKind::Creator, nr(2), relation_pool());
  write(state, kFollows, 1, 2, 50);  // of the next life of the key
  EXPECT_TRUE(state.stands(kFollows, nr(1), nr(2)));
}

TEST(EdgeState, WeightsDecayByTheHalfLifeOfTheirRelation) {
  const RelationDef& follows = relation_pool()[kFollows];
  const Timestamp start{1'700'000'000'000'000};
  const Edge edge{nr(1), 0.8, start};
  EXPECT_EQ(decayed_weight(follows, edge, start), 0.8);
  EXPECT_EQ(decayed_weight(follows, edge, start + days(30)), 0.4);
  EXPECT_EQ(decayed_weight(follows, edge, start + days(90)), 0.1);
  EXPECT_NEAR(decayed_weight(follows, edge, start + days(15)), 0.5656854249492381, 1e-15);  // 0.8 / sqrt 2
  EXPECT_EQ(decayed_weight(follows, edge, start - days(30)), 0.8);                          // not yet
  EXPECT_EQ(decayed_weight(relation_pool()[kBlocks], edge, start + days(3000)), 0.8);       // it has none
}

TEST(EdgeState, ReadsOfWhatIsNotThereAreEmpty) {
  EdgeState state;
  write(state, kFollows, 1, 2, 1);
  for (const std::uint16_t relation : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{200}, std::uint16_t{0xFFFF}}) {
    for (const Ordinal who : {nr(7), nr(100'000), Ordinal::None}) {
      EXPECT_TRUE(state.outgoing(relation, who).empty());
      EXPECT_TRUE(state.incoming(relation, who).empty());
      EXPECT_TRUE(state.targets(relation, who).empty());
      EXPECT_EQ(state.incoming_count(relation, who), 0U);
      double out = -1;
      state.standing(relation, who, {&who, 1}, {&out, 1});
      EXPECT_EQ(out, 0.0);
    }
  }
  state.erase_user(Ordinal::None);
  state.delete_entity(EntityKind::User, nr(100'000), relation_pool());
  EXPECT_TRUE(state.stands(kFollows, nr(1), nr(2)));
}

// A creator with 200,000 followers, a user with 50,000 follows, and 20,000 users with 200 each.
TEST(EdgeState, TakesFewBytesAnEdge) {
  EdgeState state;
  const std::size_t empty = state.memory_bytes();
  for (std::uint32_t u = 0; u < 200'000; ++u) write(state, kFollows, u, 7, u);
  for (std::uint32_t c = 0; c < 50'000; ++c) write(state, kFollows, 3, c, c);
  EXPECT_EQ(state.incoming_count(kFollows, nr(7)), 200'000U);
  EXPECT_EQ(state.outgoing_count(kFollows, nr(3)), 50'000U);
  EdgeState usual;
  for (std::uint32_t u = 0; u < 5'000; ++u) {
    for (std::uint32_t i = 0; i < 200; ++i) write(usual, kFollows, u, (u * 7919 + i * 104'729) % 100'000, i);
  }
  const double bytes = static_cast<double>(usual.memory_bytes() - empty) / (5'000.0 * 200);
  std::printf("bytes an edge: %.1f at 200 edges a user and 10 an end\n", bytes);
  EXPECT_LT(bytes, 50.0);
}

// Of every edge the weight equals the time, and it stands at odd times only.
TEST(EdgeState, ReadersSeeStandingTimeAndWeightTogether) {  // R4
  EdgeState state;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> rounds{0};
  const auto check = [&](const Edge& e, std::int64_t& newest) {
    if (e.weight != static_cast<double>(e.at.us) || e.at.us % 2 != 1 || e.at.us < newest) wrong.fetch_add(1);
    newest = e.at.us;
  };
  write(state, kFollows, 1, 63, 1);
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      std::vector<std::int64_t> by_edge(64, 0);
      std::vector<std::int64_t> by_source(64, 0);
      std::vector<std::int64_t> by_target(64, 0);
      const std::vector<Ordinal> tos = index::Bitmap::range(64).to_vector();
      std::vector<double> standing(64);
      while (!done.load(std::memory_order_relaxed)) {
        for (std::uint32_t i = 0; i < 64; ++i) {
          if (const auto e = state.edge(kFollows, nr(1), nr(i))) check(*e, by_edge[i]);
        }
        for (const Edge& e : state.outgoing(kFollows, nr(1))) check(e, by_target[to_index(e.other)]);
        for (const Edge& e : state.incoming(kFollows, nr(7))) check(e, by_source[to_index(e.other)]);
        state.standing(kFollows, nr(1), tos, standing);
        // Of this one edge every statement says that it stands; of that one none does.
        if (standing[63] != 1.0 || standing[62] != 0.0 || !state.targets(kFollows, nr(1)).contains(nr(63))) {
          wrong.fetch_add(1);
        }
        state.for_each_fact_of(EntityKind::User, nr(1), [&](const EdgeFact& f) {
          if (f.stands != (f.at.us % 2 == 1)) wrong.fetch_add(1);
        });
        if (state.incoming_count(kFollows, nr(7)) > 64 || state.memory_bytes() == 0) wrong.fetch_add(1);
        rounds.fetch_add(1);
      }
    });
  }
  while (rounds.load() < 30) std::this_thread::yield();  // all are under way, or nearly
  for (std::uint32_t i = 2; i < 60'000; ++i) {
    const std::int64_t at = i;
    write(state, kFollows, 1, i * 31 % 62, at, i % 2 == 1, i);
    write(state, kFollows, i * 17 % 64, 7, at, i % 2 == 1, i);
    if (i % 2 == 1) write(state, kFollows, 1, 63, at, true, i);
    if (i % 2 == 0) write(state, kFollows, 1, 62, at, false);
    if (i % 4999 == 0) state.erase_user(nr(40));
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  std::printf("%d rounds of reads\n", rounds.load());
}

TEST(EdgeState, ACaptureIsWrittenWhileTheStateMovesOn) {
  EdgeState state;
  const auto write_some = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      write(state, kFollows, i % 7, i * 31 % 400, i, i % 5 != 0, i % 3);
      write(state, kBlocksUser, i * 13 % 90, i % 11, i);
    }
  };
  write_some(0, 3000);
  for (std::uint32_t round = 1; round < 5; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write_some(round * 3000, (round + 1) * 3000);
      state.erase_user(nr(round));
      state.delete_entity(EntityKind::Creator, nr(round), relation_pool());
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::relationship
