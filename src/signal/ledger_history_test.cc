// The ledger beside its model on random histories (L1, L2, D1 to D3, R1, K1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "signal/ledger.h"
#include "signal/ledger_histories.h"
#include "signal/ledger_image.h"
#include "signal/ledger_model.h"

namespace tidal::signal::test {
namespace {

constexpr std::array<std::uint32_t, 4> kEntities = {0, 300, 600, 77};  // the last one never fires

std::vector<Ordinal> entities() {
  std::vector<Ordinal> all;
  for (const std::uint32_t o : kEntities) all.push_back(to_ordinal(o));
  return all;
}

/// 1e-9 relative; `floor` is what counts as small, for sums whose terms cancel.
void expect_close(double got, long double want, const char* what, long double floor = 1e-290L) {
  const long double scale = std::max(floor, std::abs(want));
  EXPECT_LE(std::abs(static_cast<long double>(got) - want), 1e-9L * scale) << what << " " << got;
}

/// Checks every windowed read of one signal and window at one moment.
void check_window(const Ledger& ledger, const LedgerModel& model, const WindowQuery& q) {
  const std::vector<Ordinal> who = entities();
  std::vector<double> out(who.size());
  const auto each = [&](auto read, auto want, const char* what) {
    (ledger.*read)(q, who, out);
    for (std::size_t i = 0; i < who.size(); ++i)
      expect_close(out[i], want(model.totals(q, who[i]), who[i]), what, 1e-3L);
  };
  using Totals = LedgerModel::Totals;
  ledger.counts(q, who, out);
  for (std::size_t i = 0; i < who.size(); ++i) {
    ASSERT_EQ(out[i], static_cast<double>(model.totals(q, who[i]).count)) << "count of " << window_name(q.window);
  }
  const bool valued = q.signal == 1 || q.signal == 3;
  each(
      &Ledger::sums, [&](const Totals& t, Ordinal) { return valued ? t.value : 0.0L; }, "sum");
  each(
      &Ledger::means, [&](const Totals& t, Ordinal) { return valued && t.weight != 0 ? t.value / t.weight : 0.0L; },
      "mean");
  if (q.window == Window::All) return;
  each(
      &Ledger::velocities, [&](const Totals&, Ordinal o) { return model.velocity(q, o); }, "velocity");
  each(
      &Ledger::accelerations, [&](const Totals&, Ordinal o) { return model.velocity(q, o) - model.velocity(q, o, 1); },
      "acceleration");
}

void check_decay(const Ledger& ledger, const LedgerModel& model, const SignalDef& def, SignalIndex s, Timestamp now) {
  const std::vector<Ordinal> who = entities();
  std::vector<double> out(who.size());
  ledger.decay_scores(s, now, who, out);
  for (std::size_t i = 0; i < who.size(); ++i) {
    ASSERT_GE(out[i], 0);  // D1
    if (def.decay.kind == Decay::Kind::Linear) {
      if (now < model.newest()) continue;  // D3 is about reads that have seen all events
      const auto want = model.linear(s, who[i], now);
      EXPECT_LE(std::abs(out[i] - want.score), want.error_max * (1 + 1e-9L) + 1e-12L);
    } else {
      expect_close(out[i], model.exponential(s, who[i], now), "decay");
    }
  }
}

void check_all(const Ledger& ledger, const LedgerModel& model, const std::vector<SignalDef>& defs,
               HistoryMaker& maker) {
  ASSERT_EQ(ledger.newest_event(), model.newest());
  for (SignalIndex s = 0; s < defs.size(); ++s) {
    Timestamp now = model.newest();
    switch (maker.pick(4)) {
      case 0: now = now - Duration{static_cast<std::int64_t>(maker.pick(minutes(5).us))}; break;
      case 1: now = now + Duration{static_cast<std::int64_t>(maker.pick(hours(3).us))}; break;
      case 2: now = now + Duration{static_cast<std::int64_t>(maker.pick(days(40).us))}; break;
      default: break;
    }
    check_decay(ledger, model, defs[s], s, now);
    check_window(ledger, model, {.signal = s, .window = Window::All, .now = now});
    for (const Window w : defs[s].windows) {
      WindowQuery q{.signal = s, .window = w, .now = now};
      check_window(ledger, model, q);
      const std::int64_t width = window_span(w).us / (w == Window::Hour   ? 60
                                                      : w == Window::Day  ? 24
                                                      : w == Window::Week ? 168
                                                                          : 30);
      const Duration reach = ledger.reach(s, w);
      ASSERT_GE(reach, window_span(w));
      q.ago = Duration{static_cast<std::int64_t>(maker.pick(static_cast<std::uint64_t>(reach.us / width) + 1)) * width};
      check_window(ledger, model, q);
    }
  }
}

/// K1: every cell of every settled column is the count that the model gives.
void check_columns(const Ledger& ledger, const LedgerModel& model, const std::vector<SignalDef>& defs, Timestamp now) {
  std::vector<float> cells(601);
  for (SignalIndex s = 0; s < defs.size(); ++s) {
    std::vector<Window> windows = defs[s].windows;
    windows.push_back(Window::All);
    for (const Window w : windows) {
      if (!ledger.has_settled_column(s, w, now)) continue;
      ASSERT_TRUE(ledger.scan_column(s, w, now, 0, cells));
      const WindowQuery q{.signal = s, .window = w, .now = now};
      for (const std::uint32_t o : kEntities) {
        ASSERT_EQ(cells[o], static_cast<float>(model.totals(q, to_ordinal(o)).count)) << window_name(w);
      }
    }
  }
}

void apply(const Step& step, Ledger& ledger) {
  if (step.clear) {
    ledger.clear_entity(step.event.entity);
  } else {
    ledger.record(step.event);
  }
}

void apply(const Step& step, LedgerModel& model) {
  if (step.clear) {
    model.clear_entity(step.event.entity);
  } else {
    model.record(step.event);
  }
}

TEST(LedgerHistories, EveryReadEqualsTheModel) {
  const auto defs = history_signals();
  TroubleCount troubles;
  for (std::uint64_t seed = 0; seed < 8000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    HistoryMaker maker(seed);
    const History history = maker.make(defs.size());
    troubles.add(history);
    Ledger ledger;
    ledger.configure(defs);
    LedgerModel model(defs);
    for (const Step& step : history.steps) {
      apply(step, ledger);
      apply(step, model);
      if (maker.pick(12) == 0) check_all(ledger, model, defs, maker);
    }
    check_all(ledger, model, defs, maker);
  }
  EXPECT_TRUE(troubles.report());
}

TEST(LedgerHistories, ColumnsEqualTheModelWheneverTheyAreSettled) {
  const auto defs = history_signals();
  TroubleCount troubles;
  std::size_t settled_checks = 0;
  for (std::uint64_t seed = 100'000; seed < 104'000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    HistoryMaker maker(seed);
    const History history = maker.make(defs.size());
    troubles.add(history);
    Ledger ledger;
    ledger.configure(defs);
    LedgerModel model(defs);
    const std::size_t columns_from = maker.pick(history.steps.size());
    for (std::size_t i = 0; i < history.steps.size(); ++i) {
      if (i == columns_from) ledger.add_default_columns(defs, model.newest());
      apply(history.steps[i], ledger);
      apply(history.steps[i], model);
      if (maker.pick(6) != 0) continue;
      const Timestamp now =
          model.newest() + Duration{static_cast<std::int64_t>(maker.pick(3) * maker.pick(days(3).us))};
      if (maker.pick(3) != 0) ledger.settle(now);
      settled_checks += ledger.has_settled_column(0, Window::Day, now) ? 1U : 0U;
      check_columns(ledger, model, defs, now);
      check_all(ledger, model, defs, maker);
    }
  }
  EXPECT_GT(settled_checks, 1000U);
  EXPECT_TRUE(troubles.report());
}

TEST(LedgerHistories, OrderOfArrivalDoesNotMatter) {  // D2, R1
  const auto defs = history_signals();
  for (std::uint64_t seed = 200'000; seed < 201'000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    HistoryMaker maker(seed);
    History history = maker.make(defs.size());
    std::erase_if(history.steps, [](const Step& step) { return step.clear; });
    Ledger in_order;
    Ledger shuffled;
    in_order.configure(defs);
    shuffled.configure(defs);
    for (const Step& step : history.steps) apply(step, in_order);
    std::shuffle(history.steps.begin(), history.steps.end(), std::mt19937_64(seed));
    for (const Step& step : history.steps) apply(step, shuffled);
    std::map<std::pair<SignalIndex, Ordinal>, PairState> left;
    for_each_pair(in_order, [&](SignalIndex s, const PairState& pair) { left[{s, pair.entity}] = pair; });
    for_each_pair(shuffled, [&](SignalIndex s, const PairState& pair) {
      const PairState& other = left.at({s, pair.entity});
      EXPECT_EQ(pair.newest_us, other.newest_us);
      EXPECT_EQ(pair.count, other.count);
      expect_close(pair.score, other.score, "score");
      for (std::size_t r = 0; r < kRings; ++r) {
        ASSERT_EQ(pair.rings[r].size(), other.rings[r].size());
        for (std::size_t i = 0; i < pair.rings[r].size(); ++i) {
          EXPECT_EQ(pair.rings[r][i].bucket, other.rings[r][i].bucket);
          EXPECT_EQ(pair.rings[r][i].count, other.rings[r][i].count);
          expect_close(pair.rings[r][i].weight, other.rings[r][i].weight, "weight");
        }
      }
    });
  }
}

TEST(LedgerHistories, RestoredLedgersGoOnAsIfNothingHappened) {  // I1
  const auto defs = history_signals();
  TroubleCount troubles;
  for (std::uint64_t seed = 300'000; seed < 301'000 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    HistoryMaker maker(seed);
    const History history = maker.make(defs.size());
    troubles.add(history);
    const std::size_t cut = maker.pick(history.steps.size());
    Ledger live;
    live.configure(defs);
    for (std::size_t i = 0; i < cut; ++i) apply(history.steps[i], live);
    base::Encoder bytes;
    encode(capture(live), bytes);
    Ledger restored;
    restored.configure(defs);
    base::Decoder in(bytes.str());
    ASSERT_TRUE(restore(in, restored).ok());
    ASSERT_TRUE(in.at_end());
    for (std::size_t i = cut; i < history.steps.size(); ++i) {
      apply(history.steps[i], live);
      apply(history.steps[i], restored);
    }
    ASSERT_EQ(live.newest_event(), restored.newest_event());
    std::map<std::pair<SignalIndex, Ordinal>, std::string> left;
    std::map<std::pair<SignalIndex, Ordinal>, std::string> right;
    for_each_pair(live, [&](SignalIndex s, const PairState& p) { left[{s, p.entity}] = canonical_bytes(p); });
    for_each_pair(restored, [&](SignalIndex s, const PairState& p) { right[{s, p.entity}] = canonical_bytes(p); });
    EXPECT_EQ(left, right);
  }
  EXPECT_TRUE(troubles.report());
}

}  // namespace
}  // namespace tidal::signal::test
