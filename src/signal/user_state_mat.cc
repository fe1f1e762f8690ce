// Events to marks.
#include "signal/user_state_mat.h"

#include <utility>

#include "base/coding.h"
#include "schema/change_codec.h"
#include "signal/signal_record.h"

namespace tidal::signal {

using wal::RecordType;

namespace {

class CapturedImage final : public materializer::CheckpointImage {
 public:
  explicit CapturedImage(std::unique_ptr<UserState::Capture> capture) : capture_(std::move(capture)) {}
  [[nodiscard]] Status write_to(std::string& out) const override {
    out += capture_->encode();
    return {};
  }

 private:
  std::unique_ptr<UserState::Capture> capture_;
};

}  // namespace

void UserStateMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case RecordType::Signal: return on_signal(event);
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
    case RecordType::PutEntity:
    case RecordType::UpdateEntity:
    case RecordType::ImportMark:
    case RecordType::Erase:
    case RecordType::Empty: return;
  }
}

void UserStateMaterializer::on_signal(const wal::WalEvent& event) {
  const auto& signals = inputs_.catalog.current().signals;
  if (event.ids.signal >= signals.size() || event.record.subject_kind != EntityKind::Item) return;
  const SignalDef& def = signals[event.ids.signal];
  if (def.target != EntityKind::Item) return;
  const std::optional<double> value = event.ids.has_value ? std::optional(event.ids.value) : std::nullopt;
  state_.record({event.ids.signal, event.ids.user, event.ids.subject, event.record.event_time, value}, def);
}

void UserStateMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const UserState::PrefetchStage stage : {UserState::PrefetchStage::User, UserState::PrefetchStage::Marks}) {
    for (const wal::WalEvent& event : events) {
      if (event.record.type == RecordType::Signal) {
        state_.prefetch({.signal = event.ids.signal, .user = event.ids.user, .item = event.ids.subject}, stage);
      }
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> UserStateMaterializer::checkpoint() {
  return std::make_unique<CapturedImage>(state_.capture());
}

Status UserStateMaterializer::on_restore(std::string_view image) {
  return state_.restore(image, {[this](EntityKind kind, Ordinal o) { return !inputs_.keys.key_of(kind, o).empty(); },
                                inputs_.catalog.current().signals.size()});
}

void UserStateMaterializer::digest(materializer::DigestSink& sink) const {
  const auto& signals = inputs_.catalog.current().signals;
  state_.for_each_fact([&](const UserStateFact& fact) {
    using Type = UserStateFact::Type;
    const bool has_signal = fact.type == Type::NetUsers || fact.type == Type::NetEvents ||
                            (fact.type == Type::Entry && fact.mark != Mark::Seen);
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
