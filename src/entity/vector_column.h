// The vectors of one slot by ordinal: each an immutable block behind an atomic pointer.
//
// K1: what a reader finds is one whole vector: a block is never changed after it was published, and is freed by epochs.
// K2: every vector is finite and is what its storage keeps of the given one: of halves, the nearest even half.
// Bytes: 4 or 2 a dimension, 8 of pointer an ordinal.
// Threads: single writer, concurrent readers under an EpochGuard; a Past is read on any one thread under an EpochPin
// that was there when it was taken, while the column lives.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::entity {

/// What all vectors of a slot have in common.
struct VectorShape {
  std::uint32_t size = 0;  ///< dimensions, at most 4096
  VectorStorage storage = VectorStorage::F32;

  [[nodiscard]] std::size_t bytes() const {
    return std::size_t{size} * (storage == VectorStorage::F16 ? sizeof(std::uint16_t) : sizeof(float));
  }
  bool operator==(const VectorShape&) const = default;
};

class VectorColumn {
 public:
  /// The numbers of one vector as they are stored: halves or floats.
  using Stored = const std::byte*;
  using OwnedBlock = std::unique_ptr<std::byte[]>;

  VectorColumn() = default;
  /// No reader may be inside.
  ~VectorColumn();
  VectorColumn(const VectorColumn&) = delete;
  VectorColumn& operator=(const VectorColumn&) = delete;

  /// Once, before anything else and before readers can reach the column.
  void set_shape(VectorShape shape) { shape_ = shape; }
  [[nodiscard]] VectorShape shape() const { return shape_; }

  // Read side: any thread, under an EpochGuard.

  /// nullptr: none.
  [[nodiscard]] Stored find(Ordinal o) const {
    const Cell* cell = cells_.find(to_index(o));
    return cell == nullptr ? nullptr : load(*cell);
  }
  /// Fetches what find() reads.
  void prefetch(Ordinal o) const {
    if (const Cell* cell = cells_.find(to_index(o))) __builtin_prefetch(cell);
  }
  /// `out` has the shape's size.
  void widen(Stored stored, std::span<float> out) const;
  /// What dots() of the store gives; `query` has the shape's size.
  void dots(std::span<const float> query, std::span<const Ordinal> items, double missing, std::span<double> out) const;
  [[nodiscard]] std::uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  /// Ordinals that ever had a vector are below this.
  [[nodiscard]] std::uint32_t end() const { return end_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t memory_bytes() const;

  // Write side.

  /// The block that keeps the values, which have the shape's size; nullptr when it could not (K2).
  [[nodiscard]] OwnedBlock block_of(std::span<const float> values) const;
  /// The same of bytes in the stored form, of the shape's size.
  [[nodiscard]] OwnedBlock block_of_stored(std::string_view bytes) const;
  [[nodiscard]] bool same(Stored a, Stored b) const;
  /// Publishes the block, or with nullptr takes the vector away, and retires the one before. `o` is not None.
  void set(Ordinal o, OwnedBlock block);

  /// All vectors of a moment.
  class Past {
   public:
    /// By ordinal; nullptr where there was none.
    [[nodiscard]] std::vector<Stored> copy() const;

   private:
    friend class VectorColumn;
    Past(const VectorColumn& column, base::Captures<Stored>::Capture changes)
        : column_(&column), end_(column.end()), changes_(std::move(changes)) {}
    const VectorColumn* column_;
    std::uint32_t end_;
    base::Captures<Stored>::Capture changes_;
  };
  /// Writer only. O(1).
  [[nodiscard]] Past capture() const { return Past(*this, captures_.begin()); }

 private:
  /// A plain pointer, so that ordinals without a vector lie on zero pages.
  struct Cell {
    Stored stored;
  };
  static Stored load(const Cell& cell) {
    // acquire: pairs with the release in set(): the block is written.
    return std::atomic_ref<Stored>(const_cast<Stored&>(cell.stored)).load(std::memory_order_acquire);
  }

  VectorShape shape_;
  // relaxed everywhere: counts of their own; who looks at a vector finds it through cells_.
  std::atomic<std::uint32_t> count_{0};
  std::atomic<std::uint32_t> end_{0};
  base::ChunkedArray<Cell> cells_;
  mutable base::Captures<Stored> captures_;  // capturing is a read
};

}  // namespace tidal::entity
