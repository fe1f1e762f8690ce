// Blocks of vectors: made, published, read in batches, captured.
#include "entity/vector_column.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>

#include "base/assert.h"
#include "base/epoch.h"
#include "base/vector_math.h"
#include "entity/entity_record.h"

namespace tidal::entity {
namespace {

using Stored = VectorColumn::Stored;

/// Vectors that are fetched together. Their first lines fit the first-level cache many times over, and 16 misses are
/// about what a core waits for at once.
constexpr std::size_t kTogether = 16;
constexpr std::size_t kLineBytes = 64;

// operator new[] aligns blocks for any scalar.
std::span<const float> floats_of(Stored stored, std::size_t n) { return {reinterpret_cast<const float*>(stored), n}; }
std::span<const std::uint16_t> halves_of(Stored stored, std::size_t n) {
  return {reinterpret_cast<const std::uint16_t*>(stored), n};
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}
bool all_finite(std::span<const std::uint16_t> halves) {
  constexpr std::uint16_t kExponent = 0x7C00;
  return std::all_of(halves.begin(), halves.end(), [](std::uint16_t h) { return (h & kExponent) != kExponent; });
}

void free_block(void* block) { delete[] static_cast<std::byte*>(block); }

}  // namespace

VectorColumn::~VectorColumn() {
  for (std::uint32_t i = 0; i < end(); ++i) delete[] find(to_ordinal(i));
}

void VectorColumn::widen(Stored stored, std::span<float> out) const {
  if (shape_.storage == VectorStorage::F16) {
    base::from_halves(halves_of(stored, shape_.size), out);
  } else {
    std::memcpy(out.data(), stored, shape_.bytes());
  }
}

void VectorColumn::dots(std::span<const float> query, std::span<const Ordinal> items, double missing,
                        std::span<double> out) const {
  const bool halves = shape_.storage == VectorStorage::F16;
  std::array<float, kEmbeddingSizeMax> wide;  // of one vector of halves
  std::array<Stored, kTogether> found{};
  for (std::size_t first = 0; first < items.size(); first += kTogether) {
    const std::size_t n = std::min(kTogether, items.size() - first);
    for (std::size_t i = 0; i < n; ++i) prefetch(items[first + i]);
    for (std::size_t i = 0; i < n; ++i) {
      found[i] = find(items[first + i]);
      if (found[i] == nullptr) continue;
      __builtin_prefetch(found[i]);
      __builtin_prefetch(found[i] + kLineBytes);  // what follows, the processor foresees
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (found[i] == nullptr) {
        out[first + i] = missing;
      } else if (halves) {
        const std::span<float> vector = std::span(wide).first(shape_.size);
        base::from_halves(halves_of(found[i], shape_.size), vector);
        out[first + i] = static_cast<double>(base::dot(query, vector));
      } else {
        out[first + i] = static_cast<double>(base::dot(query, floats_of(found[i], shape_.size)));
      }
    }
  }
}

std::size_t VectorColumn::memory_bytes() const {
  constexpr std::size_t kAllocatorBytes = 16;  // of its own, and to round up
  return cells_.memory_bytes() + std::size_t{count()} * (shape_.bytes() + kAllocatorBytes);
}

VectorColumn::OwnedBlock VectorColumn::block_of(std::span<const float> values) const {
  TIDAL_DCHECK(values.size() == shape_.size);
  OwnedBlock block(new std::byte[shape_.bytes()]);
  if (shape_.storage == VectorStorage::F32) {
    std::memcpy(block.get(), values.data(), shape_.bytes());
    return all_finite(values) ? std::move(block) : nullptr;
  }
  const std::span<std::uint16_t> halves(reinterpret_cast<std::uint16_t*>(block.get()), shape_.size);
  base::to_halves(values, halves);
  return all_finite(std::span<const std::uint16_t>(halves)) ? std::move(block) : nullptr;
}

VectorColumn::OwnedBlock VectorColumn::block_of_stored(std::string_view bytes) const {
  TIDAL_DCHECK(bytes.size() == shape_.bytes());
  OwnedBlock block(new std::byte[shape_.bytes()]);
  std::memcpy(block.get(), bytes.data(), bytes.size());
  const bool finite = shape_.storage == VectorStorage::F32 ? all_finite(floats_of(block.get(), shape_.size))
                                                           : all_finite(halves_of(block.get(), shape_.size));
  return finite ? std::move(block) : nullptr;
}

bool VectorColumn::same(Stored a, Stored b) const {
  if (a == nullptr || b == nullptr) return a == b;
  return std::memcmp(a, b, shape_.bytes()) == 0;
}

void VectorColumn::set(Ordinal o, OwnedBlock block) {
  Cell* cell = cells_.find(to_index(o));
  if (cell == nullptr) {
    if (block == nullptr) return;
    cell = &cells_.at_grown(to_index(o));
  }
  const Stored before = cell->stored;  // only this thread stores
  if (before == nullptr && block == nullptr) return;
  captures_.before_change(to_index(o), [before] { return before; });
  count_.store(count() + (block != nullptr ? 1 : 0) - (before != nullptr ? 1 : 0), std::memory_order_relaxed);
  if (to_index(o) >= end()) end_.store(to_index(o) + 1, std::memory_order_relaxed);
  // release: pairs with the acquire in load().
  std::atomic_ref<Stored>(cell->stored).store(block.release(), std::memory_order_release);
  if (before != nullptr) base::retire(const_cast<std::byte*>(before), &free_block);
}

std::vector<Stored> VectorColumn::Past::copy() const {
  std::vector<Stored> blocks(end_);
  for (std::uint32_t i = 0; i < end_; ++i) blocks[i] = column_->find(to_ordinal(i));
  changes_.for_each_saved([&blocks](std::uint64_t i, Stored stored) {  // S1: after the look at the live ones
    if (i < blocks.size()) blocks[i] = stored;
  });
  return blocks;
}

}  // namespace tidal::entity
