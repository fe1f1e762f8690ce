// An open-addressing hash table of ids over the terms, replaced as a whole when it grows.
#include "index/term_dictionary.h"

#include <functional>
#include <memory>
#include <vector>

#include "base/epoch.h"

namespace tidal::index {

/// Cells hold id + 1; 0 is free. Never more than half full, so every probe ends.
struct TermDictionary::Table {
  explicit Table(std::size_t size) : mask(size - 1), cells(size) {}
  const std::size_t mask;
  std::vector<std::atomic<std::uint32_t>> cells;

  static std::size_t hash(std::string_view term) { return std::hash<std::string_view>{}(term); }
  void insert(std::string_view term, std::uint32_t id) {
    std::size_t at = hash(term) & mask;
    while (cells[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & mask;
    // release: pairs with the acquire in find(): the entry of that id is written.
    cells[at].store(id + 1, std::memory_order_release);
  }
};

TermDictionary::~TermDictionary() { delete table_.load(std::memory_order_relaxed); }

std::uint32_t TermDictionary::find(std::string_view term) const {
  const base::EpochGuard guard;
  const Table* table = table_.load(std::memory_order_acquire);  // pairs with the release in grow()
  if (table == nullptr) return kNone;
  for (std::size_t at = Table::hash(term) & table->mask;; at = (at + 1) & table->mask) {
    const std::uint32_t cell = table->cells[at].load(std::memory_order_acquire);  // pairs with insert()
    if (cell == 0) return kNone;
    if (entries_[cell - 1].term == term) return cell - 1;
  }
}

std::uint32_t TermDictionary::intern(std::string_view term) {
  if (const std::uint32_t known = find(term); known != kNone) return known;
  const std::uint32_t id = size_.load(std::memory_order_relaxed);
  entries_.at_grown(id).term = term;
  const Table* table = table_.load(std::memory_order_relaxed);
  if (table == nullptr || 2 * (std::size_t{id} + 1) > table->cells.size()) grow();
  table_.load(std::memory_order_relaxed)->insert(term, id);
  size_.store(id + 1, std::memory_order_release);  // pairs with size(): ids below it may be looked at
  return id;
}

void TermDictionary::grow() {
  Table* old = table_.load(std::memory_order_relaxed);
  auto next = std::make_unique<Table>(old == nullptr ? 16 : 2 * old->cells.size());
  const std::uint32_t n = size_.load(std::memory_order_relaxed);
  for (std::uint32_t id = 0; id < n; ++id) next->insert(entries_[id].term, id);
  table_.store(next.release(), std::memory_order_release);  // pairs with the acquire in find()
  if (old != nullptr) base::retire(old);
}

std::size_t TermDictionary::memory_bytes() const {
  const base::EpochGuard guard;
  std::size_t bytes = entries_.memory_bytes();
  if (const Table* table = table_.load(std::memory_order_acquire)) bytes += table->cells.size() * sizeof(std::uint32_t);
  const std::uint32_t n = size();
  for (std::uint32_t id = 0; id < n; ++id) {
    const Entry& e = entries_[id];
    if (e.term.capacity() > sizeof(std::string) / 2) bytes += e.term.capacity();
    bytes += e.entities.heap_bytes();
  }
  return bytes;
}

}  // namespace tidal::index
