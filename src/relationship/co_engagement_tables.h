// What CoEngagement consists of. Included by its own sources only.
#pragma once

#include <atomic>
#include <cstring>
#include <vector>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "base/epoch.h"
#include "relationship/co_engagement.h"
#include "relationship/co_engagement_row.h"
#include "signal/atomic_access.h"

namespace tidal::relationship {

/// What one item has. Plain data, so that places of items without positives cost no memory.
struct EngagedItem {
  PairRow* row;
  double self;
};
static_assert(sizeof(EngagedItem) == 16);

/// One item as of a moment, stale pairs included.
struct PastEngagement {
  double self = 0;
  std::vector<std::uint64_t> words;
  std::vector<Generation> generations;
};

struct CoEngagement::State {
  base::ChunkedArray<EngagedItem> items;
  base::ChunkedArray<Generation> generations;  // apart and dense: looked up for many items at once
  base::ChunkedArray<RecentList*> lists;       // by user
  // By ordinal; capturing is a read.
  mutable base::Captures<PastEngagement> past_items;
  mutable base::Captures<Generation> past_generations;
  mutable base::Captures<std::vector<RecentPlace>> past_lists;
  // relaxed, these three: the writer's own; who else reads them looks places up in the arrays, which publish them.
  std::atomic<std::uint32_t> item_end{0};
  std::atomic<std::uint32_t> user_end{0};
  std::atomic<std::size_t> block_bytes{0};
  std::uint32_t deletions = 0;  // the writer's

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (std::uint32_t i = 0; i < item_end.load(std::memory_order_relaxed); ++i) {
      if (const EngagedItem* item = items.find(i)) PairRow::destroy(item->row);
    }
    for (std::uint32_t u = 0; u < user_end.load(std::memory_order_relaxed); ++u) {
      if (RecentList* const* list = lists.find(u)) RecentList::destroy(*list);
    }
  }

  // Reads.

  [[nodiscard]] Generation generation(Ordinal item) const {
    const Generation* at = generations.find(to_index(item));
    return at == nullptr ? Generation{0} : signal::load_word(*at);
  }
  [[nodiscard]] double self(Ordinal item) const {
    const EngagedItem* at = items.find(to_index(item));
    return at == nullptr ? 0.0 : signal::load_word(at->self);
  }
  void prefetch_item(Ordinal item) const {
    if (const EngagedItem* at = items.find(to_index(item))) __builtin_prefetch(at);
  }
  void read_row(Ordinal item, PairSnapshot& out) const {
    out.size = 0;
    const EngagedItem* at = item == Ordinal::None ? nullptr : items.find(to_index(item));
    // acquire inside load_word: pairs with the row's publication, so that its header is there.
    const PairRow* row = at == nullptr ? nullptr : signal::load_word(at->row);
    if (row != nullptr) row->read(out);
  }
  void read_list(Ordinal user, RecentSnapshot& out) const {
    out.size = 0;
    RecentList* const* at = user == Ordinal::None ? nullptr : lists.find(to_index(user));
    const RecentList* list = at == nullptr ? nullptr : signal::load_word(*at);  // as in read_row()
    if (list != nullptr) list->read(out);
  }
  [[nodiscard]] bool is_live(const RecentPlace& place) const {
    return generation(to_ordinal(place.item)) == place.generation;
  }

  // Writes.

  EngagedItem& grow_to_item(Ordinal item) {
    if (to_index(item) >= item_end.load(std::memory_order_relaxed)) {
      item_end.store(to_index(item) + 1, std::memory_order_relaxed);
    }
    (void)generations.at_grown(to_index(item));
    return items.at_grown(to_index(item));
  }
  void grow_to_user(Ordinal user) {
    if (to_index(user) >= user_end.load(std::memory_order_relaxed)) {
      user_end.store(to_index(user) + 1, std::memory_order_relaxed);
    }
    lists.grow(to_index(user) + std::size_t{1});
  }
  void add_bytes(std::size_t bytes) {
    block_bytes.store(block_bytes.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  }
  void save_item(Ordinal item);
  void save_list(Ordinal user);
  /// Before anything else of it changes. The old row is readable by who has it already.
  void replace_row(EngagedItem& item, PairRow* next);
  /// Makes `places` the user's list.
  void assign_list(Ordinal user, std::span<const RecentPlace> places, std::size_t most);
};

}  // namespace tidal::relationship
