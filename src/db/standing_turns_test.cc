// Turns of writes that say what stood: who waits for whom, and for how long.
#include "db/standing_turns.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace tidal::db {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Operation edge(const std::string& from) { return Relate{.relation = "follows", .from = from, .to = "c1"}; }
Operation undo(const std::string& user) { return Unsignal{.kind = "like", .item = "i1", .user = user}; }
Operation deletion() { return DeleteOperation{.kind = EntityKind::Item, .key = "i1"}; }
StandingTurns::Lanes lanes(const Operation& operation) { return StandingTurns::lanes_of({&operation, 1}); }

steady_clock::time_point far() { return steady_clock::now() + std::chrono::hours(1); }
steady_clock::time_point now() { return steady_clock::now(); }

/// Of another lane than `user`.
std::string somebody_else(const std::string& user) {
  for (int i = 0;; ++i) {
    std::string other = "u" + std::to_string(i);
    if ((lanes(edge(other)) & lanes(edge(user))).none()) return other;
  }
}

TEST(StandingTurns, NeedALaneAnActingEntityAndAllForADeletion) {
  EXPECT_EQ(lanes(edge("u1")).count(), 1U);
  EXPECT_EQ(lanes(edge("u1")), lanes(undo("u1")));
  EXPECT_TRUE(lanes(deletion()).all());
  EXPECT_TRUE(lanes(Signal{.kind = "like", .item = "i1"}).none());
  const std::array<Operation, 2> both = {edge("u1"), undo(somebody_else("u1"))};
  EXPECT_EQ(StandingTurns::lanes_of(both).count(), 2U);
}

TEST(StandingTurns, OfOneActingEntityComeOneAfterTheOther) {
  StandingTurns turns;
  auto first = std::optional(turns.take(lanes(edge("u1")), far()).value());
  const auto second = turns.take(lanes(undo("u1")), now());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, Code::Unavailable);
  EXPECT_TRUE(turns.take(lanes(edge(somebody_else("u1"))), now()).ok());
  EXPECT_TRUE(turns.take({}, now()).ok());
  EXPECT_FALSE(turns.take(lanes(deletion()), now()).ok());
  first.reset();
  EXPECT_TRUE(turns.take(lanes(undo("u1")), now()).ok());
  EXPECT_TRUE(turns.take(lanes(deletion()), now()).ok());
}

TEST(StandingTurns, AWaitingDeletionComesBeforeWhoComesLater) {
  StandingTurns turns;
  auto first = std::optional(turns.take(lanes(edge("u1")), far()).value());
  std::atomic<bool> deleted{false};
  std::thread deleter([&] {
    const auto turn = turns.take(lanes(deletion()), far());
    EXPECT_TRUE(turn.ok());
    deleted.store(true, std::memory_order_relaxed);
  });
  const std::string other = somebody_else("u1");
  // As soon as it waits, a free lane is not given away any more.
  while (turns.take(lanes(edge(other)), now()).ok()) std::this_thread::yield();
  EXPECT_FALSE(deleted.load(std::memory_order_relaxed));
  first.reset();
  EXPECT_TRUE(turns.take(lanes(edge(other)), far()).ok());
  deleter.join();
  EXPECT_TRUE(deleted.load(std::memory_order_relaxed));
}

/// Nobody who comes later takes the lanes of a batch that waits for one of them.
TEST(StandingTurns, ABatchOfManyComesInItsTurn) {
  StandingTurns turns;
  const std::string other = somebody_else("u1");
  auto first = std::optional(turns.take(lanes(edge("u1")), far()).value());
  std::atomic<bool> written{false};
  std::thread batch([&] {
    EXPECT_TRUE(turns.take(lanes(edge("u1")) | lanes(edge(other)), far()).ok());
    written.store(true, std::memory_order_relaxed);
  });
  while (turns.take(lanes(edge(other)), now()).ok()) std::this_thread::yield();
  EXPECT_FALSE(written.load(std::memory_order_relaxed));
  first.reset();
  EXPECT_TRUE(turns.take(lanes(edge(other)), far()).ok());
  batch.join();
  EXPECT_TRUE(written.load(std::memory_order_relaxed));
}

TEST(StandingTurns, ADeletionThatGivesUpLetsTheOthersIn) {
  StandingTurns turns;
  const auto first = turns.take(lanes(edge("u1")), far());
  std::thread deleter([&] { EXPECT_FALSE(turns.take(lanes(deletion()), now() + milliseconds(20)).ok()); });
  deleter.join();
  EXPECT_TRUE(turns.take(lanes(edge(somebody_else("u1"))), now()).ok());
}

/// Under ThreadSanitizer this tells whether a lane is one thread's.
TEST(StandingTurns, AreNeverTwoAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 2'000;
  StandingTurns turns;
  std::array<int, 3> written{};  // guarded by the turns of u0, u1 and u2
  const std::array<StandingTurns::Lanes, 3> lane = {lanes(edge("u0")), lanes(edge("u1")), lanes(edge("u2"))};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const auto one = static_cast<std::size_t>(i + t) % 3;
        const bool is_deletion = i % 50 == 0;
        const auto turn = turns.take(is_deletion ? lanes(deletion()) : lane[one] | lane[(one + 1) % 3], far());
        ASSERT_TRUE(turn.ok());
        ++written[one];
        ++written[(one + 1) % 3];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(written[0] + written[1] + written[2], kThreads * kRounds * 2);
}

}  // namespace
}  // namespace tidal::db
