// A live bitmap equals a std::set at every step, and readers never see anything torn.
#include "index/live_bitmap.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "base/epoch.h"

namespace tidal::index {
namespace {

RC_GTEST_PROP(LiveBitmap, EqualsASet, ()) {
  const auto universe = *rc::gen::element(8U, 300U, 40'000U, 3'000'000U);
  const int steps = *rc::gen::element(20, 500, 6000);
  // One seed instead of thousands of generated values: shrinks to fewer steps, and stays fast.
  std::uint64_t random = *rc::gen::arbitrary<std::uint64_t>();
  const auto next = [&] {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(random >> 33);
  };
  LiveBitmap live;
  std::set<Ordinal> model;
  for (int i = 0; i < steps; ++i) {
    const Ordinal o = to_ordinal(next() % universe);
    const std::uint32_t what = next() % 100;
    if (what < 65) {
      RC_ASSERT(live.add(o) == model.insert(o).second);
    } else if (what < 99) {
      RC_ASSERT(live.remove(o) == (model.erase(o) == 1));
    } else if (what == 99 && next() % 20 == 0) {
      live.clear();
      model.clear();
    }
    RC_ASSERT(live.contains(o) == model.contains(o));
    RC_ASSERT(live.cardinality() == model.size());  // B1
  }
  RC_ASSERT(live.to_vector() == std::vector<Ordinal>(model.begin(), model.end()));
  RC_ASSERT(live.snapshot() == Bitmap::of(live.to_vector()));
  const std::size_t stop = *rc::gen::inRange<std::size_t>(1, model.size() + 2);
  std::vector<Ordinal> visited;
  live.for_each([&](Ordinal o) {
    visited.push_back(o);
    return visited.size() < stop;
  });
  std::vector<Ordinal> wanted(model.begin(), model.end());
  wanted.resize(std::min(wanted.size(), stop));
  RC_ASSERT(visited == wanted);
}

TEST(LiveBitmap, GrowsIntoABitmapAndBack) {
  LiveBitmap live;
  for (std::uint32_t i = 0; i < 50'000; ++i) EXPECT_TRUE(live.add(to_ordinal(i * 20)));
  EXPECT_EQ(live.cardinality(), 50'000U);
  EXPECT_EQ(live.snapshot().cardinality(), 50'000U);
  for (std::uint32_t i = 10; i < 50'000; ++i) EXPECT_TRUE(live.remove(to_ordinal(i * 20)));
  EXPECT_EQ(live.to_vector().size(), 10U);
  for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(live.remove(to_ordinal(i * 20)));
  EXPECT_EQ(live.heap_bytes(), 0U);
}

TEST(LiveBitmap, TakesAboutFiveBytesAMember) {
  LiveBitmap live;
  for (std::uint32_t i = 0; i < 60; ++i) live.add(to_ordinal(i * 16'001));
  EXPECT_LT(live.heap_bytes(), 60U * 6U);
  for (std::uint32_t i = 60; i < 5000; ++i) live.add(to_ordinal((i * 16'001) % 1'000'003));
  EXPECT_LT(live.heap_bytes(), 5000U * 6U);
}

// The writer keeps the evens of a window; readers check that a snapshot never holds what was never in the set, and that
// members the writer does not touch are always there.
TEST(LiveBitmap, ReadersSeeWholeSetsDuringWrites) {
  LiveBitmap live;
  for (std::uint32_t i = 0; i < 100; ++i) live.add(to_ordinal(1'000'000 + i));
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const std::vector<Ordinal> seen = live.to_vector();
        std::uint32_t pinned = 0;
        for (const Ordinal o : seen) {
          if (to_index(o) >= 1'000'000) {
            ++pinned;
          } else if (to_index(o) % 2 != 0) {
            wrong.fetch_add(1);
          }
        }
        if (pinned != 100) wrong.fetch_add(1);
        if (!live.contains(to_ordinal(1'000'050)) || live.contains(to_ordinal(7))) wrong.fetch_add(1);
        if (live.snapshot().contains(to_ordinal(9))) wrong.fetch_add(1);
      }
    });
  }
  for (std::uint32_t i = 0; i < 12'000; ++i) {
    live.add(to_ordinal(2 * i));
    if (i >= 3000) live.remove(to_ordinal(2 * (i - 3000)));
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(live.cardinality(), 3100U);
  base::reclaim();
}

}  // namespace
}  // namespace tidal::index
