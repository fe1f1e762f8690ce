// The published and our own ranking formulas as pure functions over columns: out[i] from the i-th value of each input.
//
// Units: times and ages in microseconds, velocities in events a second, scores unitless.
// R1: every result is finite whatever finite values come in. R2: no result depends on a neighbour's value.
// Threads: pure functions. All spans of a call have the same length.   Source: docs/ranking.md.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "tidal/types.h"

namespace tidal::ranking {

using Column = std::span<const double>;
using Out = std::span<double>;

/// 95 % confidence.
inline constexpr double kWilsonZ = 1.96;

/// Standing positive and negative votes of each candidate.
struct Votes {
  Column up;
  Column down;
};

/// Lower end of the Wilson score interval for `positive` of `total`; 0 when total <= 0. positive is clamped to
/// [0, total]. Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
[[nodiscard]] double wilson_lower_bound(double positive, double total, double z = kWilsonZ);

/// Wilson lower bound of up in up + down.
void quality(Votes votes, Out out);
/// Wilson lower bound of up in views, for schemas without a negative signal.
void quality_of_views(Column up, Column views, Out out);

/// sign(up - down) * log10(max(|up - down|, 1)) / (age in hours + 2)^gravity.
void hot(Votes votes, Column age_us, double gravity, Out out);

/// round(sign * log10(max(|up - down|, 1)) + (created - 1134028003 s) / 45000 s, 7 digits).
/// Source: reddit, r2/lib/db/_sorts.pyx.
void reddit_hot(Votes votes, Column created_us, Out out);

/// (points - 1) / (age in hours + 2)^1.8, points = up - down. Source: Hacker News' published ranking.
void hacker_news(Votes votes, Column age_us, Out out);

inline constexpr double kTrendingShareWeight = 0.5;
inline constexpr double kTrendingViewWeight = 0.3;
/// 0.5 * share velocity + 0.3 * view velocity.
void trending(Column share_velocity, Column view_velocity, Out out);

/// acceleration(1h) / (velocity(7d) + one event a day), times 1.5 while younger than 24 hours.
void rising(Column acceleration_hour, Column velocity_week, Column age_us, Out out);

/// up * down / (up + down)^2: 0.25 when both are equal, 0 when either is 0.
void controversial(Votes votes, Out out);

/// quality / log10(views + 10).
void hidden_gems(Column quality, Column views, Out out);

/// A number in [0, 1) that depends on the seed and the key alone.
[[nodiscard]] double uniform(std::uint64_t seed, std::string_view key);
/// random * sqrt(quality).
void shuffle(Column random, Column quality, Out out);

/// 0.5^(age / half_life); 0 when half_life <= 0.
[[nodiscard]] double recency(double age_us, double half_life_us);

}  // namespace tidal::ranking
