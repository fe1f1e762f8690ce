// Keys to ordinals and back, who is alive, whose creator is who, and the fields of every entity.
//
// E1: an ordinal belongs to its key for ever, in order of first appearance in the log.
// E2: the key map, liveness, creators and creation times are in memory; fields are in the store plus an overlay of
//     what changed since its last flush.
// Threads: single writer (the applier), concurrent readers; only content() may take a lock or read the disk.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "entity/entity_record.h"
#include "storage/kv.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::entity {

/// What entity creation time means to a reader.
struct CreationTime {
  bool known = false;  ///< false: open, no signal yet; the entity counts as old
  Timestamp at;
};

class EntityStore {
 public:
  /// `store` outlives this.
  explicit EntityStore(storage::KeyValueStore& store);
  ~EntityStore();
  EntityStore(const EntityStore&) = delete;
  EntityStore& operator=(const EntityStore&) = delete;

  /// The key's ordinal, dead or alive; Ordinal::None when the key never appeared.
  [[nodiscard]] Ordinal find(EntityKind kind, std::string_view key) const;
  /// Valid for the store's life.
  [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const;
  [[nodiscard]] bool is_live(EntityKind kind, Ordinal o) const;
  /// Ordinals given out so far: all are below this.
  [[nodiscard]] std::uint32_t ordinal_count(EntityKind kind) const;
  [[nodiscard]] std::uint32_t live_count(EntityKind kind) const;
  /// The item's creator now; None when it has none.
  [[nodiscard]] Ordinal creator_of(Ordinal item) const;
  [[nodiscard]] CreationTime created_at(EntityKind kind, Ordinal o) const;
  /// out[i] = creation time in microseconds, or `unknown` where it is open.
  void creation_times(EntityKind kind, std::span<const Ordinal> ordinals, double unknown, std::span<double> out) const;
  /// A live entity's content with created_at filled in as far as known. NotFound (dead or absent), IoError, Corruption.
  [[nodiscard]] Result<EntityContent> content(EntityKind kind, Ordinal o) const;

  // The write side (the materializer's), the image and the digest are declared by the implementation below.
 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidal::entity
