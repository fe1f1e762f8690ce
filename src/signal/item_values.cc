// Words and lists of term ids.
#include "signal/item_values.h"

#include <algorithm>
#include <new>

namespace tidal::signal {
namespace {

void destroy(void* list) { ::operator delete(list); }

}  // namespace

ItemValues::~ItemValues() {
  for (std::uint32_t i = 0; i < end_.load(std::memory_order_relaxed); ++i) {
    const Cell* cell = cells_.find(i);
    const std::uint64_t word = cell == nullptr ? 0 : cell->load(std::memory_order_relaxed);
    if (word != 0 && (word & kInline) == 0) destroy(const_cast<List*>(list_of(word)));
  }
}

std::uint64_t ItemValues::word_of(std::span<const std::uint32_t> ids) {
  if (ids.empty()) return 0;
  if (ids.size() <= kInlineIds && ids.back() <= kInlineIdMax) {
    const std::uint64_t second = ids.size() == kInlineIds ? ids.back() + std::uint64_t{1} : 0;
    return kInline | (ids.front() + std::uint64_t{1}) << 1 | second << 32;
  }
  auto* list = new (::operator new(sizeof(List) + ids.size() * sizeof(std::uint32_t))) List;
  list->count = static_cast<std::uint32_t>(ids.size());
  std::copy(ids.begin(), ids.end(), reinterpret_cast<std::uint32_t*>(list + 1));
  return reinterpret_cast<std::uint64_t>(list);
}

void ItemValues::set(Ordinal item, std::span<const std::uint32_t> ids) {
  const std::uint32_t i = to_index(item);
  Cell* cell = cells_.find(i);
  if (cell == nullptr && ids.empty()) return;
  if (cell == nullptr) cell = &cells_.at_grown(i);
  const std::uint64_t before = cell->load(std::memory_order_relaxed);  // only the writer stores
  if (before == 0 && ids.empty()) return;
  captures_.before_change(i, [before] { return before; });
  cell->store(word_of(ids), std::memory_order_release);  // pairs with for_each(): the list is whole
  std::size_t bytes = list_bytes_.load(std::memory_order_relaxed);
  if (before != 0 && (before & kInline) == 0) {
    bytes -= sizeof(List) + list_of(before)->count * sizeof(std::uint32_t);
    base::retire(const_cast<List*>(list_of(before)), &destroy);
  }
  if (cell->load(std::memory_order_relaxed) != 0 && (cell->load(std::memory_order_relaxed) & kInline) == 0) {
    bytes += sizeof(List) + ids.size() * sizeof(std::uint32_t);
  }
  list_bytes_.store(bytes, std::memory_order_relaxed);
  // release: pairs with the acquire in end(): the segment is there.
  if (i >= end_.load(std::memory_order_relaxed)) end_.store(i + 1, std::memory_order_release);
}

void ItemValues::prefetch(Ordinal item) const noexcept {
  const Cell* cell = item == Ordinal::None ? nullptr : cells_.find(to_index(item));
  if (cell != nullptr) __builtin_prefetch(cell);
}

std::size_t ItemValues::memory_bytes() const {
  return cells_.memory_bytes() + list_bytes_.load(std::memory_order_relaxed);
}

}  // namespace tidal::signal
