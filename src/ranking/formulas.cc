// The ranking formulas.
#include "ranking/formulas.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"

namespace tidal::ranking {
namespace {

constexpr double kMicrosPerSecond = 1e6;
constexpr double kMicrosPerHour = 3600e6;
constexpr double kMicrosPerDay = 86400e6;

// sign(s) * log10(max(|s|, 1)): each tenfold of votes counts as one.
double magnitude(double votes) {
  const double order = std::log10(std::max(std::abs(votes), 1.0));
  return votes < 0 ? -order : order;
}

double age_hours(double age_us) { return std::max(age_us, 0.0) / kMicrosPerHour; }

}  // namespace

double wilson_lower_bound(double positive, double total, double z) {
  if (!(total > 0)) return 0;
  const double p = std::clamp(positive, 0.0, total) / total;
  const double z2 = z * z;
  const double spread = z * std::sqrt((p * (1 - p) + z2 / (4 * total)) / total);
  return std::max(0.0, (p + z2 / (2 * total) - spread) / (1 + z2 / total));
}

void quality(Votes votes, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = wilson_lower_bound(votes.up[i], votes.up[i] + votes.down[i]);
  }
}

void quality_of_views(Column up, Column views, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    // Somebody may like without a view being sent: then the likes are the sample.
    out[i] = wilson_lower_bound(up[i], std::max(up[i], views[i]));
  }
}

void hot(Votes votes, Column age_us, double gravity, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = magnitude(votes.up[i] - votes.down[i]) / std::pow(age_hours(age_us[i]) + 2, gravity);
  }
}

void reddit_hot(Votes votes, Column created_us, Out out) {
  constexpr double kEpochSeconds = 1134028003;  // 2005-12-08T07:46:43Z
  constexpr double kTenfoldSeconds = 45000;     // an item must be 12.5 hours younger to beat ten times its votes
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double seconds = created_us[i] / kMicrosPerSecond - kEpochSeconds;
    const double score = magnitude(votes.up[i] - votes.down[i]) + seconds / kTenfoldSeconds;
    out[i] = std::round(score * 1e7) / 1e7;
  }
}

void hacker_news(Votes votes, Column age_us, Out out) {
  constexpr double kGravity = 1.8;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = (votes.up[i] - votes.down[i] - 1) / std::pow(age_hours(age_us[i]) + 2, kGravity);
  }
}

void trending(Column share_velocity, Column view_velocity, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = kTrendingShareWeight * share_velocity[i] + kTrendingViewWeight * view_velocity[i];
  }
}

void rising(Column acceleration_hour, Column velocity_week, Column age_us, Out out) {
  constexpr double kOneEventADay = 1.0 / 86400;
  constexpr double kYoungBoost = 1.5;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double boost = age_us[i] < kMicrosPerDay ? kYoungBoost : 1.0;
    out[i] = acceleration_hour[i] / (std::max(velocity_week[i], 0.0) + kOneEventADay) * boost;
  }
}

void controversial(Votes votes, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double all = votes.up[i] + votes.down[i];
    // Two divisions: the square of a large sum would overflow.
    out[i] = all > 0 ? (votes.up[i] / all) * (votes.down[i] / all) : 0;
  }
}

void hidden_gems(Column quality, Column views, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = quality[i] / std::log10(std::max(views[i], 0.0) + 10);
}

double uniform(std::uint64_t seed, std::string_view key) {
  return static_cast<double>(base::xxh3_64(key, seed) >> 11U) * 0x1.0p-53;
}

void shuffle(Column random, Column quality, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = random[i] * std::sqrt(std::max(quality[i], 0.0));
}

double recency(double age_us, double half_life_us) {
  return half_life_us > 0 ? std::exp2(-std::max(age_us, 0.0) / half_life_us) : 0;
}

}  // namespace tidal::ranking
