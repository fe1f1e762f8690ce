// An array by ordinal of which few elements may be in use: pages that are made when they are first written.
//
// A1: the address of an element never changes. A2: a new element is value-initialised before readers can reach it.
// An untouched page of 16 costs 8 bytes. Threads: single writer (at_grown), concurrent readers (the rest).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/chunked_array.h"
#include "tidal/types.h"

namespace tidal::relationship {

template <class T>
class SparseArray {
 public:
  /// nullptr where nothing near it was ever written.
  [[nodiscard]] const T* find(Ordinal o) const { return const_cast<SparseArray*>(this)->find(o); }
  [[nodiscard]] T* find(Ordinal o) {
    Page* page = pages_.find(to_index(o) >> kPageBits);
    // acquire: pairs with the release in at_grown(): the elements are initialised (A2).
    T* elements = page == nullptr ? nullptr : page->elements.load(std::memory_order_acquire);
    return elements == nullptr ? nullptr : elements + (to_index(o) & (kPageSize - 1));
  }
  /// Writer only.
  [[nodiscard]] T& at_grown(Ordinal o) {
    if (T* known = find(o)) {
      note_end(o);
      return *known;
    }
    Page& page = pages_.at_grown(to_index(o) >> kPageBits);
    page.elements.store(new T[kPageSize](), std::memory_order_release);
    page_count_.store(page_count_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    note_end(o);
    return *find(o);
  }
  /// What was ever written lies below. Cost: one load.
  [[nodiscard]] std::uint32_t end() const { return end_.load(std::memory_order_relaxed); }
  void prefetch(Ordinal o) const {
    if (const T* element = find(o)) __builtin_prefetch(element);
  }
  /// visit(ordinal, element) for the elements of every page below `end`, in ascending order.
  template <class Visit>
  void for_each_below(std::uint32_t end, Visit visit) const {
    for (std::uint32_t first = 0; first < end;) {
      const T* elements = find(to_ordinal(first));
      for (std::uint32_t i = first; elements != nullptr && i < first + kPageSize && i < end; ++i) {
        visit(to_ordinal(i), elements[i - first]);
      }
      if (end - first <= kPageSize) return;
      first += kPageSize;
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    return pages_.memory_bytes() + page_count_.load(std::memory_order_relaxed) * kPageSize * sizeof(T);
  }

 private:
  static constexpr unsigned kPageBits = 4;
  static constexpr std::uint32_t kPageSize = 1U << kPageBits;
  struct Page {
    std::atomic<T*> elements{nullptr};
    Page() = default;
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    ~Page() { delete[] elements.load(std::memory_order_relaxed); }  // relaxed: nobody else is left
  };
  void note_end(Ordinal o) {
    // relaxed: the applier's own; who else reads it looks each element up in its page, which publishes it.
    if (to_index(o) >= end_.load(std::memory_order_relaxed)) {
      end_.store(to_index(o) + 1, std::memory_order_relaxed);
    }
  }

  base::ChunkedArray<Page> pages_;
  std::atomic<std::uint32_t> end_{0};
  std::atomic<std::size_t> page_count_{0};  // relaxed: a number for memory_bytes(), no other data hangs on it
};

}  // namespace tidal::relationship
