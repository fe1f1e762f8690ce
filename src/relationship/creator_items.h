// The live items of each creator: the entities' own creator_of(), the other way round.
//
// C1: item is in items(c) exactly when it is live and names c as its creator. C2: newest(c) walks the same items.
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
#include "relationship/items_by_time.h"
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
  /// A walk from the newest created at `not_after` or before. The caller holds an EpochGuard as long as it walks.
  [[nodiscard]] ItemsByTime::Cursor newest(Ordinal creator, Timestamp not_after) const;

  // Write side. Applier only.

  /// None: the item is nobody's now, or dead, and `created` means nothing.
  void set(Ordinal item, Ordinal creator, Timestamp created);
  /// Another time for an item that is somebody's; nothing for others.
  void set_created(Ordinal item, Timestamp created);
  void clear();

  /// visit(item, creator, created) for each that is somebody's, in no particular order. Applier only.
  void for_each(const std::function<void(Ordinal item, Ordinal creator, Timestamp created)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct OfCreator {
    index::LiveBitmap items;
    ItemsByTime by_time;
  };
  /// Where an item stands now.
  struct Place {
    std::int64_t created_us;
    std::uint32_t creator;  // ordinal + 1; 0: none
  };
  struct State {
    base::ChunkedArray<OfCreator> by_creator;
    base::ChunkedArray<Place> places;  // the applier's, as what follows
    std::uint32_t creator_end = 0;
    std::uint32_t item_end = 0;
  };
  std::atomic<State*> state_;  // replaced as a whole by clear(), freed by epochs
};

}  // namespace tidal::relationship
