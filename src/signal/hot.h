// The hot tier: one cache line for each (entity, signal) that ever fired, found through an array by ordinal.
//
// H1: a line's address and its entity never change. H2: fields are read and written through atomic_access.h only, under
// the line's sequence. count == 0 means that the pair never fired, or was cleared since.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <cstdint>
#include <utility>

#include "base/chunked_array.h"
#include "signal/atomic_access.h"
#include "tidal/types.h"

namespace tidal::signal {

/// Handle of a ring's block in its RingStore; 0 stands for none.
using RingHandle = std::uint32_t;

struct alignas(64) HotLine {
  std::uint32_t sequence;  ///< odd while the writer is inside
  std::uint32_t entity;    ///< ordinal; written before the line is published
  std::int64_t newest_us;  ///< latest event time of the pair; what `score` is relative to
  std::uint64_t count;     ///< events ever
  double score;            ///< exponential decay, or the sum of weights without decay
  double weight_sum;       ///< of all events with a value
  double value_sum;        ///< sum of weight * value of all events with one
  RingHandle rings[4];     ///< by RingKind
};
static_assert(sizeof(HotLine) == 64 && alignof(HotLine) == 64, "one cache line a pair");

class HotTable {
 public:
  /// nullptr when the pair never fired.
  [[nodiscard]] const HotLine* find(Ordinal entity) const {
    const std::uint32_t* cell = index_.find(to_index(entity));
    if (cell == nullptr) return nullptr;
    const std::uint32_t number = load_word(*cell);  // acquire: sees the line it names
    return number == 0 ? nullptr : lines_.find(number - 1);
  }
  [[nodiscard]] HotLine* find(Ordinal entity) { return const_cast<HotLine*>(std::as_const(*this).find(entity)); }
  /// Fetches the index cell of a pair ahead of find().
  void prefetch_cell(Ordinal entity) const {
    if (const std::uint32_t* cell = index_.find(to_index(entity))) __builtin_prefetch(cell);
  }

  /// The pair's line, made when absent. Writer only.
  [[nodiscard]] HotLine& line_of(Ordinal entity) {
    HotLine* line = find(entity);
    return line != nullptr ? *line : make_line(entity);
  }

  /// Lines made so far; line numbers are below. Writer only.
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Ordinals that the index covers; above it nothing fired. Writer only.
  [[nodiscard]] std::uint32_t entities_end() const { return entities_end_; }
  [[nodiscard]] HotLine& line(std::uint32_t number) { return lines_[number]; }
  [[nodiscard]] const HotLine& line(std::uint32_t number) const { return lines_[number]; }

  [[nodiscard]] std::size_t index_bytes() const { return std::size_t{entities_end_} * sizeof(std::uint32_t); }
  [[nodiscard]] std::size_t line_bytes() const { return std::size_t{size_} * sizeof(HotLine); }

 private:
  [[nodiscard]] HotLine& make_line(Ordinal entity);

  base::ChunkedArray<std::uint32_t> index_;  // ordinal -> line number + 1, 0 none
  base::ChunkedArray<HotLine, 4> lines_;
  std::uint32_t size_ = 0;          // writer only
  std::uint32_t entities_end_ = 0;  // writer only
};

}  // namespace tidal::signal
