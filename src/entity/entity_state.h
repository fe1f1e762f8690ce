// The insides of EntityStore, shared by its reads and writes, and by the images.
//
// Threads: lines are written by the applier with the mutex held and read by anybody; of one line, flags are stored
// last with release, so that who sees an entity live sees its creator and creation time.
#pragma once

#include <array>
#include <atomic>
#include <limits>
#include <unordered_map>
#include <vector>

#include "base/chunked_array.h"
#include "base/mutex.h"
#include "entity/entity_image.h"
#include "entity/entity_store.h"
#include "entity/field_overlay.h"
#include "entity/key_map.h"

namespace tidal::entity {

/// What memory knows of one entity beside its key.
struct EntityFacts {
  bool live = false;
  bool open = false;  ///< created_at is decided by signals
  bool created_known = false;
  Timestamp created_at;
  Ordinal creator = Ordinal::None;
  bool operator==(const EntityFacts&) const = default;
};

/// EntityFacts in 16 bytes that readers may read while they change; all zero is dead and unknown.
struct EntityLine {
  static constexpr std::uint8_t kLive = 1;
  static constexpr std::uint8_t kOpen = 2;

  std::atomic<std::uint64_t> created{0};  ///< microseconds + 2^63; 0: unknown
  std::atomic<std::uint32_t> creator{0};  ///< ordinal + 1; 0: none
  std::atomic<std::uint8_t> flags{0};

  // acquire: pairs with the release in store().
  [[nodiscard]] bool is_live() const { return (flags.load(std::memory_order_acquire) & kLive) != 0; }
  [[nodiscard]] bool is_open() const { return (flags.load(std::memory_order_acquire) & kOpen) != 0; }  // likewise
  [[nodiscard]] CreationTime creation() const;
  [[nodiscard]] Ordinal creator_ordinal() const;
  [[nodiscard]] EntityFacts load() const;
  void store(const EntityFacts& facts);
};
static_assert(sizeof(EntityLine) == 16);

struct KindState {
  explicit KindState(EntityKind kind) : keys(kind) {}
  KeyMap keys;
  base::ChunkedArray<EntityLine> lines;
  std::atomic<std::uint32_t> live{0};  // relaxed: a count that publishes nothing

  /// nullptr for an ordinal that was never given.
  [[nodiscard]] EntityLine* line(Ordinal o) { return to_index(o) < keys.size() ? lines.find(to_index(o)) : nullptr; }
  [[nodiscard]] const EntityLine* line(Ordinal o) const { return const_cast<KindState*>(this)->line(o); }
};

/// The part of a capture that the writer knows of: lines that changed after it, as they were.
struct EntityCapture::Detached {
  SeqNo seqno;
  std::uint64_t layers_through = 0;
  std::array<std::uint32_t, kEntityKinds> counts{};
  SeqNo last_forgotten;
  // All guarded by the state's mutex.
  std::unordered_map<EntityRef, EntityFacts> overwritten;
  std::unordered_map<EntityRef, std::string_view> forgotten_keys;  // valid as long as it is not cancelled (N2)
  bool cancelled = false;
};

struct EntityStore::State {
  explicit State(storage::KeyValueStore& kv) : store(kv) {}

  [[nodiscard]] KindState& of(EntityKind kind) { return kinds[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] const KindState& of(EntityKind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::string store_key(EntityRef ref) const;

  /// Stores the facts of a known entity, having saved the old ones for captures that still need them.
  void set_facts(EntityKind kind, Ordinal o, const EntityFacts& facts) TIDAL_REQUIRES(mutex);
  void revive(EntityKind kind, Ordinal o, Timestamp at) TIDAL_REQUIRES(mutex);
  /// E3.
  void change_fields(EntityRef ref, FieldChange change, SeqNo seqno) TIDAL_REQUIRES(mutex);
  /// Commits the layers frozen by a capture with its seqno, unless the store is there already.
  [[nodiscard]] Status flush(const EntityCapture::Detached& capture) TIDAL_EXCLUDES(mutex);

  storage::KeyValueStore& store;
  std::array<KindState, kEntityKinds> kinds{KindState(EntityKind::Item), KindState(EntityKind::User),
                                            KindState(EntityKind::Creator)};
  base::Mutex flush_mutex;  // taken before mutex
  mutable base::Mutex mutex;
  FieldOverlay overlay TIDAL_GUARDED_BY(mutex);
  // Moves on before a commit: a reader that saw another value may have mixed an older overlay with newer fields.
  std::uint64_t commits_begun TIDAL_GUARDED_BY(mutex) = 0;
  std::vector<EntityCapture::Detached*> captures TIDAL_GUARDED_BY(mutex);
  SeqNo last_forgotten TIDAL_GUARDED_BY(mutex);
};

}  // namespace tidal::entity
