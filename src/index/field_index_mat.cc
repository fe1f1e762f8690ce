// Events to index writes.
#include "index/field_index_mat.h"

#include <utility>

#include "base/coding.h"

namespace tidal::index {

using wal::RecordType;

FieldIndexMaterializer::FieldIndexMaterializer(FieldIndex& index, Inputs inputs)
    : index_(index), inputs_(std::move(inputs)) {}

void FieldIndexMaterializer::follow_schema() {
  const schema::Schema& current = inputs_.catalog.current();
  if (configured_version_ == current.version) return;
  index_.configure(current);
  configured_version_ = current.version;
}

void FieldIndexMaterializer::on_event(const wal::WalEvent& event) noexcept {
  follow_schema();
  switch (event.record.type) {
    case RecordType::Signal:
    case RecordType::Relate:
      if (event.ids.user != Ordinal::None) index_.ensure_live(EntityKind::User, event.ids.user);
      break;
    case RecordType::PutEntity:
    case RecordType::UpdateEntity: on_content(event); break;
    case RecordType::DeleteEntity: index_.remove(event.record.subject_kind, event.ids.subject); break;
    case RecordType::SchemaChange:
    case RecordType::ImportMark:
    case RecordType::Unsignal:
    case RecordType::Unrelate:
    case RecordType::Hide:
    case RecordType::Unhide:
    case RecordType::Erase:
    case RecordType::Empty: break;
  }
}

void FieldIndexMaterializer::on_content(const wal::WalEvent& event) {
  // A payload that does not decode was refused before the append (M4): such a record cannot be in the log.
  Result<EntityChange> change = inputs_.decode(event.record.payload);
  if (!change.ok()) return;
  const EntityKind kind = event.record.subject_kind;
  if (event.record.type == RecordType::PutEntity) {
    index_.put(kind, event.ids.subject, change->fields);
  } else {
    index_.update(kind, event.ids.subject, change->fields);
  }
  if (kind == EntityKind::Item && change->names_creator && event.ids.creator != Ordinal::None) {
    index_.ensure_live(EntityKind::Creator, event.ids.creator);
  }
}

std::unique_ptr<materializer::CheckpointImage> FieldIndexMaterializer::checkpoint() {
  return materializer::image_of(index_.capture());
}

Status FieldIndexMaterializer::on_restore(std::string_view image) {
  configured_version_ = 0;
  return index_.restore(image, inputs_.catalog.current(),
                        [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); });
}

void FieldIndexMaterializer::on_reset() {
  index_.clear();
  configured_version_ = 0;
}

void FieldIndexMaterializer::digest(materializer::DigestSink& sink) const {
  index_.for_each_fact([&](const IndexFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.u8(static_cast<std::uint8_t>(fact.kind));
    key.string(inputs_.keys.key_of(fact.kind, fact.entity));
    key.string(fact.field);
    key.string(fact.keyword);
    base::Encoder value;
    value.u64(fact.bits);
    sink.add(key.str(), value.str());
  });
}

void FieldIndexMaterializer::erase_user(Ordinal user) noexcept { index_.remove(EntityKind::User, user); }

}  // namespace tidal::index
