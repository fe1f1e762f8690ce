// Read columns: an f32 for each ordinal with a window's count as of one settled bucket, for scans over all entities.
//
// K1: while no roll is under way, cell(o) = float(count of o's ring over the window that ends in the settled bucket).
// K2: the newest event of any pair lies less than the shortest window after the settled bucket, so no ring has dropped
//     what a cell counts. settle() and events move the settled bucket forwards only.
// K3: columns are caches: neither digest nor checkpoint holds them, and no answer depends on whether they exist.
// A roll visits the ordinals that have events in the buckets that enter or leave, listed when a bucket was opened, and
// recomputes their cells from the rings.
// Threads: single writer, concurrent readers; a read that meets a roll reports it, and the caller reads the rings.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "base/chunked_array.h"
#include "signal/buckets.h"
#include "tidal/types.h"

namespace tidal::signal {

/// Above this an f32 no longer holds every integer.
inline constexpr float kExactCellMax = 16'777'216.0F;

/// One window's cells. Ordinals that the column never reached read 0.
class Column {
 public:
  explicit Column(Window window) : window_(window) {}
  [[nodiscard]] Window window() const { return window_; }
  [[nodiscard]] float get(std::uint32_t ordinal) const;
  void set(std::uint32_t ordinal, float value);
  /// out[i] = cell first + i.
  void copy(std::uint32_t first, std::span<float> out) const;
  void prefetch(std::uint32_t ordinal) const;
  [[nodiscard]] std::size_t memory_bytes() const { return std::size_t{end_} * sizeof(float); }

 private:
  Window window_;
  base::ChunkedArray<float, 10> cells_;
  std::uint32_t end_ = 0;  // writer only: one above the largest ordinal set
};

/// The columns over one ring, which settle together.
class ColumnGroup {
 public:
  /// Count of an ordinal's ring over buckets [first, last].
  using CountOf = std::function<std::uint64_t(std::uint32_t ordinal, std::int64_t first, std::int64_t last)>;

  explicit ColumnGroup(RingKind ring) : ring_(ring) {}
  ColumnGroup(const ColumnGroup&) = delete;
  ColumnGroup& operator=(const ColumnGroup&) = delete;

  // Write side.

  [[nodiscard]] bool active() const { return active_; }
  /// The first column of the group: from here on buckets are listed.
  void activate(std::int64_t settled) {
    active_ = true;
    settled_.store(settled, std::memory_order_relaxed);  // relaxed: no reader sees the group before publish()
  }
  /// Makes a filled column visible.
  void publish(std::unique_ptr<Column> column);
  /// An event of a bucket that is empty so far in this ordinal's ring.
  void list(std::int64_t bucket, std::uint32_t ordinal);
  /// Must precede an event's addition to its ring (K2).
  void make_room_for(std::int64_t bucket, const CountOf& count_of) {
    if (bucket >= settled() + shortest_) roll(bucket, count_of);
  }
  /// After an event was added to its ring.
  void add(std::uint32_t ordinal, std::int64_t bucket, const CountOf& count_of);
  void clear(std::uint32_t ordinal);
  /// Moves the settled bucket forwards; earlier ones are ignored. Returns the number of cells recomputed.
  std::size_t roll(std::int64_t settled, const CountOf& count_of);
  /// Ordinals that lines refer to are fetched ahead of a roll's reads.
  void set_prefetch(std::function<void(std::uint32_t)> prefetch) { prefetch_ = std::move(prefetch); }

  // acquire: pairs with the release of roll(), whose cells are then seen; try_read() tells those of a later one.
  [[nodiscard]] std::int64_t settled() const { return settled_.load(std::memory_order_acquire); }
  [[nodiscard]] std::int64_t shortest() const { return shortest_; }

  // Read side.

  /// Calls read(column) with the window's column if it is settled for `bucket`. False: read the rings instead.
  template <class Read>
  [[nodiscard]] bool read(Window window, std::int64_t bucket, Read read) const;
  [[nodiscard]] const Column* column(Window window) const;

  void prefetch(std::uint32_t ordinal) const;
  [[nodiscard]] std::size_t column_bytes() const;
  [[nodiscard]] std::size_t list_bytes() const;

 private:
  [[nodiscard]] std::int64_t listed_buckets() const;

  RingKind ring_;
  bool active_ = false;
  std::uint32_t version_ = 0;  // a sequence (atomic_access.h): odd while a roll is under way
  std::atomic<std::int64_t> settled_{0};
  std::int64_t shortest_ = 1 << 20;
  std::array<std::unique_ptr<Column>, 2> owned_;
  std::array<std::atomic<Column*>, 2> columns_{};
  std::map<std::int64_t, std::vector<std::uint32_t>> lists_;  // bucket -> ordinals with events in it
  std::map<std::int64_t, std::vector<std::uint32_t>>::iterator last_list_ = lists_.end();
  std::function<void(std::uint32_t)> prefetch_;
};

}  // namespace tidal::signal

#include "signal/atomic_access.h"

namespace tidal::signal {

template <class Read>
bool ColumnGroup::read(Window window, std::int64_t bucket, Read read) const {
  const Column* found = column(window);
  if (found == nullptr) return false;
  return try_read(version_, [&] {
    if (settled() != bucket) return false;
    read(*found);
    return true;
  });
}

}  // namespace tidal::signal
