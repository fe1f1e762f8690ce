// Events to marks.
#include "signal/user_state_mat.h"

#include <utility>

#include "base/coding.h"
#include "schema/change_codec.h"
#include "signal/signal_record.h"

namespace tidal::signal {

using wal::RecordType;

void UserStateMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case RecordType::Signal:
    case RecordType::Unsignal: return on_signal(event);
    case RecordType::DeleteEntity:
      if (event.record.subject_kind == EntityKind::Item) state_.clear_item(event.ids.subject);
      return;
    case RecordType::SchemaChange:
      // From the record, not from the catalogue: a catalogue restored from a later checkpoint is ahead of this view,
      // and settings, unlike definitions, change.
      if (const auto change = schema::decode_change(event.record.payload); change.ok() && change->has_settings) {
        state_.keep_seen_times(change->settings.seen_expires.us != 0, event.record.event_time);
      }
      return;
    default: return;
  }
}

void UserStateMaterializer::on_signal(const wal::WalEvent& event) {
  const auto& signals = inputs_.catalog.current().signals;
  if (event.ids.signal >= signals.size() || event.record.subject_kind != EntityKind::Item) return;
  const SignalDef& def = signals[event.ids.signal];
  if (def.target != EntityKind::Item) return;
  MarkEvent mark{
      .signal = event.ids.signal, .user = event.ids.user, .item = event.ids.subject, .at = event.record.event_time};
  // What stood when the undo was written does not matter here: the tombstone must stay in any case (U5).
  if (event.record.type == RecordType::Unsignal) return state_.undo(mark);
  if (event.ids.has_value) mark.value = event.ids.value;
  state_.record(mark, def);
}

void UserStateMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const UserState::PrefetchStage stage : {UserState::PrefetchStage::User, UserState::PrefetchStage::Marks}) {
    for (const wal::WalEvent& event : events) {
      if (event.record.type == RecordType::Signal || event.record.type == RecordType::Unsignal) {
        state_.prefetch({.signal = event.ids.signal, .user = event.ids.user, .item = event.ids.subject}, stage);
      }
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> UserStateMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status UserStateMaterializer::on_restore(std::string_view image) { return state_.restore(image, limits()); }

Status UserStateMaterializer::on_restore_older(std::string_view image, std::uint32_t /*image_version*/) {
  return state_.restore_logic_1(image, limits());
}

UserState::ImageLimits UserStateMaterializer::limits() const {
  return {.is_known = [this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); },
          .signals = inputs_.catalog.current().signals.size()};
}

void UserStateMaterializer::digest(materializer::DigestSink& sink) const {
  const auto& signals = inputs_.catalog.current().signals;
  state_.for_each_fact([&](const UserStateFact& fact) {
    using Type = UserStateFact::Type;
    const bool is_entry_of_seen = fact.type == Type::Entry && fact.mark == Mark::Seen;
    const bool has_signal =
        fact.type != Type::Seen && fact.type != Type::SeenTimes && fact.type != Type::Progress && !is_entry_of_seen;
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.string(fact.user == Ordinal::None ? "" : inputs_.keys.key_of(EntityKind::User, fact.user));
    key.string(fact.item == Ordinal::None ? "" : inputs_.keys.key_of(EntityKind::Item, fact.item));
    key.string(has_signal && fact.signal < signals.size() ? std::string_view(signals[fact.signal].name) : "");
    key.u8(static_cast<std::uint8_t>(fact.mark));
    base::Encoder value;
    value.i64(fact.number);
    sink.add(key.str(), value.str());
  });
}

}  // namespace tidal::signal
