// Events to moves.
#include "signal/preference_mat.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "schema/change_codec.h"
#include "signal/effects.h"

namespace tidal::signal {

using wal::RecordType;

namespace {

bool is_feedback(RecordType type) {
  return type == RecordType::Signal || type == RecordType::Unsignal || type == RecordType::Relate ||
         type == RecordType::Unrelate;
}

/// Whether any event of the signal can move a preference.
bool can_move(const SignalDef& def) {
  return std::ranges::any_of(def.effects, [](const EffectDef& e) { return e.kind == EffectDef::Kind::Preference; });
}

}  // namespace

void PreferenceMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (is_feedback(event.record.type)) return on_feedback(event);
  if (event.record.type == RecordType::SchemaChange) return on_schema_change(event.record.payload);
  if (event.record.type == RecordType::DeleteEntity && event.record.subject_kind == EntityKind::User) {
    state_.erase_user(event.ids.subject);
  }
}

void PreferenceMaterializer::on_feedback(const wal::WalEvent& event) {
  const auto& signals = inputs_.catalog.current().signals;
  if (event.ids.user == Ordinal::None || event.ids.signal >= signals.size()) return;
  const double rate = effects_of_event(event, signals[event.ids.signal]).preference;
  if (rate == 0 || !find_vector(event)) return;
  state_.move({.user = event.ids.user, .at = event.record.event_time, .rate = rate}, e_);
}

// From the record, not from the catalogue: a catalogue restored from a later checkpoint is ahead of this view.
void PreferenceMaterializer::on_schema_change(std::string_view payload) {
  const auto change = schema::decode_change(payload);
  if (!change.ok()) return;
  for (const EmbeddingDef& def : change->embeddings) {
    if (def.preference && def.kind == EntityKind::Item) state_.define(def.size);
  }
  if (!change->has_settings) return;
  const std::int64_t limit = std::clamp<std::int64_t>(change->settings.interest_vectors, 0, kInterestsMax);
  state_.limit_interests(static_cast<std::uint32_t>(limit));
}

bool PreferenceMaterializer::find_vector(const wal::WalEvent& event) {
  e_.resize(state_.size());
  if (e_.empty()) return false;
  switch (event.record.subject_kind) {
    case EntityKind::Item: return inputs_.embeddings.item_vector(event.ids.subject, e_);
    case EntityKind::Creator: return inputs_.embeddings.catalogue_vector(event.ids.subject, e_);
    case EntityKind::User: return false;
  }
  return false;
}

void PreferenceMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  const auto& signals = inputs_.catalog.current().signals;
  using Vector = entity::EmbeddingSource::PrefetchStage;
  struct Stage {
    Preferences::PrefetchStage user;
    Vector vector;
  };
  for (const Stage stage : {Stage{Preferences::PrefetchStage::User, Vector::Place},
                            Stage{Preferences::PrefetchStage::Block, Vector::Vector}}) {
    for (const wal::WalEvent& event : events) {
      if (!is_feedback(event.record.type) || event.ids.signal >= signals.size()) continue;
      if (event.ids.user == Ordinal::None || !can_move(signals[event.ids.signal])) continue;
      state_.prefetch(event.ids.user, stage.user);
      if (event.record.subject_kind == EntityKind::Item) {
        inputs_.embeddings.prefetch_item(event.ids.subject, stage.vector);
      }
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> PreferenceMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status PreferenceMaterializer::on_restore(std::string_view image) {
  const schema::Schema& schema = inputs_.catalog.current();
  const int slot = schema.preference_slot();
  return state_.restore(
      image, {.is_known_user = [this](Ordinal o) { return !inputs_.keys.key_of(EntityKind::User, o).empty(); },
              .size = slot < 0 ? 0 : schema.embeddings[static_cast<std::size_t>(slot)].size});
}

void PreferenceMaterializer::digest(materializer::DigestSink& sink) const {
  state_.for_each_fact([&](const PreferenceFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.string(fact.user == Ordinal::None ? "" : inputs_.keys.key_of(EntityKind::User, fact.user));
    key.u8(fact.slot);
    base::Encoder value;
    value.i64(fact.number);
    value.raw(fact.bytes);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::signal
