// Effects of events to weights.
#include "relationship/weights_mat.h"

#include <utility>

#include "base/coding.h"
#include "schema/change_codec.h"
#include "signal/effects.h"

namespace tidal::relationship {

using wal::RecordType;

namespace {

bool may_have_effects(RecordType type) {
  return type == RecordType::Signal || type == RecordType::Unsignal || type == RecordType::Relate ||
         type == RecordType::Unrelate;
}

}  // namespace

void WeightMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (may_have_effects(event.record.type)) return on_effects(event);
  if (event.record.type == RecordType::DeleteEntity) {
    if (event.record.subject_kind == EntityKind::User) state_.erase_user(event.ids.subject);  // W4
    return;
  }
  if (event.record.type != RecordType::SchemaChange) return;
  // From the record, not from the catalogue: a catalogue restored from a later checkpoint is ahead of this view, and
  // settings, unlike definitions, change.
  if (const auto change = schema::decode_change(event.record.payload); change.ok() && change->has_settings) {
    state_.set_half_life(change->settings.relationship_half_life);
  }
}

void WeightMaterializer::on_effects(const wal::WalEvent& event) {
  const auto& signals = inputs_.catalog.current().signals;
  const EntityKind subject_kind = event.record.subject_kind;
  if (event.ids.user == Ordinal::None || event.ids.signal >= signals.size() || subject_kind == EntityKind::User) return;
  const signal::Effects effects = signal::effects_of_event(event, signals[event.ids.signal]);
  const bool is_item = subject_kind == EntityKind::Item;
  state_.record({.kind = WeightKind::Interaction,
                 .user = event.ids.user,
                 .other = is_item ? event.ids.creator : event.ids.subject,
                 .at = event.record.event_time,
                 .delta = effects.creator});
  if (!is_item) return;
  state_.record({.kind = WeightKind::Affinity,
                 .user = event.ids.user,
                 .other = event.ids.subject,
                 .at = event.record.event_time,
                 .delta = effects.affinity});
}

void WeightMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const auto stage :
       {WeightState::PrefetchStage::User, WeightState::PrefetchStage::Table, WeightState::PrefetchStage::Steps}) {
    for (const wal::WalEvent& event : events) {
      if (may_have_effects(event.record.type)) state_.prefetch(event.ids.user, stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> WeightMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status WeightMaterializer::on_restore(std::string_view image) {
  return state_.restore(
      image, {.is_known = [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); }});
}

void WeightMaterializer::digest(materializer::DigestSink& sink) const {
  state_.for_each_fact([&](const WeightFact& fact) {
    const bool is_pair = fact.type == WeightFact::Type::Pair;
    const EntityKind other = fact.kind == WeightKind::Interaction ? EntityKind::Creator : EntityKind::Item;
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.u8(static_cast<std::uint8_t>(fact.kind));
    key.string(is_pair ? inputs_.keys.key_of(EntityKind::User, fact.user) : "");
    key.string(is_pair ? inputs_.keys.key_of(other, fact.other) : "");
    base::Encoder value;
    value.i64(fact.number);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::relationship
