// User state against a fold over the plain list of events; its view's conformance; readers beside a writer; memory.
#include "signal/user_state.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/case_stride_for_test.h"
#include "signal/user_state_model.h"

namespace tidal::signal {
namespace {

/// Items for which `test` holds.
template <class Test>
index::Bitmap where(Extent extent, Test test) {
  index::Bitmap out;
  for (std::uint32_t i = 0; i < extent.items; ++i) {
    if (test(to_ordinal(i))) out.add(to_ordinal(i));
  }
  return out;
}

/// "" when the reads of the mark are those of the model, else which is not.
std::string difference_of(const UserState& state, const Model& model, Extent extent, Ordinal user, Mark mark) {
  const std::string what = "user " + std::to_string(to_index(user)) + " " + std::string(mark_name(mark));
  if (state.marked(user, mark) != where(extent, [&](Ordinal i) { return model.stands(user, i, mark); })) return what;
  for (std::int64_t t = -3; t < 8; t += 2) {
    const auto expected = where(extent, [&](Ordinal i) { return model.stands_since(user, i, mark, Timestamp{t}); });
    if (state.marked_since(user, mark, Timestamp{t}) != expected) return what + " since " + std::to_string(t);
  }
  const std::vector<Ordinal> items = index::Bitmap::range(extent.items).to_vector();
  std::vector<double> times(items.size());
  state.times_of(user, mark, items, -99, times);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto time = model.time(user, items[i], mark);
    if (times[i] != (time ? static_cast<double>(time->us) : -99)) return what + " time of " + std::to_string(i);
  }
  return {};
}

std::string difference(const UserState& state, const Model& model, Extent extent) {
  for (std::uint32_t u = 0; u < extent.users; ++u) {
    const Ordinal user = to_ordinal(u);
    for (std::size_t m = 0; m < kMarks; ++m) {
      if (auto found = difference_of(state, model, extent, user, static_cast<Mark>(m)); !found.empty()) return found;
    }
    for (std::uint32_t i = 0; i < extent.items; ++i) {
      const Ordinal item = to_ordinal(i);
      const std::string what = "user " + std::to_string(u) + " item " + std::to_string(i);
      const bool stands = model.stands(user, item, Mark::InProgress);
      const double expected =
          stands ? std::clamp(model.latest(user, item, Mark::InProgress)->value.value_or(0), 0.0, 1.0) : 0;
      if (state.progress(user, item) != expected) return what + " progress";
      for (std::uint16_t s = 0; s < model.signals.size(); ++s) {
        if (state.standing_since(user, s, item) != model.standing_since(user, s, item)) {
          return what + " stands since, " + model.signals[s].name;
        }
      }
    }
  }
  const std::vector<Ordinal> items = index::Bitmap::range(extent.items).to_vector();
  std::vector<double> net(items.size());
  for (std::uint16_t s = 0; s < model.signals.size(); ++s) {
    if (model.signals[s].target != EntityKind::Item) continue;
    state.net(s, items, net);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (net[i] != model.net(s, items[i])) return "net of " + model.signals[s].name + " on " + std::to_string(i);
    }
  }
  return {};
}

std::string difference_after(const Story& story, Extent extent) {
  World world;
  for (const auto& event : story.history.events()) world.apply(event);
  return difference(world.state, story.model, extent);
}

RC_GTEST_PROP(UserState, EqualsAFoldOverTheEvents, (std::uint64_t seed)) {  // U1 to U5
  RC_ASSERT(difference_after(random_story(seed, *rc::gen::inRange(0, 250)), {}) == "");
}

// Few users and items, so that undos meet what they take back, and events meet the undos.
TEST(UserState, EqualsAFoldOverManyDenseHistories) {
  constexpr Extent kExtent{.users = 2, .items = 2};
  for (std::uint64_t seed = 1; seed <= 10'000; seed += base::kCaseStride) {
    const int steps = static_cast<int>(10 + seed % 60);
    ASSERT_EQ(difference_after(random_story(seed, steps, kExtent, 30), kExtent), "") << "seed " << seed;
  }
}

