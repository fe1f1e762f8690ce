// What reads answer: every number is counted anew from the list of all events.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "test/sim/model.h"

namespace tidal::sim {
namespace {

std::int64_t bucket_us(Window window) {
  if (window == Window::Hour) return minutes(1).us;
  return window == Window::Month ? days(1).us : hours(1).us;
}

/// Rounded down, also before 1970.
std::int64_t bucket_of(Timestamp at, std::int64_t width_us) {
  const std::int64_t into = (at.us % width_us + width_us) % width_us;
  return (at.us - into) / width_us;
}

/// Buckets that a ring keeps: twice the longest window with buckets of that width.
std::int64_t kept_buckets(const SignalDef& def, std::int64_t width_us) {
  std::int64_t kept = 0;
  for (const Window w : def.windows) {
    if (bucket_us(w) == width_us) kept = std::max(kept, 2 * window_span(w).us / width_us);
  }
  return kept;
}

bool holds(const ValueTest& test, double value) {
  return test.op == ValueTest::Op::Ge ? value >= test.threshold : value < test.threshold;
}

}  // namespace

/// The events that count for an entity: those on it, an item's also for its creator, a user's in scope for the user;
/// none from before its last deletion.
std::vector<const Model::Event*> Model::counted(const Counted& what) const {
  std::vector<const Event*> events;
  const ModelEntity* entity = find(what.kind, what.key);
  const std::uint64_t forgotten = entity == nullptr ? 0 : entity->deleted_by;
  const bool by_user = signal(what.signal)->in_scope(Scope::User);
  for (const Event& e : events_) {
    if (e.signal != what.signal || e.seqno <= forgotten) continue;
    const bool on_it = e.target == what.kind && e.subject == what.key;
    const bool for_creator = what.kind == EntityKind::Creator && e.target == EntityKind::Item && e.creator == what.key;
    const bool for_user = what.kind == EntityKind::User && by_user && e.user == what.key;
    if (on_it || for_creator || for_user) events.push_back(&e);
  }
  return events;
}

std::vector<const Model::Event*> Model::within(const Counted& what, const Span& span) const {
  std::vector<const Event*> events = counted(what);
  if (span.window == Window::All || events.empty()) return events;
  const std::int64_t width = bucket_us(span.window);
  const std::int64_t buckets = window_span(span.window).us / width;
  const std::int64_t last = bucket_of(span.now, width) - span.back * buckets;
  std::int64_t newest = bucket_of(events.front()->at, width);
  for (const Event* e : events) newest = std::max(newest, bucket_of(e->at, width));
  const std::int64_t forgotten = newest - kept_buckets(*signal(what.signal), width);
  std::erase_if(events, [&](const Event* e) {
    const std::int64_t bucket = bucket_of(e->at, width);
    return bucket <= forgotten || bucket <= last - buckets || bucket > last;
  });
  return events;
}

double Model::count(const Counted& what, const Span& span) const {
  return static_cast<double>(within(what, span).size());
}

double Model::velocity(const Counted& what, const Span& span) const {
  return count(what, span) / (static_cast<double>(window_span(span.window).us) / 1e6);
}

double Model::sum(const Counted& what, const Span& span) const {
  long double sum = 0;
  for (const Event* e : within(what, span)) {
    if (e->value) sum += static_cast<long double>(e->weight) * *e->value;
  }
  return static_cast<double>(sum);
}

double Model::mean(const Counted& what, const Span& span) const {
  long double weight = 0;
  for (const Event* e : within(what, span)) {
    if (e->value) weight += e->weight;
  }
  return weight == 0 ? 0 : static_cast<double>(sum(what, span) / weight);
}

Model::Decayed Model::decay_score(const Counted& what, Timestamp now) const {
  const Decay& decay = signal(what.signal)->decay;
  const std::vector<const Event*> events = counted(what);
  // Before the newest event there is nothing to fade yet.
  Timestamp moment = now;
  if (decay.kind == Decay::Kind::Exponential) {
    for (const Event* e : events) moment = std::max(moment, e->at);
  }
  const auto span = static_cast<long double>(decay.span.us);
  const long double bucket = std::max(1.0L, std::floor(span / 168));
  long double score = 0;
  long double error_max = 0;
  for (const Event* e : events) {
    const auto age = static_cast<long double>(std::max<std::int64_t>(0, moment.us - e->at.us));
    switch (decay.kind) {
      case Decay::Kind::None: score += e->weight; break;
      case Decay::Kind::Exponential: score += e->weight * std::exp2(-age / span); break;
      case Decay::Kind::Linear:
        score += e->weight * std::max(0.0L, 1 - age / span);
        if (age < span + bucket) error_max += e->weight * bucket / 2 / span;
    }
  }
  return {static_cast<double>(score), static_cast<double>(error_max)};
}

bool Model::sets(const Event& event, Mark mark) const {
  for (const EffectDef& effect : signal(event.signal)->effects) {
    if (effect.mark != mark) continue;
    const bool met = std::all_of(effect.when.begin(), effect.when.end(), [&](const ValueTest& test) {
      return event.value.has_value() && holds(test, *event.value);
    });
    if (met) return true;
  }
  return false;
}

/// Users with a standing mark by the signal, whatever became of the item; and events beside users since it was put.
double Model::net(const std::string& item, const std::string& signal) const {
  const SignalDef& def = *this->signal(signal);
  const bool can_stand =
      std::any_of(def.effects.begin(), def.effects.end(), [](const EffectDef& e) { return e.mark != Mark::Seen; });
  const ModelEntity* entity = find(EntityKind::Item, item);
  const std::uint64_t forgotten = entity == nullptr ? 0 : entity->deleted_by;
  std::set<std::string> users;
  double beside = 0;
  for (const Event& e : events_) {
    if (e.signal != signal || e.subject != item) continue;
    if (can_stand && e.of_forgotten) continue;  // the mark went with its user
    if (!can_stand || e.user.empty()) {
      if (e.seqno > forgotten) ++beside;
      continue;
    }
    const bool stands = std::any_of(def.effects.begin(), def.effects.end(), [&](const EffectDef& effect) {
      return effect.mark != Mark::Seen && sets(e, effect.mark);
    });
    if (stands) users.insert(e.user);
  }
  return static_cast<double>(users.size()) + beside;
}

/// The event that set the mark last, by event time, then by its place in the log.
const Model::Event* Model::latest(const std::string& user, const std::string& item, Mark mark) const {
  const Event* latest = nullptr;
  for (const Event& e : events_) {
    if (e.target != EntityKind::Item || e.user != user || e.subject != item || !sets(e, mark)) continue;
    if (latest == nullptr || e.at >= latest->at) latest = &e;
  }
  return latest;
}

bool Model::is_seen(const std::string& user, const std::string& item, Timestamp now) const {
  bool seen = false;
  std::optional<Timestamp> last;
  for (const Event& e : events_) {
    if (e.target != EntityKind::Item || e.user != user || e.subject != item || !sets(e, Mark::Seen)) continue;
    seen = true;
    if (keeps_seen_times_ && e.seqno > keeps_seen_times_->since_seqno) last = last ? std::max(*last, e.at) : e.at;
  }
  if (!seen || !keeps_seen_times_) return seen;
  return last.value_or(keeps_seen_times_->since) >= now - settings_.seen_expires;
}

bool Model::is_marked(const std::string& user, const std::string& item, Mark mark, Timestamp now) const {
  if (mark == Mark::Seen) return is_seen(user, item, now);
  const Event* set = latest(user, item, mark);
  if (set == nullptr || mark != Mark::InProgress) return set != nullptr;
  const Event* completed = latest(user, item, Mark::Completed);
  return completed == nullptr || std::pair(set->at, set->seqno) > std::pair(completed->at, completed->seqno);
}

std::vector<std::pair<std::string, std::uint64_t>> Model::known_of(const std::string& user) const {
  constexpr std::array kMarks = {Mark::Liked,     Mark::Disliked,   Mark::Saved, Mark::Shared,
                                 Mark::Completed, Mark::InProgress, Mark::Hidden};
  std::set<std::string> items;
  for (const Event& e : events_) {
    if (e.user == user && e.target == EntityKind::Item) items.insert(e.subject);
  }
  std::uint64_t marks = 0;
  std::uint64_t seen = 0;
  std::uint64_t progress = 0;
  for (const std::string& item : items) {
    for (const Mark mark : kMarks) marks += is_marked(user, item, mark, newest_event_) ? 1 : 0;
    progress += is_marked(user, item, Mark::InProgress, newest_event_) ? 1 : 0;
    seen += latest(user, item, Mark::Seen) != nullptr ? 1 : 0;
  }
  const ModelEntity* entity = find(EntityKind::User, user);
  double signals = 0;
  for (const SignalDef& def : signals_) {
    if (def.in_scope(Scope::User))
      signals += count({EntityKind::User, user, def.name}, {.window = Window::All, .now = newest_event_});
  }
  return {{"edges", 0},  // its schema has no relations, no embeddings and no effects but marks
          {"fields", entity == nullptr ? 0 : entity->fields.size()},
          {"marks", marks},
          {"seen", seen},
          {"progress", progress},
          {"signals", static_cast<std::uint64_t>(signals)},
          {"vectors", 0},
          {"weights", 0}};
}

}  // namespace tidal::sim
