// One user's marks that carry more than membership: (slot, item, signal) to one 64-bit word.
//
// Representation: a version = entries sorted by key, then a short append-only list; a full list is merged into a new
// version and the old one is freed by epochs. Words of known keys change in place, but never in a version that a
// capture may hold: the writer counts captures (the generation) and copies versions of an earlier one. 16 bytes an
// entry. Threads: single writer, concurrent readers without locks; each word is read whole, several words need not
// agree.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tidal/types.h"

namespace tidal::signal {

struct MarkEntry {
  std::uint64_t key = 0;
  std::int64_t word = 0;
  bool operator==(const MarkEntry&) const = default;
};

/// Keys order by slot, then item, then signal, so that all signals of one item, and all items of one slot, lie
/// together.
[[nodiscard]] constexpr std::uint64_t mark_key(std::uint8_t slot, Ordinal item, std::uint16_t signal) {
  return static_cast<std::uint64_t>(slot) << 48 | static_cast<std::uint64_t>(to_index(item)) << 16 | signal;
}
[[nodiscard]] constexpr std::uint8_t slot_of(std::uint64_t key) { return static_cast<std::uint8_t>(key >> 48); }
[[nodiscard]] constexpr Ordinal item_of(std::uint64_t key) { return to_ordinal(static_cast<std::uint32_t>(key >> 16)); }
[[nodiscard]] constexpr std::uint16_t signal_of(std::uint64_t key) { return static_cast<std::uint16_t>(key); }

/// Keys from `first` up to but without `end`.
struct KeyRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};
[[nodiscard]] constexpr KeyRange keys_of_slot(std::uint8_t slot) {
  return {static_cast<std::uint64_t>(slot) << 48, static_cast<std::uint64_t>(slot + 1) << 48};
}
[[nodiscard]] constexpr KeyRange keys_of_item(std::uint8_t slot, Ordinal item) {
  return {mark_key(slot, item, 0), mark_key(slot, item, 0xFFFF) + 1};
}

class MarkTable {
  struct Version;
  struct Entry;

 public:
  /// The entries at one moment, without a copy: valid under an EpochGuard or EpochPin that was there at that moment,
  /// and while the MarkTable lives; exact when the writer's generation was raised at that moment.
  class Capture {
   public:
    /// Sorted by key.
    [[nodiscard]] std::vector<MarkEntry> entries() const;

   private:
    friend class MarkTable;
    const Version* version_ = nullptr;
    std::uint32_t used_ = 0;
  };

  MarkTable() = default;
  /// No reader may be inside.
  ~MarkTable();
  MarkTable(const MarkTable&) = delete;
  MarkTable& operator=(const MarkTable&) = delete;

  // Write side.

  /// Where a key is or will be, for one search before a change that depends on its word. Valid until the next change.
  class Place {
   public:
    [[nodiscard]] std::optional<std::int64_t> word() const;

   private:
    friend class MarkTable;
    std::uint64_t key_ = 0;
    Entry* known_ = nullptr;
  };
  [[nodiscard]] Place locate(std::uint64_t key);
  /// Inserts or overwrites. `generation`: how many captures there were.
  void set(const Place& place, std::int64_t word, std::uint32_t generation);
  void set(std::uint64_t key, std::int64_t word, std::uint32_t generation) { set(locate(key), word, generation); }
  void erase(KeyRange range);
  /// Of keys that are there or not; `sorted` ascending. `generation` as in set().
  void erase(std::span<const std::uint64_t> sorted, std::uint32_t generation);
  void clear();
  /// Replaces everything; `sorted`: by key, distinct.
  void assign(const std::vector<MarkEntry>& sorted);
  [[nodiscard]] Capture capture() const;
  /// Fetches what set() reads first of a small table; the object itself should be there already.
  void prefetch() const noexcept;
  /// Fetches what the first steps of any search of a larger table read; what prefetch() fetches should be there
  /// already.
  void prefetch_steps() const noexcept;

  // Read side: any thread.

  [[nodiscard]] std::optional<std::int64_t> get(std::uint64_t key) const;
  /// out[i] = the word of (slot, items[i], signal 0), or `missing`. No allocation; ascending items cost a merge.
  void words_of(std::uint8_t slot, std::span<const Ordinal> items, std::int64_t missing,
                std::span<std::int64_t> out) const;
  /// The largest word in the range.
  [[nodiscard]] std::optional<std::int64_t> max_in(KeyRange range) const;
  /// The entry with the largest word in the range; of several the one with the largest key.
  [[nodiscard]] std::optional<MarkEntry> max_entry_in(KeyRange range) const;
  /// How many entries in the range have the word.
  [[nodiscard]] std::size_t count_in(KeyRange range, std::int64_t word) const;
  /// Sorted by key.
  [[nodiscard]] std::vector<MarkEntry> entries(KeyRange range) const;
  [[nodiscard]] std::vector<MarkEntry> all() const { return entries({0, ~std::uint64_t{0}}); }
  /// Of the heap; this object itself comes on top.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  void publish(Version* next);

  std::atomic<Version*> version_{nullptr};
};

}  // namespace tidal::signal
