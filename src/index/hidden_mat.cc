// Events to what is hidden.
#include "index/hidden_mat.h"

#include <string>
#include <utility>

#include "base/coding.h"

namespace tidal::index {

using wal::RecordType;

void HiddenMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (event.ids.subject == Ordinal::None) return;
  const Hidden::Change change{
      .kind = event.record.subject_kind, .entity = event.ids.subject, .at = event.record.event_time};
  if (event.record.type == RecordType::Hide) hidden_.hide(change, event.record.payload);
  if (event.record.type == RecordType::Unhide) hidden_.unhide(change);
}

std::unique_ptr<materializer::CheckpointImage> HiddenMaterializer::checkpoint() {
  return materializer::image_of(hidden_.capture());
}

Status HiddenMaterializer::on_restore(std::string_view image) {
  return hidden_.restore(image, [this](EntityKind kind, Ordinal o) { return !keys_.key_of(kind, o).empty(); });
}

void HiddenMaterializer::digest(materializer::DigestSink& sink) const {
  hidden_.for_each_fact([&](const HiddenFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.kind));
    key.string(keys_.key_of(fact.kind, fact.entity));
    base::Encoder value;
    value.u8(fact.is_hidden ? 1 : 0);
    value.i64(fact.at.us);
    value.string(fact.reason);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::index
