// A plain model of the ledger for tests: the list of events, folded anew for every question.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "signal/ledger.h"

namespace tidal::signal::test {

class LedgerModel {
 public:
  explicit LedgerModel(std::vector<SignalDef> signals) : signals_(std::move(signals)) {}

  void record(const LedgerEvent& event) {
    events_[{event.signal, event.entity}].push_back(event);
    newest_ = any_ ? std::max(newest_, event.at) : event.at;
    any_ = true;
  }
  void clear_entity(Ordinal entity) {
    std::erase_if(events_, [&](const auto& pair) { return pair.first.second == entity; });
  }
  [[nodiscard]] Timestamp newest() const { return any_ ? newest_ : Timestamp{}; }

  struct Totals {
    std::uint64_t count = 0;
    long double weight = 0;
    long double value = 0;
  };
  /// `shift`: windows back from the query's own, for acceleration.
  [[nodiscard]] Totals totals(const WindowQuery& q, Ordinal entity, std::int64_t shift = 0) const {
    Totals t;
    const std::vector<LedgerEvent>& events = of(q.signal, entity);
    const bool all = q.window == Window::All;
    const std::int64_t width = all ? 1 : width_of(q.window);
    const std::int64_t n = all ? 0 : window_span(q.window).us / width;
    const std::int64_t last = bucket(q.now.us, width) - q.ago.us / width - shift * n;
    const std::int64_t expired =
        all || events.empty() ? 0 : bucket(newest_of(events), width) - ring_span(q.signal, q.window);
    for (const LedgerEvent& e : events) {
      const std::int64_t b = bucket(e.at.us, width);
      const bool retained = all || b > expired;
      if (!all && (!retained || b <= last - n || b > last)) continue;
      ++t.count;
      if (!e.has_value) continue;
      t.weight += e.weight;
      t.value += static_cast<long double>(e.weight) * e.value;
    }
    return t;
  }
  [[nodiscard]] long double velocity(const WindowQuery& q, Ordinal entity, std::int64_t shift = 0) const {
    return static_cast<long double>(totals(q, entity, shift).count) * 1e6L / window_span(q.window).us;
  }
  [[nodiscard]] long double exponential(SignalIndex signal, Ordinal entity, Timestamp now) const {
    const std::vector<LedgerEvent>& events = of(signal, entity);
    const std::int64_t reference = events.empty() ? 0 : std::max(now.us, newest_of(events));
    const Decay& decay = signals_[signal].decay;
    long double score = 0;
    for (const LedgerEvent& e : events) {
      const long double age = static_cast<long double>(reference - e.at.us);
      const bool decays = decay.kind == Decay::Kind::Exponential;
      score += e.weight * (decays ? exp2l(-age / static_cast<long double>(decay.span.us)) : 1.0L);
    }
    return score;
  }
  struct Linear {
    long double score = 0;
    long double error_max = 0;
  };
  [[nodiscard]] Linear linear(SignalIndex signal, Ordinal entity, Timestamp now) const {
    Linear result;
    const auto lifetime = static_cast<long double>(signals_[signal].decay.span.us);
    const long double bucket_us = std::max(1.0L, std::floor(lifetime / 168));
    for (const LedgerEvent& e : of(signal, entity)) {
      const long double age = std::max(0.0L, static_cast<long double>(now.us - e.at.us));
      result.score += e.weight * std::max(0.0L, 1 - age / lifetime);
      if (age < lifetime + bucket_us) result.error_max += e.weight * bucket_us / 2 / lifetime;
    }
    return result;
  }

 private:
  static std::int64_t bucket(std::int64_t at, std::int64_t width) {
    const std::int64_t into = (at % width + width) % width;
    return (at - into) / width;
  }
  static std::int64_t newest_of(const std::vector<LedgerEvent>& events) {
    std::int64_t newest = events.front().at.us;
    for (const LedgerEvent& e : events) newest = std::max(newest, e.at.us);
    return newest;
  }
  static std::int64_t width_of(Window w) {
    if (w == Window::Hour) return minutes(1).us;
    return w == Window::Month ? days(1).us : hours(1).us;
  }
  /// Two windows of the longest window that shares the ring.
  [[nodiscard]] std::int64_t ring_span(SignalIndex signal, Window window) const {
    std::int64_t span = 0;
    for (const Window w : signals_[signal].windows) {
      if (width_of(w) == width_of(window)) span = std::max(span, 2 * window_span(w).us / width_of(w));
    }
    return span;
  }
  [[nodiscard]] const std::vector<LedgerEvent>& of(SignalIndex signal, Ordinal entity) const {
    static const std::vector<LedgerEvent> kNone;
    const auto it = events_.find({signal, entity});
    return it == events_.end() ? kNone : it->second;
  }

  std::vector<SignalDef> signals_;
  std::map<std::pair<SignalIndex, Ordinal>, std::vector<LedgerEvent>> events_;
  Timestamp newest_;
  bool any_ = false;
};

}  // namespace tidal::signal::test
