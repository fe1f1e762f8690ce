// A weight and the time it is relative to in one 64-bit word, so that they are read together.
//
// Bits 0 to 23: the weight in units of 1 / (2^24 - 1), so that 0 and 1 are exact. Bits 24 to 63: the time in whole
// seconds since the beginning of the year 0. Threads: pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/ordered_math.h"
#include "tidal/types.h"

namespace tidal::relationship {

inline constexpr std::uint32_t kUnitsOfOne = (1U << 24) - 1;
inline constexpr std::int64_t kYearZero = -62'167'219'200;          ///< in seconds since 1970
inline constexpr std::int64_t kSecondsEnd = std::int64_t{1} << 39;  ///< 17,420 years: no valid time reaches it

struct WeightPoint {
  std::uint32_t units = 0;
  std::int64_t second = 0;  ///< since the year 0, below kSecondsEnd
  bool operator==(const WeightPoint&) const = default;

  [[nodiscard]] double weight() const { return static_cast<double>(units) / kUnitsOfOne; }
  [[nodiscard]] std::int64_t time_us() const { return (second + kYearZero) * 1'000'000; }
};

[[nodiscard]] constexpr std::int64_t pack(WeightPoint point) { return point.second << 24 | point.units; }
[[nodiscard]] constexpr WeightPoint unpack(std::int64_t word) {
  return {static_cast<std::uint32_t>(word) & kUnitsOfOne, word >> 24};
}

/// The whole second that `at` lies in.
[[nodiscard]] constexpr std::int64_t second_of(Timestamp at) {
  const std::int64_t floor = at.us / 1'000'000 - (at.us % 1'000'000 < 0 ? 1 : 0);
  return std::clamp<std::int64_t>(floor - kYearZero, 0, kSecondsEnd - 1);
}

/// The nearest number of units. `weight` in [0, 1].
[[nodiscard]] constexpr std::uint32_t units_of(double weight) {
  return static_cast<std::uint32_t>(weight * kUnitsOfOne + 0.5);
}

/// The pair after an event with `delta` in the second `second`; `rate`: lambda per microsecond.
[[nodiscard]] inline WeightPoint after_event(std::optional<WeightPoint> before, double delta, std::int64_t second,
                                             double rate) {
  if (!before) return {units_of(std::clamp(delta, 0.0, 1.0)), second};
  const std::int64_t distance = second - before->second;
  const double left = base::ordered_exp(-rate * 1e6 * static_cast<double>(distance < 0 ? -distance : distance));
  const double weight = distance < 0 ? before->weight() + delta * left : before->weight() * left + delta;
  return {units_of(std::clamp(weight, 0.0, 1.0)), std::max(second, before->second)};
}

}  // namespace tidal::relationship
