// Readers of distinct users beside their writer: what they see is one version of a pair, and captures keep their
// moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "signal/uniques.h"

namespace tidal::signal {
namespace {

SignalDef view_signal(std::vector<Window> windows) {
  SignalDef def;
  def.name = "view";
  def.target = EntityKind::Creator;
  def.windows = std::move(windows);
  def.unique = true;
  return def;
}

double count_of(const Uniques& state, std::uint32_t entity, Window window, Timestamp now) {
  const Ordinal asked = to_ordinal(entity);
  double out = -1;
  state.uniques({.kind = EntityKind::Creator, .window = window, .now = now}, {&asked, 1}, {&out, 1});
  return out;
}

/// Entities 0 and 1 have their own users, who come back in every sub-window, so that a window's union is always the
/// same while its blocks wander: what one entity gives back the other takes. A torn read would find too few users,
/// or those of the other.
TEST(UniquesConcurrency, AUnionIsOfOneVersion) {
  constexpr std::uint32_t kUsersOf[] = {5, 40};
  constexpr std::int64_t kRounds = 400;
  Uniques state({.visits_max = 2, .users_max = 64});
  state.declare(std::vector{view_signal({Window::Hour})});
  const auto visit_all = [&](std::uint32_t entity, std::int64_t sub_window) {
    for (std::uint32_t u = 0; u < kUsersOf[entity]; ++u) {
      state.record({.user = to_ordinal(entity * 1000 + u),
                    .subject = to_ordinal(entity),
                    .at = Timestamp{sub_window * kSubWindowUnit.us}});
    }
  };
  std::atomic<std::int64_t> complete{0};  // the sub-window that both have been through
  visit_all(0, 0);
  visit_all(1, 0);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> exact{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        for (std::uint32_t e = 0; e < 2; ++e) {
          const std::int64_t before = complete.load(std::memory_order_acquire);
          const double n = count_of(state, e, Window::Hour, Timestamp{(before + 1) * kSubWindowUnit.us});
          const std::int64_t after = complete.load(std::memory_order_acquire);
          if (n > kUsersOf[e]) wrong.fetch_add(1);
          if (after > before + 6) continue;  // the writer ran ahead: what was asked for may be gone
          if (n != kUsersOf[e]) wrong.fetch_add(1);
          exact.fetch_add(1);
          if (count_of(state, e, Window::All, Timestamp{}) != kUsersOf[e]) wrong.fetch_add(1);
        }
      }
    });
  }
  for (std::int64_t s = 1; s <= kRounds || exact.load() < 100; ++s) {
    visit_all(0, s);
    visit_all(1, s);
    complete.store(s, std::memory_order_release);
    if (s % 16 == 0) std::this_thread::yield();
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

/// One event far ahead empties all eight sub-windows of what was asked for: a reader sees all of them or none. Phases
/// modulo 3: 0 while the entity is full and that event may come, 1 after it, 2 while it is filled again.
void expect_all_or_nothing(UniquesLimits limits) {
  constexpr std::uint32_t kUsers = 8;  // one a sub-window
  constexpr Timestamp kFull{7 * kSubWindowUnit.us};
  Uniques state(limits);
  state.declare(std::vector{view_signal({Window::Hour})});
  std::atomic<std::int64_t> phase{1};
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> all{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const std::int64_t before = phase.load(std::memory_order_acquire);
        if (before % 3 != 0) continue;
        const double n = count_of(state, 0, Window::Hour, kFull);
        if (phase.load(std::memory_order_acquire) > before + 1) continue;
        if (n == kUsers) {
          all.fetch_add(1);
        } else if (n != 0) {
          wrong.fetch_add(1);
        }
      }
    });
  }
  for (int round = 0; round < 50'000 || all.load() < 20; ++round) {
    phase.fetch_add(1, std::memory_order_acq_rel);
    state.clear_entity(EntityKind::Creator, to_ordinal(0));
    for (std::uint32_t u = 0; u < kUsers; ++u) {
      state.record({.user = to_ordinal(u), .subject = to_ordinal(0), .at = Timestamp{u * kSubWindowUnit.us}});
    }
    phase.fetch_add(1, std::memory_order_acq_rel);
    for (int i = 0; i < round % 50; ++i) (void)phase.load(std::memory_order_acquire);  // readers come in
    if (round % 64 == 0) std::this_thread::yield();
    state.record({.user = to_ordinal(99), .subject = to_ordinal(0), .at = Timestamp{100 * kSubWindowUnit.us}});
    phase.fetch_add(1, std::memory_order_acq_rel);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
}

