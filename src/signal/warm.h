// The warm tier: rings of time buckets, sparse while a pair has few, dense when it has many.
//
// A ring holds the non-empty buckets among the last `span` ones, counted back from the pair's newest event. Entry:
// one word (bucket's low 32 bits << 32 | count), then the sum of weights and of weight * value where the shape has
// them. A sparse block holds entries in ascending order and ends at the first empty word or at its capacity; a dense
// block holds bucket b in slot b mod span.
//
// R1: a block holds exactly the retained events: bucket > newest - span, whatever the order of arrival.
// R2: memory of blocks is reused but never given back while the store lives, and every word of it is read and written
//     atomically. So a reader that follows an outdated handle reads words of some version, never foreign memory, and
//     the sequence of its line tells it to read again. No epochs are needed.
// Threads: single writer; readers inside read_consistently() of the line that holds the handle.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "signal/block_pool.h"
#include "signal/buckets.h"
#include "signal/hot.h"

namespace tidal::signal {

/// One non-empty bucket.
struct RingEntry {
  std::int64_t bucket = 0;  ///< absolute
  std::uint32_t count = 0;
  double weight = 0;
  double value = 0;  ///< sum of weight * value
  bool operator==(const RingEntry&) const = default;
};

/// Totals over a range of buckets.
struct RingSum {
  std::uint64_t count = 0;
  double weight = 0;
  double value = 0;
};

inline constexpr std::uint32_t kSparseMax = 48;
/// Entries a block of each class holds; the last class is the dense one and holds `span`.
inline constexpr std::array<std::uint32_t, 8> kClassEntries = {1, 2, 4, 8, 16, 32, kSparseMax, 0};
inline constexpr std::uint32_t kDenseClass = 7;

/// A handle taken apart.
struct BlockRef {
  std::uint32_t size_class;
  std::uint32_t number;
  [[nodiscard]] static BlockRef of(RingHandle handle) { return {(handle - 1) & 7U, (handle - 1) >> 3}; }
  [[nodiscard]] RingHandle handle() const { return ((number << 3) | size_class) + 1; }
};

/// Appends the entries of a block in ascending order. `newest`: bucket of the pair's newest event.
void collect_entries(const RingShape& shape, std::uint32_t size_class, const std::uint64_t* block, std::int64_t newest,
                     std::vector<RingEntry>& out);

/// All rings of one signal and kind.
class RingStore {
 public:
  /// Before first use.
  void set_shape(const RingShape& shape);
  [[nodiscard]] const RingShape& shape() const { return shape_; }

  struct Event {
    std::int64_t bucket = 0;
    double weight = 0;
    double value = 0;  ///< weight * value
  };
  struct Added {
    RingHandle handle = 0;
    bool retained = false;  ///< false: older than the span
    bool opened = false;    ///< the bucket was empty before
  };
  /// Adds an event to the ring of a pair whose newest bucket was `newest` (ignored when handle is 0). Writer only.
  [[nodiscard]] Added add(RingHandle handle, std::int64_t newest, const Event& event);
  /// A block with these entries, ascending and inside the span; 0 when there are none. Writer only.
  [[nodiscard]] RingHandle make(std::span<const RingEntry> entries);
  void release(RingHandle handle);

  /// Totals over buckets [first, last]. Survives torn reads.
  [[nodiscard]] RingSum sum(RingHandle handle, std::int64_t newest, std::int64_t first, std::int64_t last) const;
  /// Only the count of it.
  [[nodiscard]] std::uint64_t count(RingHandle handle, std::int64_t newest, std::int64_t first,
                                    std::int64_t last) const;
  /// Linear decay: sum of weight * share left at `now`, over all buckets.
  [[nodiscard]] double linear_score(RingHandle handle, std::int64_t newest, Duration lifetime, Timestamp now) const;
  /// Appends all entries, ascending.
  void collect(RingHandle handle, std::int64_t newest, std::vector<RingEntry>& out) const;
  void prefetch(RingHandle handle) const;

  [[nodiscard]] const std::array<BlockPool, 8>& pools() const { return pools_; }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  [[nodiscard]] std::uint64_t* block_of(BlockRef ref) const { return pools_[ref.size_class].find(ref.number); }
  [[nodiscard]] std::uint32_t capacity_of(std::uint32_t size_class) const;
  template <class Visit>
  void visit_range(RingHandle handle, std::int64_t newest, std::int64_t first, std::int64_t last, Visit visit) const;
  [[nodiscard]] BlockRef start_block(const Event& event);
  [[nodiscard]] Added add_sparse(BlockRef ref, std::int64_t newest, const Event& event);
  [[nodiscard]] Added add_dense(BlockRef ref, std::int64_t newest, const Event& event);
  [[nodiscard]] BlockRef widened(BlockRef ref, std::uint32_t used, std::int64_t newest);
  void write_entry(std::uint64_t* entry, const RingEntry& value) const;
  void add_to_entry(std::uint64_t* entry, const Event& event) const;

  RingShape shape_;
  std::array<BlockPool, 8> pools_;
};

}  // namespace tidal::signal
