// Hours of events that the store does not hold yet, and the entities deleted meanwhile: one layer above the store.
//
// A layer reads: forget all of the deleted entities below this layer, then add these sums. So adding never reads what
// lies below. One line of 64 bytes an hour of a series, found by a hash; the lines of a series are chained for reads of
// ranges and for deletions.
// L1: lines of an entity hold only what came after its deletion in this layer.
// Threads: externally synchronized; one that nobody changes any more may be read by anybody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>
#include <vector>

#include "base/chunked_array.h"
#include "signal/rollup_block.h"

namespace tidal::signal {

/// The sums of one hour.
struct alignas(64) RollupLine {
  Int128 weight;  // as RollupSums, whose padding would not fit
  Int128 value;
  std::uint64_t count;
  std::int64_t hour;  ///< since 1970
  SeriesRef series;
  std::uint32_t next;  ///< of the same series; the layer's

  [[nodiscard]] RollupSums sums() const { return {weight, value, count}; }
};
static_assert(sizeof(RollupLine) == 64, "one line of the cache");

class RollupLayer {
 public:
  RollupLayer();

  void add(SeriesRef series, std::int64_t hour, const RollupSums& sums);
  /// Cost: one look-up a signal, and the entity's lines.
  void erase(EntityKind kind, Ordinal entity);
  /// Fetches what add() looks at first, then, when that has arrived, what it changes.
  void prefetch_slot(SeriesRef series, std::int64_t hour) const;
  void prefetch_line(SeriesRef series, std::int64_t hour) const;

  [[nodiscard]] bool empty() const { return lines_used_ == 0 && erased_.empty(); }
  [[nodiscard]] bool erases(std::uint64_t entity) const { return !erased_.empty() && erased_.contains(entity); }
  [[nodiscard]] const std::unordered_set<std::uint64_t>& erased() const { return erased_; }
  /// visit(line) for every hour of the series that holds events, in no order.
  template <class Visit>
  void for_each(SeriesRef series, Visit visit) const {
    for (std::uint32_t i = head_of(series); i != kNone; i = lines_[i].next) {
      if (lines_[i].count != 0) visit(lines_[i]);
    }
  }
  /// The same for all series. The address of a line never changes.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t i = 0; i < lines_used_; ++i) {
      if (lines_[i].count != 0) visit(lines_[i]);
    }
  }
  [[nodiscard]] std::size_t lines() const { return lines_used_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  struct Slot {
    std::uint32_t tag = 0;       // the hash: its low bits are the place
    std::uint32_t line = kNone;  // none: free
  };
  /// Open addressing with linear probing, at most two thirds full.
  struct Table {
    std::vector<Slot> slots;
    std::uint32_t used = 0;
    /// The slot with that tag whose line satisfies `is`, else the free one where it would be.
    template <class Is>
    [[nodiscard]] std::size_t find(std::uint32_t tag, Is is) const {
      const std::size_t mask = slots.size() - 1;
      for (std::size_t i = tag & mask;; i = (i + 1) & mask) {
        if (slots[i].line == kNone || (slots[i].tag == tag && is(slots[i].line))) return i;
      }
    }
    /// Room for one more; places of slots change.
    void make_room();
  };

  [[nodiscard]] std::uint32_t head_of(SeriesRef series) const;
  [[nodiscard]] std::uint32_t add_line(SeriesRef series, std::int64_t hour);

  Table hours_;
  Table series_;  // to the line that was added last
  base::ChunkedArray<RollupLine> lines_;
  std::uint32_t lines_used_ = 0;
  std::uint32_t signal_end_ = 0;
  std::unordered_set<std::uint64_t> erased_;
};

}  // namespace tidal::signal
