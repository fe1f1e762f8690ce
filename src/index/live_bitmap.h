// A set of ordinals that one writer changes while readers read it without locks.
//
// Representation: a version = an immutable base (a sorted array while small, a Bitmap above that) and a short
// append-only list of toggles: an ordinal is a member when it is in the base xor stands an odd number of times in the
// list. A full list is merged into a new version; the old one is freed by epochs. Its length is an eighth of the base
// within bounds, so that merging costs a constant a write. About 5 bytes a member in small sets, 16 bytes for an empty
// one. B1: cardinality() equals the members of the newest version at every moment at which no write is under way.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "index/bitmap.h"
#include "tidal/types.h"

namespace tidal::index {

class LiveBitmap {
  struct Version;

 public:
  /// The members at one moment, without a copy: valid under an EpochGuard or EpochPin that was there at that moment,
  /// and while the LiveBitmap lives.
  class Capture {
   public:
    /// Ascending.
    [[nodiscard]] std::vector<Ordinal> to_vector() const;

   private:
    friend class LiveBitmap;
    const Version* version_ = nullptr;
    std::uint32_t used_ = 0;
  };

  LiveBitmap() = default;
  /// No reader may be inside.
  ~LiveBitmap();
  LiveBitmap(const LiveBitmap&) = delete;
  LiveBitmap& operator=(const LiveBitmap&) = delete;

  // Write side. Each returns whether anything changed.

  bool add(Ordinal o) noexcept;
  bool remove(Ordinal o) noexcept;
  /// Replaces all members. `ascending`: strictly.
  void assign(std::span<const Ordinal> ascending);
  void clear() noexcept;

  /// Fetches what add() reads first of a small set; the object itself should be there already.
  void prefetch() const noexcept;

  // Read side: any thread.

  [[nodiscard]] bool contains(Ordinal o) const;
  [[nodiscard]] Bitmap snapshot() const;
  /// Ascending.
  [[nodiscard]] std::vector<Ordinal> to_vector() const;
  /// Ascending, until `visit` returns false. Cost: of what is visited and of the toggles, not of the set.
  void for_each(const std::function<bool(Ordinal)>& visit) const;
  [[nodiscard]] Capture capture() const;
  /// Exact, O(1).
  [[nodiscard]] std::uint64_t cardinality() const { return cardinality_.load(std::memory_order_relaxed); }
  /// Of the heap; this object itself comes on top.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  void toggle(Ordinal o);
  void publish(Version* next);

  std::atomic<Version*> version_{nullptr};
  std::atomic<std::uint32_t> cardinality_{0};  // relaxed everywhere: a number for planning, no other data hangs on it
};

}  // namespace tidal::index
