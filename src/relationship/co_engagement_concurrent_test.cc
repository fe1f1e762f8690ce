// Co-engagement read, captured and written at once.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "relationship/co_engagement.h"

namespace tidal::relationship {
namespace {

constexpr std::uint32_t kUsers = 20;
constexpr std::uint32_t kItems = 200;
constexpr std::uint32_t kDoomed = 40;  // the first ones are deleted one after the other and never liked again

/// The time of every positive on an item, so that a reader can tell a place that was torn.
Timestamp time_of(Ordinal item) { return Timestamp{to_index(item) * std::int64_t{1'000'003}}; }

/// What a reader may hold against one look at everything; "" when it is right.
std::string look(const CoEngagement& state, std::uint32_t deleted, base::Random& random) {
  const Ordinal user = to_ordinal(static_cast<std::uint32_t>(random.below(kUsers)));
  const auto recent = state.recent(user);
  std::set<Ordinal> distinct;
  for (const RecentItem& r : recent) {
    if (r.at != time_of(r.item)) return "a torn place";
    if (!distinct.insert(r.item).second) return "an item twice in a list";
    if (to_index(r.item) < deleted) return "a deleted item in a list";
  }
  if (recent.size() > 12) return "a list too long";
  const Ordinal anchor = to_ordinal(static_cast<std::uint32_t>(random.below(kItems)));
  const auto neighbours = state.neighbours(anchor, 1000);
  if (to_index(anchor) < deleted && !neighbours.empty()) return "neighbours of a deleted item";
  if (neighbours.size() > 16) return "a row too long";
  distinct.clear();
  double last = 1;
  for (const Neighbour& n : neighbours) {
    if (!(n.similarity > 0) || n.similarity > last) return "not best first";
    if (n.item == anchor || to_index(n.item) >= kItems) return "a neighbour that cannot be";
    if (to_index(n.item) < deleted) return "a deleted neighbour";
    if (!distinct.insert(n.item).second) return "a neighbour twice";
    last = n.similarity;
  }
  for (const Neighbour& n : state.from_recent(user, 10)) {
    if (!(n.similarity > 0) || to_index(n.item) < deleted) return "a recommendation that cannot be";
  }
  std::vector<Ordinal> asked = {anchor, to_ordinal(0), to_ordinal(kItems - 1)};
  std::vector<double> out(3);
  state.scores_for_user(user, asked, out);
  if (out[0] < 0 || out[2] < 0 || (deleted > 0 && out[1] != 0)) return "a score that cannot be";
  return {};
}

TEST(CoEngagementConcurrent, ReadersSeeWholeRowsAndListsAndNoDeletedItem) {  // E1, E2, E3, E5
  CoEngagement state({.neighbours = 16, .recent = 12});
  std::atomic<bool> done{false};
  std::atomic<std::uint32_t> deleted{0};
  std::atomic<std::uint64_t> looks{0};
  std::atomic<bool> wrong{false};
  std::vector<std::jthread> readers;
  for (std::uint64_t r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      base::Random random(r + 1);
      while (!done.load(std::memory_order_relaxed)) {
        const std::uint32_t gone = deleted.load(std::memory_order_acquire);  // pairs with the writer's release
        if (const std::string what = look(state, gone, random); !what.empty()) {
          ADD_FAILURE() << what;
          wrong.store(true, std::memory_order_relaxed);
          return;
        }
        looks.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  base::Random random(77);
  // Until the readers have seen enough of it, on however few cores.
  for (std::uint32_t i = 0; (i < 40'000 || looks.load(std::memory_order_relaxed) < 3000) && !wrong; ++i) {
    const std::uint32_t gone = deleted.load(std::memory_order_relaxed);
    const Ordinal user = to_ordinal(static_cast<std::uint32_t>(random.below(kUsers)));
    const Ordinal item = to_ordinal(gone + static_cast<std::uint32_t>(random.below(kItems - gone)));
    const std::uint64_t what = random.below(100);
    if (what < 90) {
      state.record({user, item, time_of(item)});
    } else if (what < 94) {
      state.take_back(user, item);
    } else if (what < 98) {
      state.delete_item(to_ordinal(kItems - 1 - static_cast<std::uint32_t>(random.below(4))));  // these come back
    } else {
      state.erase_user(user);
    }
    if (i % 1000 == 999 && gone < kDoomed) {
      state.delete_item(to_ordinal(gone));
      deleted.store(gone + 1, std::memory_order_release);
    }
  }
  done = true;
  readers.clear();
  EXPECT_FALSE(wrong.load());
  EXPECT_EQ(deleted.load(), kDoomed);
}

// One list that shifts by a place with each write: a reader that mixes two moments meets an item twice or a wrong time.
TEST(CoEngagementConcurrent, AListThatShiftsIsReadAtOneMoment) {  // E5
  CoEngagement state({.neighbours = 4, .recent = 40});
  const Ordinal user = to_ordinal(0);
  std::atomic<std::uint32_t> looks{0};
  std::atomic<bool> wrong{false};
  std::atomic<bool> done{false};
  std::jthread reader([&] {
    while (!done.load(std::memory_order_relaxed)) {
      const auto recent = state.recent(user);
      for (std::size_t k = 0; k < recent.size(); ++k) {
        // Items come in a circle of 50, so that each is followed by the one before it.
        const bool follows = k == 0 || to_index(recent[k].item) == (to_index(recent[k - 1].item) + 49) % 50;
        if (!follows || recent[k].at != time_of(recent[k].item)) wrong.store(true, std::memory_order_relaxed);
      }
      looks.fetch_add(1, std::memory_order_relaxed);
    }
  });
  for (std::uint32_t i = 0; i < 20'000 || looks.load(std::memory_order_relaxed) < 5000; ++i) {
    state.record({user, to_ordinal(i % 50), time_of(to_ordinal(i % 50))});
  }
  done = true;
  reader.join();
  EXPECT_FALSE(wrong.load());
}

TEST(CoEngagementConcurrent, ACaptureIsWrittenWhileTheStateMovesOn) {
  CoEngagement state({.neighbours = 8, .recent = 10});
  base::Random random(5);
  const auto write = [&](std::uint32_t steps) {
    for (std::uint32_t i = 0; i < steps; ++i) {
      const Ordinal user = to_ordinal(static_cast<std::uint32_t>(random.below(kUsers)));
      const Ordinal item = to_ordinal(static_cast<std::uint32_t>(random.below(kItems)));
      state.record({user, item, Timestamp{static_cast<std::int64_t>(random.below(1000))}});
      if (i % 16 == 3) state.delete_item(to_ordinal(i % 5));
      if (i % 50 == 7) state.erase_user(user);
    }
  };
  write(3000);
  for (int round = 1; round < 6; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(6000);  // 375 deletions of five items each time: generations begin anew now and then
      if (round == 4) state.clear();
      write(500);
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
    CoEngagement restored({.neighbours = 8, .recent = 10});
    ASSERT_TRUE(restored.restore(at_once, [](EntityKind, Ordinal) { return true; }).ok());
    EXPECT_EQ(restored.capture()->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::relationship
