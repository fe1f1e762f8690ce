// Ordinals for keys and positions for names; what is gone makes a record void.
#include "db/resolver.h"

#include <array>

#include "db/edge_record.h"
#include "db/erased_user.h"
#include "entity/entity_record.h"
#include "signal/signal_record.h"

namespace tidal::db {

Ordinal Resolver::live_or_none(EntityKind kind, std::string_view key, Ordinal known) const {
  if (known != Ordinal::None && entities_.is_live(kind, known)) return known;
  const Ordinal found = entities_.find(kind, key);  // V2: what was known may have been forgotten since
  return found != Ordinal::None && entities_.is_live(kind, found) ? found : Ordinal::None;
}

void Resolver::read_signal(wal::WalEvent& event) const {
  const Result<signal::SignalPayload> payload = signal::decode_payload(event.record.payload);
  const int position = payload.ok() ? catalog_.current().signal_index(payload->name) : -1;
  if (position < 0) return;
  event.ids.signal = static_cast<std::uint16_t>(position);
  event.ids.weight = payload->weight;
  event.ids.has_value = payload->value.has_value();
  event.ids.value = payload->value.value_or(0.0);
}

void Resolver::look_ahead(std::span<wal::WalEvent> events) noexcept {
  std::array<entity::KeyToFind, 2 * wal::kEventGroup> keys;
  std::size_t n = 0;
  for (wal::WalEvent& event : events) {
    event.ids = {};
    if (event.record.type == wal::RecordType::Signal) read_signal(event);
    keys[n++] = {event.record.subject_kind, event.record.subject_key, &event.ids.subject};
    if (!event.record.user_key.empty()) keys[n++] = {EntityKind::User, event.record.user_key, &event.ids.user};
  }
  entities_.find_all(std::span(keys).first(n));
  if (events.size() == 1) return;
  for (const wal::WalEvent& event : events) {
    entities_.prefetch(event.record.subject_kind, event.ids.subject);
    entities_.prefetch(EntityKind::User, event.ids.user);
  }
  for (wal::WalEvent& event : events) {
    if (event.record.subject_kind != EntityKind::Item) continue;
    event.ids.creator = entities_.creator_of(event.ids.subject);
    entities_.prefetch(EntityKind::Creator, event.ids.creator);
  }
}

void Resolver::resolve(wal::WalEvent& event) noexcept {
  event.ids.creator = Ordinal::None;
  switch (event.record.type) {
    case wal::RecordType::Signal: return resolve_signal(event);
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::DeleteEntity: return resolve_write(event);
    case wal::RecordType::Erase: return resolve_erase(event);
    case wal::RecordType::Unsignal: return resolve_undo(event);
    case wal::RecordType::Relate:
    case wal::RecordType::Unrelate: return resolve_edge(event);
    case wal::RecordType::Hide:
    case wal::RecordType::Unhide:
      event.ids.subject = live_or_none(event.record.subject_kind, event.record.subject_key, event.ids.subject);
      event.ids.is_void = event.ids.subject == Ordinal::None;
      return;
    case wal::RecordType::SchemaChange:
    case wal::RecordType::ImportMark:
    case wal::RecordType::Empty: return;
  }
  // A record type of a later version: its views are not here, so nothing of it can be applied.
  event.ids.is_void = true;
}

void Resolver::resolve_signal(wal::WalEvent& event) noexcept {
  const wal::Record& record = event.record;
  wal::EventIds& ids = event.ids;
  const schema::Schema& schema = catalog_.current();
  if (ids.signal >= schema.signals.size()) read_signal(event);  // declared since the look ahead
  const bool fits = ids.signal < schema.signals.size() && schema.signals[ids.signal].target == record.subject_kind;
  ids.subject = live_or_none(record.subject_kind, record.subject_key, ids.subject);
  ids.is_void = !fits || ids.subject == Ordinal::None;
  if (ids.is_void || record.user_key.empty()) {
    ids.user = Ordinal::None;
  } else {
    ids.user = live_or_none(EntityKind::User, record.user_key, ids.user);
    if (ids.user == Ordinal::None && schema.settings.create_users) {
      ids.user = entities_.assign(EntityKind::User, record.user_key);  // None: a key that no preparer lets pass
    }
    ids.is_void = ids.user == Ordinal::None;
  }
  if (!ids.is_void && record.subject_kind == EntityKind::Item) ids.creator = entities_.creator_of(ids.subject);
}

void Resolver::resolve_undo(wal::WalEvent& event) noexcept {
  wal::EventIds& ids = event.ids;
  const schema::Schema& schema = catalog_.current();
  const Result<UndoPayload> payload = decode_undo(event.record.payload);
  const int position = payload.ok() ? schema.signal_index(payload->signal) : -1;
  ids.subject = live_or_none(event.record.subject_kind, event.record.subject_key, ids.subject);
  ids.user = live_or_none(EntityKind::User, event.record.user_key, ids.user);
  ids.is_void = position < 0 || ids.subject == Ordinal::None || ids.user == Ordinal::None ||
                schema.signals[static_cast<std::size_t>(position)].target != event.record.subject_kind;
  if (ids.is_void) return;
  ids.signal = static_cast<std::uint16_t>(position);
  ids.stood = payload->stood;
  if (event.record.subject_kind == EntityKind::Item) ids.creator = entities_.creator_of(ids.subject);
}

void Resolver::resolve_edge(wal::WalEvent& event) noexcept {
  const wal::Record& record = event.record;
  wal::EventIds& ids = event.ids;
  const schema::Schema& schema = catalog_.current();
  const Result<EdgePayload> payload = decode_edge(record.payload);
  const int position = payload.ok() ? schema.relation_index(payload->relation) : -1;
  ids.subject = live_or_none(record.subject_kind, record.subject_key, ids.subject);
  ids.is_void = true;
  if (position < 0 || ids.subject == Ordinal::None) return;
  const RelationDef& relation = schema.relations[static_cast<std::size_t>(position)];
  const bool of_user = relation.from == EntityKind::User;
  if (relation.to != record.subject_kind || of_user != payload->from.empty()) return;
  ids.from = of_user ? live_or_none(EntityKind::User, record.user_key, ids.user)
                     : live_or_none(relation.from, payload->from, Ordinal::None);
  if (ids.from == Ordinal::None && of_user && record.type == wal::RecordType::Relate && schema.settings.create_users) {
    ids.from = entities_.assign(EntityKind::User, record.user_key);  // None: a key that no preparer lets pass
  }
  ids.user = of_user ? ids.from : Ordinal::None;
  ids.is_void = ids.from == Ordinal::None;
  if (ids.is_void) return;
  ids.relation = static_cast<std::uint16_t>(position);
  ids.signal = static_cast<std::uint16_t>(schema.signal_index(payload->relation));
  ids.stood = payload->stood;
  ids.weight = payload->weight;
  if (record.subject_kind == EntityKind::Item) ids.creator = entities_.creator_of(ids.subject);
}

void Resolver::resolve_write(wal::WalEvent& event) noexcept {
  const wal::Record& record = event.record;
  const EntityKind kind = record.subject_kind;
  if (record.type == wal::RecordType::PutEntity) {
    event.ids.subject = entities_.assign(kind, record.subject_key);
  } else {
    event.ids.subject = live_or_none(kind, record.subject_key, event.ids.subject);
  }
  event.ids.is_void = event.ids.subject == Ordinal::None;
  if (event.ids.is_void || kind != EntityKind::Item) return;

  if (record.type == wal::RecordType::DeleteEntity) {
    event.ids.creator = entities_.creator_of(event.ids.subject);
    return;
  }
  const Result<entity::EntityContent> content = entity::decode_content(record.payload);
  if (content.ok() && content->creator) {
    if (!content->creator->empty()) event.ids.creator = entities_.assign(EntityKind::Creator, *content->creator);
  } else if (record.type == wal::RecordType::UpdateEntity) {
    event.ids.creator = entities_.creator_of(event.ids.subject);
  }
}

void Resolver::resolve_erase(wal::WalEvent& event) noexcept {
  event.ids.subject = Ordinal::None;
  const Result<ErasedUser> user = decode_erased_user(event.record.payload);
  if (user.ok()) {
    event.ids.subject = entities_.find_key(EntityKind::User, user->partition,
                                           [&](std::string_view key) { return is_key_of(*user, key); });
  }
  event.ids.is_void = event.ids.subject == Ordinal::None;
}

}  // namespace tidal::db
