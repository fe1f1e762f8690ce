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
  std::memset(row->words(), 0, bytes(capacity) - sizeof(PairRow));
  return row;
}

void PairRow::destroy(void* row) { ::operator delete(row); }

void PairRow::read(PairSnapshot& out) const {
  out.size = signal::read_consistently(sequence, [&] {
    const std::size_t size = load_word(used);
    for (std::size_t k = 0; k < size; ++k) {
      out.words[k] = load_word(words()[k]);
      out.generations[k] = load_word(generations()[k]);
    }
    return size;
  });
}

// Only the writer stores, so its own looks need not be atomic.

std::size_t PairRow::find(Ordinal item) const {
  // Eight words at a time: a positive looks through a hundred rows, and the scan is half of its cost.
  using Quad __attribute__((vector_size(16))) = std::uint32_t;
  const std::uint64_t* at = words();
  const std::uint32_t wanted = to_index(item);
  const Quad all_wanted = {wanted, wanted, wanted, wanted};
  std::size_t k = 0;
  for (; k + 8 <= used; k += 8) {
    std::array<Quad, 4> pairs;
    std::memcpy(pairs.data(), at + k, sizeof pairs);
    const Quad low = __builtin_shufflevector(pairs[0], pairs[1], 0, 2, 4, 6);
    const Quad high = __builtin_shufflevector(pairs[2], pairs[3], 0, 2, 4, 6);
    const auto match = (low == all_wanted) | (high == all_wanted);
    std::array<std::uint64_t, 2> any;
    std::memcpy(any.data(), &match, sizeof any);
    if ((any[0] | any[1]) != 0) break;
  }
  for (; k < used; ++k) {
    if (static_cast<std::uint32_t>(at[k]) == wanted) return k;
  }
  return kNowhere;
}

std::size_t PairRow::lowest_place() {
  TIDAL_DCHECK(used > 0);
  if (lowest != kUnknown) return lowest;
  std::uint64_t low = leaving_order(words()[0]);
  for (std::size_t k = 1; k < used; ++k) low = std::min(low, leaving_order(words()[k]));
  std::size_t place = 0;
  while (leaving_order(words()[place]) != low) ++place;
  lowest = static_cast<std::uint16_t>(place);
  return place;
}

void PairRow::set(std::size_t place, std::uint64_t word, Generation generation) {
  // A weight that only grew leaves the lowest where it is, unless it was the lowest.
  const std::uint64_t before = words()[place];
  if (place == lowest || item_of(before) != item_of(word) || word < before) lowest = kUnknown;
  const SequenceWrite section(sequence);
  store_word(words()[place], word);
  store_word(generations()[place], generation);
}

void PairRow::append(std::uint64_t word, Generation generation) {
  TIDAL_DCHECK(used < capacity);
  lowest = kUnknown;
  const SequenceWrite section(sequence);
  store_word(words()[used], word);
  store_word(generations()[used], generation);
  store_word(used, static_cast<std::uint16_t>(used + 1));
}

void PairRow::remove(std::size_t place) {
  const std::size_t last = used - std::size_t{1};
  lowest = kUnknown;
  const SequenceWrite section(sequence);
  store_word(words()[place], words()[last]);
  store_word(generations()[place], generations()[last]);
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
