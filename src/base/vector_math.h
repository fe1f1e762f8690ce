// Arithmetic on vectors whose bits are the same on every CPU: embeddings and preferences are state.
//
// V1: sums run in 16 accumulators in a fixed order (element i goes to accumulator i mod 16; these are added pairwise),
//     whichever instruction set does it; no fused multiply-add.
// V2: halves are IEEE binary16, rounded to nearest even; what is too large becomes infinity, NaN stays NaN (of which
//     there is one on either side: 0x7E00 and 0x7FC00000).
// Spans of one call have the same length. Threads: pure functions.   Source: docs/determinism.md.
#pragma once

#include <cstdint>
#include <span>

namespace tidal::base {

[[nodiscard]] float dot(std::span<const float> a, std::span<const float> b);
/// The same bits as dot() of what from_halves() makes of `a`.
[[nodiscard]] float dot_halves(std::span<const std::uint16_t> a, std::span<const float> b);
/// dot(v, v) as a double, with double accumulators: no overflow for finite v.
[[nodiscard]] double squared_norm(std::span<const float> v);
/// v[i] += factor * e[i].
void add_scaled(std::span<float> v, float factor, std::span<const float> e);
/// Divides by the norm (multiplies by its reciprocal, in double); false, and v as it was, when the norm is below 1e-6
/// or no finite number.
[[nodiscard]] bool normalise(std::span<float> v);

[[nodiscard]] std::uint16_t to_half(float value);
[[nodiscard]] float from_half(std::uint16_t half);
void to_halves(std::span<const float> values, std::span<std::uint16_t> halves);
void from_halves(std::span<const std::uint16_t> halves, std::span<float> values);

}  // namespace tidal::base
