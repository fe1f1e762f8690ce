// Whose turn it is to say what stood: writes that do, of one acting entity, are prepared and applied one after the
// other; those of others share syncs.
//
// T1: from the preparation of such a record until it is applied no other of the same acting entity is prepared, and no
//     deletion, which takes edges from anybody, is under way. So what a record says stood is what stands when it is
//     applied.
// T2: whoever waits holds nothing, and nobody who came later and needs one of its lanes is let in before it: no
//     deadlock, nobody starves.
// Threads: thread-safe. Taken after Core::schema_mutex().
#pragma once

#include <bitset>
#include <chrono>
#include <cstddef>
#include <list>
#include <span>

#include "base/mutex.h"
#include "tidal/db.h"
#include "tidal/result.h"

namespace tidal::db {

class StandingTurns {
 public:
  static constexpr std::size_t kLanes = 256;  ///< acting entities share them by hash
  using Lanes = std::bitset<kLanes>;

  /// Those that the operations need: none where no operation bears on what stands, all for a deletion.
  [[nodiscard]] static Lanes lanes_of(std::span<const Operation> operations);

  /// Holds lanes until it goes.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : turns_(other.turns_), lanes_(other.lanes_) { other.lanes_.reset(); }
    Turn& operator=(Turn&&) = delete;
    ~Turn();

   private:
    friend class StandingTurns;
    Turn(StandingTurns& turns, const Lanes& lanes) : turns_(turns), lanes_(lanes) {}
    StandingTurns& turns_;
    Lanes lanes_;
  };
  /// Waits until nobody holds any of them. Unavailable when that was not before the deadline. Cost without lanes: none.
  [[nodiscard]] Result<Turn> take(const Lanes& lanes, std::chrono::steady_clock::time_point deadline);

 private:
  base::Mutex mutex_;
  base::CondVar freed_;
  Lanes held_ TIDAL_GUARDED_BY(mutex_);
  std::list<Lanes> waiting_ TIDAL_GUARDED_BY(mutex_);  // in the order in which they came
};

}  // namespace tidal::db
