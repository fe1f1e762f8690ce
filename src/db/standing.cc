// Views beneath, the batch above.
#include "db/standing.h"

#include <algorithm>

#include "base/epoch.h"

namespace tidal::db {

std::optional<Standing::Word> Standing::edge(const schema::Schema& schema, const Relate& relate) const {
  if (const auto it = edges_.find({relate.relation, relate.from, relate.to}); it != edges_.end()) return it->second;
  const RelationDef& relation = *schema.relation(relate.relation);
  if (was_taken(relation, relate.from, relate.to)) return std::nullopt;
  const base::EpochGuard guard;  // a rebuild may replace the view meanwhile
  const Ordinal from = views_.entities().find(relation.from, relate.from);
  const Ordinal to = views_.entities().find(relation.to, relate.to);
  if (from == Ordinal::None || to == Ordinal::None) return std::nullopt;
  const auto position = static_cast<std::uint16_t>(schema.relation_index(relate.relation));
  const auto cell = views_.relations().cell(position, from, to);
  if (!cell) return std::nullopt;
  return Word{.stands = cell->stands, .at = cell->at};
}

void Standing::stage_edge(const schema::Schema& schema, const Relate& relate, Timestamp at) {
  const std::optional<Word> latest = edge(schema, relate);
  if (!Word::is_heard(latest, at)) return;
  edges_[{relate.relation, relate.from, relate.to}] = Word{.stands = !relate.remove, .at = at};
}

/// Whether a deletion of the batch took the cell that the view still has.
bool Standing::was_taken(const RelationDef& relation, const std::string& from, const std::string& to) const {
  return (deleted_.contains({relation.from, from}) && !relationship::outlives_its_start(relation)) ||
         (deleted_.contains({relation.to, to}) && !relationship::outlives_its_end(relation));
}

void Standing::stage_deletion(const schema::Schema& schema, EntityKind kind, const std::string& key) {
  deleted_.emplace(kind, key);
  for (auto& [name, word] : edges_) {
    const auto& [relation_name, from, to] = name;
    const RelationDef& relation = *schema.relation(relation_name);
    const bool begins_there = relation.from == kind && from == key && !relationship::outlives_its_start(relation);
    const bool ends_there = relation.to == kind && to == key && !relationship::outlives_its_end(relation);
    if (begins_there || ends_there) word = std::nullopt;
  }
}

std::optional<Standing::Word> Standing::hidden(EntityKind kind, std::string_view key) const {
  if (const auto it = hidden_.find({kind, std::string(key)}); it != hidden_.end()) return it->second;
  const base::EpochGuard guard;
  const auto latest = views_.hidden().latest(kind, views_.entities().find(kind, key));
  if (!latest) return std::nullopt;
  return Word{.stands = latest->is_hidden, .at = latest->at};
}

void Standing::stage_hidden(EntityKind kind, std::string_view key, Word word) {
  if (Word::is_heard(hidden(kind, key), word.at)) hidden_[{kind, std::string(key)}] = word;
}

Standing::SignalMarks Standing::marks(const schema::Schema& schema, const SignalKey& key) const {
  if (const auto it = signals_.find(key); it != signals_.end()) return it->second;
  const base::EpochGuard guard;
  const Ordinal user = views_.entities().find(EntityKind::User, key.user);
  const Ordinal item = views_.entities().find(EntityKind::Item, key.item);
  const int signal = schema.signal_index(key.signal);
  if (user == Ordinal::None || item == Ordinal::None || signal < 0) return {};
  const auto position = static_cast<std::uint16_t>(signal);
  return {.since = views_.user_state().standing_since(user, position, item),
          .undone = views_.user_state().undone_at(user, position, item)};
}

std::optional<Timestamp> Standing::signal_since(const schema::Schema& schema, const SignalKey& key) const {
  return marks(schema, key).since;
}

void Standing::stage_signal(const schema::Schema& schema, const SignalKey& key, const wal::Record& record,
                            Timestamp clock) {
  const wal::EventId& id = record.event_id;
  if (!id.is_none() && !record.keeps_duplicate) {
    if (views_.has_applied(id, clock) || !ids_.emplace(id.low, id.high).second) return;
  }
  SignalMarks marks = this->marks(schema, key);
  if (marks.undone && *marks.undone > record.event_time) return;
  marks.since = marks.since ? std::max(*marks.since, record.event_time) : record.event_time;
  signals_[key] = marks;
}

void Standing::stage_undo(const schema::Schema& schema, const SignalKey& key, Timestamp at) {
  SignalMarks marks = this->marks(schema, key);
  if (marks.since && at >= *marks.since) marks.since.reset();
  marks.undone = marks.undone ? std::max(*marks.undone, at) : at;
  signals_[key] = marks;
}

}  // namespace tidal::db
