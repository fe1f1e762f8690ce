// Ordinals to immutable entries: an open-addressing table that one writer changes while readers read it without locks.
//
// Representation: cells of pointers, at most half full, replaced as a whole when that is reached or an entry is erased.
// An entry is replaced, never changed. 16 to 32 bytes of cells an entry. Threads: single writer, concurrent readers
// inside an EpochGuard.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tidal/types.h"

namespace tidal::index {

/// The latest HIDE or UNHIDE of one entity.
struct HiddenEntry {
  Ordinal entity = Ordinal::None;
  bool is_hidden = false;
  Timestamp at{};
  std::string reason;
};

class HiddenTable {
 public:
  HiddenTable() = default;
  /// No reader may be inside.
  ~HiddenTable();
  HiddenTable(const HiddenTable&) = delete;
  HiddenTable& operator=(const HiddenTable&) = delete;

  // Write side.

  /// Inserts the entry or puts it in the place of the one of its entity, which goes by epochs.
  void set(const HiddenEntry* entry);
  void erase(Ordinal entity);

  // Read side.

  /// nullptr when there is none. Valid for the guard.
  [[nodiscard]] const HiddenEntry* find(Ordinal entity) const;
  /// Every entry, in no particular order.
  template <class Visit>
  void for_each(Visit visit) const {
    const Cells* cells = cells_.load(std::memory_order_acquire);  // pairs with publish()
    if (cells == nullptr) return;
    for (const auto& cell : cells->entries) {
      // acquire: pairs with the release in set(): the entry is whole.
      if (const HiddenEntry* entry = cell.load(std::memory_order_acquire)) visit(*entry);
    }
  }
  /// Of the heap; this object itself comes on top.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  struct Cells {
    explicit Cells(std::size_t size) : entries(size) {}
    std::vector<std::atomic<const HiddenEntry*>> entries;  // a power of two of them

    struct Place {
      std::size_t cell = 0;  ///< the entity's, or the free one where it belongs
      const HiddenEntry* entry = nullptr;
    };
    /// One look at each cell on the way, since a free one may be filled by another entity meanwhile.
    [[nodiscard]] Place place_of(Ordinal entity) const;
  };
  /// A table of that size with all entries but that of `left_out`.
  void publish(std::size_t size, Ordinal left_out);

  std::atomic<Cells*> cells_{nullptr};
  std::size_t count_ = 0;  // writer only
};

}  // namespace tidal::index
