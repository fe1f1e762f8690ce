// Sub-windows: the eight parts in which distinct users of a window are counted, numbered by absolute time.
//
// Units: a unit is 7.5 minutes, the sub-window of 1h. 24h has sub-windows of 24 units (3 h), 7d of 168 (21 h), 30d of
// 720 (3.75 d). Numbers count from 1970 and are negative before; a sub-window is a whole number of units, so the unit
// of an event says its sub-window of every window.   Threads: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

inline constexpr std::int64_t kSubWindows = 8;
inline constexpr Duration kSubWindowUnit = seconds(450);
/// By Window, without All.
inline constexpr std::array<std::int64_t, kRingWindows> kUnitsOfSubWindow = {1, 24, 168, 720};
/// One bit a window that rings serve.
inline constexpr unsigned kAllWindowBits = (1U << kRingWindows) - 1;
/// Stands for the number of a sub-window where nothing was counted yet.
inline constexpr std::int64_t kNoSubWindow = std::numeric_limits<std::int64_t>::min();

[[nodiscard]] constexpr std::int64_t floor_quotient(std::int64_t a, std::int64_t positive) {
  return a >= 0 ? a / positive : -1 - (-1 - a) / positive;
}

[[nodiscard]] constexpr std::int64_t unit_of(Timestamp at) { return floor_quotient(at.us, kSubWindowUnit.us); }

/// `window`: below kRingWindows.
[[nodiscard]] constexpr std::int64_t sub_window_of(std::size_t window, std::int64_t unit) {
  switch (window) {  // constants, so that no division is left
    case 0: return unit;
    case 1: return floor_quotient(unit, kUnitsOfSubWindow[1]);
    case 2: return floor_quotient(unit, kUnitsOfSubWindow[2]);
    default: return floor_quotient(unit, kUnitsOfSubWindow[3]);
  }
}

/// Place of a sub-window among eight that follow each other.
[[nodiscard]] constexpr std::size_t ring_slot(std::int64_t sub_window) {
  return static_cast<std::size_t>(static_cast<std::uint64_t>(sub_window) % kSubWindows);
}

}  // namespace tidal::signal
