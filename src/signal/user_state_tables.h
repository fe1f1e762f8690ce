// What UserState consists of. Included by its own sources only.
#pragma once

#include <atomic>
#include <limits>
#include <optional>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "index/live_bitmap.h"
#include "signal/mark_table.h"
#include "signal/net_counts.h"
#include "signal/user_state.h"

namespace tidal::signal {

/// Slots of a mark table: one a mark, whose words are times in microseconds, and those of MarkSlot. Entries of `seen`
/// and of Progress have signal 0; all others have one entry for each signal.
enum class MarkSlot : std::uint8_t {
  /// Bits of a double in [0, 1], or of kNoProgress when the item was completed later (U2). Follows from the others.
  Progress = kMarks,
  Undone = kMarks + 1,          ///< time of the signal's latest undo (U5)
  SignalProgress = kMarks + 2,  ///< bits of the progress that the signal's in_progress carries; absent: 0
  // Place of the signal's mark among those of in_progress and completed with the same time; absent: 0, the first.
  InProgressTie = kMarks + 3,
  CompletedTie = kMarks + 4,
};
inline constexpr std::uint8_t kSlots = kMarks + 5;
inline constexpr double kNoProgress = -1.0;
inline constexpr std::uint8_t slot(Mark mark) { return static_cast<std::uint8_t>(mark); }
inline constexpr std::uint8_t slot(MarkSlot other) { return static_cast<std::uint8_t>(other); }
/// Whether entries of that slot make their signal stand (U3).
inline constexpr bool is_standing(std::uint8_t slot_number) {
  return slot_number < kMarks && slot_number != slot(Mark::Seen);
}

/// seen_since while times of seen are not kept: later than any moment asked about, so that nothing expires.
inline constexpr std::int64_t kSeenNeverExpires = std::numeric_limits<std::int64_t>::max();

struct UserState::User {
  index::LiveBitmap seen;
  MarkTable marks;

  [[nodiscard]] PastUser past() const;
  /// The newest time of a mark other than seen that the signal has on the item; nothing when it does not stand (U3).
  [[nodiscard]] std::optional<Timestamp> standing_since(std::uint16_t signal, Ordinal item) const;
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
