// Blocks of one size at stable addresses, reused through a free list: room for what readers follow without locks.
//
// Memory of blocks is reused but never given back while the pool lives, and every word of it is read and written
// atomically. So a reader that follows an outdated number reads words of some version, never foreign memory.
// Threads: single writer, concurrent readers of find() under a sequence (atomic_access.h).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tidal::signal {

class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  /// Words of a block; before the first allocation.
  void set_words(std::uint32_t words) { words_ = words; }
  [[nodiscard]] std::uint32_t words() const { return words_; }
  /// Number of a block whose words are all 0. Writer only.
  [[nodiscard]] std::uint32_t allocate();
  void release(std::uint32_t block);
  [[nodiscard]] std::uint64_t* find(std::uint32_t block) const {
    const unsigned s = segment_of(block);
    std::uint64_t* segment = segments_[s].load(std::memory_order_acquire);  // pairs with the release in allocate()
    return segment + std::size_t{block - first_of(s)} * words_;
  }

  /// Blocks ever made; numbers are below. Writer only.
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] std::uint32_t in_use() const { return size_ - static_cast<std::uint32_t>(free_.size()); }
  [[nodiscard]] std::size_t memory_bytes() const { return std::size_t{size_} * words_ * sizeof(std::uint64_t); }

 private:
  static constexpr unsigned kFirstBits = 4;  // blocks of segment 0, and of segment 1; then doubling
  static constexpr unsigned kSegments = 27;
  [[nodiscard]] std::size_t segment_bytes(unsigned segment) const {
    return (std::size_t{1} << (kFirstBits + (segment == 0 ? 0 : segment - 1))) * words_ * sizeof(std::uint64_t);
  }
  static unsigned segment_of(std::uint32_t block) { return static_cast<unsigned>(std::bit_width(block >> kFirstBits)); }
  static std::uint32_t first_of(unsigned segment) {
    return segment == 0 ? 0 : std::uint32_t{1} << (kFirstBits + segment - 1);
  }

  std::array<std::atomic<std::uint64_t*>, kSegments> segments_{};
  std::vector<std::uint32_t> free_;
  std::uint32_t words_ = 1;
  std::uint32_t size_ = 0;
};

}  // namespace tidal::signal
