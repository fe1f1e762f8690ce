// The items of one creator in the order of their creation, read newest first.
//
// Representation: chunks of up to 128 entries, oldest first, behind a directory of them. What is newer than a whole
// chunk with room is written behind its last entry, where no reader looks yet; any other change copies the chunk that
// it changes. About 12 bytes an entry that came in order, up to twice that after insertions in random order; chunks
// that removals leave nearly empty are not joined.
// T1: entries stand in the order (created, item descending), each once; no chunk is empty.
// T2: a reader meets all that stands in its place meanwhile, once and in order; what is taken out and put in meanwhile
// it may miss, meet twice or meet out of order.
// Threads: single writer; readers without locks, under an EpochGuard that outlasts their Cursor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tidal/types.h"

namespace tidal::relationship {

/// Newest first, ascending ordinals among those of one moment: the order in which sources give what they found.
struct CreatedItem {
  Timestamp created;
  Ordinal item = Ordinal::None;

  [[nodiscard]] constexpr bool is_before(const CreatedItem& other) const {
    return created != other.created ? created > other.created : item < other.item;
  }
  bool operator==(const CreatedItem&) const = default;
};

class ItemsByTime {
  struct Chunk;
  struct Directory;

 public:
  /// Walks from newest to oldest.
  class Cursor {
   public:
    /// At the end.
    Cursor() = default;
    /// Begins at the newest that was created at `not_after` or before. Cost: two binary searches.
    Cursor(const ItemsByTime& items, Timestamp not_after);

    [[nodiscard]] bool at_end() const { return chunk_ == nullptr; }
    /// Not at the end.
    [[nodiscard]] CreatedItem entry() const;
    void next();

   private:
    void enter(std::uint32_t count);

    const Directory* directory_ = nullptr;
    const Chunk* chunk_ = nullptr;
    std::uint32_t chunks_left_ = 0;   // before chunk_
    std::uint32_t entries_left_ = 0;  // of chunk_, before this one
  };

  ItemsByTime() = default;
  /// No reader may be inside.
  ~ItemsByTime();
  ItemsByTime(const ItemsByTime&) = delete;
  ItemsByTime& operator=(const ItemsByTime&) = delete;

  // Write side.

  /// Not there yet. Cost: constant at the newest end, else a copied chunk, and now and then the directory.
  void insert(CreatedItem entry);
  /// Must be there.
  void remove(CreatedItem entry);

  /// Of the heap; this object itself comes on top. Writer only.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  void publish(Directory* next);
  void append_chunk(std::uint32_t capacity, CreatedItem entry);
  void replace(std::uint32_t at, Chunk* first, Chunk* second);

  std::atomic<Directory*> directory_{nullptr};
};

}  // namespace tidal::relationship
