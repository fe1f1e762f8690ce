// Blocks of one size at stable addresses.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "signal/atomic_access.h"
#include "signal/warm.h"

namespace tidal::signal {

BlockPool::~BlockPool() {
  // relaxed: no reader may be left.
  for (auto& segment : segments_) std::free(segment.load(std::memory_order_relaxed));
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
    const std::size_t blocks = std::size_t{1} << (kFirstBits + (s == 0 ? 0 : s - 1));
    auto* memory = static_cast<std::uint64_t*>(std::calloc(blocks * words_, sizeof(std::uint64_t)));
    TIDAL_ASSERT(memory != nullptr);
    segments_[s].store(memory, std::memory_order_release);  // pairs with the acquire in find()
  }
  return size_++;
}

void BlockPool::release(std::uint32_t block) { free_.push_back(block); }

void BlockPool::copy_to(std::uint64_t* out) const {
  for (std::uint32_t block = 0; block < size_;) {
    const unsigned s = segment_of(block);
    const std::uint32_t end = std::min(size_, first_of(s + 1));
    std::memcpy(out + std::size_t{block} * words_, find(block), std::size_t{end - block} * words_ * sizeof *out);
    block = end;
  }
}

}  // namespace tidal::signal
