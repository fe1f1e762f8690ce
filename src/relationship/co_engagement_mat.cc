// Events to positives.
#include "relationship/co_engagement_mat.h"

#include <utility>

#include "base/coding.h"

namespace tidal::relationship {

using wal::RecordType;

bool CoEngagementMaterializer::is_positive(const wal::WalEvent& event) const {
  const auto& signals = inputs_.catalog.current().signals;
  if (event.ids.signal >= signals.size() || event.record.subject_kind != EntityKind::Item) return false;
  const SignalDef& def = signals[event.ids.signal];
  return def.target == EntityKind::Item && def.has_role(Role::Positive);
}

void CoEngagementMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case RecordType::Signal:
      if (is_positive(event)) {
        state_.record({.user = event.ids.user, .item = event.ids.subject, .at = event.record.event_time});
      }
      return;
    case RecordType::Unsignal:
      if (event.ids.stood && is_positive(event)) state_.take_back(event.ids.user, event.ids.subject);
      return;
    case RecordType::DeleteEntity:
      if (event.record.subject_kind == EntityKind::Item) state_.delete_item(event.ids.subject);
      if (event.record.subject_kind == EntityKind::User) state_.erase_user(event.ids.subject);
      return;
    case RecordType::PutEntity:
    case RecordType::UpdateEntity:
    case RecordType::SchemaChange:
    case RecordType::ImportMark:
    case RecordType::Relate:
    case RecordType::Unrelate:
    case RecordType::Hide:
    case RecordType::Unhide:
    case RecordType::Erase:
    case RecordType::Empty: return;
  }
}

void CoEngagementMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const auto stage : {CoEngagement::PrefetchStage::Places, CoEngagement::PrefetchStage::Blocks}) {
    for (const wal::WalEvent& event : events) {
      if (event.record.type != RecordType::Signal || !is_positive(event)) continue;
      state_.prefetch({.user = event.ids.user, .item = event.ids.subject}, stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> CoEngagementMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status CoEngagementMaterializer::on_restore(std::string_view image) {
  return state_.restore(image, [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); });
}

void CoEngagementMaterializer::digest(materializer::DigestSink& sink) const {
  const auto key_of = [this](EntityKind kind, Ordinal o) {
    return o == Ordinal::None ? std::string_view() : inputs_.keys.key_of(kind, o);
  };
  state_.for_each_fact([&](const CoEngagementFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.string(key_of(EntityKind::User, fact.user));
    key.string(key_of(EntityKind::Item, fact.item));
    key.string(key_of(EntityKind::Item, fact.other));
    base::Encoder value;
    value.u32(fact.place);
    value.i64(fact.number);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::relationship
