// Epoch reclamation: nothing is freed under a reader's feet, everything is freed once readers have left.
#include "base/epoch.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace tidal::base {
namespace {

struct Counted {
  explicit Counted(std::atomic<int>& alive_count) : alive(alive_count) { alive.fetch_add(1); }
  ~Counted() { alive.fetch_sub(1); }
  std::atomic<int>& alive;
};

TEST(Epoch, FreesWhatWasRetiredWhenNobodyReads) {
  std::atomic<int> alive{0};
  for (int i = 0; i < 10; ++i) retire(new Counted(alive));
  EXPECT_EQ(reclaim(), 0U);
  EXPECT_EQ(alive.load(), 0);
}

TEST(Epoch, KeepsWhatAGuardMayStillHold) {  // P1
  std::atomic<int> alive{0};
  {
    const EpochGuard guard;
    retire(new Counted(alive));
    for (int i = 0; i < 5; ++i) reclaim();
    EXPECT_EQ(alive.load(), 1);
    { const EpochGuard nested; }
    reclaim();
    EXPECT_EQ(alive.load(), 1) << "the inner guard's end freed what the outer one protects";
  }
  EXPECT_EQ(reclaim(), 0U);
  EXPECT_EQ(alive.load(), 0);
}

TEST(Epoch, APinHoldsAcrossThreads) {
  std::atomic<int> alive{0};
  auto pin = std::make_unique<EpochPin>();
  retire(new Counted(alive));
  reclaim();
  EXPECT_EQ(alive.load(), 1);
  std::jthread([&] { pin.reset(); }).join();
  EXPECT_EQ(reclaim(), 0U);
  EXPECT_EQ(alive.load(), 0);
}

TEST(Epoch, BoundsGarbageWithoutExplicitReclaim) {
  std::atomic<int> alive{0};
  for (int i = 0; i < 10'000; ++i) {
    retire(new Counted(alive));
    ASSERT_LT(alive.load(), 1'000);
  }
  reclaim();
}

TEST(Epoch, DeletersMayRetire) {
  static std::atomic<int> freed{0};
  freed = 0;
  retire(nullptr, [](void*) { retire(nullptr, [](void*) { freed.fetch_add(1); }); });
  EXPECT_EQ(reclaim(), 0U);
  EXPECT_EQ(freed.load(), 1);
}

// A chain of versions that one writer replaces while readers check that what they hold is whole.
TEST(Epoch, ReadersNeverSeeAFreedVersion) {
  struct Version {
    explicit Version(std::uint64_t n) { words.fill(n); }
    ~Version() { words.fill(~std::uint64_t{0}); }
    std::array<std::uint64_t, 8> words;
  };
  std::atomic<Version*> current{new Version(0)};
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const EpochGuard guard;
        const Version* v = current.load(std::memory_order_acquire);
        for (const std::uint64_t w : v->words) {
          if (w != v->words[0] || w == ~std::uint64_t{0}) torn.fetch_add(1);
        }
      }
    });
  }
  for (std::uint64_t n = 1; n <= 20'000; ++n) {
    retire(current.exchange(new Version(n), std::memory_order_acq_rel));
  }
  done = true;
  readers.clear();
  EXPECT_EQ(torn.load(), 0);
  delete current.load();
  EXPECT_EQ(reclaim(), 0U);
}

TEST(Epoch, SlotsOfEndedThreadsServeNewOnes) {
  std::atomic<int> alive{0};
  for (int i = 0; i < 100; ++i) {
    std::jthread([&] {
      const EpochGuard guard;
      retire(new Counted(alive));
    }).join();
  }
  EXPECT_EQ(reclaim(), 0U) << "a slot of an ended thread holds the epoch back";
  EXPECT_EQ(alive.load(), 0);
}

}  // namespace
}  // namespace tidal::base
