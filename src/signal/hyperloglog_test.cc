// The hash, the registers and the estimate of a sketch.
#include "signal/hyperloglog.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace tidal::signal {
namespace {

Registers sketch_of(const std::vector<std::uint32_t>& users) {
  Registers out{};
  for (const std::uint32_t u : users) raise(out, to_ordinal(u));
  return out;
}

TEST(HyperLogLog, TheHashIsPartOfTheFormat) {
  // The first two outputs of splitmix64 seeded with 0.
  EXPECT_EQ(mix_ordinal(to_ordinal(0)), 0xE220A8397B1DCDAFU);
  EXPECT_EQ(mix_ordinal(to_ordinal(1)), 0x6E789E6AA1B965F4U);
  // 0xE22… = 111000100 | 0100…: register 452, one leading zero. 0x6E7… = 011011100 | 1111…: register 220, none.
  EXPECT_EQ(raise_of(to_ordinal(0)).index, 452U);
  EXPECT_EQ(raise_of(to_ordinal(0)).rank, 2U);
  EXPECT_EQ(raise_of(to_ordinal(1)).index, 220U);
  EXPECT_EQ(raise_of(to_ordinal(1)).rank, 1U);
}

TEST(HyperLogLog, EstimatesByHand) {
  Registers registers{};
  EXPECT_EQ(estimate_users(registers), 0.0);
  // No register empty, none saturated: m * tau and m * sigma vanish, what is left is alpha * m * 2^rank.
  registers.fill(5);
  EXPECT_NEAR(estimate_users(registers), 0.72134752044448170 * 512 * 32, 1e-6);
  // One user: 511 of 512 empty. m * ln(512 / 511) = 1.00098 is what linear counting gives.
  EXPECT_NEAR(estimate_users(sketch_of({1})), 1.0, 0.01);
  registers.fill(kRankMax);
  EXPECT_EQ(estimate_users(registers), 4294967295.0);
}

RC_GTEST_PROP(HyperLogLog, ASketchIsOfASetAndUnionsAreMaxima,
              (std::vector<std::uint16_t> a,  // Y1, Y2
               std::vector<std::uint16_t> b)) {
  std::vector<std::uint32_t> both(a.begin(), a.end());
  both.insert(both.end(), b.begin(), b.end());
  Registers joined = sketch_of({a.begin(), a.end()});
  const Registers of_b = sketch_of({b.rbegin(), b.rend()});
  for (std::size_t i = 0; i < kRegisters; ++i) joined[i] = std::max(joined[i], of_b[i]);
  RC_ASSERT(joined == sketch_of(both));
  both.insert(both.end(), a.begin(), a.end());
  RC_ASSERT(joined == sketch_of(both));
}

TEST(HyperLogLog, NeverFallsWhenAUserComes) {
  Registers registers{};
  double before = 0;
  for (std::uint32_t u = 0; u < 20'000; ++u) {
    raise(registers, to_ordinal(u * 7919));
    const double now = estimate_users(registers);
    ASSERT_GE(now, before) << u;
    before = now;
  }
}

TEST(HyperLogLog, ErrorAndBiasStayInBounds) {
  base::Random random(7);
  for (const std::uint32_t n : {1U, 10U, 65U, 200U, 1000U, 1500U, 3000U, 20'000U}) {
    const int rounds = n < 10'000 ? 300 : 60;
    double bias = 0;
    double square = 0;
    for (int r = 0; r < rounds; ++r) {
      const auto first = static_cast<std::uint32_t>(random.below(1U << 31));
      Registers registers{};
      for (std::uint32_t i = 0; i < n; ++i) raise(registers, to_ordinal(first + i));
      const double off = estimate_users(registers) / n - 1;
      bias += off / rounds;
      square += off * off / rounds;
    }
    EXPECT_LT(std::sqrt(square), 0.056) << n;  // 4.6 %, and three deviations of the measurement
    EXPECT_LT(std::abs(bias), 0.015) << n;
  }
}

}  // namespace
}  // namespace tidal::signal
