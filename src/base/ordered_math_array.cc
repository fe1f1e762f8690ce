// The exponential over arrays, on the widest vectors the CPU has (Highway); bit for bit the scalar one (O3).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "base/ordered_math_array.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "base/assert.h"
#include "base/ordered_math.h"
#include "base/ordered_math_core.h"

HWY_BEFORE_NAMESPACE();
namespace tidal::base::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Powers of two by their exponent bits, as in the scalar form.
template <class D, class I, class V = hn::Vec<D>>
HWY_INLINE V power_of_two(D d, I di, hn::Vec<I> k) {
  return hn::BitCast(d, hn::ShiftLeft<52>(hn::Add(k, hn::Set(di, std::int64_t{1023}))));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V exp_vector(D d, V x) {
  using namespace ordered_math;
  const hn::RebindToSigned<D> di;
  const V shift = hn::Set(d, kRoundShift);
  const V clamped = hn::Min(hn::Max(x, hn::Set(d, kExpMin)), hn::Set(d, kExpMax));
  // Mul and Add stay apart: a fused operation would give other bits than the scalar form.
  const V shifted = hn::Add(hn::Mul(clamped, hn::Set(d, kLog2E)), shift);
  const V k = hn::Sub(shifted, shift);
  const V r = hn::Sub(hn::Sub(clamped, hn::Mul(k, hn::Set(d, kLn2Hi))), hn::Mul(k, hn::Set(d, kLn2Lo)));
  const V z = hn::Mul(r, r);
  V even = hn::Set(d, kExpTail[kExpTailTerms - 2]);
  V odd = hn::Set(d, kExpTail[kExpTailTerms - 1]);
  for (int i = kExpTailTerms - 4; i >= 0; i -= 2) {
    even = hn::Add(hn::Mul(even, z), hn::Set(d, kExpTail[i]));
    odd = hn::Add(hn::Mul(odd, z), hn::Set(d, kExpTail[i + 1]));
  }
  const V e = hn::Add(hn::Set(d, 1.0), hn::Add(r, hn::Mul(z, hn::Add(even, hn::Mul(r, odd)))));
  // The low bits of `shifted` are k as an integer: both have the same exponent.
  const auto ki = hn::Sub(hn::BitCast(di, shifted), hn::BitCast(di, shift));
  const auto half = hn::ShiftRight<1>(ki);
  V y = hn::Mul(hn::Mul(e, power_of_two(d, di, half)), power_of_two(d, di, hn::Sub(ki, half)));
  y = hn::IfThenElse(hn::Gt(x, hn::Set(d, kExpMax)), hn::Inf(d), y);
  y = hn::IfThenElseZero(hn::Not(hn::Lt(x, hn::Set(d, kExpMin))), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

void exp_array(const double* x, double* out, std::size_t n) {
  const hn::ScalableTag<double> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(exp_vector(d, hn::LoadU(d, x + i)), d, out + i);
  for (; i < n; ++i) out[i] = ordered_exp(x[i]);
}

}  // namespace tidal::base::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tidal::base {

HWY_EXPORT(exp_array);

void ordered_exp_array(std::span<const double> x, std::span<double> out) {
  TIDAL_ASSERT(x.size() == out.size());
  HWY_DYNAMIC_DISPATCH(exp_array)(x.data(), out.data(), x.size());
}

}  // namespace tidal::base
#endif
