// Signals and edges to histories.
#include "signal/rollups_mat.h"

#include <array>
#include <utility>

#include "base/coding.h"

namespace tidal::signal {

using wal::RecordType;

namespace {

void encode_fixed(Int128 sum, base::Encoder& out) {
  out.u64(static_cast<std::uint64_t>(sum));
  out.u64(static_cast<std::uint64_t>(sum >> 64));
}

}  // namespace

std::optional<RollupEvent> RollupsMaterializer::counted(const wal::WalEvent& event) const {
  const RecordType type = event.record.type;
  // An edge that stood already says nothing new.
  if (type != RecordType::Signal && (type != RecordType::Relate || event.ids.stood)) return std::nullopt;
  const auto& signals = inputs_.catalog.current().signals;
  if (event.ids.signal >= signals.size()) return std::nullopt;
  if (!signals[event.ids.signal].in_scope(Scope::Global)) return std::nullopt;  // nothing counts it but its user's
  const EntityKind target = signals[event.ids.signal].target;
  if (target == EntityKind::User || target != event.record.subject_kind) return std::nullopt;
  return RollupEvent{.signal = event.ids.signal,
                     .kind = target,
                     .entity = event.ids.subject,
                     .creator = target == EntityKind::Item ? event.ids.creator : Ordinal::None,
                     .at = event.record.event_time,
                     .weight = event.ids.weight,
                     .value = event.ids.has_value ? std::optional(event.ids.value) : std::nullopt};
}

void RollupsMaterializer::on_event(const wal::WalEvent& event) noexcept {
  if (event.record.type == RecordType::DeleteEntity) {
    if (event.record.subject_kind != EntityKind::User) {
      rollups_.erase(event.record.subject_kind, event.ids.subject, event.seqno);
    }
    return;
  }
  if (const std::optional<RollupEvent> what = counted(event)) rollups_.record(*what, event.seqno);
}

void RollupsMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  std::array<RollupEvent, wal::kEventGroup> group;
  while (!events.empty()) {
    std::size_t n = 0;
    std::size_t looked_at = 0;
    for (; looked_at < events.size() && n < group.size(); ++looked_at) {
      if (const std::optional<RollupEvent> what = counted(events[looked_at])) group[n++] = *what;
    }
    rollups_.prefetch(std::span(group).first(n));
    events = events.subspan(looked_at);
  }
}

std::unique_ptr<materializer::CheckpointImage> RollupsMaterializer::checkpoint() {
  return materializer::image_of(rollups_.capture(applied()));
}

void RollupsMaterializer::digest(materializer::DigestSink& sink) const {
  const auto& signals = inputs_.catalog.current().signals;
  const Status read = rollups_.for_each_fact([&](const RollupFact& fact) {
    base::Encoder key;
    key.u8(static_cast<std::uint8_t>(fact.series.kind));
    key.string(inputs_.keys.key_of(fact.series.kind, fact.series.entity));
    key.string(fact.series.signal < signals.size() ? std::string_view(signals[fact.series.signal].name) : "");
    key.u8(static_cast<std::uint8_t>(fact.step));
    key.i64(fact.bucket);
    base::Encoder value;
    value.u64(fact.sums.count);
    encode_fixed(fact.sums.weight, value);
    encode_fixed(fact.sums.value, value);
    sink.add(key.str(), value.str());
  });
  // Histories that cannot be read are a difference from every state in which they can.
  if (!read.ok()) sink.add("unreadable", read.error().to_string());
}

}  // namespace tidal::signal
