// Slots and their pool.
#include "index/value_lists.h"

#include "base/assert.h"

namespace tidal::index {
namespace {
/// Below this the pool is not worth compacting.
constexpr std::size_t kGarbageMin = 1024;
}  // namespace

std::span<const std::uint32_t> ValueLists::of(Ordinal o) const {
  const std::uint32_t i = to_index(o);
  if (i >= slots_.size() || slots_[i] == kNothing) return {};
  const std::uint32_t slot = slots_[i];
  if ((slot & kInPool) == 0) return {&slots_[i], 1};
  const std::size_t at = slot & ~kInPool;
  return {pool_.data() + at + 1, pool_[at]};
}

void ValueLists::set(Ordinal o, std::span<const std::uint32_t> ids) {
  const std::uint32_t i = to_index(o);
  if (i >= slots_.size()) {
    if (ids.empty()) return;
    slots_.resize(std::size_t{i} + 1, kNothing);
  }
  if (slots_[i] != kNothing && (slots_[i] & kInPool) != 0) garbage_ += 1 + pool_[slots_[i] & ~kInPool];
  slots_[i] = kNothing;
  if (ids.size() == 1) {
    slots_[i] = ids[0];
  } else if (!ids.empty()) {
    if (garbage_ > kGarbageMin && garbage_ > pool_.size() / 2) compact();
    TIDAL_ASSERT(pool_.size() < kInPool - 1);
    slots_[i] = kInPool | static_cast<std::uint32_t>(pool_.size());
    pool_.push_back(static_cast<std::uint32_t>(ids.size()));
    pool_.insert(pool_.end(), ids.begin(), ids.end());
  }
  count_bytes();
}

void ValueLists::compact() {
  std::vector<std::uint32_t> kept;
  kept.reserve(pool_.size() - garbage_);
  for (std::uint32_t& slot : slots_) {
    if (slot == kNothing || (slot & kInPool) == 0) continue;
    const auto from = pool_.begin() + static_cast<std::ptrdiff_t>(slot & ~kInPool);
    slot = kInPool | static_cast<std::uint32_t>(kept.size());
    kept.insert(kept.end(), from, from + 1 + static_cast<std::ptrdiff_t>(*from));
  }
  pool_ = std::move(kept);
  garbage_ = 0;
}

void ValueLists::count_bytes() {
  bytes_.store(sizeof *this + (slots_.capacity() + pool_.capacity()) * sizeof(std::uint32_t),
               std::memory_order_relaxed);
}

}  // namespace tidal::index
