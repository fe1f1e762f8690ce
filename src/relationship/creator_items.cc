// A set and an order a creator.
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
    const OfCreator* of = creator == Ordinal::None ? nullptr : state.by_creator.find(to_index(creator));
    if (of != nullptr) all |= of->items.snapshot();
  }
  return all;
}

std::uint64_t CreatorItems::count(Ordinal creator) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);  // as above
  const OfCreator* of = creator == Ordinal::None ? nullptr : state.by_creator.find(to_index(creator));
  return of == nullptr ? 0 : of->items.cardinality();
}

ItemsByTime::Cursor CreatorItems::newest(Ordinal creator, Timestamp not_after) const {
  const State& state = *state_.load(std::memory_order_acquire);  // as above
  const OfCreator* of = creator == Ordinal::None ? nullptr : state.by_creator.find(to_index(creator));
  return of == nullptr ? ItemsByTime::Cursor() : ItemsByTime::Cursor(of->by_time, not_after);
}

// Only this thread replaces the state, so it needs no guard.

void CreatorItems::set(Ordinal item, Ordinal creator, Timestamp created) {
  State& state = *state_.load(std::memory_order_relaxed);
  Place& place = state.places.at_grown(to_index(item));
  const std::uint32_t wanted = creator == Ordinal::None ? 0 : to_index(creator) + 1;
  if (place.creator == wanted && (wanted == 0 || place.created_us == created.us)) return;
  // In before out: what only gets another time is never out of its creator's items.
  if (wanted != 0) {
    OfCreator& of = state.by_creator.at_grown(wanted - 1);
    of.items.add(item);
    of.by_time.insert({created, item});
  }
  if (place.creator != 0) {
    OfCreator& of = state.by_creator[place.creator - 1];
    if (place.creator != wanted) of.items.remove(item);
    of.by_time.remove({Timestamp{place.created_us}, item});
  }
  place = {created.us, wanted};
  state.item_end = std::max(state.item_end, to_index(item) + 1);
  state.creator_end = std::max(state.creator_end, wanted);
}

void CreatorItems::set_created(Ordinal item, Timestamp created) {
  const State& state = *state_.load(std::memory_order_relaxed);
  const Place* place = state.places.find(to_index(item));
  if (place != nullptr && place->creator != 0) set(item, to_ordinal(place->creator - 1), created);
}

void CreatorItems::clear() { base::retire(state_.exchange(new State, std::memory_order_acq_rel)); }

void CreatorItems::for_each(const std::function<void(Ordinal, Ordinal, Timestamp)>& visit) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  for (std::uint32_t item = 0; item < state.item_end; ++item) {
    const Place& place = state.places[item];
    if (place.creator != 0) visit(to_ordinal(item), to_ordinal(place.creator - 1), Timestamp{place.created_us});
  }
}

std::size_t CreatorItems::memory_bytes() const {
  const State& state = *state_.load(std::memory_order_relaxed);
  std::size_t bytes = sizeof *this + state.by_creator.memory_bytes() + state.places.memory_bytes();
  for (std::uint32_t c = 0; c < state.creator_end; ++c) {
    const OfCreator& of = state.by_creator[c];
    bytes += of.items.heap_bytes() + of.by_time.heap_bytes();
  }
  return bytes;
}

}  // namespace tidal::relationship
