// Places of rows and lists: found, written, read consistently.
#include "relationship/co_engagement_row.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/assert.h"
#include "signal/atomic_access.h"

namespace tidal::relationship {

using signal::load_word;
using signal::SequenceWrite;
using signal::store_word;

PairRow* PairRow::make(std::size_t capacity) {
  auto* row = new (::operator new(bytes(capacity))) PairRow;
  row->capacity = static_cast<std::uint16_t>(capacity);
  std::memset(row->tags(), 0, bytes(capacity) - sizeof(PairRow));
  return row;
}

void PairRow::destroy(void* row) { ::operator delete(row); }

void PairRow::read(PairSnapshot& out) const {
  out.size = signal::read_consistently(sequence, [&] {
    const std::size_t size = load_word(used);
    for (std::size_t k = 0; k < size; ++k) {
      out.words[k] = load_word(words()[k]);
      out.generations[k] = generation_of(out.words[k], load_word(tags()[k]));
    }
    return size;
  });
}

// Only the writer stores, so its own looks need not be atomic.

std::size_t PairRow::place_for(std::uint64_t newcomer) {
  TIDAL_DCHECK(used == capacity);
  if (weight_of(newcomer) < floor) return kNowhere;
  // The lowest and the next of every fourth word, so that no comparison waits for the one before.
  constexpr std::size_t kLanes = 4;
  std::array<std::uint64_t, kLanes> low;
  std::array<std::uint64_t, kLanes> next;
  low.fill(~std::uint64_t{0});
  next.fill(~std::uint64_t{0});
  const auto look_at = [&](std::size_t place, std::size_t lane) {
    const std::uint64_t order = leaving_order(words()[place]);
    next[lane] = std::min(next[lane], std::max(low[lane], order));
    low[lane] = std::min(low[lane], order);
  };
  std::size_t k = 0;
  for (; k + kLanes <= used; k += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) look_at(k + lane, lane);
  }
  for (; k < used; ++k) look_at(k, 0);
  for (std::size_t lane = 1; lane < kLanes; ++lane) {
    next[0] = std::min({next[0], next[lane], std::max(low[0], low[lane])});
    low[0] = std::min(low[0], low[lane]);
  }
  const bool leaves = leaving_order(newcomer) < low[0];
  floor = weight_of(leaves ? low[0] : std::min(next[0], leaving_order(newcomer)));
  if (leaves) return kNowhere;
  const std::uint64_t lowest = leaving_order(low[0]);  // twice is the word itself
  return static_cast<std::size_t>(std::find(words(), words() + used, lowest) - words());
}

void PairRow::set(std::size_t place, std::uint64_t word, Generation generation) {
  const SequenceWrite section(sequence);
  store_word(words()[place], word);
  store_word(tags()[place], tag_of(item_of(word), generation));
}

void PairRow::append(std::uint64_t word, Generation generation) {
  TIDAL_DCHECK(used < capacity);
  floor = 0;
  const SequenceWrite section(sequence);
  store_word(words()[used], word);
  store_word(tags()[used], tag_of(item_of(word), generation));
  store_word(used, static_cast<std::uint16_t>(used + 1));
}

void PairRow::remove(std::size_t place) {
  const std::size_t last = used - std::size_t{1};
  const SequenceWrite section(sequence);
  store_word(words()[place], words()[last]);
  store_word(tags()[place], tags()[last]);
  store_word(used, static_cast<std::uint16_t>(last));
}

RecentList* RecentList::make(std::size_t capacity) {
  auto* list = new (::operator new(bytes(capacity))) RecentList;
  list->capacity = static_cast<std::uint16_t>(capacity);
  std::memset(static_cast<void*>(list->places()), 0, capacity * sizeof(RecentPlace));
  return list;
}

void RecentList::destroy(void* list) { ::operator delete(list); }

void RecentList::read(RecentSnapshot& out) const {
  out.size = signal::read_consistently(sequence, [&] {
    const std::size_t size = load_word(used);
    for (std::size_t k = 0; k < size; ++k) {
      const RecentPlace& place = places()[k];
      out.places[k] = {load_word(place.time_us), load_word(place.item), load_word(place.generation)};
    }
    return size;
  });
}

void RecentList::assign(std::span<const RecentPlace> next) {
  TIDAL_DCHECK(next.size() <= capacity);
  const SequenceWrite section(sequence);
  for (std::size_t k = 0; k < next.size(); ++k) {
    store_word(places()[k].time_us, next[k].time_us);
    store_word(places()[k].item, next[k].item);
    store_word(places()[k].generation, next[k].generation);
  }
  store_word(used, static_cast<std::uint16_t>(next.size()));
}

}  // namespace tidal::relationship
