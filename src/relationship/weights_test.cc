// Weights: cases worked out by hand, folds over the events with and without rounding, memory, readers beside a writer.
#include "relationship/weights.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <set>
#include <thread>

#include "base/case_stride_for_test.h"
#include "relationship/weight_word.h"
#include "relationship/weights_history_for_test.h"

namespace tidal::relationship {
namespace {

constexpr Timestamp kStart{1'700'000'000'000'000};

Ordinal nr(std::uint32_t i) { return to_ordinal(i); }

void add(WeightState& state, double delta, Timestamp at, std::uint32_t user = 1, std::uint32_t other = 2,
         WeightKind kind = WeightKind::Interaction) {
  state.record({kind, nr(user), nr(other), at, delta});
}
double interaction(const WeightState& state, Timestamp now, std::uint32_t user = 1, std::uint32_t other = 2) {
  const Ordinal creator = nr(other);
  double out = -1;
  state.interactions(nr(user), {&creator, 1}, now, {&out, 1});
  return out;
}

TEST(WeightWord, KeepsItsParts) {
  for (const WeightPoint point : {WeightPoint{0, 0}, WeightPoint{1, 1}, WeightPoint{kUnitsOfOne, kSecondsEnd - 1}}) {
    EXPECT_EQ(unpack(pack(point)), point);
    EXPECT_GE(pack(point), 0);
  }
  EXPECT_EQ(second_of(Timestamp{0}), 62'167'219'200);
  EXPECT_EQ(second_of(Timestamp{-1}), 62'167'219'199);
  EXPECT_EQ(second_of(Timestamp{-1'000'000}), 62'167'219'199);
  EXPECT_EQ(second_of(Timestamp{1'999'999}), 62'167'219'201);
  EXPECT_EQ((WeightPoint{0, second_of(Timestamp{-62'167'219'200'000'000})}.second), 0);  // 0000-01-01
  EXPECT_EQ((WeightPoint{0, second_of(Timestamp{253'402'300'799'999'999})}.time_us()), 253'402'300'799'000'000);
  EXPECT_EQ(units_of(1.0), kUnitsOfOne);
  EXPECT_EQ(units_of(0.5), 8'388'608U);  // 8388607.5 rounds up
  EXPECT_EQ(units_of(2.9e-8), 0U);
  EXPECT_EQ((WeightPoint{kUnitsOfOne, 0}.weight()), 1.0);
}

TEST(WeightState, HalvesAfterOneHalfLife) {  // W1, W2
  WeightState state;
  add(state, 1.0, kStart);
  EXPECT_EQ(interaction(state, kStart), 1.0);
  EXPECT_NEAR(interaction(state, kStart + days(30)), 0.5, 1e-12);
  EXPECT_NEAR(interaction(state, kStart + days(60)), 0.25, 1e-12);
  EXPECT_EQ(interaction(state, kStart - days(9)), 1.0);  // not yet
  add(state, 0.1, kStart + days(30));
  EXPECT_NEAR(interaction(state, kStart + days(30)), 0.6, 1e-7);
}

TEST(WeightState, ALateEventHasDecayedWhenItCounts) {  // W1
  WeightState state;
  add(state, 0.5, kStart + days(30));
  add(state, 0.4, kStart);  // 30 days late: 0.2
  EXPECT_NEAR(interaction(state, kStart + days(30)), 0.7, 1e-7);
  add(state, -1.0, kStart - days(30));  // 60 days late: -0.25
  EXPECT_NEAR(interaction(state, kStart + days(30)), 0.45, 1e-7);
  EXPECT_NEAR(interaction(state, kStart + days(60)), 0.225, 1e-7);  // time stays that of the newest
}

TEST(WeightState, StaysBetweenNothingAndOne) {  // W1
  WeightState state;
  add(state, -0.5, kStart);  // nothing yet
  EXPECT_EQ(interaction(state, kStart), 0.0);
  std::size_t facts = 0;
  state.for_each_fact_of(nr(1), [&](const WeightFact&) { ++facts; });
  EXPECT_EQ(facts, 0U);
  add(state, 0.75, kStart - days(1));  // so that this one is not late
  EXPECT_NEAR(interaction(state, kStart - days(1)), 0.75, 1e-7);
  add(state, 0.75, kStart - days(1));
  EXPECT_EQ(interaction(state, kStart - days(1)), 1.0);
  add(state, -1.0, kStart - days(1));
  add(state, -1.0, kStart - days(1));
  EXPECT_EQ(interaction(state, kStart), 0.0);
  add(state, 0.25, kStart);
  EXPECT_NEAR(interaction(state, kStart), 0.25, 1e-7);
}

TEST(WeightState, AChangedHalfLifeHoldsForLaterEventsAndReads) {  // W2
  WeightState state;
  add(state, 1.0, kStart);
  state.set_half_life(days(10));
  EXPECT_EQ(state.half_life(), days(10));
  EXPECT_NEAR(interaction(state, kStart + days(10)), 0.5, 1e-12);
  add(state, 0.25, kStart + days(20));
  EXPECT_NEAR(interaction(state, kStart + days(20)), 0.5, 1e-7);
}

TEST(WeightState, TopIsOrderedByWeightThenOrdinal) {
  WeightState state;
  add(state, 0.5, kStart, 1, 9);
  add(state, 0.5, kStart, 1, 3);
  add(state, 0.9, kStart - days(30), 1, 5);  // 0.45 by now
  add(state, 0.6, kStart, 1, 7);
  add(state, 1.0, kStart, 1, 4, WeightKind::Affinity);
  add(state, 1.0, kStart, 2, 4);
  add(state, 0.3, kStart, 1, 8);
  add(state, -1.0, kStart, 1, 8);  // of weight 0
  const auto ordinals = [&](std::size_t n, Timestamp now) {
    std::vector<std::uint32_t> out;
    for (const Weight& w : state.top(nr(1), WeightKind::Interaction, n, now)) out.push_back(to_index(w.other));
    return out;
  };
  using Ordinals = std::vector<std::uint32_t>;
  EXPECT_EQ(ordinals(10, kStart), (Ordinals{7, 3, 9, 5}));
  EXPECT_EQ(ordinals(2, kStart), (Ordinals{7, 3}));
  EXPECT_EQ(ordinals(0, kStart), Ordinals{});
  EXPECT_EQ(ordinals(10, kStart - days(30)), (Ordinals{5, 7, 3, 9}));  // none has decayed then
  EXPECT_TRUE(state.top(nr(77), WeightKind::Interaction, 3, kStart).empty());
  EXPECT_TRUE(state.top(Ordinal::None, WeightKind::Interaction, 3, kStart).empty());
}

/// "" when every read gives what the models fold, else what differs.
std::string compare(const WeightState& state, const WeightModel<true>& exact, const WeightModel<false>& plain,
                    Timestamp newest) {
  const std::vector<Ordinal> all = {nr(0), nr(1), nr(2), nr(3), nr(4)};
  std::size_t facts = 0;
  for (std::uint32_t u = 0; u < kWho; ++u) {
    for (const WeightKind kind : {WeightKind::Interaction, WeightKind::Affinity}) {
      for (const Timestamp now : {newest, newest + days(11), newest - days(100)}) {
        std::vector<double> read(all.size(), -1);
        kind == WeightKind::Interaction ? state.interactions(nr(u), all, now, read)
                                        : state.affinities(nr(u), all, now, read);
        std::vector<Weight> top;
        for (std::size_t i = 0; i < all.size(); ++i) {
          if (std::abs(read[i] - exact.weight({kind, nr(u), all[i]}, now)) > 1e-12) return "read";
          const bool comparable = now >= newest;  // before it the plain model has other fractions of seconds
          if (comparable && std::abs(read[i] - plain.weight({kind, nr(u), all[i]}, now)) > 1e-5) return "W3";
          if (read[i] > 0) top.push_back({all[i], read[i]});
        }
        std::stable_sort(top.begin(), top.end(), [](const Weight& a, const Weight& b) { return a.weight > b.weight; });
        const std::vector<Weight> found = state.top(nr(u), kind, 9, now);
        if (found != top) return "top";
      }
    }
    // Bit for bit what the model with the same rounding holds.
    std::map<WeightModel<true>::Key, WeightModel<true>::Point> found;
    state.for_each_fact_of(nr(u), [&](const WeightFact& f) {
      const WeightPoint p = unpack(f.number);
      found[{f.kind, f.user, f.other}] = {static_cast<double>(p.units), static_cast<double>(p.second)};
    });
    for (const auto& [key, point] : found) {
      const auto expected = exact.points.find(key);
      if (expected == exact.points.end() || !(expected->second == point)) return "W3's bits";
    }
    facts += found.size();
  }
  if (facts != exact.points.size()) return "a pair is missing";
  return state.half_life() == exact.half_life ? "" : "half-life";
}

std::string fold_and_compare(const WeightStory& story, std::uint64_t seed) {
  base::Random random(seed);
  WeightWorld world;
  WeightModel<true> exact;
  WeightModel<false> plain;
  for (const auto& event : story.history.events()) {
    world.apply(event);
    exact.apply(event);
    plain.apply(event);
    if (random.below(25) == 0) {
      const Duration half_life = days(1 + static_cast<std::int64_t>(random.below(60)));
      world.state.set_half_life(half_life);
      exact.half_life = plain.half_life = half_life;
    }
  }
  return compare(world.state, exact, plain, story.newest + seconds(1));
}

TEST(WeightState, EqualsTwoFoldsOverTheEventsInTenThousandHistories) {  // W1 to W4
  for (std::uint64_t seed = base::first_case(10'000); seed <= 10'000; seed += base::kCaseStride) {
    ASSERT_EQ(fold_and_compare(random_weight_story(seed, static_cast<int>(seed % 70)), seed), "") << "seed " << seed;
  }
}

RC_GTEST_PROP(WeightState, EqualsTwoFoldsOverTheEvents, (std::uint64_t seed)) {
  RC_ASSERT(fold_and_compare(random_weight_story(seed, *rc::gen::inRange(0, 400)), seed) == "");
}

TEST(WeightState, ManyAtOnceAreWhatOneByOneGives) {
  WeightState state;
  base::Random random(5);
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  for (int i = 0; i < 3000; ++i) {
    add(state, 0.001 * below(1000), kStart + hours(below(500)), 1, below(1500),
        random.coin() ? WeightKind::Affinity : WeightKind::Interaction);
  }
  for (const bool sorted : {true, false}) {
    std::vector<Ordinal> items(1000);
    for (Ordinal& item : items) item = nr(below(1600));
    if (sorted) std::sort(items.begin(), items.end());
    std::vector<double> at_once(items.size());
    state.affinities(nr(1), items, kStart + days(40), at_once);
    for (std::size_t i = 0; i < items.size(); ++i) {
      double one = -1;
      state.affinities(nr(1), {&items[i], 1}, kStart + days(40), {&one, 1});
      ASSERT_EQ(at_once[i], one);
    }
    state.affinities(nr(9), items, kStart, at_once);
    EXPECT_EQ(std::set<double>(at_once.begin(), at_once.end()), std::set<double>{0.0});
  }
}

TEST(WeightState, TakesSixteenBytesAPairAndALittle) {
  WeightState state;
  constexpr std::uint32_t kUsers = 2000;
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      add(state, 0.1, kStart, u, (u * 7919 + i * 104'729) % 1'000'000);
      add(state, 0.3, kStart, u, (u * 104'729 + i * 7919) % 1'000'000, WeightKind::Affinity);
    }
  }
  const double bytes = static_cast<double>(state.memory_bytes()) / (kUsers * 200.0);
  std::printf("bytes a pair: %.1f at 200 pairs a user\n", bytes);
  EXPECT_LT(bytes, 19.0);
}

// Even seconds raise the weight to 1, odd ones lower it to 0: a read that mixed the two would show 1 at an odd one.
TEST(WeightState, ReadersSeeWeightAndTimeTogether) {
  WeightState state;
  constexpr std::int64_t kSeconds = 20'000;
  const Timestamp now = kStart + seconds(kSeconds);
  std::vector<double> allowed;  // what an even second gives at `now`, ascending
  for (std::int64_t s = 0; s <= kSeconds; s += 2) {
    WeightState alone;
    add(alone, 1.0, kStart + seconds(s));
    allowed.push_back(interaction(alone, now));
  }
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> rounds{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      const std::vector<Ordinal> creators = {nr(0), nr(1), nr(2), nr(3)};
      std::vector<double> out(creators.size());
      std::vector<double> newest(creators.size(), 0);
      while (!done.load(std::memory_order_relaxed)) {
        state.interactions(nr(1), creators, now, out);
        for (std::size_t i = 0; i < out.size(); ++i) {
          if (out[i] == 0) continue;
          if (!std::binary_search(allowed.begin(), allowed.end(), out[i]) || out[i] < newest[i]) wrong.fetch_add(1);
          newest[i] = out[i];
        }
        for (const Weight& w : state.top(nr(1), WeightKind::Interaction, 3, now)) {
          const auto near = std::lower_bound(allowed.begin(), allowed.end(), w.weight - 1e-14);
          if (near == allowed.end() || std::abs(*near - w.weight) > 1e-14) wrong.fetch_add(1);
        }
        if (state.memory_bytes() == 0 || state.half_life() != days(30)) wrong.fetch_add(1);
        rounds.fetch_add(1);
      }
    });
  }
  while (rounds.load() < 30) std::this_thread::yield();  // all are under way, or nearly
  for (std::int64_t s = 0; s < kSeconds; ++s) {
    const Timestamp at = kStart + seconds(s);
    for (std::uint32_t c = 0; c < 4; ++c) add(state, s % 2 == 0 ? 1.0 : -1.0, at, 1, c);
    add(state, 0.5, at, 1, static_cast<std::uint32_t>(100 + s), WeightKind::Affinity);  // merges meanwhile
    if (s % 1000 == 500) state.erase_user(nr(1));
    if (s % 100 == 0) (void)state.capture();  // freezes versions
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  std::printf("%d rounds of reads\n", rounds.load());
}

TEST(WeightState, ACaptureIsWrittenWhileTheStateMovesOn) {
  WeightState state;
  const auto write = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      add(state, 0.1, kStart + hours(i), i % 7, i * 31 % 400);
      add(state, 0.3, kStart + hours(i), i % 90, i * 13 % 400, WeightKind::Affinity);
    }
  };
  write(0, 3000);
  for (std::uint32_t round = 1; round < 5; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(round * 3000, (round + 1) * 3000);
      state.erase_user(nr(round));
      state.set_half_life(days(round));
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::relationship
