// Sums of similarities by item: a small open hash table that lives as long as one read.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tidal/types.h"

namespace tidal::relationship {

/// Not thread-safe.
class SimilaritySums {
 public:
  /// `items`: about how many will come; more are fine.
  explicit SimilaritySums(std::size_t items) : slots_(std::bit_ceil(std::max<std::size_t>(items, 8) * 2)) {}

  void add(Ordinal item, double similarity) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place(item)];
    if (slot.item == Ordinal::None) {
      slot.item = item;
      ++used_;
    }
    slot.sum += similarity;
  }
  /// 0: nothing was added.
  [[nodiscard]] double of(Ordinal item) const { return item == Ordinal::None ? 0.0 : slots_[place(item)].sum; }
  void drop(Ordinal item) {
    Slot& slot = slots_[place(item)];
    if (slot.item == item) slot.sum = 0;
  }
  /// visit(item, sum) for every sum above 0, in no particular order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.sum > 0) visit(slot.item, slot.sum);
    }
  }

 private:
  struct Slot {
    double sum = 0;
    Ordinal item = Ordinal::None;
  };
  /// Of the item, or the empty place where it belongs; there is always one.
  [[nodiscard]] std::size_t place(Ordinal item) const {
    const std::size_t mask = slots_.size() - 1;
    // The high bits of a multiplication by 2^32 / golden ratio spread neighbouring ordinals.
    std::size_t at = (to_index(item) * 2654435769U >> 8) & mask;
    while (slots_[at].item != Ordinal::None && slots_[at].item != item) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    std::vector<Slot> before(slots_.size() * 2);
    before.swap(slots_);
    for (const Slot& slot : before) {
      if (slot.item != Ordinal::None) slots_[place(slot.item)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace tidal::relationship
