// Distinct keyword values of one field, each with a dense id and the set of entities that have it.
//
// An id and its term stay for the dictionary's life, also when no entity has the value any more.
// Threads: single writer (intern), concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/chunked_array.h"
#include "index/live_bitmap.h"

namespace tidal::index {

class TermDictionary {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

  TermDictionary() = default;
  ~TermDictionary();
  TermDictionary(const TermDictionary&) = delete;
  TermDictionary& operator=(const TermDictionary&) = delete;

  /// The term's id, a new one when it is unknown. Writer only.
  std::uint32_t intern(std::string_view term);
  /// kNone when unknown.
  [[nodiscard]] std::uint32_t find(std::string_view term) const;
  /// Ids are below this.
  // acquire: pairs with the release in intern(), so that the entries below are there.
  [[nodiscard]] std::uint32_t size() const { return size_.load(std::memory_order_acquire); }
  /// Valid for the dictionary's life. `id` < size().
  [[nodiscard]] const std::string& term(std::uint32_t id) const { return entries_[id].term; }
  [[nodiscard]] LiveBitmap& entities(std::uint32_t id) { return entries_[id].entities; }
  [[nodiscard]] const LiveBitmap& entities(std::uint32_t id) const { return entries_[id].entities; }

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Entry {
    std::string term;  // constant once the id is published
    LiveBitmap entities;
  };
  struct Table;
  void grow();

  base::ChunkedArray<Entry, 4> entries_;
  std::atomic<std::uint32_t> size_{0};
  std::atomic<Table*> table_{nullptr};
};

}  // namespace tidal::index
