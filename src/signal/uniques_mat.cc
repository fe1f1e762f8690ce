// Events to distinct users.
#include "signal/uniques_mat.h"

#include <utility>

#include "base/coding.h"
#include "schema/change_codec.h"

namespace tidal::signal {

using wal::RecordType;

namespace {

/// Whether somebody sends a signal by it; an edge that stood already is only given another weight.
bool is_sent(const wal::WalEvent& event) {
  return event.record.type == RecordType::Signal || (event.record.type == RecordType::Relate && !event.ids.stood);
}

UniquesEvent counted(const wal::WalEvent& event) {
  return {.signal = event.ids.signal,
          .user = event.ids.user,
          .subject = event.ids.subject,
          .creator = event.ids.creator,
          .at = event.record.event_time};
}

/// How many they are, and one pair for each whom the digest can name: an erasure only takes a pair away.
void add_users(std::span<const Ordinal> users, const materializer::KeyNames& keys, const base::Encoder& place,
               materializer::DigestSink& sink) {
  const auto key_with = [&place](std::string_view name) {
    base::Encoder key;
    key.raw(place.str());
    key.string(name);
    return key.take();
  };
  base::Encoder count;
  count.varint(users.size());
  sink.add(key_with({}), count.str());
  for (const Ordinal user : users) {
    const std::string_view name = keys.key_of(EntityKind::User, user);
    if (!name.empty()) sink.add(key_with(name), {});
  }
}

}  // namespace

void UniquesMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case RecordType::Signal:
    case RecordType::Relate:
      if (is_sent(event) && state_.counts(event.ids.signal, event.record.subject_kind)) state_.record(counted(event));
      return;
    case RecordType::DeleteEntity: return state_.clear_entity(event.record.subject_kind, event.ids.subject);
    case RecordType::SchemaChange:
      // From the record, not from the catalogue, which may be ahead when it was restored from a later checkpoint.
      if (const auto change = schema::decode_change(event.record.payload); change.ok()) state_.declare(change->signals);
      return;
    default: return;
  }
}

void UniquesMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  using Stage = Uniques::Stage;
  for (const Stage stage : {Stage::Pair, Stage::Block, Stage::Sets}) {
    for (const wal::WalEvent& event : events) {
      if (is_sent(event)) state_.prefetch(counted(event), stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> UniquesMaterializer::checkpoint() {
  return materializer::image_of(state_.capture());
}

Status UniquesMaterializer::on_restore(std::string_view image) {
  return state_.restore(image, [this](EntityKind kind, Ordinal o) { return !keys_.key_of(kind, o).empty(); });
}

Status UniquesMaterializer::on_begin() {
  state_.declare(catalog_.current().signals);
  return {};
}

void UniquesMaterializer::digest(materializer::DigestSink& sink) const {
  state_.for_each_fact([&](const UniquesFact& fact) {
    using Type = UniquesFact::Type;
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.type));
    key.string(state_.signal_name(fact.signal));
    if (fact.type == Type::Declared) {
      key.u8(static_cast<std::uint8_t>(fact.windows));
      return sink.add(key.str(), {});
    }
    key.u8(static_cast<std::uint8_t>(fact.kind));
    key.string(keys_.key_of(fact.kind, fact.entity));
    key.u8(static_cast<std::uint8_t>(fact.window));
    key.i64(fact.sub_window);
    if (fact.type == Type::Users) return add_users(fact.users, keys_, key, sink);
    const auto* bytes = reinterpret_cast<const char*>(fact.registers.data());
    sink.add(key.str(), {bytes, fact.registers.size()});
  });
}

}  // namespace tidal::signal
