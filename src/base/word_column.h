// Words by index that one writer sets and readers read meanwhile, and whose state at a moment can be kept in O(1).
//
// A word never set reads 0. Each word stands for itself: no other data hangs on it, so all accesses are relaxed.
// Threads: single writer (set, capture), concurrent readers; a Past is read on any one thread while the column lives.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"

namespace tidal::base {

template <class Word>
class WordColumn {
 public:
  using Cell = std::atomic<Word>;

  void set(std::uint32_t i, Word word) {
    Cell* cell = cells_.find(i);
    if (cell == nullptr) {
      if (word == 0) return;
      cell = &cells_.at_grown(i);
    }
    const Word before = cell->load(std::memory_order_relaxed);
    if (before == word) return;
    captures_.before_change(i, [before] { return before; });
    cell->store(word, std::memory_order_relaxed);
    // release: pairs with the acquire in end(): the segment is there.
    if (i >= end_.load(std::memory_order_relaxed)) end_.store(i + 1, std::memory_order_release);
  }

  [[nodiscard]] Word get(std::uint32_t i) const {
    const Cell* cell = cells_.find(i);
    return cell == nullptr ? 0 : cell->load(std::memory_order_relaxed);
  }
  /// The word and those behind it up to the next power of two; nullptr where no segment is.
  [[nodiscard]] const Cell* find(std::uint32_t i) const { return cells_.find(i); }
  void prefetch(std::uint32_t i) const {
    if (const Cell* cell = cells_.find(i)) __builtin_prefetch(cell);
  }
  /// Words that were ever set are below this.
  [[nodiscard]] std::uint32_t end() const { return end_.load(std::memory_order_acquire); }
  [[nodiscard]] std::size_t memory_bytes() const { return cells_.memory_bytes(); }

  /// The column at one moment.
  class Past {
   public:
    [[nodiscard]] std::vector<Word> copy() const {
      std::vector<Word> words(end_);
      for (std::uint32_t i = 0; i < end_; ++i) words[i] = column_->get(i);
      changes_.for_each_saved([&words](std::uint64_t i, Word word) {
        if (i < words.size()) words[i] = word;
      });
      return words;
    }

   private:
    friend class WordColumn;
    Past(const WordColumn* column, typename Captures<Word>::Capture changes)
        : column_(column), end_(column->end()), changes_(std::move(changes)) {}
    const WordColumn* column_;
    std::uint32_t end_;
    typename Captures<Word>::Capture changes_;
  };
  [[nodiscard]] Past capture() const { return Past(this, captures_.begin()); }

 private:
  ChunkedArray<Cell> cells_;
  std::atomic<std::uint32_t> end_{0};
  mutable Captures<Word> captures_;  // capturing is a read
};

}  // namespace tidal::base
