// The vector arithmetic on the widest vectors the CPU has (Highway); the same bits whichever they are (V1).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "base/vector_math.cc"
#include "base/vector_math.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/assert.h"

#ifndef TIDAL_BASE_VECTOR_MATH_ONCE
#define TIDAL_BASE_VECTOR_MATH_ONCE
namespace tidal::base {

/// Accumulators of a sum; the lanes of every vector that sums divide it.
inline constexpr std::size_t kAccumulators = 16;

// Bits of a float: 2^-14, the smallest normal half; 65520, the least that rounds to infinity; infinity; the NaN.
inline constexpr std::uint32_t kSmallestNormalHalf = 0x38800000;
inline constexpr std::uint32_t kHalfOverflow = 0x477FF000;
inline constexpr std::uint32_t kInfinityBits = 0x7F800000;
inline constexpr std::uint32_t kNanBits = 0x7FC00000;
inline constexpr std::uint16_t kInfinityHalf = 0x7C00;
inline constexpr std::uint16_t kNanHalf = 0x7E00;
/// Added to a float below 2^-14 it leaves the half's mantissa in its own: both have ulps of 2^-24.
inline constexpr std::uint32_t kOneHalfBits = 0x3F000000;
/// Between the biases of the exponents of a float and of a half, in place.
inline constexpr std::uint32_t kBiasBetween = 112U << 23;

template <class T>
T add_pairwise(T (&lane)[kAccumulators]) {
  for (std::size_t width = kAccumulators / 2; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) lane[j] = lane[j] + lane[j + width];
  }
  return lane[0];
}

}  // namespace tidal::base
#endif

HWY_BEFORE_NAMESPACE();
namespace tidal::base::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
#define TIDAL_CONVERTS_HALVES 1  // the instructions round as V2 says; Highway's own emulation truncates
#else
#define TIDAL_CONVERTS_HALVES 0
#endif

template <class D, class V = hn::Vec<D>>
HWY_INLINE V load_halves(D d, const std::uint16_t* halves) {
  const hn::Rebind<std::uint16_t, D> du16;
  const hn::RebindToUnsigned<D> du;
  const auto nan = hn::BitCast(d, hn::Set(du, kNanBits));
#if TIDAL_CONVERTS_HALVES
  const hn::Rebind<hwy::float16_t, D> df16;
  const V value = hn::PromoteTo(d, hn::BitCast(df16, hn::LoadU(du16, halves)));
  return hn::IfThenElse(hn::IsNaN(value), nan, value);
#else
  const auto bits = hn::PromoteTo(du, hn::LoadU(du16, halves));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000U)));
  const auto rest = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7FFFU)));
  const V normal = hn::BitCast(d, hn::Add(rest, hn::Set(du, kBiasBetween)));
  const V subnormal = hn::Sub(hn::BitCast(d, hn::Add(rest, hn::Set(du, kBiasBetween + (1U << 23)))),
                              hn::BitCast(d, hn::Set(du, kBiasBetween + (1U << 23))));
  const auto is_subnormal = hn::Lt(hn::BitCast(d, rest), hn::BitCast(d, hn::Set(du, 0x400U << 13)));
  const auto infinite = hn::Set(du, static_cast<std::uint32_t>(kInfinityHalf) << 13);
  V value = hn::IfThenElse(is_subnormal, subnormal, normal);
  value = hn::IfThenElse(hn::Ge(hn::BitCast(d, rest), hn::BitCast(d, infinite)),
                         hn::BitCast(d, hn::Set(du, kInfinityBits)), value);
  value = hn::Or(value, hn::BitCast(d, sign));
  return hn::IfThenElse(hn::Gt(hn::BitCast(d, rest), hn::BitCast(d, infinite)), nan, value);
