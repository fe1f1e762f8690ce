// What one event does beside counting: the effects that its signal declares, as numbers.
//
// Threads: pure functions. Rates: docs/feedback.md.
#pragma once

#include <optional>

#include "tidal/schema.h"
#include "wal/record.h"

namespace tidal::signal {

struct Effects {
  double preference = 0;  ///< rate times weight, in [-1, 1], as the two below
  double creator = 0;
  double affinity = 0;
  unsigned marks = 0;  ///< one bit a Mark that the event sets

  [[nodiscard]] bool sets(Mark mark) const { return (marks >> static_cast<unsigned>(mark) & 1U) != 0; }
};

/// Of a signal with that weight and value. An effect with conditions needs a value to meet them.
[[nodiscard]] Effects effects_of(const SignalDef& def, double weight, std::optional<double> value);

/// What taking the signal back gives: its effects at weight 1, negated. Those that depend on the value are left out,
/// since nobody knows it any more. No marks.
[[nodiscard]] Effects undone_effects(const SignalDef& def);

/// Of an event that is not void, whose signal is `def`: a Signal; an Unsignal or Unrelate of what stood; a Relate of
/// what did not. Nothing for any other. The weight of an edge does not matter.
[[nodiscard]] Effects effects_of_event(const wal::WalEvent& event, const SignalDef& def);

}  // namespace tidal::signal
