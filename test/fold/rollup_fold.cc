// Hours and days of all time: every event in the hour and the day of its event time, however late.
//
// Counts exactly, sums within 1e-9 (they are fixed point in there).
#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "signal/rollups.h"
#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

using Pair = std::tuple<EntityKind, std::size_t, Ordinal>;  // signal, entity

struct Sums {
  double count = 0;
  double weight = 0;
  double value = 0;
};

struct History {
  std::map<std::int64_t, Sums> hours;
  std::map<std::int64_t, Sums> days;
};

std::int64_t bucket(Timestamp at, Duration step) { return at.us / step.us - (at.us % step.us < 0 ? 1 : 0); }

std::map<Pair, History> fold_histories(const Told& told) {
  std::map<Pair, History> histories;
  const auto add = [&](EntityKind kind, Ordinal o, const Happening& h) {
    if (o == Ordinal::None) return;
    History& history = histories[{kind, h.signal, o}];
    for (Sums* sums : {&history.hours[bucket(h.at, hours(1))], &history.days[bucket(h.at, days(1))]}) {
      ++sums->count;
      sums->weight += h.weight;
      sums->value += h.weight * h.value.value_or(0);
    }
  };
  for (const Happening& h : told.happenings) {
    if (h.is(RecordType::DeleteEntity)) {
      for (std::size_t s = 0; s < told.definitions.signals.size(); ++s) histories.erase({h.kind, s, h.subject});
    }
    if (!h.counts() || h.kind == EntityKind::User) continue;
    if (!told.definitions.signals[h.signal].in_scope(Scope::Global)) continue;
    add(h.kind, h.subject, h);
    if (h.kind == EntityKind::Item) add(EntityKind::Creator, h.creator, h);
  }
  return histories;
}

class Comparison {
 public:
  Comparison(const Told& told, const signal::Rollups& view, Differences& out)
      : told_(told), view_(view), out_(out), histories_(fold_histories(told)) {}

  void every_bucket() {
    std::size_t expected = 0;
    for (const auto& [pair, history] : histories_) expected += history.hours.size() + history.days.size();
    std::size_t got = 0;
    const Status read = view_.for_each_fact([&](const signal::RollupFact& fact) {
      ++got;
      const Pair pair{fact.series.kind, fact.series.signal, fact.series.entity};
      const bool is_hour = fact.step == signal::RollupStep::Hour;
      const auto history = histories_.find(pair);
      const Sums sums = history == histories_.end()
                            ? Sums()
                            : at(is_hour ? history->second.hours : history->second.days, fact.bucket);
      compare(sums, static_cast<double>(fact.sums.count), signal::from_fixed(fact.sums.weight),
              signal::from_fixed(fact.sums.value), name(pair) + " in bucket " + std::to_string(fact.bucket));
    });
    out_.same(true, read.ok(), [] { return "the histories can be read"; });
    out_.same(expected, got, [] { return "buckets that hold events"; });
  }
  /// The last day by hours and the last month by days, empty buckets too.
  void newest_series() {
    for (const auto& [pair, history] : histories_) {
      series(pair, history.hours, signal::RollupStep::Hour, hours(1), 24);
      series(pair, history.days, signal::RollupStep::Day, days(1), 30);
    }
  }

 private:
  static Sums at(const std::map<std::int64_t, Sums>& buckets, std::int64_t number) {
    const auto found = buckets.find(number);
    return found == buckets.end() ? Sums() : found->second;
  }
  void series(const Pair& pair, const std::map<std::int64_t, Sums>& expected, signal::RollupStep step, Duration width,
              std::int64_t count) {
    const std::int64_t last = expected.rbegin()->first;
    const auto& [kind, signal, entity] = pair;
    const auto got = view_.series({.kind = kind,
                                   .entity = entity,
                                   .signal = static_cast<std::uint16_t>(signal),
                                   .step = step,
                                   .from = Timestamp{(last - count + 1) * width.us},
                                   .to = Timestamp{(last + 1) * width.us}});
    out_.same(true, got.ok() && got->size() == static_cast<std::size_t>(count), [&] { return name(pair); });
    if (!got.ok()) return;
    for (const signal::Bucket& each : *got) {
      compare(at(expected, bucket(each.start, width)), static_cast<double>(each.count), each.weight, each.value_sum,
              name(pair) + " from " + std::to_string(each.start.us));
    }
  }
  void compare(const Sums& expected, double count, double weight, double value, const std::string& what) {
    out_.same(expected.count, count, [&] { return what; });
    out_.near(expected.weight, weight, 1e-9 * (1 + expected.weight), [&] { return what + ", weight"; });
    out_.near(expected.value, value, 1e-9 * (1 + expected.count + expected.value), [&] { return what + ", values"; });
  }
  [[nodiscard]] std::string name(const Pair& pair) const {
    const auto& [kind, signal, entity] = pair;
    return told_.definitions.signals[signal].name + " of " + told_.name(kind, entity);
  }

  const Told& told_;
  const signal::Rollups& view_;
  Differences& out_;
  std::map<Pair, History> histories_;
};

}  // namespace

void compare_rollups(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  Comparison comparison(told, views.rollups(), out);
  comparison.every_bucket();
  comparison.newest_series();
}

}  // namespace tidal::test::fold
