// Decay arithmetic, on our own exponential: it writes state.
#include "signal/decay.h"

#include <algorithm>

#include "base/ordered_math.h"

namespace tidal::signal {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;

}  // namespace

double decay_rate(Duration half_life) { return kLn2 / static_cast<double>(half_life.us); }

std::int64_t linear_bucket_us(Duration lifetime) { return std::max<std::int64_t>(1, lifetime.us / kLinearBuckets); }

std::uint32_t linear_buckets(Duration lifetime) {
  // One more for the bucket that the lifetime's far end cuts, one for the bucket that now cuts.
  return static_cast<std::uint32_t>(lifetime.us / linear_bucket_us(lifetime)) + 2;
}

double linear_share(std::int64_t bucket, std::int64_t width_us, Duration lifetime, std::int64_t now_us) {
  const double middle_us = static_cast<double>(bucket * width_us) + static_cast<double>(width_us - 1) / 2;
  const double age_us = std::max(0.0, static_cast<double>(now_us) - middle_us);
  return std::max(0.0, 1.0 - age_us / static_cast<double>(lifetime.us));
}

double linear_error_max(Duration lifetime) {
  return static_cast<double>(linear_bucket_us(lifetime)) / 2 / static_cast<double>(lifetime.us);
}

}  // namespace tidal::signal
