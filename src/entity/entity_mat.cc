// What each record means for the entities.
#include "entity/entity_mat.h"

#include "entity/entity_image.h"

namespace tidal::entity {

void EntityMaterializer::on_event(const wal::WalEvent& event) noexcept {
  const EntityKind kind = event.record.subject_kind;
  const Ordinal subject = event.ids.subject;
  const EventStamp stamp{event.seqno, event.record.event_time};
  switch (event.record.type) {
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity: {
      // A payload that does not decode was refused before the append; on replay it is ignored in the same way.
      const Result<EncodedContent> content = split_content(event.record.payload);
      if (!content.ok()) return;
      if (event.record.type == wal::RecordType::PutEntity) {
        entities_.put(kind, subject, *content, stamp);
      } else {
        entities_.update(kind, subject, *content, stamp);
      }
      return;
    }
    case wal::RecordType::DeleteEntity: entities_.remove(kind, subject, stamp); return;
    case wal::RecordType::Signal: on_signal(event); return;
    case wal::RecordType::Relate: entities_.ensure_live(EntityKind::User, event.ids.user, stamp); return;
    default: return;
  }
}

void EntityMaterializer::on_signal(const wal::WalEvent& event) {
  const Timestamp at = event.record.event_time;
  entities_.ensure_live(EntityKind::User, event.ids.user, {event.seqno, at});
  entities_.note_signal(event.record.subject_kind, event.ids.subject, at);
  entities_.note_signal(EntityKind::User, event.ids.user, at);
  entities_.note_signal(EntityKind::Creator, event.ids.creator, at);
}

std::unique_ptr<materializer::CheckpointImage> EntityMaterializer::checkpoint() {
  return materializer::image_of(entities_.capture(applied()));
}

void EntityMaterializer::digest(materializer::DigestSink& sink) const {
  const Status read =
      entities_.for_each_fact([&](std::string_view name, std::string_view value) { sink.add(name, value); });
  // Fields that cannot be read are a difference from every state in which they can.
  if (!read.ok()) sink.add("unreadable", read.error().to_string());
}

void EntityMaterializer::erase_user(Ordinal user) noexcept {
  // The erasure is itself an event: the one that comes next.
  entities_.forget(EntityKind::User, user, {applied().next(), Timestamp{}});
}

}  // namespace tidal::entity
