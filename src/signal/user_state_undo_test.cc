// Undo of signals in user state, by hand; images from before there was undo.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "base/coding.h"
#include "index/ordinal_list.h"
#include "signal/mark_table.h"
#include "signal/user_state_model.h"

namespace tidal::signal {
namespace {

// Every line is worked out by hand.
TEST(UserState, AnUndoTakesBackWhatIsNotLater) {
  UserState state;
  const Ordinal user = to_ordinal(1);
  const Ordinal item = to_ordinal(3);
  const SignalDef& like = signal_pool()[2];  // sets liked and seen
  const auto happen = [&](std::int64_t at) { state.record({2, user, item, Timestamp{at}, {}}, like); };
  const auto undo = [&](std::int64_t at) { state.undo({2, user, item, Timestamp{at}, {}}); };
  const auto net = [&] {
    double out = -1;
    state.net(2, {&item, 1}, {&out, 1});
    return out;
  };
  undo(5);  // nothing stood, but U5
  happen(4);
  EXPECT_FALSE(state.stands(user, 2, item));
  EXPECT_TRUE(state.marked(user, Mark::Seen).contains(item));
  EXPECT_EQ(net(), 0.0);
  happen(5);  // a tie goes to the later record
  EXPECT_EQ(state.standing_since(user, 2, item), Timestamp{5});
  EXPECT_EQ(net(), 1.0);
  happen(9);
  undo(8);
  EXPECT_EQ(state.standing_since(user, 2, item), Timestamp{9});
  undo(9);
  EXPECT_FALSE(state.stands(user, 2, item));
  EXPECT_TRUE(state.marked(user, Mark::Liked).empty());
  EXPECT_TRUE(state.marked(user, Mark::Seen).contains(item));
  EXPECT_EQ(net(), 0.0);
  undo(2);  // an undo that comes late lowers nothing
  happen(8);
  EXPECT_FALSE(state.stands(user, 2, item));
  EXPECT_FALSE(state.stands(Ordinal::None, 2, item));
}

TEST(UserState, TakingBackCompletionLeavesTheProgressOfOtherSignals) {
  UserState state;
  const Ordinal user = to_ordinal(1);
  const Ordinal item = to_ordinal(3);
  const auto happen = [&](std::uint16_t s, std::int64_t at, double value) {
    state.record({s, user, item, Timestamp{at}, value}, signal_pool()[s]);
  };
  const auto undo = [&](std::uint16_t s, std::int64_t at) { state.undo({s, user, item, Timestamp{at}, {}}); };
  happen(6, 1, 0.25);  // resume
  happen(3, 2, 0.5);   // completion, below 0.9
  happen(5, 3, 1.0);   // finish
  EXPECT_EQ(state.progress(user, item), 0.0);
  EXPECT_TRUE(state.marked(user, Mark::Completed).contains(item));
  undo(5, 3);
  EXPECT_EQ(state.progress(user, item), 0.5);
  EXPECT_TRUE(state.marked(user, Mark::Completed).empty());
  undo(3, 9);
  EXPECT_EQ(state.progress(user, item), 0.25);
  undo(6, 9);
  EXPECT_TRUE(state.marked(user, Mark::InProgress).empty());
}

/// An image as logic 1 wrote it, of one user and items 0 to 2.
std::string image_of_logic_1(const std::vector<MarkEntry>& entries) {
  base::Encoder out;
  out.u8(1);
  out.i64(std::numeric_limits<std::int64_t>::max());
  out.varint(1);
  out.varint(3);
  const Ordinal user = to_ordinal(0);
  index::encode_ordinals({&user, 1}, out);
  index::encode_ordinals({}, out);
  out.varint(entries.size());
  std::uint64_t key = 0;
  for (const MarkEntry& e : entries) {
    out.varint(e.key - key);
    out.zigzag(e.word);
    key = e.key;
  }
  out.varint(0);
  return out.take();
}

TEST(UserStateView, ReadsImagesOfLogic1) {
  const auto entry = [](std::size_t slot, std::uint32_t item, std::uint16_t signal, std::int64_t word) {
    return MarkEntry{mark_key(static_cast<std::uint8_t>(slot), to_ordinal(item), signal), word};
  };
  const auto bits = [](double progress) { return std::bit_cast<std::int64_t>(progress); };
  constexpr std::size_t kCompleted = static_cast<std::size_t>(Mark::Completed);
  constexpr std::size_t kInProgress = static_cast<std::size_t>(Mark::InProgress);
  // Item 0: in progress, at the same time as completed but later. Item 1: completed later. Item 2: liked.
  const std::string image = image_of_logic_1({entry(1, 2, 2, 7), entry(kCompleted, 0, 5, 4), entry(kCompleted, 1, 5, 6),
                                              entry(kInProgress, 0, 3, 4), entry(kInProgress, 1, 3, 5),
                                              entry(kMarks, 0, 0, bits(0.5)), entry(kMarks, 1, 0, bits(-1.0))});
  Story story;
  for (const SignalDef& def : signal_pool()) story.declare(def);
  World world;
  for (const auto& event : story.history.events()) world.apply_before(event);
  ASSERT_TRUE(world.view().restore(image, SeqNo{8}, 1).ok());
  const Ordinal user = to_ordinal(0);
  EXPECT_EQ(world.state.progress(user, to_ordinal(0)), 0.5);
  EXPECT_EQ(world.state.progress(user, to_ordinal(1)), 0.0);
  EXPECT_TRUE(world.state.marked(user, Mark::Completed).contains(to_ordinal(1)));
  EXPECT_EQ(world.state.standing_since(user, 2, to_ordinal(2)), Timestamp{7});

  const std::string now = materializer::image_of(world.view());
  const std::string digest = world.digest();
  ASSERT_TRUE(world.view().restore(now, SeqNo{8}).ok());
  EXPECT_EQ(world.digest(), digest);
  EXPECT_EQ(world.view().restore(image, SeqNo{8}).error().code, Code::Corruption) << "of this logic";
  EXPECT_EQ(world.view().restore(now, SeqNo{8}, 1).error().code, Code::Corruption) << "of logic 1";
  for (std::size_t bytes = 0; bytes < image.size(); ++bytes) {
    EXPECT_EQ(world.view().restore(image.substr(0, bytes), SeqNo{8}, 1).error().code, Code::Corruption) << bytes;
  }
  // Progress without what it would follow from.
  const std::string damaged = image_of_logic_1({entry(kMarks, 0, 0, bits(0.5))});
  EXPECT_EQ(world.view().restore(damaged, SeqNo{8}, 1).error().code, Code::Corruption);

  ASSERT_TRUE(world.view().restore(image, SeqNo{8}, 1).ok());
  world.state.undo({5, user, to_ordinal(0), Timestamp{4}, {}});
  EXPECT_EQ(world.state.progress(user, to_ordinal(0)), 0.5);
  world.state.record({6, user, to_ordinal(0), Timestamp{4}, 0.75}, signal_pool()[6]);
  EXPECT_EQ(world.state.progress(user, to_ordinal(0)), 0.75) << "a later record at the same time";
  world.state.undo({5, user, to_ordinal(1), Timestamp{9}, {}});
  EXPECT_TRUE(world.state.marked(user, Mark::InProgress).contains(to_ordinal(1)));
  EXPECT_EQ(world.state.progress(user, to_ordinal(1)), 0.0) << "how far it was is not known";
}

// Readers hold that a like and its undo are seen whole: a count is 0 or 1, and what stands is never older than before.
TEST(UserState, ReadersBesideUndosSeeOneOrTheOther) {
  UserState state;
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> reads{0};  // that saw it stand
  std::vector<std::jthread> readers;
  const Ordinal user = to_ordinal(1);
  const Ordinal item = to_ordinal(3);
  for (int r = 0; r < 2; ++r) {
    readers.emplace_back([&] {
      Timestamp newest{0};
      std::uint64_t seen = 0;
      while (!done.load(std::memory_order_relaxed)) {
        double net = 0;
        state.net(2, {&item, 1}, {&net, 1});
        if (net != 0 && net != 1) wrong.fetch_add(1);
        if (const auto since = state.standing_since(user, 2, item)) {
          if (*since < newest) wrong.fetch_add(1);
          newest = *since;
          reads.fetch_add(1);
        }
        const double progress = state.progress(user, item);
        if (progress != 0 && progress != 0.25 && progress != 0.5) wrong.fetch_add(1);
        const std::uint64_t seen_now = state.marked(user, Mark::Seen).cardinality();
        if (seen_now < seen) wrong.fetch_add(1);
        seen = seen_now;
      }
    });
  }
  for (std::int64_t i = 1; i <= 8'000 || reads.load() < 300; ++i) {
    const Timestamp at{i};
    state.record({2, user, item, at, {}}, signal_pool()[2]);
    state.record({2, user, to_ordinal(static_cast<std::uint32_t>(10 + i % 60)), at, {}}, signal_pool()[2]);
    state.record({6, user, item, at, 0.25}, signal_pool()[6]);
    state.record({3, user, item, at, i % 2 == 0 ? 0.5 : 1.0}, signal_pool()[3]);
    state.undo({3, user, item, at, {}});
    state.undo({2, user, item, at, {}});
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_EQ(state.progress(user, item), 0.25);
  EXPECT_FALSE(state.stands(user, 2, item));
}

}  // namespace
}  // namespace tidal::signal
