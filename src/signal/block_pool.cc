// Blocks of one size at stable addresses.
#include "signal/block_pool.h"

#include "base/assert.h"
#include "base/zeroed_memory.h"
#include "signal/atomic_access.h"

namespace tidal::signal {

BlockPool::~BlockPool() {
  // relaxed: no reader may be left.
  for (unsigned s = 0; s < kSegments; ++s) {
    base::free_zeroed(segments_[s].load(std::memory_order_relaxed), segment_bytes(s));
  }
}

std::uint32_t BlockPool::allocate() {
  if (!free_.empty()) {
    const std::uint32_t block = free_.back();
    free_.pop_back();
    std::uint64_t* words = find(block);
    for (std::uint32_t i = 0; i < words_; ++i) store_word(words[i], std::uint64_t{0});
    return block;
  }
  const unsigned s = segment_of(size_);
  TIDAL_ASSERT(s < kSegments);
  if (segments_[s].load(std::memory_order_relaxed) == nullptr) {  // relaxed: only the writer stores
    auto* memory = static_cast<std::uint64_t*>(base::allocate_zeroed(segment_bytes(s)));
    TIDAL_ASSERT(memory != nullptr);
    segments_[s].store(memory, std::memory_order_release);  // pairs with the acquire in find()
  }
  return size_++;
}

void BlockPool::release(std::uint32_t block) { free_.push_back(block); }

}  // namespace tidal::signal
