// Constants of the exponential that its scalar and its vector form share.
//
// exp(x) = 2^k * exp(r), k = round(x / ln 2), r = x - k * ln 2 in two parts, |r| <= ln 2 / 2. exp(r) is its Taylor
// polynomial of degree 13, whose remainder on that interval, 0.3466^14 / 14!, is 4.1e-18: under a tenth of an ulp.
#pragma once

namespace tidal::base::ordered_math {

inline constexpr double kLog2E = 0x1.71547652b82fep+0;
/// The upper 32 bits of ln 2: k * kLn2Hi is exact for |k| < 2^20.
inline constexpr double kLn2Hi = 0x1.62e42feep-1;
inline constexpr double kLn2Lo = 0x1.a39ef35793c76p-33;
/// Adding and subtracting 1.5 * 2^52 rounds to the nearest integer, ties to even; its low bits then hold it.
inline constexpr double kRoundShift = 0x1.8p+52;

/// Results below the lower bound round to 0, above the upper one to infinity.
inline constexpr double kExpMin = -745.1332191019412;
inline constexpr double kExpMax = 709.782712893384;

/// 1/2!, 1/3! … 1/13!: exp(r) = 1 + (r + r^2 * (c[0] + r * (c[1] + …))), the even and the odd terms in a chain each,
/// since one chain of thirteen would be twice as slow.
inline constexpr double kExpTail[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                      1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                      1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
inline constexpr int kExpTailTerms = 12;

}  // namespace tidal::base::ordered_math
