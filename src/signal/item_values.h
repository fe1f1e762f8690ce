// The term ids that each item has in one field, readable while they change.
//
// Representation: one word an item: nothing, up to two ids inline, or a pointer to an immutable list. So 8 bytes an
// item, and 4 more an id (plus 4 and the allocator's own) from three on. Threads: single writer, concurrent readers
// without locks; an item's ids are read whole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "base/epoch.h"
#include "tidal/types.h"

namespace tidal::signal {

class ItemValues {
 public:
  ItemValues() = default;
  /// No reader may be inside.
  ~ItemValues();
  ItemValues(const ItemValues&) = delete;
  ItemValues& operator=(const ItemValues&) = delete;

  /// `ids`: strictly ascending. Writer only.
  void set(Ordinal item, std::span<const std::uint32_t> ids);
  /// Fetches what the others read first.
  void prefetch(Ordinal item) const noexcept;

  /// Calls visit(id) in ascending order. Inside an EpochGuard, or by the writer.
  template <class Visit>
  void for_each(Ordinal item, Visit visit) const {
    const Cell* cell = item == Ordinal::None ? nullptr : cells_.find(to_index(item));
    // acquire: pairs with the release in set(): the list is whole.
    if (cell != nullptr) for_each_of(cell->load(std::memory_order_acquire), visit);
  }
  /// Items with ids are below this.
  [[nodiscard]] std::uint32_t end() const { return end_.load(std::memory_order_acquire); }  // pairs with set()
  [[nodiscard]] std::size_t memory_bytes() const;

  /// All items at one moment: valid under an EpochPin of that moment, while the ItemValues live.
  class Past {
   public:
    /// visit(item, ids) for every item with ids, ascending.
    template <class Visit>
    void for_each_item(Visit visit) const {
      std::vector<std::uint64_t> words(end_);
      for (std::uint32_t i = 0; i < end_; ++i) {
        if (const Cell* cell = values_->cells_.find(i)) words[i] = cell->load(std::memory_order_acquire);
      }
      changes_.for_each_saved([&words](std::uint64_t i, std::uint64_t word) {
        if (i < words.size()) words[i] = word;
      });
      std::vector<std::uint32_t> ids;
      for (std::uint32_t i = 0; i < end_; ++i) {
        if (words[i] == 0) continue;
        ids.clear();
        for_each_of(words[i], [&ids](std::uint32_t id) { ids.push_back(id); });
        visit(to_ordinal(i), std::span<const std::uint32_t>(ids));
      }
    }

   private:
    friend class ItemValues;
    Past(const ItemValues* values, base::Captures<std::uint64_t>::Capture changes)
        : values_(values), end_(values->end()), changes_(std::move(changes)) {}
    const ItemValues* values_;
    std::uint32_t end_;
    base::Captures<std::uint64_t>::Capture changes_;
  };
  /// Writer only.
  [[nodiscard]] Past capture() const { return Past(this, captures_.begin()); }

 private:
  using Cell = std::atomic<std::uint64_t>;
  /// Header of one allocation; the ids follow it.
  struct List {
    std::uint32_t count = 0;
    [[nodiscard]] const std::uint32_t* ids() const { return reinterpret_cast<const std::uint32_t*>(this + 1); }
  };
  // A word: 0; or 1 | (first + 1) << 1 | (second + 1) << 32, where a zero stands for none; or the address of a List.
  static constexpr std::uint64_t kInline = 1;
  static constexpr std::uint32_t kInlineIdMax = 0x7FFFFFFEU;
  static constexpr std::size_t kInlineIds = 2;

  [[nodiscard]] static const List* list_of(std::uint64_t word) { return reinterpret_cast<const List*>(word); }
  [[nodiscard]] static std::uint64_t word_of(std::span<const std::uint32_t> ids);
  template <class Visit>
  static void for_each_of(std::uint64_t word, Visit visit) {
    if (word == 0) return;
    if ((word & kInline) != 0) {
      visit(static_cast<std::uint32_t>(word >> 1 & 0x7FFFFFFFU) - 1);
      if (word >> 32 != 0) visit(static_cast<std::uint32_t>(word >> 32) - 1);
      return;
    }
    const List* list = list_of(word);
    for (std::uint32_t i = 0; i < list->count; ++i) visit(list->ids()[i]);
  }

  base::ChunkedArray<Cell> cells_;
  std::atomic<std::uint32_t> end_{0};
  std::atomic<std::size_t> list_bytes_{0};          // relaxed: a number for status
  mutable base::Captures<std::uint64_t> captures_;  // capturing is a read
};

}  // namespace tidal::signal
