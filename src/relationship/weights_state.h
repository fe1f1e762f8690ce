// What WeightState consists of. Included by its own sources only.
#pragma once

#include <atomic>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "relationship/weight_word.h"
#include "relationship/weights.h"
#include "signal/mark_table.h"

namespace tidal::relationship {

/// A pair's key in its user's table: the slot says which kind of weight, no signal.
inline std::uint64_t key_of(WeightKind kind, Ordinal other) {
  return signal::mark_key(static_cast<std::uint8_t>(kind), other, 0);
}
inline WeightKind kind_of(std::uint64_t key) { return static_cast<WeightKind>(signal::slot_of(key)); }

struct WeightState::State {
  base::ChunkedArray<signal::MarkTable> users;
  mutable base::Captures<signal::MarkTable::Capture> past_users;  // by ordinal; capturing is a read
  std::atomic<std::uint32_t> user_end{0};
  mutable std::uint32_t captures = 0;  // the generation of tables; writer only, mutable since capturing is a read
  // relaxed: read by itself, nothing else hangs on it.
  std::atomic<std::int64_t> half_life_us{Settings().relationship_half_life.us};

  [[nodiscard]] const signal::MarkTable* find(Ordinal user) const {
    return user == Ordinal::None ? nullptr : users.find(to_index(user));
  }
  void save_for_captures(Ordinal user) {
    past_users.before_change(to_index(user), [this, user] { return users[to_index(user)].capture(); });
  }
  signal::MarkTable& grow_to(Ordinal user) {
    // relaxed: the applier's own; who else reads it looks each user up in `users`, which publishes them.
    if (to_index(user) >= user_end.load(std::memory_order_relaxed)) {
      user_end.store(to_index(user) + 1, std::memory_order_relaxed);
    }
    return users.at_grown(to_index(user));
  }
};

}  // namespace tidal::relationship
