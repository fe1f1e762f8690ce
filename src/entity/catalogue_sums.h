// The sum of the vectors of each creator's items, kept current as they come and go, and how many they are.
//
// G1: a sum and its number are read together and belong together (a sequence lock).
// G2: when the number returns to 0 the sum is gone: what comes next starts from exactly 0, so that no rounding error
//     outlives the vectors it came from.
// G3: a sum depends on the order of its changes, which is the log's; it is written into images, never added up anew.
// Bytes: 8 a dimension and 8 more a creator with items, 8 of pointer a creator.
// Threads: single writer, concurrent readers under an EpochGuard; a Past as in vector_column.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "tidal/types.h"

namespace tidal::entity {

class CatalogueSums {
 public:
  /// One creator's, as of a moment.
  struct Total {
    std::uint32_t items = 0;  ///< 0: no sum
    std::vector<double> sum;
  };

  CatalogueSums() = default;
  /// No reader may be inside.
  ~CatalogueSums();
  CatalogueSums(const CatalogueSums&) = delete;
  CatalogueSums& operator=(const CatalogueSums&) = delete;

  /// Once, before the first change and before readers ask: dimensions, at most 4096.
  void set_size(std::uint32_t size) { size_.store(size, std::memory_order_relaxed); }
  // relaxed: 0 until it is set, and then the same for ever.
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_relaxed); }

  // Read side: any thread, under an EpochGuard.

  /// Sum / number in each dimension; false, and `out` undefined, when there are no items. `out` has size() elements.
  [[nodiscard]] bool mean(Ordinal creator, std::span<float> out) const;
  /// Items that are in the creator's sum.
  [[nodiscard]] std::uint32_t items(Ordinal creator) const;
  [[nodiscard]] std::size_t memory_bytes() const;

  // Write side.

  /// What one item does to a sum; an empty side: nothing to take away, nothing to add.
  struct Change {
    std::span<const float> minus;
    std::span<const float> plus;
  };
  /// `minus` is in the sum already. `creator` is not None.
  void change(Ordinal creator, const Change& change);
  /// Puts a sum of that many items (> 0), of size() dimensions, in place of none.
  void assign(Ordinal creator, std::uint32_t items, std::span<const double> sum);
  /// Creators that ever had items are below this.
  [[nodiscard]] std::uint32_t end() const { return end_.load(std::memory_order_relaxed); }
  /// The live total. Writer only.
  [[nodiscard]] Total total(Ordinal creator) const;

  /// All totals of a moment.
  class Past {
   public:
    [[nodiscard]] std::uint32_t end() const { return end_; }
    [[nodiscard]] Total total(Ordinal creator) const;

   private:
    friend class CatalogueSums;
    Past(const CatalogueSums& sums, base::Captures<Total>::Capture changes)
        : sums_(&sums), end_(sums.end()), changes_(std::move(changes)) {}
    const CatalogueSums* sums_;
    std::uint32_t end_;
    base::Captures<Total>::Capture changes_;
  };
  /// Writer only. O(1).
  [[nodiscard]] Past capture() const { return Past(*this, captures_.begin()); }

 private:
  struct Sum;
  struct Cell {
    Sum* sum;
  };
  static Sum* load(const Cell& cell);
  [[nodiscard]] Sum* find(Ordinal creator) const;
  void publish(Cell& cell, Sum* sum);
  [[nodiscard]] Total read(const Sum* sum) const;

  std::atomic<std::uint32_t> size_{0};
  // relaxed everywhere: counts of their own.
  std::atomic<std::uint32_t> end_{0};
  std::atomic<std::uint32_t> creators_{0};  // that have items
  base::ChunkedArray<Cell> cells_;
  mutable base::Captures<Total> captures_;  // capturing is a read
};

}  // namespace tidal::entity
