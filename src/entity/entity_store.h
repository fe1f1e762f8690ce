// Keys to ordinals and back, who is alive, whose creator is who, and the fields of every entity.
//
// E1: an ordinal belongs to its key for ever, in order of first appearance in the log. When a key is forgotten nobody
//     else gets its ordinal, and the key a new one if it appears again.
// E2: the key map, liveness, creators and creation times are in memory; fields are in the store plus an overlay of
//     what changed since its last flush.
// E3: the store holds the fields as of its seqno; a change at or below it is not written again (replay over a store
//     that is ahead of the checkpoint).
// E4: created_at is as given; else the event time of what created the entity (a user's signal, an item that names its
//     creator); else open: the earliest event time of the signals since it became open. A PUT without one opens it.
// Threads: single writer (the applier), concurrent readers; only content() may take a lock or read the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

/// What an open creation time without a signal counts as: 0000-01-01T00:00:00Z.
inline constexpr Timestamp kOpenCreation{-62'167'219'200'000'000};

/// Where in the log a change comes from.
struct EventStamp {
  SeqNo seqno;
  Timestamp at;  ///< event time
};

/// A key, and where its ordinal goes.
struct KeyToFind {
  EntityKind kind = EntityKind::Item;
  std::string_view key;
  Ordinal* found = nullptr;
};

class EntityCapture;

class EntityStore {
 public:
  /// `store` outlives this.
  explicit EntityStore(storage::KeyValueStore& store);
  ~EntityStore();
  EntityStore(const EntityStore&) = delete;
  EntityStore& operator=(const EntityStore&) = delete;

  /// The key's ordinal, dead or alive; Ordinal::None when the key never appeared.
  [[nodiscard]] Ordinal find(EntityKind kind, std::string_view key) const;
  /// find() for each, and about as fast as one when their memory is cold.
  void find_all(std::span<const KeyToFind> keys) const;
  /// Fetches what the const reads of an entity, content() apart, will touch.
  void prefetch(EntityKind kind, Ordinal o) const;
  /// The ordinal whose key is in the partition and satisfies the test, dead or alive; None when there is none. Looks at
  /// every key of the kind.
  [[nodiscard]] Ordinal find_key(EntityKind kind, std::uint16_t partition,
                                 const std::function<bool(std::string_view key)>& is_it) const;
  /// Valid for the store's life; "" when the key was forgotten.
  [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const;
  [[nodiscard]] bool is_live(EntityKind kind, Ordinal o) const;
  /// Ordinals given out so far: all are below this.
  [[nodiscard]] std::uint32_t ordinal_count(EntityKind kind) const;
  [[nodiscard]] std::uint32_t live_count(EntityKind kind) const;
  /// The item's creator now; None when it has none.
  [[nodiscard]] Ordinal creator_of(Ordinal item) const;
  [[nodiscard]] CreationTime created_at(EntityKind kind, Ordinal o) const;
  /// Whether a signal may still decide it.
  [[nodiscard]] bool is_open(EntityKind kind, Ordinal o) const;
  /// out[i] = creation time in microseconds, or `unknown` where it is open.
  void creation_times(EntityKind kind, std::span<const Ordinal> ordinals, double unknown, std::span<double> out) const;
  /// A live entity's content with created_at filled in as far as known. NotFound (dead or absent), IoError, Corruption.
  [[nodiscard]] Result<EntityContent> content(EntityKind kind, Ordinal o) const;

  // Write side: the applier's thread only. An ordinal that was never given is ignored.

  /// The key's ordinal, a new one at its first appearance; the entity stays dead until something creates it.
  /// None for an empty key or one above 255 bytes.
  Ordinal assign(EntityKind kind, std::string_view key);
  /// Replaces everything; a creator it names is created when dead.
  void put(EntityKind kind, Ordinal o, const EncodedContent& content, EventStamp stamp);
  /// Replaces what the content names; nothing on a dead entity.
  void update(EntityKind kind, Ordinal o, const EncodedContent& content, EventStamp stamp);
  /// Dead, without fields, creator and creation time; key and ordinal stay.
  void remove(EntityKind kind, Ordinal o, EventStamp stamp);
  /// remove(), and the key is forgotten: only the ordinal stays.
  void forget(EntityKind kind, Ordinal o, EventStamp stamp);
  /// Brings a dead entity to life without fields, created at the stamp's time.
  void ensure_live(EntityKind kind, Ordinal o, EventStamp stamp);
  /// Lets a signal decide an open creation time (E4).
  void note_signal(EntityKind kind, Ordinal o, Timestamp at);

  /// The state as of now, which is `seqno`; the fields that changed since the last capture move into a frozen layer.
  /// O(1): later changes save what they overwrite. At most as old as reset() or this.
  [[nodiscard]] std::unique_ptr<EntityCapture> capture(SeqNo seqno);
  /// Replaces all by what EntityCapture::write gave of a capture at `taken_at`. Corruption: damaged, of another moment,
  /// or the store is behind it.
  [[nodiscard]] Status restore(std::string_view image, SeqNo taken_at);
  /// Forgets all but the store. No reader may be inside, no key view in use.
  void reset();

  /// The last event that forgot a key; 0: none did. Thread-safe.
  [[nodiscard]] SeqNo last_forgotten() const;
  /// Every piece of logical state as (name, canonical bytes), in no order; names contain keys, never ordinals. Of what
  /// was forgotten only that it was.
  /// The applier must not run meanwhile. IoError, Corruption (of the store).
  [[nodiscard]] Status for_each_fact(
      const std::function<void(std::string_view name, std::string_view value)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;
  /// The part of memory_bytes() that is the keys themselves.
  [[nodiscard]] std::size_t key_bytes() const;

 private:
  friend class EntityCapture;
  struct State;
  /// The next ordinal, taken by a key that was forgotten.
  Ordinal assign_forgotten(EntityKind kind, std::uint16_t partition);
  std::unique_ptr<State> state_;
};

}  // namespace tidal::entity
