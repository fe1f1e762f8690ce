// Cells of entries.
#include "index/hidden_table.h"

#include <memory>

#include "base/epoch.h"

namespace tidal::index {
namespace {

constexpr std::size_t kCellsMin = 16;

}  // namespace

HiddenTable::Cells::Place HiddenTable::Cells::place_of(Ordinal entity) const {
  const std::size_t mask = entries.size() - 1;
  // Fibonacci hashing: ordinals are dense, so their low bits alone would pile up.
  std::size_t at = (to_index(entity) * std::uint64_t{0x9E3779B97F4A7C15} >> 32) & mask;
  while (true) {
    const HiddenEntry* entry = entries[at].load(std::memory_order_acquire);  // pairs with set()
    if (entry == nullptr || entry->entity == entity) return {at, entry};
    at = (at + 1) & mask;
  }
}

HiddenTable::~HiddenTable() {
  for_each([](const HiddenEntry& entry) { delete &entry; });
  delete cells_.load(std::memory_order_relaxed);
}

const HiddenEntry* HiddenTable::find(Ordinal entity) const {
  const Cells* cells = cells_.load(std::memory_order_acquire);  // pairs with publish()
  return cells == nullptr ? nullptr : cells->place_of(entity).entry;
}

void HiddenTable::publish(std::size_t size, Ordinal left_out) {
  auto next = std::make_unique<Cells>(size);
  for_each([&](const HiddenEntry& entry) {
    // relaxed: nobody else sees the new cells yet.
    if (entry.entity == left_out) return;
    next->entries[next->place_of(entry.entity).cell].store(&entry, std::memory_order_relaxed);
  });
  // release: pairs with the readers' acquire: the cells are filled.
  const Cells* old = cells_.exchange(next.release(), std::memory_order_release);
  if (old != nullptr) base::retire(old);
}

void HiddenTable::set(const HiddenEntry* entry) {
  const bool is_known = find(entry->entity) != nullptr;
  const Cells* cells = cells_.load(std::memory_order_relaxed);  // only the writer stores
  const std::size_t size = cells == nullptr ? 0 : cells->entries.size();
  if (!is_known && 2 * (count_ + 1) > size) publish(size == 0 ? kCellsMin : 2 * size, Ordinal::None);
  Cells& current = *cells_.load(std::memory_order_relaxed);
  auto& cell = current.entries[current.place_of(entry->entity).cell];
  // release: pairs with the acquire in find() and for_each(): the entry is whole.
  const HiddenEntry* old = cell.exchange(entry, std::memory_order_release);
  if (old != nullptr) {
    base::retire(old);
  } else {
    ++count_;
  }
}

void HiddenTable::erase(Ordinal entity) {
  const HiddenEntry* entry = find(entity);
  if (entry == nullptr) return;
  publish(cells_.load(std::memory_order_relaxed)->entries.size(), entity);
  --count_;
  base::retire(entry);
}

std::size_t HiddenTable::heap_bytes() const {
  std::size_t bytes = 0;
  for_each([&bytes](const HiddenEntry& entry) { bytes += sizeof entry + entry.reason.size(); });
  const Cells* cells = cells_.load(std::memory_order_acquire);  // pairs with publish()
  return cells == nullptr ? bytes : bytes + cells->entries.size() * sizeof(cells->entries[0]);
}

}  // namespace tidal::index
