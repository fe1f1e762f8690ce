// The schema view: a list of versions, each with the change that made it. The image is that list of changes.
#include "schema/catalog.h"

#include <utility>

#include "base/coding.h"
#include "base/mutex.h"

namespace tidal::schema {

struct Catalog::Versions {
  struct Step {
    SeqNo seqno;
    Timestamp at;
    std::string change;  // as the log carries it
    std::shared_ptr<const Schema> schema;
  };
  mutable base::Mutex mutex;
  std::shared_ptr<const Schema> first TIDAL_GUARDED_BY(mutex);  // version 0
  std::vector<Step> steps TIDAL_GUARDED_BY(mutex);              // version n is steps[n - 1]
  // Versions of before a reset: readers may still hold references to them.
  std::vector<std::shared_ptr<const Schema>> retired TIDAL_GUARDED_BY(mutex);
};

Catalog::Catalog() : versions_(std::make_unique<Versions>()), current_(nullptr) {
  base::MutexLock lock(versions_->mutex);
  versions_->first = std::make_shared<const Schema>();
  // Pairs with the acquire in current().
  current_.store(versions_->first.get(), std::memory_order_release);
}

Catalog::~Catalog() = default;

std::shared_ptr<const Schema> Catalog::version(std::uint32_t n) const {
  base::MutexLock lock(versions_->mutex);
  if (n == 0) return versions_->first;
  return n <= versions_->steps.size() ? versions_->steps[n - 1].schema : nullptr;
}

std::vector<VersionEntry> Catalog::versions() const {
  base::MutexLock lock(versions_->mutex);
  std::vector<VersionEntry> out;
  for (const Versions::Step& step : versions_->steps) {
    VersionEntry entry;
    entry.schema = step.schema;
    entry.seqno = step.seqno;
    entry.at = step.at;
    out.push_back(std::move(entry));
  }
  return out;
}

Status Catalog::take(SeqNo seqno, Timestamp at, std::string_view payload) {
  TIDAL_TRY_ASSIGN(const SchemaChange change, decode_change(payload));
  auto next = std::make_shared<Schema>(current());
  next->absorb(change);
  base::MutexLock lock(versions_->mutex);
  Versions::Step step;
  step.seqno = seqno;
  step.at = at;
  step.change = std::string(payload);
  step.schema = std::move(next);
  versions_->steps.push_back(std::move(step));
  // Pairs with the acquire in current().
  current_.store(versions_->steps.back().schema.get(), std::memory_order_release);
  return {};
}

void Catalog::on_event(const wal::WalEvent& event) noexcept {
  if (event.record.type != wal::RecordType::SchemaChange) return;
  // A payload that cannot be read was written by nobody of ours (the frame's checksum held); it changes nothing, here
  // and on every replay.
  (void)take(event.seqno, event.append_time, event.record.payload).ok();
}

std::unique_ptr<materializer::CheckpointImage> Catalog::checkpoint() {
  base::MutexLock lock(versions_->mutex);
  base::Encoder out;
  out.varint(versions_->steps.size());
  for (const Versions::Step& step : versions_->steps) {
    out.varint(step.seqno.value);
    out.i64(step.at.us);
    out.string(step.change);
  }
  return std::make_unique<materializer::BytesImage>(out.take());
}

Status Catalog::on_restore(std::string_view image) {
  base::Decoder in(image);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const SeqNo seqno{in.varint()};
    const Timestamp at{in.i64()};
    const std::string_view change = in.string();
    if (in.ok()) TIDAL_TRY(take(seqno, at, change));
  }
  if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "schema image: cut off or too long");
  return {};
}

void Catalog::on_reset() {
  base::MutexLock lock(versions_->mutex);
  for (Versions::Step& step : versions_->steps) versions_->retired.push_back(std::move(step.schema));
  versions_->steps.clear();
  // Pairs with the acquire in current().
  current_.store(versions_->first.get(), std::memory_order_release);
}

void Catalog::digest(materializer::DigestSink& sink) const {
  const Schema& schema = current();
  const auto add = [&](const std::string& key, std::size_t position, const std::string& statement) {
    base::Encoder value;
    value.varint(position);
    value.string(statement);
    sink.add(key, value.str());
  };
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const FieldDef& field = schema.fields[i];
    add("field " + std::string(kind_name(field.kind)) + "." + field.name, i, to_statement(field));
  }
  for (std::size_t i = 0; i < schema.signals.size(); ++i) {
    add("signal " + schema.signals[i].name, i, to_statement(schema.signals[i], schema.relations));
  }
  for (std::size_t i = 0; i < schema.embeddings.size(); ++i) {
    const EmbeddingDef& embedding = schema.embeddings[i];
    add("embedding " + std::string(kind_name(embedding.kind)) + "." + embedding.name, i, to_statement(embedding));
  }
  add("settings", 0, to_statement(schema.settings));
}

std::size_t Catalog::memory_bytes() const {
  base::MutexLock lock(versions_->mutex);
  std::size_t bytes = 0;
  for (const Versions::Step& step : versions_->steps) {
    bytes += step.change.size() + sizeof(Schema) + step.schema->fields.size() * sizeof(FieldDef) +
             step.schema->signals.size() * sizeof(SignalDef);
  }
  return bytes;
}

}  // namespace tidal::schema
