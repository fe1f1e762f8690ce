// The ledgers: every event of a pair in a list, added up anew for each question. And hours and days of all time.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

struct Counted {
  std::int64_t at = 0;
  double weight = 1;
  std::optional<double> value;
};

using Pair = std::tuple<EntityKind, std::size_t, Ordinal>;  // signal, entity

struct LedgerFold {
  std::map<Pair, std::vector<Counted>> events;
  std::map<EntityKind, Timestamp> newest;  // of all there ever were

  void take(const Told& told, const Happening& h) {
    if (h.is(RecordType::DeleteEntity)) forget(told, h.kind, h.subject);
    if (h.erases()) forget(told, EntityKind::User, h.subject);
    if (!h.counts() || told.signal(h).target == EntityKind::User) return;
    const SignalDef& def = told.signal(h);
    add(def.target, h.subject, h);
    if (def.target == EntityKind::Item) add(EntityKind::Creator, h.creator, h);
    if (def.in_scope(Scope::User)) add(EntityKind::User, h.user, h);
  }

 private:
  void add(EntityKind kind, Ordinal o, const Happening& h) {
    if (o == Ordinal::None) return;
    events[{kind, h.signal, o}].push_back({h.at.us, h.weight, h.value});
    const auto [at, is_first] = newest.try_emplace(kind, h.at);
    if (!is_first) at->second = std::max(at->second, h.at);
  }
  void forget(const Told& told, EntityKind kind, Ordinal o) {
    for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) events.erase({kind, s, o});
  }
};

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

constexpr std::int64_t kMinute = 60'000'000;

std::int64_t bucket_of(Window w) {
  return w == Window::Hour ? kMinute : w == Window::Month ? 24 * 60 * kMinute : 60 * kMinute;
}

/// One signal of one entity, as docs/signals.md reads it.
class Series {
 public:
  Series(const SignalDef& def, const std::vector<Counted>& events) : def_(def), events_(events) {
    for (const Counted& e : events) newest_ = std::max(newest_, e.at);
  }

  struct Sums {
    double count = 0;
    double weight = 0;
    double value = 0;
  };
  /// `back`: in microseconds, of whole buckets.
  [[nodiscard]] Sums window(Window w, std::int64_t now, std::int64_t back) const {
    Sums sums;
    if (events_.empty()) return sums;
    const std::int64_t width = w == Window::All ? 1 : bucket_of(w);
    const std::int64_t n = window_span(w).us / width;
    const std::int64_t last = floor_div(now, width) - back / width;
    const std::int64_t oldest_kept = floor_div(newest_, width) - buckets_kept(w) + 1;
    for (const Counted& e : events_) {
      const std::int64_t b = floor_div(e.at, width);
      if (w != Window::All && (b < oldest_kept || b > last || b <= last - n)) continue;
      ++sums.count;
      if (!e.value) continue;
      sums.weight += e.weight;
      sums.value += e.weight * *e.value;
    }
    return sums;
  }
  /// Of no decay and of the exponential one.
  [[nodiscard]] double score(std::int64_t now) const {
    const auto reference = static_cast<double>(std::max(now, newest_));
    double score = 0;
    for (const Counted& e : events_) {
      const double age = reference - static_cast<double>(e.at);
      const bool fades = def_.decay.kind == Decay::Kind::Exponential;
      score += e.weight * (fades ? std::exp2(-age / static_cast<double>(def_.decay.span.us)) : 1.0);
    }
    return score;
  }
  struct Linear {
    double score = 0;
    double error_max = 0;
  };
  [[nodiscard]] Linear linear(std::int64_t now) const {
    Linear out;
    const auto lifetime = static_cast<double>(def_.decay.span.us);
    const double bucket = lifetime / 168;
    for (const Counted& e : events_) {
      const double age = std::max(0.0, static_cast<double>(now - e.at));
      const double share = std::max(0.0, 1 - age / lifetime);
      out.score += e.weight * share;
      if (age < lifetime + bucket) out.error_max += e.weight * bucket / 2 / lifetime;
      // Buckets are kept for a lifetime before the newest event: of a `now` before that, some may be gone.
      if (static_cast<double>(newest_ - e.at) > lifetime - bucket) out.error_max += e.weight * share;
    }
    return out;
  }

 private:
  /// Twice the longest window that has the same buckets.
  [[nodiscard]] std::int64_t buckets_kept(Window w) const {
    std::int64_t kept = 0;
    for (const Window other : def_.windows) {
      if (bucket_of(other) == bucket_of(w)) kept = std::max(kept, 2 * window_span(other).us / bucket_of(other));
    }
    return kept;
  }

  const SignalDef& def_;
  const std::vector<Counted>& events_;
  std::int64_t newest_ = INT64_MIN;
};

