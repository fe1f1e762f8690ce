// Ertl's improved estimator.
#include "signal/hyperloglog.h"

#include <algorithm>
#include <cmath>

namespace tidal::signal {
namespace {

constexpr unsigned kRankLast = kRankMax - 1;  // q in the paper: the last rank that is not saturated
/// There are no more ordinals. Registers that are all saturated would give infinity.
constexpr double kUsersMax = 4294967295.0;
constexpr double kAlpha = 0.721347520444481703680;  // 1 / (2 ln 2)

/// Weight of a register in units of 2^-kRankLast: 0 of empty and of saturated ones, which have terms of their own.
constexpr std::array<std::uint64_t, 256> kWeights = [] {
  std::array<std::uint64_t, 256> weights{};
  for (unsigned rank = 1; rank <= kRankLast; ++rank) weights[rank] = std::uint64_t{1} << (kRankLast - rank);
  return weights;
}();

/// x + sum over k >= 1 of x^(2^k) * 2^(k-1); infinite at 1.
double sigma(double x) {
  double power = 1;
  double sum = x;
  for (double before = -1; before != sum;) {
    x *= x;
    before = sum;
    sum += x * power;
    power += power;
  }
  return sum;
}

/// (1 - x - sum over k >= 1 of (1 - x^(2^-k))^2 * 2^-k) / 3.
double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double power = 1;
  double sum = 1 - x;
  for (double before = -1; before != sum;) {
    x = std::sqrt(x);
    before = sum;
    power *= 0.5;
    sum -= (1 - x) * (1 - x) * power;
  }
  return sum / 3;
}

}  // namespace

double estimate_users(const Registers& registers) {
  std::size_t empty = 0;
  std::size_t saturated = 0;
  for (const std::uint8_t r : registers) {
    empty += r == 0 ? 1 : 0;
    saturated += r == kRankMax ? 1 : 0;
  }
  if (empty == kRegisters) return 0;
  // Integers: the sum is exact in any order, and at most 512 * 2^54.
  std::uint64_t weight = 0;
  for (const std::uint8_t r : registers) weight += kWeights[r];

  constexpr double kAll = kRegisters;
  double sum = kAll * tau(1 - static_cast<double>(saturated) / kAll) + static_cast<double>(weight);
  sum /= static_cast<double>(std::uint64_t{1} << kRankLast);
  sum += kAll * sigma(static_cast<double>(empty) / kAll);
  return std::min(kAlpha * kAll * kAll / sum, kUsersMax);
}

}  // namespace tidal::signal