#endif
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE void store_halves(D d, V value, std::uint16_t* halves) {
  const hn::Rebind<std::uint16_t, D> du16;
  const hn::RebindToUnsigned<D> du;
#if TIDAL_CONVERTS_HALVES
  const hn::Rebind<hwy::float16_t, D> df16;
  const V canonical = hn::IfThenElse(hn::IsNaN(value), hn::BitCast(d, hn::Set(du, kNanBits)), value);
  hn::StoreU(hn::BitCast(du16, hn::DemoteTo(df16, canonical)), du16, halves);
#else
  const hn::RebindToSigned<D> di;
  const V size = hn::Abs(value);
  const auto bits = hn::BitCast(du, size);
  const auto sign = hn::ShiftRight<16>(hn::Xor(hn::BitCast(du, value), bits));
  const auto odd = hn::And(hn::ShiftRight<13>(bits), hn::Set(du, 1U));
  const auto normal =
      hn::ShiftRight<13>(hn::Add(hn::Sub(bits, hn::Set(du, kBiasBetween)), hn::Add(odd, hn::Set(du, 0xFFFU))));
  const V one_half = hn::BitCast(d, hn::Set(du, kOneHalfBits));
  const auto subnormal = hn::Sub(hn::BitCast(du, hn::Add(size, one_half)), hn::Set(du, kOneHalfBits));
  const auto is_small = hn::RebindMask(du, hn::Lt(size, hn::BitCast(d, hn::Set(du, kSmallestNormalHalf))));
  const auto is_large = hn::RebindMask(du, hn::Ge(size, hn::BitCast(d, hn::Set(du, kHalfOverflow))));
  auto half = hn::IfThenElse(is_small, subnormal, normal);
  half = hn::Or(hn::IfThenElse(is_large, hn::Set(du, std::uint32_t{kInfinityHalf}), half), sign);
  half = hn::IfThenElse(hn::RebindMask(du, hn::IsNaN(value)), hn::Set(du, std::uint32_t{kNanHalf}), half);
  hn::StoreU(hn::DemoteTo(du16, hn::BitCast(di, half)), du16, halves);
#endif
}

struct Floats {
  const float* first;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, std::size_t i) const {
    return hn::LoadU(d, first + i);
  }
  [[nodiscard]] float at(std::size_t i) const { return first[i]; }
};

struct Halves {
  const std::uint16_t* first;
  template <class D>
  HWY_INLINE hn::Vec<D> load(D d, std::size_t i) const {
    return load_halves(d, first + i);
  }
  [[nodiscard]] float at(std::size_t i) const { return from_half(first[i]); }
};

/// sum + a[i..] * b[i..]. Mul and Add stay apart: a fused operation would give other bits.
template <class D, class A, class V = hn::Vec<D>>
HWY_INLINE V add_products(D d, V sum, A a, const float* b, std::size_t i) {
  return hn::Add(sum, hn::Mul(a.load(d, i), hn::LoadU(d, b + i)));
}

template <class A>
HWY_INLINE float dot_of(A a, const float* b, std::size_t n) {
  const hn::CappedTag<float, kAccumulators> d;
  const std::size_t lanes = hn::Lanes(d);
  float lane[kAccumulators] = {};
  std::size_t i = 0;
  if (lanes >= 4) {  // 16 accumulators are 1, 2 or 4 vectors
    auto s0 = hn::Zero(d);
    auto s1 = hn::Zero(d);
    auto s2 = hn::Zero(d);
    auto s3 = hn::Zero(d);
    for (; i + kAccumulators <= n; i += kAccumulators) {
      s0 = add_products(d, s0, a, b, i);
      if (lanes <= 8) s1 = add_products(d, s1, a, b, i + lanes);
      if (lanes == 4) s2 = add_products(d, s2, a, b, i + 2 * lanes);
      if (lanes == 4) s3 = add_products(d, s3, a, b, i + 3 * lanes);
    }
    hn::StoreU(s0, d, lane);
    if (lanes <= 8) hn::StoreU(s1, d, lane + lanes);
    if (lanes == 4) hn::StoreU(s2, d, lane + 2 * lanes);
    if (lanes == 4) hn::StoreU(s3, d, lane + 3 * lanes);
  }
  for (; i < n; ++i) lane[i % kAccumulators] += a.at(i) * b[i];
  return add_pairwise(lane);
}

