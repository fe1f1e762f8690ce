// Application keys to dense ordinals and back, for one entity kind.
//
// Keys lie in an arena, each behind its length byte; refs_ finds one by ordinal. The table is open addressing with
// linear probing over 64-bit slots (32 bits of hash, ordinal + 1), doubled at 3/4 full. An outgrown table stays until
// clear(), since a reader may still be in it: the sizes are geometric, so all of them take at most twice the newest.
// Cost beyond the key: 1 byte of length, 8 of ref (up to 16 in the array's last segment), 11 to 22 of table, as much
// again of old tables.
// N1: ordinals are given in order of first assign, from 0, and never change.
// N2: a key_of() view stays valid until clear(), also when the key was forgotten since: its bytes stay in the arena,
//     where nothing leads to them any more,
//     since a reader may still look at them.
// N3: a forgotten key leaves its ordinal taken, with the partition and no key; the key gets a new one if it comes back.
// Threads: single writer (assign, assign_forgotten, forget, clear), concurrent lock-free readers.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/chunked_array.h"
#include "tidal/types.h"

namespace tidal::entity {

/// XXH3-64 over the kind's byte and the key; its top 12 bits are the key's partition.
[[nodiscard]] std::uint64_t hash_key(EntityKind kind, std::string_view key);
[[nodiscard]] std::uint16_t partition_of_key(EntityKind kind, std::string_view key);

class KeyMap {
 public:
  /// The length is one byte in the arena; the language allows 128.
  static constexpr std::size_t kKeyBytesMax = 255;

  explicit KeyMap(EntityKind kind);
  ~KeyMap();
  KeyMap(const KeyMap&) = delete;
  KeyMap& operator=(const KeyMap&) = delete;

  /// The key's ordinal, a new one when there is none. None for an empty key, one above kKeyBytesMax, or a full map.
  Ordinal assign(std::string_view key);
  /// The next ordinal, taken by a key that was forgotten. None for a full map.
  Ordinal assign_forgotten(std::uint16_t partition);
  /// Takes the key away from the ordinal (N3). Nothing for one that has none.
  void forget(Ordinal o);
  /// Forgets everything; no reader may be inside, and no view of a key may be in use.
  void clear();

  [[nodiscard]] Ordinal find(std::string_view key) const;
  /// A find() in steps, each of which fetches what the next one reads: whoever does every step for many keys before the
  /// next step waits for memory once a step, not once a step and key.
  struct Probe {
    std::uint32_t hash = 0;
    std::uint32_t candidate = ~std::uint32_t{0};  ///< ordinal whose key has this hash
  };
  [[nodiscard]] Probe probe(std::string_view key) const;
  void fetch_ref(Probe& probe) const;
  void fetch_key(const Probe& probe) const;
  [[nodiscard]] Ordinal find(std::string_view key, const Probe& probe) const;
  /// "" for an ordinal that was never given, or whose key was forgotten.
  [[nodiscard]] std::string_view key_of(Ordinal o) const;
  /// Of the key that the ordinal has or had; 0 for an ordinal that was never given.
  [[nodiscard]] std::uint16_t partition_of(Ordinal o) const;
  /// The ordinal whose key is in the partition and satisfies the test; None when there is none. Cost: XXH3 of all keys.
  [[nodiscard]] Ordinal find_if(std::uint16_t partition, const std::function<bool(std::string_view key)>& is_it) const;
  // acquire: pairs with the release in assign(), so that every key below the size is readable.
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t memory_bytes() const;
  /// The part of memory_bytes() that is the keys themselves.
  [[nodiscard]] std::size_t key_bytes() const { return key_bytes_.load(std::memory_order_relaxed); }

 private:
  struct Table;

  [[nodiscard]] std::uint32_t slot_hash(std::string_view key) const;
  [[nodiscard]] Ordinal find_hashed(std::string_view key, std::uint32_t hash) const;
  [[nodiscard]] const char* store_key(std::string_view key);
  /// What stands in for a key of the partition that was forgotten: a length of 0, and the partition.
  [[nodiscard]] const char* store_forgotten(std::uint16_t partition);
  [[nodiscard]] char* take_arena(std::size_t bytes);
  void insert(std::uint32_t hash, std::uint32_t ordinal);
  void grow();

  const EntityKind kind_;
  base::ChunkedArray<std::atomic<const char*>> refs_;
  std::atomic<std::uint32_t> size_{0};
  std::atomic<Table*> table_{nullptr};
  std::atomic<std::size_t> key_bytes_{0};   // statistics, relaxed
  std::atomic<std::size_t> heap_bytes_{0};  // of tables and arena; statistics, relaxed

  // The writer's alone.
  std::vector<std::unique_ptr<Table>> tables_;  // the last is the one in use
  std::vector<std::unique_ptr<char[]>> arena_;
  char* arena_next_ = nullptr;
  std::size_t arena_left_ = 0;
};

}  // namespace tidal::entity
