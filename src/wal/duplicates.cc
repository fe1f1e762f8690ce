// The table of ids in flight.
#include "wal/duplicates.h"

#include <absl/container/flat_hash_map.h>

namespace tidal::wal {
namespace {

/// Ids are hashes already.
struct IdHash {
  std::size_t operator()(const EventId& id) const { return id.low; }
};

}  // namespace

struct PendingIds::Ids {
  absl::flat_hash_map<EventId, SeqNo, IdHash> first;
};

PendingIds::PendingIds(const AppliedIds& applied) : applied_(applied), ids_(std::make_unique<Ids>()) {}

PendingIds::~PendingIds() = default;

std::vector<Duplicate> PendingIds::claim(std::span<const EventId> ids, SeqNo next, Timestamp now) {
  std::vector<Duplicate> duplicates;
  const base::MutexLock lock(mutex_);
  // Before those in flight: none of them is let go meanwhile, for that takes the lock (D3).
  applied_first_.resize(ids.size());
  applied_.find_first(ids, now, applied_first_);
  for (std::uint32_t position = 0; position < ids.size(); ++position) {
    const EventId& id = ids[position];
    if (!id.is_none()) {
      if (const SeqNo first = applied_first_[position]; first != SeqNo{}) {
        duplicates.push_back({.position = position, .first = first});
        continue;
      }
      const auto [entry, is_new] = ids_->first.try_emplace(id, next);
      if (!is_new) {
        duplicates.push_back({.position = position, .first = entry->second, .was_pending = true});
        continue;
      }
    }
    next = next.next();
  }
  return duplicates;
}

void PendingIds::release(std::span<const EventId> ids) {
  const base::MutexLock lock(mutex_);
  for (const EventId& id : ids) ids_->first.erase(id);
}

}  // namespace tidal::wal
