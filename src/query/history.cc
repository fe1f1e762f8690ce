// Which buckets a HISTORY asks for, and their rows.
#include "query/history.h"

#include <algorithm>
#include <utility>

#include "query/bind_scope.h"

namespace tidal::query {
namespace {

using signal::RollupStep;
using Series = std::vector<signal::Bucket>;

constexpr Duration kWindowDefault = days(7);
constexpr Duration kHoursUpTo = days(14);  // longer windows are told by day unless BY says otherwise
constexpr Timestamp kEpoch{0};             // where `all` begins to look

struct Asked {
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  std::vector<std::size_t> signals;  // of the schema
  RollupStep step = RollupStep::Hour;
  Timestamp from;
  Timestamp to;
  bool from_first = false;  // WINDOW all: what comes before the first event is left out
};

Duration width_of(RollupStep step) { return step == RollupStep::Hour ? hours(1) : days(1); }

Timestamp rounded_up(Timestamp at, Duration width) {
  const std::int64_t over = ((at.us % width.us) + width.us) % width.us;
  return over == 0 ? at : Timestamp{at.us - over + width.us};
}

Result<RollupStep> bind_step(const History& history, std::optional<Duration> window, const QueryContext& context) {
  switch (history.by) {
    case History::Step::Hour: return RollupStep::Hour;
    case History::Step::Day: return RollupStep::Day;
    case History::Step::Minute:
      return refuse(context, history.signals.front().span, "histories are kept by hour and by day, not by minute",
                    {.expected = {"hour", "day"}});
    case History::Step::Default: break;
  }
  return window && *window <= kHoursUpTo ? RollupStep::Hour : RollupStep::Day;
}

/// As many whole buckets as the window needs, the last one being that of the moment before `until`.
Status bind_span(const History& history, const QueryContext& context, Asked& asked) {
  Timestamp until = context.now;
  if (history.until) {
    TIDAL_TRY_ASSIGN(until, bound_value(context, *history.until, "UNTIL", "time"));
  }
  std::optional<Duration> window = kWindowDefault;
  if (history.window && history.window->all) {
    window.reset();
  } else if (history.window) {
    TIDAL_TRY_ASSIGN(window, bound_value(context, history.window->length, "WINDOW", "duration"));
    if (window->us <= 0) return refuse(context, history.window->span, "WINDOW must be above 0");
  }
  TIDAL_TRY_ASSIGN(asked.step, bind_step(history, window, context));
  const Duration width = width_of(asked.step);
  asked.to = rounded_up(until, width);
  asked.from_first = !window;
  if (!window) {
    asked.from = std::min(kEpoch, asked.to);
    return {};
  }
  const Span place = history.window ? history.window->span : history.signals.front().span;
  const std::int64_t buckets = (window->us - 1) / width.us + 1;
  if (buckets > signal::kSeriesBucketsMax) {
    return refuse(context, place,
                  "a history of " + std::to_string(buckets) + " buckets, expected at most " +
                      std::to_string(signal::kSeriesBucketsMax),
                  {.hint = "BY day, or a shorter WINDOW"});
  }
  asked.from = Timestamp{asked.to.us - buckets * width.us};
  return {};
}

Result<Asked> bind(const History& history, const ReadViews& views, const QueryContext& context) {
  if (history.cohort) return not_yet(context, history.signals.front().span, "HISTORY … COHORT");
  Asked asked;
  asked.kind = history.kind.value_or(EntityKind::Item);
  if (asked.kind == EntityKind::User) {
    return refuse(context, history.key.span, "users have no histories", {.expected = {"item", "creator"}});
  }
  TIDAL_TRY_ASSIGN(const std::string key, bound_value(context, history.key, "ON", "string"));
  asked.entity = views.entities->find(asked.kind, key);
  if (asked.entity == Ordinal::None || !views.entities->is_live(asked.kind, asked.entity)) {
    return does_not_exist(context, history.key.span, asked.kind, key);
  }
  for (const Name& name : history.signals) {
    TIDAL_TRY_ASSIGN(const std::size_t index, find_signal(context, *views.schema, name));
    TIDAL_TRY(check_counted(context, views.schema->signals[index], name, asked.kind));
    if (std::ranges::find(asked.signals, index) != asked.signals.end()) {
      return refuse(context, name.span, "signal '" + name.text + "' stands there twice");
    }
    asked.signals.push_back(index);
  }
  TIDAL_TRY(bind_span(history, context, asked));
  return asked;
}

Result<Series> read(const Asked& asked, const ReadViews& views, std::size_t signal, RollupStep step, Timestamp from) {
  return views.rollups->series({.kind = asked.kind,
                                .entity = asked.entity,
                                .signal = static_cast<std::uint16_t>(signal),
                                .step = step,
                                .from = from,
                                .to = asked.to});
}

/// The day of the first event of any of the signals; the end where there is none.
Result<Timestamp> first_day(const Asked& asked, const ReadViews& views) {
  Timestamp first = asked.to;
  for (const std::size_t signal : asked.signals) {
    TIDAL_TRY_ASSIGN(const Series days, read(asked, views, signal, RollupStep::Day, asked.from));
    const auto found = std::ranges::find_if(days, [](const auto& day) { return day.count > 0; });
    if (found != days.end()) first = std::min(first, found->start);
  }
  return first;
}

}  // namespace

Result<RowsReply> answer_history(const History& history, const ReadViews& views, const QueryContext& context) {
  TIDAL_TRY_ASSIGN(Asked asked, bind(history, views, context));
  if (asked.from_first) {
    TIDAL_TRY_ASSIGN(asked.from, first_day(asked, views));
  }
  RowsReply reply;
  reply.columns = {"start"};
  for (const std::size_t signal : asked.signals) {
    const SignalDef& def = views.schema->signals[signal];
    const Result<Series> buckets = read(asked, views, signal, asked.step, asked.from);
    if (!buckets.ok()) {
      if (buckets.error().code != Code::InvalidArgument) return buckets.error();
      return refuse(context, history.signals.front().span, buckets.error().message, {.hint = "a shorter WINDOW"});
    }
    if (reply.rows.empty()) {
      for (const signal::Bucket& bucket : *buckets) reply.rows.push_back({bucket.start});
    }
    for (const std::string_view part : {".count", ".weight"}) reply.columns.push_back(def.name + std::string(part));
    if (def.has_value) reply.columns.push_back(def.name + ".sum");
    for (std::size_t i = 0; i < buckets->size(); ++i) {
      const signal::Bucket& bucket = (*buckets)[i];
      std::vector<Value>& row = reply.rows[i];
      row.emplace_back(static_cast<std::int64_t>(bucket.count));
      row.emplace_back(bucket.weight);
      if (def.has_value) row.emplace_back(bucket.value_sum);
    }
  }
  return reply;
}

}  // namespace tidal::query
