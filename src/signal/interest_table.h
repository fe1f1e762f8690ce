// One user's decayed scores by term: what the user has shown interest in, in one field.
//
// Representation: one block behind a pointer, sorted by term, 20 bytes an entry and 16 a block. Scores change and terms
// are inserted in place under the block's sequence lock; a full block is replaced by a larger one, an eighth of it
// free. T1: a reader sees all terms of one add() with one another's scores and times, or none. Units: microseconds.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "signal/decay.h"

namespace tidal::signal {

struct ScoredTerm {
  std::uint32_t term = 0;
  DecayedScore decayed;
};

class InterestTable {
 public:
  InterestTable() = default;
  /// No reader may be inside.
  ~InterestTable();
  InterestTable(const InterestTable&) = delete;
  InterestTable& operator=(const InterestTable&) = delete;

  // Write side.

  struct Event {
    double rate = 0;  ///< of decay, per microsecond
    std::int64_t at_us = 0;
    double weight = 0;
  };
  /// Adds the event to every term. `terms`: strictly ascending.
  void add(std::span<const std::uint32_t> terms, const Event& event);
  /// `sorted`: by term, distinct.
  void assign(std::span<const ScoredTerm> sorted);
  void clear() { assign({}); }
  /// Fetches what add() reads first; the object itself should be there already.
  void prefetch() const noexcept;

  // Read side: any thread.

  /// As of one moment (T1), sorted by term.
  [[nodiscard]] std::vector<ScoredTerm> entries() const;
  /// Score 0 where the term is unknown.
  [[nodiscard]] DecayedScore find(std::uint32_t term) const;
  [[nodiscard]] bool empty() const { return block_.load(std::memory_order_relaxed) == nullptr; }
  /// Of the heap; this object itself comes on top.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  struct Block;
  void publish(Block* next);

  std::atomic<Block*> block_{nullptr};
};

}  // namespace tidal::signal
