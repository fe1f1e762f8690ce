// The table of ids in flight.
#include "wal/duplicates.h"

#include <absl/container/flat_hash_map.h>

#include "wal/frame.h"

namespace tidal::wal {
namespace {

/// Ids are hashes already.
struct IdHash {
  std::size_t operator()(const EventId& id) const { return id.low; }
};

/// Where an id is in flight: more than once where records keep duplicates.
struct InFlight {
  SeqNo first;
  SeqNo last{};
  std::uint32_t records = 0;
};

}  // namespace

struct PendingIds::Ids {
  absl::flat_hash_map<EventId, InFlight, IdHash> of;
};

PendingIds::PendingIds(const AppliedIds& applied) : applied_(applied), ids_(std::make_unique<Ids>()) {}

PendingIds::~PendingIds() = default;

std::vector<Duplicate> PendingIds::claim(const RecordBatch& batch, SeqNo next, Timestamp now) {
  const std::span<const EventId> ids = batch.event_ids();
  std::vector<Duplicate> duplicates;
  const base::MutexLock lock(mutex_);
  // Before those in flight: none of them is let go meanwhile, for that takes the lock (D3).
  applied_first_.resize(ids.size());
  applied_.find_first(ids, now, applied_first_);
  for (std::uint32_t position = 0; position < ids.size(); ++position) {
    const EventId& id = ids[position];
    if (!id.is_none()) {
      const bool is_kept = batch.keeps_duplicate(position);
      if (const SeqNo first = applied_first_[position]; first != SeqNo{} && !is_kept) {
        duplicates.push_back({.position = position, .first = first});
        continue;
      }
      const auto [entry, is_new] = ids_->of.try_emplace(id, InFlight{.first = next});
      if (!is_new && !is_kept) {
        const InFlight& other = entry->second;
        duplicates.push_back({.position = position, .first = other.first, .was_pending = true, .last = other.last});
        continue;
      }
      entry->second.last = next;
      ++entry->second.records;
    }
    next = next.next();
  }
  return duplicates;
}

void PendingIds::release(std::span<const EventId> ids) {
  const base::MutexLock lock(mutex_);
  for (const EventId& id : ids) {
    const auto entry = ids_->of.find(id);
    if (entry != ids_->of.end() && --entry->second.records == 0) ids_->of.erase(entry);
  }
}

}  // namespace tidal::wal