float dot_floats_kernel(const float* a, const float* b, std::size_t n) { return dot_of(Floats{a}, b, n); }
float dot_halves_kernel(const std::uint16_t* a, const float* b, std::size_t n) { return dot_of(Halves{a}, b, n); }

template <class D, class V = hn::Vec<D>>
HWY_INLINE V add_squares(D d, V sum, const float* v) {
  const V wide = hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, D>(), v));
  return hn::Add(sum, hn::Mul(wide, wide));
}

double squared_norm_kernel(const float* v, std::size_t n) {
  const hn::CappedTag<double, 8> d;
  const std::size_t lanes = hn::Lanes(d);
  double lane[kAccumulators] = {};
  std::size_t i = 0;
  if (lanes >= 2) {  // 16 accumulators are 2, 4 or 8 vectors
    auto s0 = hn::Zero(d);
    auto s1 = hn::Zero(d);
    auto s2 = hn::Zero(d);
    auto s3 = hn::Zero(d);
    auto s4 = hn::Zero(d);
    auto s5 = hn::Zero(d);
    auto s6 = hn::Zero(d);
    auto s7 = hn::Zero(d);
    for (; i + kAccumulators <= n; i += kAccumulators) {
      s0 = add_squares(d, s0, v + i);
      s1 = add_squares(d, s1, v + i + lanes);
      if (lanes <= 4) s2 = add_squares(d, s2, v + i + 2 * lanes);
      if (lanes <= 4) s3 = add_squares(d, s3, v + i + 3 * lanes);
      if (lanes == 2) s4 = add_squares(d, s4, v + i + 4 * lanes);
      if (lanes == 2) s5 = add_squares(d, s5, v + i + 5 * lanes);
      if (lanes == 2) s6 = add_squares(d, s6, v + i + 6 * lanes);
      if (lanes == 2) s7 = add_squares(d, s7, v + i + 7 * lanes);
    }
    hn::StoreU(s0, d, lane);
    hn::StoreU(s1, d, lane + lanes);
    if (lanes <= 4) hn::StoreU(s2, d, lane + 2 * lanes);
    if (lanes <= 4) hn::StoreU(s3, d, lane + 3 * lanes);
    if (lanes == 2) hn::StoreU(s4, d, lane + 4 * lanes);
    if (lanes == 2) hn::StoreU(s5, d, lane + 5 * lanes);
    if (lanes == 2) hn::StoreU(s6, d, lane + 6 * lanes);
    if (lanes == 2) hn::StoreU(s7, d, lane + 7 * lanes);
  }
  for (; i < n; ++i) {
    const auto wide = static_cast<double>(v[i]);
    lane[i % kAccumulators] += wide * wide;
  }
  return add_pairwise(lane);
}

void add_scaled_kernel(float* v, float factor, const float* e, std::size_t n) {
  const hn::CappedTag<float, kAccumulators> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, v + i), hn::Mul(factors, hn::LoadU(d, e + i))), d, v + i);
  }
  for (; i < n; ++i) v[i] += factor * e[i];
}

/// v[i] *= factor, rounded once: neither a large nor a small norm leaves a double.
void scale_kernel(float* v, double factor, std::size_t n) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> df;
  const std::size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto wide = hn::PromoteTo(d, hn::LoadU(df, v + i));
    hn::StoreU(hn::DemoteTo(df, hn::Mul(wide, factors)), df, v + i);
  }
  for (; i < n; ++i) v[i] = static_cast<float>(static_cast<double>(v[i]) * factor);
}

void to_halves_kernel(const float* values, std::uint16_t* halves, std::size_t n) {
  const hn::CappedTag<float, kAccumulators> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store_halves(d, hn::LoadU(d, values + i), halves + i);
  for (; i < n; ++i) halves[i] = to_half(values[i]);
}

