// A growing array whose elements never move: segments of doubling size behind a small fixed directory.
//
// Elements that are plain zero-initialisable data live on zero pages of the system: a large segment costs no pause and
// no memory until its elements are touched.
// A1: the address of an element never changes. A2: a new element is value-initialised before readers can reach it.
// Threads: single writer (grow), concurrent readers (find, operator[]); what the elements allow is their own matter.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/assert.h"
#include "base/zeroed_memory.h"

namespace tidal::base {

template <class T, unsigned kFirstSegmentBits = 8>
class ChunkedArray {
 public:
  ChunkedArray() = default;
  ChunkedArray(const ChunkedArray&) = delete;
  ChunkedArray& operator=(const ChunkedArray&) = delete;
  ~ChunkedArray() { clear(); }

  /// Makes [0, n) reachable. Amortised O(1) an element.
  void grow(std::size_t n) {
    if (n == 0) return;
    for (unsigned s = 0; s <= segment_of(n - 1); ++s) {
      // relaxed: only the single writer stores.
      if (segments_[s].load(std::memory_order_relaxed) == nullptr) {
        // release: pairs with the acquire in find(), so that readers see initialised elements (A2).
        segments_[s].store(allocate(s), std::memory_order_release);
      }
    }
  }

  /// The element, or nullptr when its segment was never grown.
  [[nodiscard]] T* find(std::size_t i) {
    const unsigned s = segment_of(i);
    T* segment = segments_[s].load(std::memory_order_acquire);  // pairs with the release in grow()
    return segment == nullptr ? nullptr : segment + offset_in(i, s);
  }
  [[nodiscard]] const T* find(std::size_t i) const { return const_cast<ChunkedArray*>(this)->find(i); }

  /// i must have been grown.
  [[nodiscard]] T& operator[](std::size_t i) {
    T* p = find(i);
    TIDAL_DCHECK(p != nullptr);
    return *p;
  }
  [[nodiscard]] const T& operator[](std::size_t i) const { return (*const_cast<ChunkedArray*>(this))[i]; }

  /// Grows as needed, then the element. Writer only.
  [[nodiscard]] T& at_grown(std::size_t i) {
    if (T* p = find(i)) return *p;
    grow(i + 1);
    return *find(i);
  }

  /// Frees everything; no reader may be inside.
  void clear() {
    for (unsigned s = 0; s < kSegments; ++s) {
      release(s);
      segments_[s].store(nullptr, std::memory_order_relaxed);
    }
  }

  /// Calls visit(at, pointer, count) for the pieces of [first, first + n); pointer is null where it never grew.
  template <class Visit>
  void for_each_piece(std::size_t first, std::size_t n, Visit visit) const {
    for (std::size_t at = first; at < first + n;) {
      const unsigned s = segment_of(at);
      const std::size_t offset = offset_in(at, s);
      const std::size_t count = std::min(first + n - at, segment_size(s) - offset);
      const T* segment = segments_[s].load(std::memory_order_acquire);  // as find()
      visit(at, segment == nullptr ? nullptr : segment + offset, count);
      at += count;
    }
  }

  [[nodiscard]] std::size_t memory_bytes() const {
    std::size_t bytes = sizeof *this;
    for (unsigned s = 0; s < kSegments; ++s) {
      if (segments_[s].load(std::memory_order_relaxed) != nullptr) bytes += segment_size(s) * sizeof(T);
    }
    return bytes;
  }

 private:
  // Segment 0 holds 2^b elements, segment s > 0 holds 2^(b+s-1): together they cover 32-bit indexes.
  static constexpr unsigned kSegments = 33 - kFirstSegmentBits + 1;
  static constexpr unsigned segment_of(std::size_t i) {
    return static_cast<unsigned>(std::bit_width(i >> kFirstSegmentBits));
  }
  static constexpr std::size_t segment_size(unsigned s) {
    return std::size_t{1} << (kFirstSegmentBits + (s == 0 ? 0 : s - 1));
  }
  static constexpr std::size_t offset_in(std::size_t i, unsigned s) { return s == 0 ? i : i - segment_size(s); }

  static constexpr bool kZeroPages =
      std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>;

  [[nodiscard]] T* allocate(unsigned s) {
    if constexpr (kZeroPages) {
      static_assert(alignof(T) <= 64);
      void* memory = allocate_zeroed(segment_size(s) * sizeof(T));
      TIDAL_ASSERT(memory != nullptr);
      return static_cast<T*>(memory);
    } else {
      return new T[segment_size(s)]();
    }
  }
  void release(unsigned s) {
    if constexpr (kZeroPages) {
      free_zeroed(segments_[s].load(std::memory_order_relaxed), segment_size(s) * sizeof(T));
    } else {
      delete[] segments_[s].load(std::memory_order_relaxed);
    }
  }

  std::atomic<T*> segments_[kSegments] = {};
};

}  // namespace tidal::base
