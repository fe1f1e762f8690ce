// The view of import marks: fold, image, digest.
#include "db/import_marks.h"

#include <algorithm>

#include "base/coding.h"

namespace tidal::db {

std::string encode_import_mark(std::string_view id, std::uint64_t position) {
  base::Encoder out;
  out.raw(id);
  out.u64(position);
  return out.take();
}

std::uint64_t ImportMarks::position(std::string_view id) const {
  const base::MutexLock lock(mutex_);
  const auto it = positions_.find(id);
  return it == positions_.end() ? 0 : it->second;
}

void ImportMarks::on_event(const wal::WalEvent& event) noexcept {
  for (const wal::Extension& extension : event.record.extensions) {
    if (extension.tag != static_cast<std::uint8_t>(wal::Tag::ImportMark)) continue;
    base::Decoder in(extension.bytes);
    const std::string_view id = in.raw(kImportIdBytes);
    const std::uint64_t position = in.u64();
    if (!in.ok()) continue;
    const base::MutexLock lock(mutex_);
    std::uint64_t& known = positions_[std::string(id)];
    known = std::max(known, position);
  }
}

std::unique_ptr<materializer::CheckpointImage> ImportMarks::checkpoint() {
  const base::MutexLock lock(mutex_);
  base::Encoder out;
  out.varint(positions_.size());
  for (const auto& [id, position] : positions_) {
    out.raw(id);
    out.u64(position);
  }
  return std::make_unique<materializer::BytesImage>(out.take());
}

Status ImportMarks::on_restore(std::string_view image) {
  const base::MutexLock lock(mutex_);
  base::Decoder in(image);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view id = in.raw(kImportIdBytes);
    const std::uint64_t position = in.u64();
    positions_.emplace(id, position);
  }
  if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "import marks image: malformed");
  return {};
}

void ImportMarks::on_reset() {
  const base::MutexLock lock(mutex_);
  positions_.clear();
}

void ImportMarks::digest(materializer::DigestSink& sink) const {
  const base::MutexLock lock(mutex_);
  for (const auto& [id, position] : positions_) {
    base::Encoder value;
    value.u64(position);
    sink.add(id, value.str());
  }
}

std::size_t ImportMarks::memory_bytes() const {
  const base::MutexLock lock(mutex_);
  return sizeof *this + positions_.size() * (kImportIdBytes + 64);
}

}  // namespace tidal::db
