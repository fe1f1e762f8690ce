// Tests of the bit-reproducible exp, log and sum against long double references (O1 to O3).
#include "base/ordered_math.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/vector_target_for_test.h"

namespace tidal::base {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Distance from the true value in units of the last place of the nearest double.
double error_ulps(double got, long double want) {
  const double nearest = static_cast<double>(want);
  if (std::isinf(nearest)) return got == nearest ? 0 : kInfinity;
  const long double ulp =
      std::max<long double>(std::nextafter(std::abs(nearest), kInfinity) - std::abs(nearest), 0x1p-1074L);
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / ulp);
}

template <class Make, class F, class G>
double worst_error(int n, Make make, F f, G reference) {
  double worst = 0;
  for (int i = 0; i < n; ++i) {
    const double x = make(i);
    worst = std::max(worst, error_ulps(f(x), reference(static_cast<long double>(x))));
  }
  return worst;
}

auto grid(double from, double to, int n) {
  return [=](int i) { return from + (to - from) * i / n; };
}

const auto kExpl = [](long double x) { return expl(x); };
const auto kExp2l = [](long double x) { return exp2l(x); };
const auto kLogl = [](long double x) { return logl(x); };
const auto kLog1pl = [](long double x) { return log1pl(x); };
constexpr int kSteps = 300'000;

TEST(OrderedExp, StaysWithinTwoUlps) {
  EXPECT_LE(worst_error(kSteps, grid(-1, 1, kSteps), ordered_exp, kExpl), 1.0);
  EXPECT_LE(worst_error(kSteps, grid(-40, 40, kSteps), ordered_exp, kExpl), 2.0);
  EXPECT_LE(worst_error(kSteps, grid(-745.2, 709.9, kSteps), ordered_exp, kExpl), 2.0);
  EXPECT_LE(worst_error(kSteps, grid(-745.2, -707, kSteps), ordered_exp, kExpl), 2.0) << "subnormal results";
  EXPECT_LE(worst_error(
                kSteps, [](int i) { return -std::ldexp(1.0, -i % 1070); }, ordered_exp, kExpl),
            1.0);
}

TEST(OrderedExp, KeepsItsEdges) {
  EXPECT_EQ(ordered_exp(0.0), 1.0);
  EXPECT_EQ(ordered_exp(-0.0), 1.0);
  EXPECT_EQ(ordered_exp(-kInfinity), 0.0);
  EXPECT_EQ(ordered_exp(kInfinity), kInfinity);
  EXPECT_EQ(ordered_exp(710), kInfinity);
  EXPECT_EQ(ordered_exp(-746), 0.0);
  EXPECT_EQ(ordered_exp(-1e300), 0.0);
  EXPECT_GT(ordered_exp(-745.1), 0.0);
  EXPECT_LT(ordered_exp(709.78), kInfinity);
  EXPECT_TRUE(std::isnan(ordered_exp(std::nan(""))));
}

TEST(OrderedExp, HalvesExactlyAtOneHalfLife) { EXPECT_LE(error_ulps(ordered_exp(-0x1.62e42fefa39efp-1), 0.5L), 1.0); }

TEST(OrderedExp2, StaysWithinTwoUlps) {
  EXPECT_LE(worst_error(kSteps, grid(-1, 1, kSteps), ordered_exp2, kExp2l), 2.0);
  EXPECT_LE(worst_error(kSteps, grid(-1075.5, 1024.5, kSteps), ordered_exp2, kExp2l), 2.0);
  for (int k = -1074; k < 1024; ++k) EXPECT_EQ(ordered_exp2(k), std::ldexp(1.0, k));
  EXPECT_EQ(ordered_exp2(1024), kInfinity);
  EXPECT_EQ(ordered_exp2(-1076), 0.0);
  EXPECT_TRUE(std::isnan(ordered_exp2(std::nan(""))));
}

TEST(OrderedLog, StaysWithinTwoUlps) {
  EXPECT_LE(worst_error(kSteps, grid(0.5, 2.0, kSteps), ordered_log, kLogl), 2.0);
  EXPECT_LE(worst_error(kSteps, grid(1e-6, 1e9, kSteps), ordered_log, kLogl), 2.0);
  std::mt19937_64 random(1);
  const auto any_positive = [&](int) { return std::bit_cast<double>(random() % 0x7FF0000000000000ULL); };
  EXPECT_LE(worst_error(kSteps, any_positive, ordered_log, kLogl), 2.0) << "every exponent, subnormals included";
}

