// Events to vectors.
#include "entity/embedding_mat.h"

#include <utility>

#include "base/coding.h"
#include "entity/entity_record.h"

namespace tidal::entity {

using wal::RecordType;

namespace {

bool is_write(RecordType type) {
  return type == RecordType::PutEntity || type == RecordType::UpdateEntity || type == RecordType::DeleteEntity;
}

}  // namespace

void EmbeddingMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (event.record.type == RecordType::SchemaChange) {
    store_.declare(inputs_.catalog.current().embeddings);
  } else if (event.record.type == RecordType::DeleteEntity) {
    store_.remove(event.record.subject_kind, event.ids.subject);
  } else if (is_write(event.record.type)) {
    on_write(event);
  }
}

void EmbeddingMaterializer::on_write(const wal::WalEvent& event) {
  const schema::Schema& schema = inputs_.catalog.current();
  if (schema.embeddings.empty()) return;
  store_.declare(schema.embeddings);  // after a reset the catalog may be ahead
  // A payload that does not decode was refused before the append; on replay it is ignored in the same way.
  const Result<EncodedContent> content = split_content(event.record.payload);
  if (!content.ok()) return;
  const EntityKind kind = event.record.subject_kind;
  numbers_.clear();
  named_.clear();
  const Status read = for_each_embedding(content->embeddings, [&](std::string_view name, std::span<const float> v) {
    const int slot = schema.embedding_index(kind, name);
    if (slot < 0) return;
    numbers_.insert(numbers_.end(), v.begin(), v.end());
    named_.push_back({static_cast<std::size_t>(slot), std::span<const float>(v.data(), v.size())});
  });
  if (!read.ok()) return;
  // Now that the numbers lie where they stay.
  const float* at = numbers_.data();
  for (EmbeddingStore::Named& named : named_) {
    named.vector = {at, named.vector.size()};
    at += named.vector.size();
  }
  const EmbeddingStore::Entity entity{kind, event.ids.subject, event.ids.creator};
  if (event.record.type == RecordType::PutEntity) {
    store_.put(entity, named_);
  } else {
    store_.update(entity, named_);
  }
}

void EmbeddingMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const wal::WalEvent& event : events) {
    if (is_write(event.record.type)) store_.prefetch(event.record.subject_kind, event.ids.subject);
  }
}

std::unique_ptr<materializer::CheckpointImage> EmbeddingMaterializer::checkpoint() {
  return materializer::image_of(store_.capture());
}

Status EmbeddingMaterializer::on_restore(std::string_view image) {
  return store_.restore(image, {[this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); },
                                inputs_.catalog.current().embeddings});
}

void EmbeddingMaterializer::digest(materializer::DigestSink& sink) const {
  const auto& slots = inputs_.catalog.current().embeddings;
  const auto key_of = [this](EntityKind kind, Ordinal o) {
    return o == Ordinal::None ? std::string_view() : inputs_.keys.key_of(kind, o);
  };
  store_.for_each_fact([&](const EmbeddingFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.u8(static_cast<std::uint8_t>(fact.kind));
    key.string(fact.slot < slots.size() ? std::string_view(slots[fact.slot].name) : "");
    base::Encoder value;
    switch (fact.type) {
      case EmbeddingFact::Type::Vector:
        key.string(key_of(fact.kind, fact.entity));
        for (const float number : fact.vector) value.f32(number);
        break;
      case EmbeddingFact::Type::Contribution:
        key.string(key_of(EntityKind::Item, fact.entity));
        value.string(key_of(EntityKind::Creator, fact.creator));
        break;
      case EmbeddingFact::Type::Catalogue:
        key.string(key_of(EntityKind::Creator, fact.creator));
        value.varint(fact.items);
        for (const double dimension : fact.sum) value.f64(dimension);
        break;
    }
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::entity
