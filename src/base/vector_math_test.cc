// The vector arithmetic against plain twins, on every instruction set there is (V1, V2).
#include "base/vector_math.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/vector_target_for_test.h"

namespace tidal::base {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

std::uint32_t bits_of(float v) { return std::bit_cast<std::uint32_t>(v); }

template <class T>
T sum_pairwise(T (&lane)[16]) {
  for (const int width : {8, 4, 2, 1}) {
    for (int j = 0; j < width; ++j) lane[j] += lane[j + width];
  }
  return lane[0];
}

float plain_dot(const std::vector<float>& a, const std::vector<float>& b) {
  float lane[16] = {};
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float product = a[i] * b[i];
    lane[i % 16] += product;
  }
  return sum_pairwise(lane);
}

double plain_squared_norm(const std::vector<float>& v) {
  double lane[16] = {};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double product = static_cast<double>(v[i]) * static_cast<double>(v[i]);
    lane[i % 16] += product;
  }
  return sum_pairwise(lane);
}

/// The value of a finite half, from its definition.
double plain_half(std::uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  const double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -size : size;
}

bool is_nan_half(std::uint16_t half) { return (half & 0x7FFF) > 0x7C00; }

std::vector<float> random_vector(Random& random, std::size_t n) {
  std::vector<float> v(n);
  for (float& x : v)
    x = static_cast<float>(random.uniform() * 2 - 1) * std::ldexp(1.0F, static_cast<int>(random.below(12)));
  return v;
}

/// Sizes about every multiple of the vectors' widths, and large ones.
std::vector<std::size_t> sizes() {
  std::vector<std::size_t> out;
  for (std::size_t n = 0; n <= 70; ++n) out.push_back(n);
  for (const std::size_t n : {128U, 255U, 256U, 257U, 768U, 1536U, 4096U}) out.push_back(n);
  return out;
}

/// Runs on every instruction set and size.
template <class Run>
void on_every_target_and_size(Run run) {
  on_every_vector_target([&](const std::string& target) {
    Random random(11);
    for (const std::size_t n : sizes()) {
      SCOPED_TRACE(target + ", size " + std::to_string(n));
      run(random, n);
    }
  });
}

TEST(VectorMath, DotAddsInTheDocumentedOrder) {  // V1
  on_every_target_and_size([](Random& random, std::size_t n) {
    const std::vector<float> a = random_vector(random, n);
    const std::vector<float> b = random_vector(random, n);
    EXPECT_EQ(bits_of(dot(a, b)), bits_of(plain_dot(a, b)));
    if (n == 0) return;
    const std::vector<float> a_tail(a.begin() + 1, a.end());
    const std::vector<float> b_head(b.begin(), b.end() - 1);
    EXPECT_EQ(bits_of(dot(std::span(a).subspan(1), std::span(b).first(n - 1))), bits_of(plain_dot(a_tail, b_head)));
  });
}

TEST(VectorMath, DotOfHalvesIsThatOfTheirFloats) {  // V1
  on_every_target_and_size([](Random& random, std::size_t n) {
    std::vector<std::uint16_t> halves(n);
    for (std::uint16_t& h : halves) h = static_cast<std::uint16_t>(random.below(0x7C00) | random.below(2) << 15);
    std::vector<float> floats(n);
    for (std::size_t i = 0; i < n; ++i) floats[i] = from_half(halves[i]);
    const std::vector<float> b = random_vector(random, n);
    EXPECT_EQ(bits_of(dot_halves(halves, b)), bits_of(plain_dot(floats, b)));
  });
}

TEST(VectorMath, SquaredNormRunsInDoubles) {  // V1
  on_every_target_and_size([](Random& random, std::size_t n) {
    const std::vector<float> v = random_vector(random, n);
    EXPECT_EQ(squared_norm(v), plain_squared_norm(v));
  });
  const std::vector<float> huge(64, kLargest);
  EXPECT_EQ(squared_norm(huge), 64.0 * static_cast<double>(kLargest) * static_cast<double>(kLargest));
}

TEST(VectorMath, AddScaledRoundsTwice) {  // V1
  on_every_target_and_size([](Random& random, std::size_t n) {
    std::vector<float> v = random_vector(random, n);
    const std::vector<float> e = random_vector(random, n);
    std::vector<float> want = v;
    for (std::size_t i = 0; i < n; ++i) {
      const float product = 0.3F * e[i];
      want[i] = want[i] + product;
    }
    add_scaled(v, 0.3F, e);
    EXPECT_EQ(v, want);
  });
}

TEST(VectorMath, NormaliseDividesByTheNorm) {  // V1
  on_every_target_and_size([](Random& random, std::size_t n) {
    std::vector<float> v = random_vector(random, n);
    std::vector<float> want = v;
    const double norm = std::sqrt(plain_squared_norm(v));
    EXPECT_EQ(normalise(v), n != 0);
    for (float& x : want) x = static_cast<float>(static_cast<double>(x) * (1.0 / norm));
    EXPECT_EQ(v, want);
    EXPECT_NEAR(squared_norm(v), n == 0 ? 0.0 : 1.0, 1e-6);
  });
}

