// What one bucket of a history holds: a count and two sums in fixed point.
//
// Units: sums in 2^-32. A contribution is rounded to the nearest unit, halves away from zero, and saturates at
// +-2^54 (1.8e16: every integer a double holds exactly, any time in microseconds); what is no number counts as 0.
// F1: adding is associative and commutative, bit for bit, so sums do not depend on when parts of them were merged.
// F2: sums are exact below 2^41 events a bucket; beyond, they would wrap, in the same way everywhere.
// Threads: pure functions.
#pragma once

#include <cstdint>

namespace tidal::signal {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 Uint128;

inline constexpr double kContributionMax = 0x1p54;
inline constexpr int kFractionBits = 32;

/// In units of 2^-32.
[[nodiscard]] constexpr Int128 to_fixed(double x) {
  if (x >= kContributionMax) return Int128{1} << (54 + kFractionBits);
  if (x <= -kContributionMax) return -(Int128{1} << (54 + kFractionBits));
  if (x != x) return 0;
  const double scaled = x * 0x1p32;  // exact but for the smallest numbers, which round to 0 all the same
  if (!(scaled > -0x1p62 && scaled < 0x1p62)) return static_cast<Int128>(scaled);  // so large a double is whole
  const auto whole = static_cast<std::int64_t>(scaled);
  const double rest = scaled - static_cast<double>(whole);
  return whole + (rest >= 0.5 ? 1 : rest <= -0.5 ? -1 : 0);
}

/// The nearest double.
[[nodiscard]] constexpr double from_fixed(Int128 sum) { return static_cast<double>(sum) * 0x1p-32; }

/// Modulo 2^128 (F2).
[[nodiscard]] constexpr Int128 add_fixed(Int128 a, Int128 b) {
  return static_cast<Int128>(static_cast<Uint128>(a) + static_cast<Uint128>(b));
}

struct RollupSums {
  Int128 weight = 0;
  Int128 value = 0;  ///< weight times value, of the events that carry one
  std::uint64_t count = 0;

  constexpr void add(const RollupSums& other) {
    weight = add_fixed(weight, other.weight);
    value = add_fixed(value, other.value);
    count += other.count;
  }
  bool operator==(const RollupSums&) const = default;
};

}  // namespace tidal::signal
