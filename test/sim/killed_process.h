// One history of a real process on real files with the LMDB store, which kills itself at a crash point.
//
// The child tells its parent over a pipe how far it was acknowledged. What it wrote follows from the seed, so the
// parent draws the same history against the model alone, and holds the files that were left against it.
// Threads: forks, so the caller has no other thread.
#pragma once

#include <cstdint>
#include <string>

#include "test/sim/crash_points.h"
#include "test/sim/simulation.h"

namespace tidal::sim {

struct KilledHistory {
  bool met = false;  ///< the process came to every stage of the point
  Failure failure{};
  Durability::Mode mode = Durability::Mode::Sync;
  std::uint64_t lost = 0;  ///< acknowledged records
};

/// `directory` must not exist; it is removed afterwards.
[[nodiscard]] KilledHistory run_killed_history(std::uint64_t seed, const CrashPoint& point,
                                               const std::string& directory);

}  // namespace tidal::sim
