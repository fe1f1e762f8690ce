// The short form of distinct users: a list of who came when, from which all windows follow while they are few.
//
// A visit says that a user counts at a unit of time, and in which windows; in `all` it always does.
// T1: a window's bit stands in at most one visit of a user and sub-window, and only in its 8 newest sub-windows. So
//     what a window counts is what the bits say, and a repetition changes nothing.
// T2: a visit without bits is the only one of its user; its unit is the list's origin, as when it was no longer
//     matters.
// T3: as a set, the visits depend on the list before and on the event, not on the order of the visits.
// Units: sub_windows.h.   Threads: a value.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <tuple>

#include "signal/sub_windows.h"
#include "tidal/types.h"

namespace tidal::signal {

/// A list of more becomes sets.
inline constexpr std::uint32_t kVisitsMax = 16;
/// Units a visit may lie from its list's origin: 1,900 years. A list with one farther away becomes sets.
inline constexpr std::int64_t kUnitsFromOriginMax = (std::int64_t{1} << 27) - 1;

struct Visit {
  std::int64_t unit;
  Ordinal user;
  std::uint32_t windows;  ///< one bit each; All has none
  bool operator==(const Visit&) const = default;
  [[nodiscard]] bool counts_in(std::size_t window) const { return (windows >> window & 1U) != 0; }
};

[[nodiscard]] inline bool visit_before(const Visit& a, const Visit& b) {
  return std::tie(a.unit, a.user) < std::tie(b.unit, b.user);
}

class VisitList {
 public:
  /// `origin`: what visits without windows have for a unit.
  explicit VisitList(std::int64_t origin) : origin_(origin) {}

  [[nodiscard]] std::int64_t origin() const { return origin_; }
  [[nodiscard]] std::span<const Visit> visits() const { return {visits_.data(), count_}; }
  [[nodiscard]] bool empty() const { return count_ == 0; }

  /// Whether the visit is near enough to be stored.
  [[nodiscard]] bool fits(const Visit& visit) const {
    const std::int64_t offset = visit.unit - origin_;
    return offset >= -kUnitsFromOriginMax && offset <= kUnitsFromOriginMax;
  }
  /// A visit as it was stored: keeps T1 and T2 if the list is made of all that was there.
  void append_stored(const Visit& visit) { visits_[count_++] = visit; }
  /// Counts the event in those of its windows that still keep its time. False when nothing changed. The list may then
  /// hold kVisitsMax + 1, and is to become sets.
  bool add(Visit event);
  /// Takes the windows away from all visits. False when none had any.
  bool drop_windows(unsigned windows);
  /// Newest sub-window in which the window counts somebody, or kNoSubWindow.
  [[nodiscard]] std::int64_t newest(std::size_t window) const;
  /// Whether T1 and T2 hold, as they do of what was stored.
  [[nodiscard]] bool is_sound() const;

 private:
  bool fit_window(std::size_t window, Visit& event);
  void tidy();

  std::int64_t origin_;
  std::uint32_t count_ = 0;
  std::array<Visit, kVisitsMax + 1> visits_;  // not initialised beyond count_
};

}  // namespace tidal::signal