/// All questions about one signal on one kind of entity.
class SignalQuestions {
 public:
  SignalQuestions(const Told& told, const signal::Ledger& ledger, EntityKind kind, std::size_t signal)
      : told_(told), ledger_(ledger), kind_(kind), signal_(signal), all_(told.all(kind)), got_(all_.size()) {}

  void compare(const LedgerFold& fold, Timestamp now, Differences& out) {
    std::vector<Series> series;
    static const std::vector<Counted> kNone;
    for (const Ordinal o : all_) {
      const auto found = fold.events.find({kind_, signal_, o});
      series.emplace_back(def(), found == fold.events.end() ? kNone : found->second);
    }
    std::vector<Window> windows = def().windows;
    windows.push_back(Window::All);
    for (const Window w : windows) compare_window(series, w, now, out);
    compare_decay(series, now, out);
  }

 private:
  [[nodiscard]] const SignalDef& def() const { return told_.definitions.signals[signal_]; }
  template <class Expected>
  void each(const char* what, Window w, Differences& out, const Expected& expected) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      out.relative(expected(i), got_[i], [&] {
        return def().name + "." + what + "(" + std::string(window_name(w)) + ") of " + told_.name(kind_, all_[i]);
      });
    }
  }
  void compare_window(const std::vector<Series>& series, Window w, Timestamp now, Differences& out) {
    const auto signal = static_cast<signal::SignalIndex>(signal_);
    const std::int64_t span = window_span(w).us;
    const signal::WindowQuery query{.signal = signal, .window = w, .now = now};
    const auto count = [&](std::size_t i, std::int64_t back) { return series[i].window(w, now.us, back).count; };
    ledger_.counts(query, all_, got_);
    each("count", w, out, [&](std::size_t i) { return count(i, 0); });
    if (def().has_value) {
      ledger_.sums(query, all_, got_);
      each("sum", w, out, [&](std::size_t i) { return series[i].window(w, now.us, 0).value; });
      ledger_.means(query, all_, got_);
      each("mean", w, out, [&](std::size_t i) {
        const Series::Sums sums = series[i].window(w, now.us, 0);
        return sums.weight == 0 ? 0 : sums.value / sums.weight;
      });
    }
    compare_column(series, w, now, out);
    if (w == Window::All) return;
    const double seconds = static_cast<double>(span) / 1e6;
    ledger_.velocities(query, all_, got_);
    each("velocity", w, out, [&](std::size_t i) { return count(i, 0) / seconds; });
    ledger_.accelerations(query, all_, got_);
    each("acceleration", w, out, [&](std::size_t i) { return (count(i, 0) - count(i, span)) / seconds; });
    const std::int64_t back = bucket_of(w) * 3;
    ledger_.counts({.signal = signal, .window = w, .now = now, .ago = Duration{back}}, all_, got_);
    each("count ago", w, out, [&](std::size_t i) { return count(i, back); });
  }
  void compare_column(const std::vector<Series>& series, Window w, Timestamp now, Differences& out) {
    std::vector<float> cells(all_.size());
    const auto signal = static_cast<signal::SignalIndex>(signal_);
    if (!ledger_.scan_column(signal, w, now, 0, cells)) return;
    std::ranges::copy(cells, got_.begin());
    each("column", w, out, [&](std::size_t i) { return series[i].window(w, now.us, 0).count; });
  }
  void compare_decay(const std::vector<Series>& series, Timestamp now, Differences& out) {
    ledger_.decay_scores(static_cast<signal::SignalIndex>(signal_), now, all_, got_);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const auto what = [&] { return def().name + " decayed of " + told_.name(kind_, all_[i]); };
      if (def().decay.kind != Decay::Kind::Linear) {
        out.relative(series[i].score(now.us), got_[i], what);
        continue;
      }
      const Series::Linear linear = series[i].linear(now.us);
      out.near(linear.score, got_[i], linear.error_max * (1 + 1e-9) + 1e-9, what);
    }
  }

  const Told& told_;
  const signal::Ledger& ledger_;
  const EntityKind kind_;
  const std::size_t signal_;
  const std::vector<Ordinal> all_;
  std::vector<double> got_;
};

}  // namespace

void compare_ledger(const Told& told, const db::Views& views, Timestamp now, Differences& out) {
  LedgerFold fold;
  for (const Happening& h : told.happenings) fold.take(told, h);
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    const signal::Ledger& ledger = views.ledgers().of(kind);
    out.same(fold.newest.contains(kind) ? fold.newest[kind] : Timestamp{}, ledger.newest_event(),
             [&] { return "newest event of " + std::string(kind_name(kind)); });
    for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) {
      SignalQuestions(told, ledger, kind, s).compare(fold, now, out);
    }
  }
}

}  // namespace tidal::test::fold
