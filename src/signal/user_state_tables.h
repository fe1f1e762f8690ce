// What UserState consists of. Included by its own sources only.
#pragma once

#include <atomic>
#include <limits>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "index/live_bitmap.h"
#include "signal/mark_table.h"
#include "signal/net_counts.h"
#include "signal/user_state.h"

namespace tidal::signal {

/// Slots of a mark table: one a mark, whose words are times in microseconds, and one for the progress of items, whose
/// words are the bits of a double in [0, 1], or of kNoProgress when the item was completed later (U2).
/// Entries of `seen` and of progress have signal 0; the other marks have one entry for each signal that set them.
inline constexpr std::uint8_t kProgressSlot = static_cast<std::uint8_t>(kMarks);
inline constexpr double kNoProgress = -1.0;
inline constexpr std::uint8_t slot(Mark mark) { return static_cast<std::uint8_t>(mark); }

/// seen_since while times of seen are not kept: later than any moment asked about, so that nothing expires.
inline constexpr std::int64_t kSeenNeverExpires = std::numeric_limits<std::int64_t>::max();

struct UserState::User {
  index::LiveBitmap seen;
  MarkTable marks;

  [[nodiscard]] PastUser past() const;
  /// Whether the signal set a mark other than seen on the item (U3).
  [[nodiscard]] bool stands(std::uint16_t signal, Ordinal item) const;
};

/// What one user did, as of a moment: valid under an EpochPin of that moment.
struct UserState::PastUser {
  index::LiveBitmap::Capture seen;
  MarkTable::Capture marks;
};

struct UserState::State {
  base::ChunkedArray<User> users;
  mutable base::Captures<PastUser> past_users;  // by ordinal; capturing is a read
  std::atomic<std::uint32_t> user_end{0};
  NetCounts net;
  mutable std::uint32_t captures = 0;  // the generation of mark tables; writer only, mutable since capturing is a read
  // relaxed: read by itself, nothing else hangs on it.
  std::atomic<std::int64_t> seen_since{kSeenNeverExpires};

  [[nodiscard]] bool keeps_seen_times() const {
    return seen_since.load(std::memory_order_relaxed) != kSeenNeverExpires;
  }
  void save_for_captures(Ordinal user) {
    past_users.before_change(to_index(user), [this, user] { return users[to_index(user)].past(); });
  }
  User& grow_to(Ordinal user) {
    // relaxed: the applier's own; who else reads it looks each user up in `users`, which publishes them.
    if (to_index(user) >= user_end.load(std::memory_order_relaxed)) {
      user_end.store(to_index(user) + 1, std::memory_order_relaxed);
    }
    return users.at_grown(to_index(user));
  }
};

}  // namespace tidal::signal
