// Events to interests.
#include "signal/interests_mat.h"

#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "schema/change_codec.h"

namespace tidal::signal {

using wal::RecordType;

namespace {

std::vector<std::string> strings_of(const Value& value) {
  if (const auto* one = std::get_if<std::string>(&value)) return {*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return *list;
  return {};
}

Interests::Shown shown_by(const wal::WalEvent& event) {
  return {.user = event.ids.user, .item = event.ids.subject, .at = event.record.event_time, .weight = event.ids.weight};
}

}  // namespace

void InterestsMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case RecordType::Signal:
      if (shows_interest(event)) interests_.record(shown_by(event));
      return;
    case RecordType::PutEntity:
    case RecordType::UpdateEntity: return on_content(event);
    case RecordType::DeleteEntity: return on_delete(event);
    case RecordType::SchemaChange: return on_schema_change(event);
    default: return;
  }
}

bool InterestsMaterializer::shows_interest(const wal::WalEvent& event) const {
  const auto& signals = inputs_.catalog.current().signals;
  return event.record.type == RecordType::Signal && event.record.subject_kind == EntityKind::Item &&
         event.ids.signal < signals.size() && signals[event.ids.signal].target == EntityKind::Item &&
         signals[event.ids.signal].has_role(Role::Positive);
}

void InterestsMaterializer::on_content(const wal::WalEvent& event) {
  if (event.record.subject_kind != EntityKind::Item) return;
  // A payload that does not decode was refused before the append (M4): such a record cannot be in the log.
  const Result<Fields> fields = inputs_.decode(event.record.payload);
  if (!fields.ok()) return;
  if (event.record.type == RecordType::PutEntity) {
    interests_.put_item(event.ids.subject, *fields);
  } else {
    interests_.update_item(event.ids.subject, *fields);
  }
}

void InterestsMaterializer::on_delete(const wal::WalEvent& event) {
  if (event.record.subject_kind == EntityKind::Item) interests_.clear_item(event.ids.subject);
  if (event.record.subject_kind == EntityKind::User) interests_.erase_user(event.ids.subject);
}

void InterestsMaterializer::on_schema_change(const wal::WalEvent& event) {
  // From the record, not from the catalogue: one restored from a later checkpoint is ahead of this view, and would make
  // a field INTEREST for items that were put before it was.
  if (const auto change = schema::decode_change(event.record.payload); change.ok()) follow(change->fields);
}

Status InterestsMaterializer::on_begin() {
  follow(inputs_.catalog.current().fields);
  return {};
}

void InterestsMaterializer::follow(const std::vector<FieldDef>& fields) {
  const schema::Schema& schema = inputs_.catalog.current();
  for (const FieldDef& field : fields) {
    if (!field.interest || field.kind != EntityKind::Item) continue;
    const FieldDef* known = schema.field(EntityKind::Item, field.name);
    if (known == nullptr) continue;
    interests_.follow({.position = static_cast<std::size_t>(known - schema.fields.data()),
                       .name = field.name,
                       .defaults = strings_of(field.default_value)});
  }
}

void InterestsMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const Interests::PrefetchStage stage : {Interests::PrefetchStage::Places, Interests::PrefetchStage::Tables}) {
    for (const wal::WalEvent& event : events) {
      if (shows_interest(event)) interests_.prefetch(shown_by(event), stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> InterestsMaterializer::checkpoint() {
  return materializer::image_of(interests_.capture());
}

Status InterestsMaterializer::on_restore(std::string_view image) {
  return interests_.restore(image, inputs_.catalog.current(),
                            [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); });
}

void InterestsMaterializer::digest(materializer::DigestSink& sink) const {
  interests_.for_each_fact([&](const InterestFact& fact) {
    const EntityKind kind = fact.type == InterestFact::Type::Score ? EntityKind::User : EntityKind::Item;
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.string(fact.entity == Ordinal::None ? "" : inputs_.keys.key_of(kind, fact.entity));
    key.string(fact.field);
    key.string(fact.value);
    base::Encoder value;
    value.f64(fact.score);
    value.i64(fact.newest_us);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::signal
