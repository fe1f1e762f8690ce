// What the policies of durability lost when histories crashed, and the page's table of it.
//
// Async syncs by a thread and the system's clock, of which no history can hold a step. Here its sync is a step, taken
// when the oldest acknowledgement that is not synced has waited for the interval by a clock that is held: what then is
// lost must be younger than the interval. That the thread wakes in time is not shown by this.
// Threads: one test's own; the queue starts one that has nothing to do.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tidal/types.h"

namespace tidal::sim {

struct PolicyLosses {
  std::uint64_t power_cuts = 0;
  std::uint64_t lost_by_power = 0;  ///< acknowledged records
  std::uint64_t kills = 0;
  std::uint64_t lost_by_kill = 0;

  void add(const PolicyLosses& other);
};

/// By Durability::Mode.
using PoliciesLosses = std::array<PolicyLosses, 3>;

struct IntervalLosses {
  std::uint64_t crashes = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;
  Duration oldest_lost{0};    ///< how long before the crash the oldest lost record was acknowledged
  std::uint64_t doubled = 0;  ///< records that were not written, or out of order
};

inline constexpr Duration kPolicyInterval = seconds(10);

/// Histories of Async on files in memory. `interval` is how long the step of the sync lets pass; for a canary longer
/// than kPolicyInterval.
[[nodiscard]] IntervalLosses run_interval_histories(std::uint64_t histories, Duration interval = kPolicyInterval);

[[nodiscard]] std::string policies_table(const PoliciesLosses& losses, const IntervalLosses& interval);

}  // namespace tidal::sim
