// A set that may say yes where it should say no, never the other way: a cheap question before an expensive one.
//
// Blocked: all bits of a member lie in one 64-byte line, so a question costs one miss of the cache (Putze, Sanders,
// Singler: Cache-, Hash- and Space-Efficient Bloom Filters, 2007). Threads: externally synchronized.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "base/zeroed_memory.h"

namespace tidal::base {

class BloomFilter {
 public:
  /// For up to `members`; more are held, with more false answers. Memory is taken when it is first touched.
  explicit BloomFilter(std::size_t members)
      : lines_(std::bit_ceil((members * kBitsPerMember + kLineBits - 1) / kLineBits)),
        words_(static_cast<std::uint64_t*>(allocate_zeroed(bytes()))) {
    TIDAL_ASSERT(words_ != nullptr);
  }
  ~BloomFilter() { free_zeroed(words_, bytes()); }
  BloomFilter(const BloomFilter&) = delete;
  BloomFilter& operator=(const BloomFilter&) = delete;

  /// The two halves of a hash of the member: `place` chooses the line, `bits` the bits in it.
  void add(std::uint64_t place, std::uint64_t bits) {
    std::uint64_t* const line = line_of(place);
    for (unsigned i = 0; i < kProbes; ++i) line[word_of(bits, i)] |= mask_of(bits, i);
  }
  /// False: it was never added.
  [[nodiscard]] bool may_hold(std::uint64_t place, std::uint64_t bits) const {
    const std::uint64_t* const line = line_of(place);
    for (unsigned i = 0; i < kProbes; ++i) {
      if ((line[word_of(bits, i)] & mask_of(bits, i)) == 0) return false;
    }
    return true;
  }
  /// Fetches the line that add() and may_hold() will read.
  [[gnu::always_inline]] void prefetch(std::uint64_t place) const { __builtin_prefetch(line_of(place), 1); }
  [[nodiscard]] std::size_t bytes() const { return lines_ * kLineBits / 8; }

 private:
  static constexpr std::size_t kLineBits = 512;
  static constexpr std::size_t kBitsPerMember = 10;
  static constexpr unsigned kProbes = 6;  // 9 bits of the hash each

  [[nodiscard]] std::uint64_t* line_of(std::uint64_t place) const { return words_ + (place & (lines_ - 1)) * 8; }
  static constexpr unsigned word_of(std::uint64_t bits, unsigned i) { return (bits >> (9 * i + 6)) & 7; }
  static constexpr std::uint64_t mask_of(std::uint64_t bits, unsigned i) {
    return std::uint64_t{1} << ((bits >> (9 * i)) & 63);
  }

  const std::size_t lines_;  // a power of two
  std::uint64_t* const words_;
};

}  // namespace tidal::base
