// Items that come, go and change hands.
#include "relationship/creator_items_mat.h"

#include <string>

#include "base/coding.h"

namespace tidal::relationship {
namespace {

const std::string kImage = "\x01";  // its format

}  // namespace

Timestamp CreatorItemsMaterializer::created_at(Ordinal item) const {
  const entity::CreationTime time = roots_.entities().created_at(EntityKind::Item, item);
  return time.known ? time.at : entity::kOpenCreation;
}

/// The entities may be some events ahead: their time is then that of a later event, which comes here as well.
void CreatorItemsMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (event.record.subject_kind != EntityKind::Item) return;
  const Ordinal item = event.ids.subject;
  switch (event.record.type) {
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity: items_.set(item, event.ids.creator, created_at(item)); return;
    case wal::RecordType::DeleteEntity: items_.set(item, Ordinal::None, {}); return;
    case wal::RecordType::Signal:
      if (roots_.entities().is_open(EntityKind::Item, item)) items_.set_created(item, created_at(item));
      return;
    default: return;
  }
}

std::unique_ptr<materializer::CheckpointImage> CreatorItemsMaterializer::checkpoint() {
  return std::make_unique<materializer::BytesImage>(kImage);
}

Status CreatorItemsMaterializer::on_restore(std::string_view image) {
  if (image != kImage) return Error(Code::Corruption, "creator_items image: unknown format");
  return on_begin();
}

Status CreatorItemsMaterializer::on_begin() {
  const entity::EntityStore& entities = roots_.entities();
  for (std::uint32_t i = 0; i < entities.ordinal_count(EntityKind::Item); ++i) {
    const Ordinal item = to_ordinal(i);
    if (entities.is_live(EntityKind::Item, item)) items_.set(item, entities.creator_of(item), created_at(item));
  }
  return {};
}

void CreatorItemsMaterializer::digest(materializer::DigestSink& sink) const {
  const entity::EntityStore& entities = roots_.entities();
  items_.for_each([&](Ordinal item, Ordinal creator, Timestamp created) {
    base::Encoder value;
    value.string(entities.key_of(EntityKind::Creator, creator));
    value.i64(created.us);
    sink.add(entities.key_of(EntityKind::Item, item), value.str());
  });
}

}  // namespace tidal::relationship