TEST(UniquesConcurrency, AVisitListIsReadWhole) {
  expect_all_or_nothing({.visits_max = kVisitsMax, .users_max = 64});
}  // N2

TEST(UniquesConcurrency, ARecordOfSetsIsReadWhole) { expect_all_or_nothing({.visits_max = 1, .users_max = 64}); }

/// From the first user through visits, arrays and a sketch the number never falls; entities that come and go show no
/// more than they ever had; and the whole state is replaced meanwhile.
TEST(UniquesConcurrency, CountsOnlyGrowAndDeletionsEmpty) {
  Uniques state;
  const std::vector<SignalDef> defs{view_signal({Window::Hour, Window::Month})};
  state.declare(defs);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<std::uint32_t> reads{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      double all = 0;
      double month = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const double all_now = count_of(state, 0, Window::All, Timestamp{});
        const double month_now = count_of(state, 0, Window::Month, Timestamp{days(1).us});
        if (all_now < all || month_now < month) wrong.fetch_add(1);
        all = all_now;
        month = month_now;
        if (count_of(state, 1, Window::Month, Timestamp{}) > 50) wrong.fetch_add(1);
        reads.fetch_add(1);
      }
    });
  }
  for (std::uint32_t u = 0; u < 6000; ++u) {
    state.record({.user = to_ordinal(u), .subject = to_ordinal(0), .at = Timestamp{u * 1'000'000LL}});
    state.record({.user = to_ordinal(u % 50), .subject = to_ordinal(1)});
    state.record({.user = to_ordinal(u), .subject = to_ordinal(2 + u)});  // the arrays grow
    if (u % 100 == 99) state.clear_entity(EntityKind::Creator, to_ordinal(1));
    while (reads.load() < u / 16) std::this_thread::yield();  // readers keep up, whatever the scheduler does
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_NEAR(count_of(state, 0, Window::All, Timestamp{}), 6000, 6000 * 0.15);
}

TEST(UniquesConcurrency, ReadersSurviveThatEverythingIsReplaced) {
  Uniques state;
  std::vector<SignalDef> defs{view_signal({Window::Hour, Window::Month})};
  state.declare(defs);
  for (std::uint32_t u = 0; u < 100; ++u) state.record({.user = to_ordinal(u), .subject = to_ordinal(0)});
  const double full = count_of(state, 0, Window::All, Timestamp{});
  const std::string image = state.capture()->encode();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};
  std::jthread reader([&] {
    while (!done.load(std::memory_order_relaxed)) {
      const double n = count_of(state, 0, Window::All, Timestamp{});
      if (n != 0 && n != full) wrong.fetch_add(1);
      reads.fetch_add(1);
    }
  });
  for (int round = 0; round < 200 || reads.load() < 2000; ++round) {
    if (round % 3 == 0) state.clear();
    if (round % 3 == 1) {
      defs[0].unique = false;
      state.declare(defs);
    }
    ASSERT_TRUE(state.restore(image, [](EntityKind, Ordinal) { return true; }).ok());
  }
  done = true;
  reader.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(count_of(state, 0, Window::All, Timestamp{}), full);
}

TEST(UniquesConcurrency, ACaptureIsWrittenWhileTheStateMovesOn) {
  Uniques state({.visits_max = 3, .users_max = 8});
  std::vector<SignalDef> defs{view_signal({Window::Hour, Window::Month})};
  state.declare(defs);
  const auto write = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      state.record({.user = to_ordinal(i * 31 % 997), .subject = to_ordinal(i % 41), .at = Timestamp{i * 7'000'000LL}});
      state.record({.user = to_ordinal(i), .subject = to_ordinal(100 + i)});
    }
  };
  write(0, 3000);
  for (std::uint32_t round = 1; round < 6; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(round * 3000, (round + 1) * 3000);
      state.clear_entity(EntityKind::Creator, to_ordinal(round));
      defs[0].windows = round % 2 == 1 ? std::vector{Window::Hour} : std::vector{Window::Hour, Window::Month};
      defs[0].unique = round != 3;
      state.declare(defs);
      if (round == 4) state.clear();
      if (round == 4) state.declare(defs);
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
    EXPECT_NE(state.capture()->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::signal
