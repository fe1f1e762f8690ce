// Tables of scored terms and lists of values against maps; readers beside a writer.
#include "signal/interest_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "base/random.h"
#include "signal/item_values.h"

namespace tidal::signal {
namespace {

std::vector<std::uint32_t> random_terms(base::Random& random, std::uint64_t most, std::uint64_t below) {
  std::set<std::uint32_t> terms;
  for (std::uint64_t n = random.below(most + 1); n > 0; --n)
    terms.insert(static_cast<std::uint32_t>(random.below(below)));
  return {terms.begin(), terms.end()};
}

RC_GTEST_PROP(InterestTable, EqualsAMap, (std::uint64_t seed)) {
  base::Random random(seed);
  InterestTable table;
  std::map<std::uint32_t, DecayedScore> model;
  const double rate = decay_rate(Duration{100});
  const std::uint64_t terms_below = *rc::gen::element(3, 40, 2000);
  for (int step = 0; step < 300; ++step) {
    if (random.below(100) == 0) {
      table.clear();
      model.clear();
    }
    const InterestTable::Event event{.rate = rate,
                                     .at_us = static_cast<std::int64_t>(random.below(1000)) - 500,
                                     .weight = 0.5 + static_cast<double>(random.below(4))};
    const auto terms = random_terms(random, 6, terms_below);
    table.add(terms, event);
    for (const std::uint32_t term : terms) {
      const auto known = model.find(term);
      const DecayedScore before = known == model.end() ? DecayedScore{0, event.at_us} : known->second;
      model[term] = add_event(before, event.rate, event.at_us, event.weight);
    }
    const auto entries = table.entries();
    RC_ASSERT(entries.size() == model.size());
    std::size_t i = 0;
    for (const auto& [term, score] : model) {
      RC_ASSERT(entries[i].term == term && entries[i].decayed.score == score.score &&
                entries[i].decayed.newest_us == score.newest_us);
      RC_ASSERT(table.find(term).score == score.score);
      ++i;
    }
    RC_ASSERT(table.find(static_cast<std::uint32_t>(terms_below)).score == 0.0);
  }
}

/// Each event is so much later than the one before that nothing of that is left: score and time tell each other.
TEST(InterestTable, ReadersSeeScoresWithTheirTimesAndAnEventWhole) {  // T1
  constexpr std::int64_t kGap = 4000;                                 // half-lives: beyond what a double can hold
  const double rate = decay_rate(Duration{1});
  InterestTable table;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};  // that saw something
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const auto entries = table.entries();
        for (std::size_t i = 0; i < entries.size(); ++i) {
          const auto& [score, newest_us] = entries[i].decayed;
          if (score != static_cast<double>(newest_us / kGap)) wrong.fetch_add(1);
          if (i > 0 && entries[i].term <= entries[i - 1].term) wrong.fetch_add(1);
        }
        // Terms 100 and 900 only come together.
        DecayedScore low;
        DecayedScore high;
        for (const ScoredTerm& e : entries) {
          if (e.term == 100) low = e.decayed;
          if (e.term == 900) high = e.decayed;
        }
        if (low.score != high.score || low.newest_us != high.newest_us) wrong.fetch_add(1);
        const DecayedScore one = table.find(900);
        if (one.score != static_cast<double>(one.newest_us / kGap)) wrong.fetch_add(1);
        if (low.score > 0) reads.fetch_add(1);
      }
    });
  }
  base::Random random(3);
  for (std::int64_t k = 1; k <= 30'000 || reads.load() < 2000; ++k) {
    std::vector<std::uint32_t> terms{100, 900};
    const auto other = static_cast<std::uint32_t>(200 + random.below(300));
    if (k % 3 == 0) terms.insert(terms.begin() + 1, other);
    table.add(terms, {.rate = rate, .at_us = k * kGap, .weight = static_cast<double>(k)});
    if (k % 2000 == 0) table.clear();
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

std::vector<std::uint32_t> values_of(const ItemValues& values, std::uint32_t item) {
  std::vector<std::uint32_t> out;
  values.for_each(to_ordinal(item), [&out](std::uint32_t id) { out.push_back(id); });
  return out;
}

RC_GTEST_PROP(ItemValues, EqualAMapAlsoAsOfAMoment, (std::uint64_t seed)) {
  base::Random random(seed);
  ItemValues values;
  std::map<std::uint32_t, std::vector<std::uint32_t>> model;
  const auto write = [&](int steps) {
    for (int i = 0; i < steps; ++i) {
      const auto item = static_cast<std::uint32_t>(random.below(700));
      const auto ids = random_terms(random, 5, random.below(2) == 0 ? 4 : 0xFFFFFFFEU);
      values.set(to_ordinal(item), ids);
      model[item] = ids;
    }
  };
  write(400);
  const auto as_it_was = model;
  const base::EpochPin pin;
  const auto past = values.capture();
  write(400);
  for (const auto& [item, ids] : model) RC_ASSERT(values_of(values, item) == ids);
  RC_ASSERT(values_of(values, 5000).empty());
  std::map<std::uint32_t, std::vector<std::uint32_t>> captured;
  past.for_each_item([&](Ordinal item, std::span<const std::uint32_t> ids) {
    captured[to_index(item)] = {ids.begin(), ids.end()};
  });
  for (const auto& [item, ids] : as_it_was) {
    RC_ASSERT(captured.contains(item) == !ids.empty());
    if (!ids.empty()) RC_ASSERT(captured.at(item) == ids);
  }
}

TEST(ItemValues, ReadersSeeAListWhole) {
  ItemValues values;
  const std::vector<std::vector<std::uint32_t>> lists = {{}, {7}, {1, 2}, {3, 4, 5}, {10, 20, 30, 40, 50}};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        reads.fetch_add(1);
        const base::EpochGuard guard;
        for (std::uint32_t item = 0; item < 4; ++item) {
          if (std::find(lists.begin(), lists.end(), values_of(values, item)) == lists.end()) wrong.fetch_add(1);
        }
      }
    });
  }
  base::Random random(9);
  for (int i = 0; i < 100'000 || reads.load() < 5000; ++i) {
    values.set(to_ordinal(static_cast<std::uint32_t>(random.below(4))), lists[random.below(lists.size())]);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace tidal::signal
