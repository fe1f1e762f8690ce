// The live items of each creator: the entities' own creator_of(), the other way round.
//
// C1: item is in items(c) exactly when it is live and names c as its creator.
// Threads: single writer (the applier), concurrent readers without locks, inside an EpochGuard.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "base/chunked_array.h"
#include "index/bitmap.h"
#include "index/live_bitmap.h"
#include "tidal/types.h"

namespace tidal::relationship {

class CreatorItems {
 public:
  CreatorItems() : state_(new State) {}
  ~CreatorItems();
  CreatorItems(const CreatorItems&) = delete;
  CreatorItems& operator=(const CreatorItems&) = delete;

  [[nodiscard]] index::Bitmap items(Ordinal creator) const;
  /// Of all of them together.
  [[nodiscard]] index::Bitmap items(std::span<const Ordinal> creators) const;
  /// O(1).
  [[nodiscard]] std::uint64_t count(Ordinal creator) const;

  // Write side. Applier only.

  /// None: the item is nobody's now, or dead.
  void set_creator(Ordinal item, Ordinal creator);
  void clear();

  /// visit(item, creator) for every pair, in no particular order. Applier only.
  void for_each(const std::function<void(Ordinal item, Ordinal creator)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State {
    base::ChunkedArray<index::LiveBitmap> by_creator;
    base::ChunkedArray<std::uint32_t> creator_of;  // ordinal + 1; 0: none. The applier's
    std::uint32_t creator_end = 0;                 // likewise
    std::uint32_t item_end = 0;
  };
  std::atomic<State*> state_;  // replaced as a whole by clear(), freed by epochs
};

}  // namespace tidal::relationship
