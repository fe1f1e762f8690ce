// How long a query may still run.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>

namespace tidal::query {

/// Once passed it stays passed. Threads: one query's own.
class Deadline {
 public:
  /// `limit_us` after the start; 0: never.
  Deadline(const std::function<std::int64_t()>& monotonic_us, std::int64_t start_us, std::int64_t limit_us)
      : monotonic_us_(&monotonic_us), at_us_(limit_us > 0 ? start_us + limit_us : kNever) {}
  /// Never.
  Deadline() = default;

  [[nodiscard]] bool passed() const {
    if (!passed_ && at_us_ != kNever) passed_ = (*monotonic_us_)() >= at_us_;
    return passed_;
  }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  const std::function<std::int64_t()>* monotonic_us_ = nullptr;
  std::int64_t at_us_ = kNever;
  mutable bool passed_ = false;
};

}  // namespace tidal::query
