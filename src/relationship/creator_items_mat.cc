// Items that come, go and change hands.
#include "relationship/creator_items_mat.h"

#include <string>

namespace tidal::relationship {
namespace {

const std::string kImage = "\x01";  // its format

}  // namespace

void CreatorItemsMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (event.record.subject_kind != EntityKind::Item) return;
  switch (event.record.type) {
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity: items_.set_creator(event.ids.subject, event.ids.creator); return;
    case wal::RecordType::DeleteEntity: items_.set_creator(event.ids.subject, Ordinal::None); return;
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
    if (entities.is_live(EntityKind::Item, item)) items_.set_creator(item, entities.creator_of(item));
  }
  return {};
}

void CreatorItemsMaterializer::digest(materializer::DigestSink& sink) const {
  const entity::EntityStore& entities = roots_.entities();
  items_.for_each([&](Ordinal item, Ordinal creator) {
    sink.add(entities.key_of(EntityKind::Item, item), entities.key_of(EntityKind::Creator, creator));
  });
}

}  // namespace tidal::relationship
