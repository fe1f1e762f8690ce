// The term ids each ordinal has in one field: what an update must take out of the postings.
//
// Four bytes an ordinal: nothing, one id inline, or the place of a list in a pool that is compacted when half of it is
// garbage.
// Threads: externally synchronized (the writer's own; readers use the postings), but memory_bytes() may be asked by
// any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tidal/types.h"

namespace tidal::index {

class ValueLists {
 public:
  /// Ascending ids; valid until the next set().
  [[nodiscard]] std::span<const std::uint32_t> of(Ordinal o) const;
  /// `ids`: strictly ascending, each below 2^31 - 1, not taken from of().
  void set(Ordinal o, std::span<const std::uint32_t> ids);
  /// All ordinals with a list are below this.
  [[nodiscard]] std::uint32_t end() const { return static_cast<std::uint32_t>(slots_.size()); }
  [[nodiscard]] std::size_t memory_bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::uint32_t kNothing = 0xFFFFFFFFU;
  static constexpr std::uint32_t kInPool = 0x80000000U;
  void compact();
  void count_bytes();

  std::vector<std::uint32_t> slots_;                    // kNothing, an id, or kInPool | position in pool_
  std::vector<std::uint32_t> pool_;                     // count, then the ids
  std::size_t garbage_ = 0;                             // words of pool_ that nobody points to
  std::atomic<std::size_t> bytes_{sizeof(ValueLists)};  // relaxed: a number for status
};

}  // namespace tidal::index