void from_halves_kernel(const std::uint16_t* halves, float* values, std::size_t n) {
  const hn::CappedTag<float, kAccumulators> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(load_halves(d, halves + i), d, values + i);
  for (; i < n; ++i) values[i] = from_half(halves[i]);
}

#undef TIDAL_CONVERTS_HALVES

}  // namespace tidal::base::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tidal::base {

HWY_EXPORT(dot_floats_kernel);
HWY_EXPORT(dot_halves_kernel);
HWY_EXPORT(squared_norm_kernel);
HWY_EXPORT(add_scaled_kernel);
HWY_EXPORT(scale_kernel);
HWY_EXPORT(to_halves_kernel);
HWY_EXPORT(from_halves_kernel);

float dot(std::span<const float> a, std::span<const float> b) {
  TIDAL_DCHECK(a.size() == b.size());
  return HWY_DYNAMIC_DISPATCH(dot_floats_kernel)(a.data(), b.data(), a.size());
}

float dot_halves(std::span<const std::uint16_t> a, std::span<const float> b) {
  TIDAL_DCHECK(a.size() == b.size());
  return HWY_DYNAMIC_DISPATCH(dot_halves_kernel)(a.data(), b.data(), a.size());
}

double squared_norm(std::span<const float> v) { return HWY_DYNAMIC_DISPATCH(squared_norm_kernel)(v.data(), v.size()); }

void add_scaled(std::span<float> v, float factor, std::span<const float> e) {
  TIDAL_DCHECK(v.size() == e.size());
  HWY_DYNAMIC_DISPATCH(add_scaled_kernel)(v.data(), factor, e.data(), v.size());
}

bool normalise(std::span<float> v) {
  constexpr double kNormMin = 1e-6;
  const double norm = std::sqrt(squared_norm(v));
  if (!(norm >= kNormMin) || norm > std::numeric_limits<double>::max()) return false;
  HWY_DYNAMIC_DISPATCH(scale_kernel)(v.data(), 1.0 / norm, v.size());
  return true;
}

std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t size = bits & 0x7FFFFFFFU;
  const std::uint32_t sign = bits >> 16 & 0x8000U;
  if (size > kInfinityBits) return kNanHalf;
  if (size >= kHalfOverflow) return static_cast<std::uint16_t>(sign | kInfinityHalf);
  if (size < kSmallestNormalHalf) {  // the addition rounds to nearest even, at the half's ulp
    const float shifted = std::bit_cast<float>(size) + std::bit_cast<float>(kOneHalfBits);
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - kOneHalfBits));
  }
  return static_cast<std::uint16_t>(sign | (size - kBiasBetween + 0xFFFU + (size >> 13 & 1U)) >> 13);
}

float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  const std::uint32_t size = half & 0x7FFFU;
  if (size > kInfinityHalf) return std::bit_cast<float>(kNanBits);
  if (size == kInfinityHalf) return std::bit_cast<float>(sign | kInfinityBits);
  std::uint32_t bits = (size << 13) + kBiasBetween;
  if (size < 0x400U) {  // subnormal: with the exponent one up, what is too much is that power of two
    const float value = std::bit_cast<float>(bits + (1U << 23)) - std::bit_cast<float>(kBiasBetween + (1U << 23));
    bits = std::bit_cast<std::uint32_t>(value);
  }
  return std::bit_cast<float>(sign | bits);
}

void to_halves(std::span<const float> values, std::span<std::uint16_t> halves) {
  TIDAL_DCHECK(values.size() == halves.size());
  HWY_DYNAMIC_DISPATCH(to_halves_kernel)(values.data(), halves.data(), values.size());
}

void from_halves(std::span<const std::uint16_t> halves, std::span<float> values) {
  TIDAL_DCHECK(values.size() == halves.size());
  HWY_DYNAMIC_DISPATCH(from_halves_kernel)(halves.data(), values.data(), halves.size());
}

}  // namespace tidal::base
#endif