TEST(OrderedLog, KeepsItsEdges) {
  EXPECT_EQ(ordered_log(1.0), 0.0);
  EXPECT_EQ(ordered_log(0.0), -kInfinity);
  EXPECT_EQ(ordered_log(-0.0), -kInfinity);
  EXPECT_EQ(ordered_log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(ordered_log(-1.0)));
  EXPECT_TRUE(std::isnan(ordered_log(std::nan(""))));
  EXPECT_LE(error_ulps(ordered_log(5e-324), logl(static_cast<long double>(5e-324))), 2.0);
}

TEST(OrderedLog1p, StaysWithinTwoUlps) {
  EXPECT_LE(worst_error(kSteps, grid(-0.999999, 2.0, kSteps), ordered_log1p, kLog1pl), 2.0);
  EXPECT_LE(worst_error(kSteps, grid(0, 1e7, kSteps), ordered_log1p, kLog1pl), 2.0);
  const auto tiny = [](int i) { return (i % 2 == 0 ? 1 : -1) * std::ldexp(1.0 + (i % 97) / 97.0, -2 - i % 1050); };
  EXPECT_LE(worst_error(kSteps, tiny, ordered_log1p, kLog1pl), 2.0);
  EXPECT_LE(worst_error(
                2000, [](int i) { return std::ldexp(1.37, i % 1023); }, ordered_log1p, kLog1pl),
            2.0);
}

TEST(OrderedLog1p, KeepsItsEdges) {
  EXPECT_EQ(ordered_log1p(0.0), 0.0);
  EXPECT_EQ(ordered_log1p(-1.0), -kInfinity);
  EXPECT_EQ(ordered_log1p(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(ordered_log1p(-2.0)));
}

TEST(OrderedMath, GivesTheseBitsOnEveryMachine) {
  // O2: golden bits; a compiler that fuses or reorders changes them.
  EXPECT_EQ(std::bit_cast<std::uint64_t>(ordered_exp(-1.5)), 4597207131539332125ULL);
  std::uint64_t mixed = 0;
  for (int i = 0; i < 4000; ++i) {
    const double x = -20 + i * 0.01;
    for (const double y : {ordered_exp(x), ordered_exp2(x), ordered_log(x + 21), ordered_log1p(x + 20)}) {
      mixed = mixed * 0x9E3779B97F4A7C15ULL + std::bit_cast<std::uint64_t>(y);
    }
  }
  EXPECT_EQ(mixed, 13036144236753081646ULL);
}

TEST(OrderedExpArray, GivesTheBitsOfTheScalarForm) {  // O3
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(-760, 720);
  std::vector<double> x = {0.0,
                           -0.0,
                           kInfinity,
                           -kInfinity,
                           std::nan(""),
                           709.782712893384,
                           709.78271289338409,
                           -745.1332191019412,
                           -745.13321910194122,
                           -745.14,
                           1e308,
                           -1e308,
                           5e-324};
  for (int i = 0; i < 10'000; ++i) x.push_back(uniform(random));
  std::vector<double> out(x.size());
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}, x.size() - 3, x.size()}) {
    base::on_every_vector_target([&](const std::string& target) {
      ordered_exp_array(std::span(x).subspan(first), std::span(out).subspan(first));
      for (std::size_t i = first; i < x.size(); ++i) {
        EXPECT_EQ(std::bit_cast<std::uint64_t>(out[i]), std::bit_cast<std::uint64_t>(ordered_exp(x[i])))
            << x[i] << " on " << target;
      }
    });
  }
}

TEST(OrderedSum, AddsInTheDocumentedOrder) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (std::size_t n = 0; n < 100; ++n) {
    std::vector<double> x(n);
    for (double& v : x) v = uniform(random);
    double lane[16] = {};
    for (std::size_t i = 0; i < n; ++i) lane[i % 16] += x[i];
    for (const int width : {8, 4, 2, 1}) {
      for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
    }
    EXPECT_EQ(ordered_sum(x), lane[0]);
  }
}

}  // namespace
}  // namespace tidal::base
