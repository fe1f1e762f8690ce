// The two decays of a signal's score.
//
// Exponential: score(t) = sum of w * exp(-lambda * (t - at)), lambda = ln 2 / half_life, kept as one number relative to
// the newest event. Linear: sum of w * max(0, 1 - age / lifetime), from buckets of at most lifetime / 168.
// D1: a score is finite and >= 0, and without events it never rises. D2: the order of arrival does not change the
// exponential score beyond rounding (1e-9 relative). D3: the linear score is within linear_error_max times the weight
// of the events younger than lifetime + bucket.
// Units: microseconds. Threads: pure functions. Source: docs/signals.md.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/ordered_math.h"
#include "tidal/types.h"

namespace tidal::signal {

/// lambda for a half-life > 0, per microsecond.
[[nodiscard]] double decay_rate(Duration half_life);

/// An exponential score and the time it is relative to (its newest event).
struct DecayedScore {
  double score = 0;
  std::int64_t newest_us = 0;
};

/// Sums of weights stay finite, so that no later product is NaN.
[[nodiscard]] inline double clamp_finite(double v) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return std::clamp(v, -kMax, kMax);
}

/// Adds an event, on time or late. `rate` 0 means no decay: the score is then the sum of weights.
[[nodiscard]] inline DecayedScore add_event(DecayedScore before, double rate, std::int64_t at_us, double weight) {
  const std::int64_t distance = at_us - before.newest_us;
  const double left = rate == 0 ? 1.0 : base::ordered_exp(-rate * std::abs(static_cast<double>(distance)));
  if (distance < 0) return {clamp_finite(before.score + weight * left), before.newest_us};
  return {clamp_finite(before.score * left + weight), at_us};
}

/// The exponent of a read: score * exp(this) is the score at `now`. <= 0.
[[nodiscard]] inline double read_exponent(double rate, std::int64_t newest_us, std::int64_t now_us) {
  return now_us <= newest_us ? 0.0 : -rate * static_cast<double>(now_us - newest_us);
}

inline constexpr std::int64_t kLinearBuckets = 168;
/// Of a lifetime > 0: lifetime / 168, at least 1 µs.
[[nodiscard]] std::int64_t linear_bucket_us(Duration lifetime);
/// Buckets that a lifetime can touch.
[[nodiscard]] std::uint32_t linear_buckets(Duration lifetime);
/// Share of a full weight that is left of an event in the middle of `bucket`.
[[nodiscard]] double linear_share(std::int64_t bucket, std::int64_t width_us, Duration lifetime, std::int64_t now_us);
/// D3: the largest error of one event's share: half a bucket's width / lifetime.
[[nodiscard]] double linear_error_max(Duration lifetime);

}  // namespace tidal::signal
