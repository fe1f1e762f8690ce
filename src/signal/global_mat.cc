// Applying events to the ledgers; image and digest of all three.
#include "signal/global_mat.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/coding.h"
#include "schema/catalog.h"
#include "signal/ledger_image.h"
#include "signal/signal_record.h"

namespace tidal::signal {
namespace {

constexpr EntityKind kKinds[] = {EntityKind::Item, EntityKind::Creator, EntityKind::User};

/// The memory of three ledgers, copied; encoded by whoever writes it.
class LedgerImage final : public materializer::CheckpointImage {
 public:
  LedgerImage(const LedgerSet& ledgers, std::vector<SignalDef> signals) : signals_(std::move(signals)) {
    for (const EntityKind kind : kKinds) captures_.push_back(capture(ledgers.of(kind)));
  }
  [[nodiscard]] Status write_to(std::string& out) const override {
    schema::SchemaChange change;
    change.signals = signals_;
    base::Encoder encoder;
    encoder.string(schema::encode_change(change));
    for (const LedgerCapture& ledger : captures_) encode(ledger, encoder);
    out += encoder.str();
    return {};
  }

 private:
  std::vector<SignalDef> signals_;
  std::vector<LedgerCapture> captures_;
};

}  // namespace

void GlobalSignalMaterializer::on_event(const wal::WalEvent& event) noexcept {
  switch (event.record.type) {
    case wal::RecordType::Signal: on_signal(event); break;
    case wal::RecordType::Relate:
      if (!event.ids.stood) on_signal(event);  // an edge that is written again is no further event
      break;
    case wal::RecordType::DeleteEntity: ledgers_.of(event.record.subject_kind).clear_entity(event.ids.subject); break;
    case wal::RecordType::SchemaChange: on_schema_change(event.record.payload); break;
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::ImportMark:
    case wal::RecordType::Unsignal:  // what was counted stays
    case wal::RecordType::Unrelate:
    case wal::RecordType::Hide:
    case wal::RecordType::Unhide:
    case wal::RecordType::Erase:
    case wal::RecordType::Empty: break;
  }
}

void GlobalSignalMaterializer::on_signal(const wal::WalEvent& event) noexcept {
  if (event.ids.signal >= signals_.size()) return;
  const SignalDef& signal = signals_[event.ids.signal];
  if (signal.target == EntityKind::User) return;  // the ledger of users is about what they do
  LedgerEvent counted{.signal = event.ids.signal,
                      .entity = event.ids.subject,
                      .at = event.record.event_time,
                      .weight = event.ids.weight,
                      .value = event.ids.value,
                      .has_value = event.ids.has_value};
  ledgers_.of(signal.target).record(counted);
  if (signal.target == EntityKind::Item) {
    counted.entity = event.ids.creator;
    ledgers_.creators.record(counted);
  }
  if (signal.in_scope(Scope::User)) {
    counted.entity = event.ids.user;
    ledgers_.users.record(counted);
  }
}

void GlobalSignalMaterializer::on_schema_change(std::string_view payload) noexcept {
  const auto change = schema::decode_change(payload);
  if (!change.ok()) return;  // validated before it was appended: no view counts what it cannot read
  for (const SignalDef& signal : change->signals) {
    const auto known = std::find_if(signals_.begin(), signals_.end(),
                                    [&](const SignalDef& other) { return other.name == signal.name; });
    if (known == signals_.end()) {
      signals_.push_back(signal);
      continue;
    }
    // What is counted already keeps its shape; the rest of an altered definition holds from here on.
    const SignalDef before = std::exchange(*known, signal);
    known->target = before.target;
    known->decay = before.decay;
    known->windows = before.windows;
    known->has_value = before.has_value;
  }
  configure();
}

void GlobalSignalMaterializer::configure() {
  for (const EntityKind kind : kKinds) ledgers_.of(kind).configure(signals_);
  if (has_columns_) ledgers_.items.add_default_columns(signals_, ledgers_.items.newest_event());
}

std::size_t GlobalSignalMaterializer::settle(Timestamp now) noexcept {
  if (!has_columns_) {
    has_columns_ = true;
    ledgers_.items.add_default_columns(signals_, ledgers_.items.newest_event());
  }
  return ledgers_.items.settle(now);
}

void GlobalSignalMaterializer::prefetch(std::span<const wal::WalEvent> events) const noexcept {
  for (const PrefetchStage stage : {PrefetchStage::Index, PrefetchStage::Line, PrefetchStage::Rings}) {
    for (const wal::WalEvent& event : events) {
      if (event.ids.signal >= signals_.size()) continue;
      const SignalDef& signal = signals_[event.ids.signal];
      ledgers_.of(signal.target).prefetch(event.ids.signal, event.ids.subject, stage);
      if (signal.target == EntityKind::Item) ledgers_.creators.prefetch(event.ids.signal, event.ids.creator, stage);
      if (signal.in_scope(Scope::User)) ledgers_.users.prefetch(event.ids.signal, event.ids.user, stage);
    }
  }
}

std::unique_ptr<materializer::CheckpointImage> GlobalSignalMaterializer::checkpoint() {
  return std::make_unique<LedgerImage>(ledgers_, signals_);
}

Status GlobalSignalMaterializer::on_restore(std::string_view image) {
  base::Decoder in(image);
  const std::string_view definitions = in.string();
  if (!in.ok()) return Error(Code::Corruption, "ledger image: definitions are cut off");
  TIDAL_TRY_ASSIGN(const schema::SchemaChange change, schema::decode_change(definitions));
  signals_ = change.signals;
  for (const EntityKind kind : kKinds) {
    ledgers_.of(kind).configure(signals_);
    TIDAL_TRY(signal::restore(in, ledgers_.of(kind)));
  }
  if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "ledger image: bytes after its end");
  configure();
  return {};
}

void GlobalSignalMaterializer::on_reset() {
  signals_.clear();
  for (const EntityKind kind : kKinds) ledgers_.of(kind).clear();
}

void GlobalSignalMaterializer::digest(materializer::DigestSink& sink) const {
  for (const EntityKind kind : kKinds) {
    const Ledger& ledger = ledgers_.of(kind);
    if (ledger.has_events()) {
      base::Encoder newest;
      newest.i64(ledger.newest_event().us);
      sink.add(std::string(kind_name(kind)) + " newest event", newest.str());
    }
    for_each_pair(ledger, [&](SignalIndex index, const PairState& pair) {
      base::Encoder key;
      key.u8(static_cast<std::uint8_t>(kind));
      key.string(names_.key_of(kind, pair.entity));
      key.string(signals_[index].name);
      sink.add(key.str(), canonical_bytes(pair));
    });
  }
}

std::size_t GlobalSignalMaterializer::memory_bytes() const {
  return ledgers_.items.memory_bytes() + ledgers_.users.memory_bytes() + ledgers_.creators.memory_bytes();
}

}  // namespace tidal::signal
