// The crash matrix: every crash point with many histories, in memory and by SIGKILL, and the page that tells of it.
//
// Threads: as killed_process.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "test/sim/crash_points.h"
#include "test/sim/tally.h"

namespace tidal::sim {

struct MatrixSize {
  std::uint64_t in_memory = 60;  ///< histories a point that come to it
  std::uint64_t by_signal = 20;
};

struct MatrixRow {
  const CrashPoint* point = nullptr;
  std::uint64_t in_memory = 0;
  std::uint64_t by_signal = 0;
  Tally found{};                   ///< its faults only
  std::vector<std::string> bad{};  ///< one line a failure
};

[[nodiscard]] MatrixRow run_row(const CrashPoint& point, const MatrixSize& size);
/// docs/reliability.md as a whole.
[[nodiscard]] std::string reliability_page(const std::vector<MatrixRow>& rows, const std::string& command);

}  // namespace tidal::sim