RC_GTEST_PROP(UserStateView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 150));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<World>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's events.
RC_GTEST_PROP(UserStateView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const Story story = random_story(seed, 150);
  World erased;
  for (const auto& event : story.history.events()) erased.apply(event);
  erased.view().erase_user(to_ordinal(2));
  World never;
  for (wal::WalEvent event : story.history.events()) {
    if (event.record.type == wal::RecordType::Unsignal && event.ids.user == to_ordinal(2)) continue;
    // Events of signals that mark nothing count without their user as well, so those stay.
    if (event.record.type == wal::RecordType::Signal && event.ids.user == to_ordinal(2)) {
      const bool counted = event.ids.signal <= 1;  // impression, view
      if (!counted) continue;
      event.ids.user = Ordinal::None;
    }
    never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
}

TEST(UserState, LikingTwiceCountsOnceAndTwoSignalsMayShareAMark) {
  UserState state;
  const SignalDef& like = signal_pool()[2];
  const SignalDef& love = signal_pool()[4];
  const Ordinal item = to_ordinal(3);
  const auto net = [&](std::uint16_t s) {
    double out = -1;
    state.net(s, {&item, 1}, {&out, 1});
    return out;
  };
  state.record({2, to_ordinal(1), item, Timestamp{10}, {}}, like);
  state.record({2, to_ordinal(1), item, Timestamp{20}, {}}, like);
  state.record({4, to_ordinal(1), item, Timestamp{5}, {}}, love);
  state.record({2, Ordinal::None, item, Timestamp{1}, {}}, like);
  EXPECT_EQ(net(2), 2.0);
  EXPECT_EQ(net(4), 1.0);
  EXPECT_EQ(state.marked(to_ordinal(1), Mark::Liked).cardinality(), 1U);
  state.clear_item(item);  // U4
  EXPECT_EQ(net(2), 1.0);
  EXPECT_TRUE(state.marked(to_ordinal(1), Mark::Liked).contains(item));
  state.erase_user(to_ordinal(1));
  EXPECT_EQ(net(2), 0.0);
  EXPECT_TRUE(state.marked(to_ordinal(1), Mark::Liked).empty());
}

TEST(UserStateView, DigestSeesEveryKindOfChange) {
  World world;
  Story story;
  for (const SignalDef& def : signal_pool()) story.declare(def);
  for (const auto& event : story.history.events()) world.apply(event);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto record = [&](std::uint16_t s, Ordinal user, std::int64_t at, std::optional<double> value) {
    world.state.record({s, user, to_ordinal(1), Timestamp{at}, value}, signal_pool()[s]);
  };
  record(0, Ordinal::None, 1, {});
  expect_new("an event without a mark");
  record(1, to_ordinal(1), 1, {});
  expect_new("seen");
  record(2, to_ordinal(1), 1, {});
  expect_new("a mark");
  record(2, to_ordinal(1), 2, {});
  expect_new("a mark's time");
  record(4, to_ordinal(1), 2, {});
  expect_new("another signal behind the same mark");
  record(3, to_ordinal(1), 2, 0.5);
  expect_new("being in progress");
  record(3, to_ordinal(1), 2, 0.6);
  expect_new("the progress");
  record(3, to_ordinal(1), 2, 0.95);
  expect_new("completion");
  world.state.keep_seen_times(true, Timestamp{3});
  expect_new("keeping times of seen");
  record(1, to_ordinal(1), 4, {});
  expect_new("a time of seen");
  record(2, Ordinal::None, 1, {});
  expect_new("a like without user");
  const auto undo = [&](std::uint16_t s, std::int64_t at) {
    world.state.undo({s, to_ordinal(1), to_ordinal(1), Timestamp{at}, {}});
  };
  undo(4, 1);
  expect_new("an undo of what came later");
  undo(4, 2);
  expect_new("a mark that is taken back");
  undo(4, 3);
  expect_new("an undo's time");
  record(6, to_ordinal(1), 2, 0.3);
  expect_new("another signal in progress, not the one that decides");
  record(6, to_ordinal(1), 2, 0.4);
  expect_new("its progress, and its place among ties");
}

// One user with 5,000 seen items among a million and one with 60, as at the 99th and the 50th percentile.
TEST(UserState, TakesAFewBytesAMark) {
  UserState state;
  const SignalDef& view = signal_pool()[1];
  const SignalDef& like = signal_pool()[2];
  Random random(1);
  const auto bytes_for = [&](std::uint32_t first_user, std::uint32_t users, std::uint32_t items) {
    const std::size_t before = state.memory_bytes();
    for (std::uint32_t u = 0; u < users; ++u) {
      for (std::uint32_t i = 0; i < items; ++i) {
        const Ordinal item = to_ordinal(random.below(1'000'000));
        const bool liked = i % 12 == 11;
        state.record({static_cast<std::uint16_t>(liked ? 2 : 1),
                      to_ordinal(first_user + u),
                      item,
                      Timestamp{1'700'000'000'000'000},
                      {}},
                     liked ? like : view);
      }
    }
    return static_cast<double>(state.memory_bytes() - before) / users / items;
  };
  state.record({1, to_ordinal(4095), to_ordinal(999'999), Timestamp{}, {}}, view);  // room for users and counts
  state.record({2, to_ordinal(4095), to_ordinal(999'999), Timestamp{}, {}}, like);
  const double median = bytes_for(0, 2000, 60);
  const double heavy = bytes_for(3000, 20, 5000);
  RecordProperty("bytes_a_mark_median", std::to_string(median));
  RecordProperty("bytes_a_mark_heavy", std::to_string(heavy));
  std::printf("bytes a mark: %.1f at 60 items a user, %.1f at 5000\n", median, heavy);
  EXPECT_LT(median, 10.0);
  EXPECT_LT(heavy, 8.0);
}

// Readers hold that what the writer never takes back stays, and that times only rise.
TEST(UserState, ReadersSeeMarksOnlyGrow) {
  UserState state;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      const Ordinal user = to_ordinal(0);
      const Ordinal item = to_ordinal(7);
      std::uint64_t seen = 0;
      std::uint64_t liked = 0;
      double time = 0;
      double net = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const std::uint64_t seen_now = state.marked(user, Mark::Seen).cardinality();
        const std::uint64_t liked_now = state.marked_since(user, Mark::Liked, Timestamp{0}).cardinality();
        double time_now = 0;
        state.times_of(user, Mark::Liked, {&item, 1}, 0, {&time_now, 1});
        double net_now = 0;
        state.net(2, {&item, 1}, {&net_now, 1});
        if (seen_now < seen || liked_now < liked || time_now < time || net_now < net) wrong.fetch_add(1);
        const double progress = state.progress(user, item);
        if (progress < 0 || progress > 1 || state.memory_bytes() == 0) wrong.fetch_add(1);
        seen = seen_now;
        liked = liked_now;
        time = time_now;
        net = net_now;
      }
    });
  }
  for (std::uint32_t i = 0; i < 6000; ++i) {
    const Timestamp at{i + 1};
    state.record({1, to_ordinal(0), to_ordinal(i), at, {}}, signal_pool()[1]);
    state.record({2, to_ordinal(0), to_ordinal(i % 300), at, {}}, signal_pool()[2]);
    state.record({2, to_ordinal(i % 50), to_ordinal(7), at, {}}, signal_pool()[2]);
    state.record({3, to_ordinal(0), to_ordinal(7), at, (i % 10) * 0.1}, signal_pool()[3]);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(state.marked(to_ordinal(0), Mark::Seen).cardinality(), 6000U);
}

TEST(UserState, ACaptureIsWrittenWhileTheStateMovesOn) {
  UserState state;
  const auto write = [&](std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) {
      const Ordinal user = to_ordinal(i % 7);
      const Ordinal item = to_ordinal(i * 31 % 400);
      state.record({2, user, item, Timestamp{i}, {}}, signal_pool()[2]);
      state.record({3, user, item, Timestamp{i}, (i % 10) * 0.1}, signal_pool()[3]);
      state.record({1, Ordinal::None, item, Timestamp{i}, {}}, signal_pool()[1]);
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
      state.erase_user(to_ordinal(round));
      if (round == 3) state.clear();
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::signal
