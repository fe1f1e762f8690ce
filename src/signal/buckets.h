// Time buckets: which rings a signal has, how wide their buckets are, and which bucket a moment lies in.
//
// Buckets are numbered from 1970 by absolute event time, so the number of an event's bucket never changes.
// Source: docs/signals.md.
#pragma once

#include <array>
#include <cstdint>

#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

/// Rings of one pair. Hour serves 24h and 7d. Linear carries the weights of a linear decay.
enum class RingKind : std::uint8_t { Minute, Hour, Day, Linear };
inline constexpr std::size_t kRings = 4;
inline constexpr std::array<RingKind, kRings> kAllRings = {RingKind::Minute, RingKind::Hour, RingKind::Day,
                                                           RingKind::Linear};

/// What a bucket holds besides its count.
enum class RingContent : std::uint8_t { Count = 1, Weights = 2, WeightsAndValues = 3 };  // = words an entry

struct RingShape {
  std::int64_t width_us = 0;  ///< of a bucket; 0: the signal has no such ring
  std::uint32_t span = 0;     ///< buckets kept, counted back from the pair's newest
  RingContent content = RingContent::Count;

  [[nodiscard]] bool exists() const { return span != 0; }
  [[nodiscard]] std::uint32_t entry_words() const { return static_cast<std::uint32_t>(content); }
  bool operator==(const RingShape&) const = default;
};
using RingShapes = std::array<RingShape, kRings>;

[[nodiscard]] constexpr std::size_t index_of(RingKind ring) { return static_cast<std::size_t>(ring); }

/// Rounds towards minus infinity. b > 0.
[[nodiscard]] constexpr std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - static_cast<std::int64_t>(a % b < 0);
}

inline constexpr std::int64_t kMinuteUs = 60'000'000;
inline constexpr std::int64_t kHourUs = 60 * kMinuteUs;
inline constexpr std::int64_t kDayUs = 24 * kHourUs;

/// The bucket of a moment. The fixed widths are spelled out: a division by a constant is a multiplication.
[[nodiscard]] constexpr std::int64_t bucket_of(RingKind ring, std::int64_t width_us, std::int64_t at_us) {
  switch (ring) {
    case RingKind::Minute: return floor_div(at_us, kMinuteUs);
    case RingKind::Hour: return floor_div(at_us, kHourUs);
    case RingKind::Day: return floor_div(at_us, kDayUs);
    case RingKind::Linear: break;
  }
  return floor_div(at_us, width_us);
}

/// The ring that serves a window; the window must not be All.
[[nodiscard]] constexpr RingKind ring_of(Window window) {
  switch (window) {
    case Window::Hour: return RingKind::Minute;
    case Window::Day:
    case Window::Week: return RingKind::Hour;
    case Window::Month:
    case Window::All: break;
  }
  return RingKind::Day;
}

/// Buckets in a window: span / width. The window must not be All.
[[nodiscard]] constexpr std::int64_t buckets_in(Window window) {
  constexpr std::array<std::int64_t, 5> kBuckets = {60, 24, 168, 30, 0};
  return kBuckets[static_cast<std::size_t>(window)];
}

/// Seconds in a window. The window must not be All.
[[nodiscard]] inline double seconds_in(Window window) { return static_cast<double>(window_span(window).us) / 1e6; }

[[nodiscard]] RingShapes shapes_of(const SignalDef& signal);

}  // namespace tidal::signal
