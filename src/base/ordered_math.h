// exp, log and sums whose bits are the same on every CPU: the only transcendentals that state may depend on.
//
// O1: at most 2 ulp from the true value over the whole range (subnormal results included).
// O2: the same bits on every machine: only IEEE additions, multiplications and divisions in a fixed order, no fused
//     multiply-add (the build sets -ffp-contract=off), no libm.
// O3: the array form gives the bits of the scalar form, whichever instruction set it runs on.
// Threads: pure functions; they assume round-to-nearest.   Source: docs/determinism.md.
#pragma once

#include <span>

namespace tidal::base {

/// e^x. 0 below -745.14, infinity above 709.79; NaN stays NaN.
[[nodiscard]] double ordered_exp(double x);
/// 2^x.
[[nodiscard]] double ordered_exp2(double x);
/// Natural logarithm. -infinity at 0, NaN below.
[[nodiscard]] double ordered_log(double x);
/// log(1 + x), exact to 2 ulp also for small x.
[[nodiscard]] double ordered_log1p(double x);

/// out[i] = ordered_exp(x[i]), vectorised with run-time dispatch. out.size() == x.size(); may be the same memory.
void ordered_exp_array(std::span<const double> x, std::span<double> out);

/// Sum in a fixed order: element i goes to accumulator i mod 16, the accumulators are added pairwise.
[[nodiscard]] double ordered_sum(std::span<const double> x);

}  // namespace tidal::base
