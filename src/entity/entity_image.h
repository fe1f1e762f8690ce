// The entities at one seqno, detached from the live store: what a checkpoint writes.
//
// Image: seqno u64, seqno of the last event that forgot a key u64 (0: none), then for items, users and creators: count
// varint, and by ordinal key string, [of an empty one, which was forgotten: its partition u16], flags u8 (1 live, 2
// open, 4 created_at, 8 creator), [created_at zigzag], [creator's ordinal varint]. Fields are in the store.
#pragma once

#include <memory>
#include <string>

#include "entity/entity_store.h"

namespace tidal::entity {

/// Must not outlive its store. Threads: write() on any one thread, beside the store's writer and readers.
class EntityCapture {
 public:
  struct Detached;
  EntityCapture(EntityStore& store, std::unique_ptr<Detached> detached);
  ~EntityCapture();
  EntityCapture(const EntityCapture&) = delete;
  EntityCapture& operator=(const EntityCapture&) = delete;

  /// Commits the frozen fields to the key-value store with the capture's seqno, flushes it, and appends the image.
  /// The log must be synced through that seqno before. IoError, ResourceExhausted, Corruption: the fields stay frozen
  /// and a later capture writes them. FailedPrecondition after reset().
  [[nodiscard]] Status write(std::string& out) const;

 private:
  EntityStore& store_;
  std::unique_ptr<Detached> detached_;
};

}  // namespace tidal::entity
