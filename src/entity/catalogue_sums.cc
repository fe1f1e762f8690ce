// Sums in blocks of atomic doubles under a sequence lock.
#include "entity/catalogue_sums.h"

#include <new>
#include <thread>

#include "base/assert.h"
#include "base/epoch.h"

namespace tidal::entity {

// The sequence is odd while the writer is inside. Stores of data are releases and loads acquires: a reader that saw a
// word of a newer version synchronises with its store, so its second look at the sequence cannot miss the change. No
// fences, which ThreadSanitizer does not follow; on x86 both are ordinary moves.

/// Header of one allocation; the dimensions follow it.
struct CatalogueSums::Sum {
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> items{0};

  using Dimension = std::atomic<double>;
  static_assert(Dimension::is_always_lock_free && sizeof(Dimension) == sizeof(double));

  static Sum* make(std::uint32_t size) {
    void* memory = ::operator new(sizeof(Sum) + size * sizeof(Dimension));
    auto* sum = new (memory) Sum;
    for (std::uint32_t i = 0; i < size; ++i) new (sum->dimensions() + i) Dimension(0.0);
    return sum;
  }
  static void destroy(void* sum) { ::operator delete(sum); }

  [[nodiscard]] Dimension* dimensions() { return reinterpret_cast<Dimension*>(this + 1); }
  [[nodiscard]] const Dimension* dimensions() const { return reinterpret_cast<const Dimension*>(this + 1); }
};

CatalogueSums::~CatalogueSums() {
  for (std::uint32_t i = 0; i < end(); ++i) Sum::destroy(find(to_ordinal(i)));
}

CatalogueSums::Sum* CatalogueSums::load(const Cell& cell) {
  // acquire: pairs with the release in publish(): the sum is written.
  return std::atomic_ref<Sum*>(const_cast<Sum*&>(cell.sum)).load(std::memory_order_acquire);
}

CatalogueSums::Sum* CatalogueSums::find(Ordinal creator) const {
  const Cell* cell = cells_.find(to_index(creator));
  return cell == nullptr ? nullptr : load(*cell);
}

void CatalogueSums::publish(Cell& cell, Sum* sum) {
  // release: pairs with the acquire in load().
  std::atomic_ref<Sum*>(cell.sum).store(sum, std::memory_order_release);
}

bool CatalogueSums::mean(Ordinal creator, std::span<float> out) const {
  const Sum* sum = find(creator);
  if (sum == nullptr) return false;
  for (unsigned attempt = 1;; ++attempt) {
    const std::uint32_t before = sum->sequence.load(std::memory_order_acquire);  // pairs with the end of change()
    if ((before & 1U) == 0) {
      const double items = sum->items.load(std::memory_order_acquire);
      const Sum::Dimension* dimensions = sum->dimensions();
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<float>(dimensions[i].load(std::memory_order_acquire) / items);
      }
      // relaxed: ordered after the acquire loads of the data.
      if (sum->sequence.load(std::memory_order_relaxed) == before) return true;
    }
    if (attempt % 64 == 0) std::this_thread::yield();  // the writer may have lost its CPU inside
  }
}

std::uint32_t CatalogueSums::items(Ordinal creator) const {
  const Sum* sum = find(creator);
  return sum == nullptr ? 0 : sum->items.load(std::memory_order_acquire);
}

void CatalogueSums::change(Ordinal creator, const Change& change) {
  Cell& cell = cells_.at_grown(to_index(creator));
  Sum* sum = cell.sum;  // only this thread stores
  const bool is_new = sum == nullptr;
  TIDAL_DCHECK(!is_new || change.minus.empty());
  if (is_new && change.plus.empty()) return;
  captures_.before_change(to_index(creator), [&] { return read(sum); });
  if (to_index(creator) >= end()) end_.store(to_index(creator) + 1, std::memory_order_relaxed);

  const std::uint32_t others =
      (is_new ? 0 : sum->items.load(std::memory_order_relaxed)) - (change.minus.empty() ? 0 : 1);
  if (others == 0 && change.plus.empty()) {  // G2
    publish(cell, nullptr);
    creators_.store(creators_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
    base::retire(sum, &Sum::destroy);
    return;
  }
  if (is_new) sum = Sum::make(size());
  const std::uint32_t sequence = sum->sequence.load(std::memory_order_relaxed);
  // relaxed: the stores of data that follow are releases and carry it.
  sum->sequence.store(sequence + 1, std::memory_order_relaxed);
  sum->items.store(others + (change.plus.empty() ? 0 : 1), std::memory_order_release);
  Sum::Dimension* dimensions = sum->dimensions();
  for (std::uint32_t i = 0; i < size(); ++i) {
    double value = others == 0 ? 0.0 : dimensions[i].load(std::memory_order_relaxed);  // G2
    if (others != 0 && !change.minus.empty()) value -= static_cast<double>(change.minus[i]);
    if (!change.plus.empty()) value += static_cast<double>(change.plus[i]);
    dimensions[i].store(value, std::memory_order_release);
  }
  sum->sequence.store(sequence + 2, std::memory_order_release);  // pairs with the first look of mean()
  if (!is_new) return;
  creators_.store(creators_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  publish(cell, sum);
}

void CatalogueSums::assign(Ordinal creator, std::uint32_t items, std::span<const double> sum) {
  Cell& cell = cells_.at_grown(to_index(creator));
  TIDAL_DCHECK(cell.sum == nullptr && items > 0 && sum.size() == size());
  captures_.before_change(to_index(creator), [] { return Total{}; });
  if (to_index(creator) >= end()) end_.store(to_index(creator) + 1, std::memory_order_relaxed);
  Sum* next = Sum::make(size());
  next->items.store(items, std::memory_order_relaxed);  // relaxed, as the next: publish() carries them
  for (std::size_t i = 0; i < sum.size(); ++i) next->dimensions()[i].store(sum[i], std::memory_order_relaxed);
  creators_.store(creators_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  publish(cell, next);
}

/// Possibly torn where the writer is inside.
CatalogueSums::Total CatalogueSums::read(const Sum* sum) const {
  Total total;
  if (sum == nullptr) return total;
  total.items = sum->items.load(std::memory_order_acquire);
  total.sum.resize(size());
  // acquire: what a capture saw changed was saved before its look at what was saved.
  for (std::uint32_t i = 0; i < size(); ++i) total.sum[i] = sum->dimensions()[i].load(std::memory_order_acquire);
  return total;
}

CatalogueSums::Total CatalogueSums::total(Ordinal creator) const { return read(find(creator)); }

CatalogueSums::Total CatalogueSums::Past::total(Ordinal creator) const {
  Total live = sums_->total(creator);
  std::optional<Total> saved = changes_.saved(to_index(creator));  // S1: after the look at the live one
  return saved ? std::move(*saved) : std::move(live);
}

std::size_t CatalogueSums::memory_bytes() const {
  constexpr std::size_t kAllocatorBytes = 16;  // of its own, and to round up
  const std::size_t creators = creators_.load(std::memory_order_relaxed);
  return cells_.memory_bytes() + creators * (sizeof(Sum) + size() * sizeof(double) + kAllocatorBytes);
}

}  // namespace tidal::entity
