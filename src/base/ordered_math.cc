// Scalar exp, log and the fixed-order sum.
#include "base/ordered_math.h"

#include <bit>
#include <cstdint>
#include <limits>

#include "base/ordered_math_core.h"

namespace tidal::base {
namespace {

using namespace ordered_math;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// 2^k for k in the normal range.
double power_of_two(std::int64_t k) { return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52); }

/// v * 2^k in two exact steps and at most one rounding, so that subnormal results are right.
double scale(double v, std::int64_t k) {
  const std::int64_t half = k >> 1;
  return v * power_of_two(half) * power_of_two(k - half);
}

double exp_reduced(double r) {
  const double z = r * r;
  double even = kExpTail[kExpTailTerms - 2];
  double odd = kExpTail[kExpTailTerms - 1];
  for (int i = kExpTailTerms - 4; i >= 0; i -= 2) {
    even = even * z + kExpTail[i];
    odd = odd * z + kExpTail[i + 1];
  }
  return 1.0 + (r + z * (even + r * odd));
}

/// log(2^k * (1 + f)) + c, for 1 + f in [sqrt(1/2), sqrt(2)] and a correction c far below an ulp of f.
/// log(1 + f) = 2 atanh(s), s = f / (2 + f): s^2 <= 0.02944, so that 11 terms leave 1e-18.
double log_reduced(std::int64_t k, double f, double c) {
  const double s = f / (2.0 + f);
  const double z = s * s;
  double r = 2.0 / 23;
  for (int i = 21; i >= 3; i -= 2) r = r * z + 2.0 / i;
  r = r * z;
  const double half_square = 0.5 * f * f;
  const double dk = static_cast<double>(k);
  if (k == 0) return f - (half_square - (s * (half_square + r) + c));
  return dk * kLn2Hi - ((half_square - (s * (half_square + r) + (dk * kLn2Lo + c))) - f);
}

struct Split {
  std::int64_t exponent;
  double mantissa;  ///< in [sqrt(1/2), sqrt(2)]
};

/// x is positive, finite and normal.
Split split(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  // Subtracting the bits of sqrt(1/2) before the shift moves the border between exponents to sqrt(1/2).
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCDULL;
  const std::int64_t k = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  return {k, std::bit_cast<double>(bits - (static_cast<std::uint64_t>(k) << 52))};
}

}  // namespace

double ordered_exp(double x) {
  if (!(x >= kExpMin)) return x != x ? x : 0.0;
  if (x > kExpMax) return kInfinity;
  const double k = (x * kLog2E + kRoundShift) - kRoundShift;
  const double r = (x - k * kLn2Hi) - k * kLn2Lo;
  return scale(exp_reduced(r), static_cast<std::int64_t>(k));
}

double ordered_exp2(double x) {
  if (!(x > -1075.0)) return x != x ? x : 0.0;
  if (x >= 1024.0) return kInfinity;
  const double k = (x + kRoundShift) - kRoundShift;
  const double f = x - k;  // exact
  return scale(exp_reduced(f * kLn2Hi + f * kLn2Lo), static_cast<std::int64_t>(k));
}

double ordered_log(double x) {
  if (!(x > 0)) return x == 0 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  std::int64_t shift = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    shift = -54;
  }
  const Split parts = split(x);
  return log_reduced(parts.exponent + shift, parts.mantissa - 1.0, 0.0);
}

double ordered_log1p(double x) {
  if (!(x > -1.0)) return x == -1.0 ? -kInfinity : kNaN;
  if (x == kInfinity) return x;
  if (x > -0x1p-54 && x < 0x1p-54) return x;
  if (x > -0.29 && x < 0.41) return log_reduced(0, x, 0.0);  // 1 + x lies between sqrt(1/2) and sqrt(2)
  const double u = 1.0 + x;
  // What the addition lost, as a relative correction.
  const double lost = x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0);
  const Split parts = split(u);
  return log_reduced(parts.exponent, parts.mantissa - 1.0, lost / u);
}

double ordered_sum(std::span<const double> x) {
  constexpr std::size_t kLanes = 16;
  double lane[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lane[j] += x[i + j];
  }
  for (std::size_t j = 0; i < x.size(); ++i, ++j) lane[j] += x[i];
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) lane[j] = lane[j] + lane[j + width];
  }
  return lane[0];
}

}  // namespace tidal::base
