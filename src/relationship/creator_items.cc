// A bitmap a creator.
#include "relationship/creator_items.h"

#include <algorithm>

#include "base/epoch.h"

namespace tidal::relationship {

CreatorItems::~CreatorItems() { delete state_.load(std::memory_order_relaxed); }

index::Bitmap CreatorItems::items(Ordinal creator) const { return items(std::span(&creator, 1)); }

index::Bitmap CreatorItems::items(std::span<const Ordinal> creators) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear()
  index::Bitmap all;
  for (const Ordinal creator : creators) {
    const index::LiveBitmap* items = creator == Ordinal::None ? nullptr : state.by_creator.find(to_index(creator));
    if (items != nullptr) all |= items->snapshot();
  }
  return all;
}

std::uint64_t CreatorItems::count(Ordinal creator) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // as above
  const index::LiveBitmap* items = creator == Ordinal::None ? nullptr : state.by_creator.find(to_index(creator));
  return items == nullptr ? 0 : items->cardinality();
}

// Only this thread replaces the state, so it needs no guard.

void CreatorItems::set_creator(Ordinal item, Ordinal creator) {
  State& state = *state_.load(std::memory_order_relaxed);
  std::uint32_t& known = state.creator_of.at_grown(to_index(item));
  const std::uint32_t wanted = creator == Ordinal::None ? 0 : to_index(creator) + 1;
  if (known == wanted) return;
  if (known != 0) state.by_creator[known - 1].remove(item);
  if (wanted != 0) state.by_creator.at_grown(wanted - 1).add(item);
  known = wanted;
  state.item_end = std::max(state.item_end, to_index(item) + 1);
  state.creator_end = std::max(state.creator_end, wanted);
}

void CreatorItems::clear() { base::retire(state_.exchange(new State, std::memory_order_acq_rel)); }

void CreatorItems::for_each(const std::function<void(Ordinal item, Ordinal creator)>& visit) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  for (std::uint32_t item = 0; item < state.item_end; ++item) {
    const std::uint32_t creator = state.creator_of[item];
    if (creator != 0) visit(to_ordinal(item), to_ordinal(creator - 1));
  }
}

std::size_t CreatorItems::memory_bytes() const {
  const State& state = *state_.load(std::memory_order_relaxed);
  std::size_t bytes = sizeof *this + state.by_creator.memory_bytes() + state.creator_of.memory_bytes();
  for (std::uint32_t c = 0; c < state.creator_end; ++c) bytes += state.by_creator[c].heap_bytes();
  return bytes;
}

}  // namespace tidal::relationship
