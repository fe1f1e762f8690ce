// Readers and an image writer beside the applier's moves of preferences.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include "base/vector_math.h"
#include "signal/preference.h"

namespace tidal::signal {
namespace {

using Vector = std::vector<float>;

constexpr std::uint32_t kUsers = 5;
constexpr std::uint32_t kSize = 8;

Vector axis(std::size_t i) {
  Vector v(kSize, 0.0F);
  v[i % kSize] = 1;
  return v;
}

/// Of the event that founds on axis i. Tells the axis, so that a reader can tell a mixture of two moments.
double rate_of_axis(std::size_t i) { return 1.0 / static_cast<double>(2 + i % kSize); }

class Reader {
 public:
  explicit Reader(const Preferences& state) : state_(state) {}
  /// Whether everything that was seen belongs together.
  [[nodiscard]] bool look(Ordinal user) {
    // Before every event nothing has decayed: weights are as they were given.
    const Preferences::Interests one = state_.interests(user, Timestamp{std::numeric_limits<std::int64_t>::min()});
    if (one.count > 2 || (one.count != 0 && one.size != kSize)) return false;
    for (std::size_t slot = 0; slot < one.count; ++slot) {
      const Vector v(one.vector(slot).begin(), one.vector(slot).end());
      bool known = false;
      for (std::size_t i = 0; i < kSize; ++i) known |= v == axis(i) && one.weights[slot] == rate_of_axis(i);
      if (!known) return false;
    }
    Vector whole(kSize);
    if (state_.vector(user, whole) && std::abs(base::squared_norm(whole) - 1) > 1e-5) return false;
    const Preferences::Matcher matcher = state_.matcher(user);
    float best = 0;
    for (std::size_t i = 0; i < kSize; ++i) best = std::max(best, matcher.best(axis(i)));
    if (!matcher.empty() && best != 1.0F) return false;
    return state_.users() <= kUsers && state_.memory_bytes() > 0;
  }

 private:
  const Preferences& state_;
};

/// Each event founds in the place of the older of two, on an axis at right angles to both.
void write(Preferences& state, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const auto at = Timestamp{days(static_cast<std::int64_t>(i) * 100).us};
    state.move({.user = to_ordinal(static_cast<std::uint32_t>(i / kSize % kUsers)), .at = at, .rate = rate_of_axis(i)},
               axis(i));
  }
}

TEST(Preferences, ReadersSeeOneMomentOfAUser) {
  Preferences state;
  state.define(kSize);
  state.limit_interests(2);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<std::size_t> looks{0};
  std::vector<std::jthread> readers;
  for (std::uint32_t r = 0; r < 3; ++r) {
    readers.emplace_back([&, r] {
      Reader reader(state);
      std::uint32_t positives = 0;
      for (std::uint32_t i = r; !done.load(std::memory_order_relaxed); ++i) {
        if (!reader.look(to_ordinal(i % kUsers))) wrong.fetch_add(1, std::memory_order_relaxed);
        const std::uint32_t now = state.positives(to_ordinal(0));  // the user who is never erased
        if (now < positives) wrong.fetch_add(1, std::memory_order_relaxed);
        positives = now;
        looks.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  std::size_t i = 0;
  for (; i < 20'000 || looks.load(std::memory_order_relaxed) < 300; ++i) {
    write(state, i, i + 1);
    if (i % 97 == 0) state.erase_user(to_ordinal(1 + static_cast<std::uint32_t>(i) % (kUsers - 1)));
  }
  done.store(true, std::memory_order_relaxed);
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(state.positives(to_ordinal(0)), 0U);
}

TEST(Preferences, ACaptureIsWrittenWhileTheStateMovesOn) {
  Preferences state;
  state.define(kSize);
  state.limit_interests(2);
  write(state, 0, 300);
  for (std::size_t round = 1; round < 6; ++round) {
    const auto capture = state.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write(state, round * 1000, round * 1000 + 1000);
      state.erase_user(to_ordinal(static_cast<std::uint32_t>(round % kUsers)));
      state.limit_interests(static_cast<std::uint32_t>(1 + round % 2));
      if (round == 3) {
        state.clear();
        state.define(kSize);
      }
    }
    EXPECT_EQ(later, at_once);
    EXPECT_EQ(capture->encode(), at_once);
    EXPECT_NE(state.capture()->encode(), at_once);
  }
}

}  // namespace
}  // namespace tidal::signal
