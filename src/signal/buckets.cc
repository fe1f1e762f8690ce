// Ring shapes of a signal.
#include "signal/buckets.h"

#include <algorithm>

#include "signal/decay.h"

namespace tidal::signal {

RingShapes shapes_of(const SignalDef& signal) {
  RingShapes shapes;
  const RingContent content = signal.has_value ? RingContent::WeightsAndValues : RingContent::Count;
  for (const Window window : signal.windows) {
    if (window == Window::All) continue;
    const RingKind ring = ring_of(window);
    const std::int64_t n = buckets_in(window);
    RingShape& shape = shapes[index_of(ring)];
    shape.width_us = window_span(window).us / n;
    shape.content = content;
    // Two windows: the current one and the one before, for acceleration and for shifted reads.
    shape.span = std::max(shape.span, static_cast<std::uint32_t>(2 * n));
  }
  if (signal.decay.kind == Decay::Kind::Linear) {
    shapes[index_of(RingKind::Linear)] = {.width_us = linear_bucket_us(signal.decay.span),
                                          .span = linear_buckets(signal.decay.span),
                                          .content = RingContent::Weights};
  }
  return shapes;
}

}  // namespace tidal::signal