TEST(VectorMath, NormaliseLeavesWhatHasNoDirection) {
  const auto refused = [](std::vector<float> v) {
    const std::vector<float> before = v;
    if (normalise(v)) return false;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (bits_of(v[i]) != bits_of(before[i])) return false;
    }
    return true;
  };
  on_every_vector_target([&](const std::string& target) {
    SCOPED_TRACE(target);
    EXPECT_TRUE(refused({0, 0, 0}));
    EXPECT_TRUE(refused({0.9e-6F, 0, 0}));
    EXPECT_TRUE(refused({1, kInfinity, 0}));
    EXPECT_TRUE(refused({1, -kInfinity, 0}));
    EXPECT_TRUE(refused({1, std::nanf(""), 0}));
    EXPECT_FALSE(refused({1.1e-6F, 0, 0}));
    std::vector<float> huge(64, kLargest);  // its norm is no float
    ASSERT_TRUE(normalise(huge));
    EXPECT_EQ(huge, std::vector<float>(64, 0.125F));
    std::vector<float> pair = {3, -4};
    ASSERT_TRUE(normalise(pair));
    EXPECT_EQ(pair, (std::vector<float>{0.6F, -0.8F}));
  });
}

TEST(VectorMath, EveryHalfRoundTrips) {  // V2
  std::vector<std::uint16_t> halves(65536);
  for (std::size_t h = 0; h < halves.size(); ++h) halves[h] = static_cast<std::uint16_t>(h);
  on_every_vector_target([&](const std::string& target) {
    SCOPED_TRACE(target);
    std::vector<float> floats(halves.size());
    from_halves(halves, floats);
    std::vector<std::uint16_t> back(halves.size());
    to_halves(floats, back);
    for (const std::uint16_t h : halves) {
      ASSERT_EQ(bits_of(floats[h]), bits_of(from_half(h))) << h;
      ASSERT_EQ(back[h], to_half(floats[h])) << h;
      if (is_nan_half(h)) {
        ASSERT_EQ(bits_of(floats[h]), 0x7FC00000U) << h;
        ASSERT_EQ(back[h], 0x7E00) << h;
        continue;
      }
      ASSERT_EQ(back[h], h);
      const bool infinite = (h & 0x7FFF) == 0x7C00;
      ASSERT_EQ(static_cast<double>(floats[h]),
                infinite ? static_cast<double>((h & 0x8000) != 0 ? -kInfinity : kInfinity) : plain_half(h));
      ASSERT_EQ(std::signbit(floats[h]), (h & 0x8000) != 0) << h;
    }
  });
}

// Between every two neighbours: the middle goes to the even one, what is beside it to the nearer one.
TEST(VectorMath, HalvesRoundToNearestEven) {  // V2
  std::vector<float> values;
  std::vector<std::uint16_t> want;
  const auto expect = [&](float value, std::uint16_t half) {
    values.push_back(value);
    want.push_back(half);
    values.push_back(-value);
    want.push_back(static_cast<std::uint16_t>(half | 0x8000));
  };
  for (std::uint16_t h = 0; h < 0x7C00; ++h) {
    const auto next = static_cast<std::uint16_t>(h + 1);
    const double above = next == 0x7C00 ? 65536.0 : plain_half(next);
    const auto middle = static_cast<float>((plain_half(h) + above) / 2);  // exact: one more bit of mantissa
    expect(middle, h % 2 == 0 ? h : next);
    expect(std::nextafter(middle, 0.0F), h);
    expect(std::nextafter(middle, kInfinity), next);
  }
  expect(65519.99F, 0x7BFF);
  expect(65520, 0x7C00);
  expect(1e30F, 0x7C00);
  expect(kInfinity, 0x7C00);
  expect(std::numeric_limits<float>::denorm_min(), 0);
  values.push_back(std::bit_cast<float>(0xFFC12345U));  // NaN has neither sign nor payload
  want.push_back(0x7E00);
  values.push_back(std::bit_cast<float>(0x7F800001U));
  want.push_back(0x7E00);
  on_every_vector_target([&](const std::string& target) {
    SCOPED_TRACE(target);
    std::vector<std::uint16_t> halves(values.size());
    to_halves(values, halves);
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(halves[i], want[i]) << values[i];
      ASSERT_EQ(to_half(values[i]), want[i]) << values[i];
    }
  });
}

TEST(VectorMath, HalvesOfAnySizeHaveTheBitsOfTheScalarForm) {
  on_every_target_and_size([](Random& random, std::size_t n) {
    std::vector<float> values(n);
    for (float& v : values) v = std::bit_cast<float>(static_cast<std::uint32_t>(random.next()));
    std::vector<std::uint16_t> halves(n);
    to_halves(values, halves);
    std::vector<float> back(n);
    from_halves(halves, back);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(halves[i], to_half(values[i]));
      ASSERT_EQ(bits_of(back[i]), bits_of(from_half(halves[i])));
    }
  });
}

TEST(VectorMath, GivesTheseBitsOnEveryMachine) {
  on_every_vector_target([](const std::string& target) {
    Random random(5);
    std::uint64_t mixed = 0;
    const auto mix = [&mixed](std::uint64_t word) { mixed = mixed * 0x9E3779B97F4A7C15ULL + word; };
    for (std::size_t n = 1; n < 200; ++n) {
      std::vector<float> a = random_vector(random, n);
      const std::vector<float> b = random_vector(random, n);
      mix(bits_of(dot(a, b)));
      mix(std::bit_cast<std::uint64_t>(squared_norm(a)));
      add_scaled(a, 0.1F, b);
      mix(normalise(a) ? 1 : 0);
      std::vector<std::uint16_t> halves(n);
      to_halves(a, halves);
      mix(bits_of(dot_halves(halves, b)));
      for (std::size_t i = 0; i < n; ++i) mix(bits_of(a[i]) + halves[i]);
    }
    EXPECT_EQ(mixed, 10285867203387858593ULL) << target;
  });
}

}  // namespace
}  // namespace tidal::base
