// Ordinals for keys and positions for names; what is gone makes a record void.
#include "db/resolver.h"

#include "entity/entity_record.h"
#include "signal/signal_record.h"

namespace tidal::db {

Ordinal Resolver::live_or_none(EntityKind kind, std::string_view key) const {
  const Ordinal found = entities_.find(kind, key);
  return found != Ordinal::None && entities_.is_live(kind, found) ? found : Ordinal::None;
}

void Resolver::resolve(wal::WalEvent& event) noexcept {
  event.ids = {};
  switch (event.record.type) {
    case wal::RecordType::Signal: return resolve_signal(event);
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::DeleteEntity: return resolve_write(event);
    case wal::RecordType::SchemaChange:
    case wal::RecordType::ImportMark: return;
  }
  // A record type of a later version: its views are not here, so nothing of it can be applied.
  event.ids.is_void = true;
}

void Resolver::resolve_signal(wal::WalEvent& event) noexcept {
  const wal::Record& record = event.record;
  const schema::Schema& schema = catalog_.current();
  const Result<signal::SignalPayload> payload = signal::decode_payload(record.payload);
  const int position = payload.ok() ? schema.signal_index(payload->name) : -1;
  const Ordinal subject = live_or_none(record.subject_kind, record.subject_key);
  const bool fits = position >= 0 && schema.signals[static_cast<std::size_t>(position)].target == record.subject_kind;
  if (!fits || subject == Ordinal::None) {
    event.ids.is_void = true;
    return;
  }
  if (!record.user_key.empty()) {
    Ordinal user = live_or_none(EntityKind::User, record.user_key);
    if (user == Ordinal::None) {
      if (!schema.settings.create_users) {
        event.ids.is_void = true;
        return;
      }
      user = entities_.assign(EntityKind::User, record.user_key);
      if (user == Ordinal::None) {  // a key that no preparer lets pass
        event.ids.is_void = true;
        return;
      }
    }
    event.ids.user = user;
  }
  event.ids.subject = subject;
  event.ids.signal = static_cast<std::uint16_t>(position);
  if (record.subject_kind == EntityKind::Item) event.ids.creator = entities_.creator_of(subject);
}

void Resolver::resolve_write(wal::WalEvent& event) noexcept {
  const wal::Record& record = event.record;
  const EntityKind kind = record.subject_kind;
  if (record.type == wal::RecordType::PutEntity) {
    event.ids.subject = entities_.assign(kind, record.subject_key);
  } else {
    event.ids.subject = live_or_none(kind, record.subject_key);
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

}  // namespace tidal::db
