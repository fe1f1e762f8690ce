// The edges of one relation that begin at one entity: the other end to (standing or not, time, weight).
//
// Representation: a version = cells sorted by the other end, then a short append-only list whose newest cell of an end
// wins; a full list is merged into a new version and the old one is freed by epochs. A cell never changes once it can
// be read, so its parts always belong together and a capture is a version and a length. 24 bytes a cell.
// The list is an eighth of the table within bounds: a change costs 8 copied cells while there are up to 2048 of them,
// and one 256th of the table beyond.
// E1: an other end has at most one cell; the newest put() or remove() decides. E2: sorted cells are never Gone.
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tidal/types.h"

namespace tidal::relationship {

struct EdgeCell {
  /// Fallen: does not stand, but its time keeps older statements out. Gone: as if it had never been.
  enum class Kind : std::uint32_t { Fallen = 0, Standing = 1, Gone = 2 };
  Ordinal other = Ordinal::None;
  Kind kind = Kind::Fallen;
  std::int64_t at_us = 0;  ///< event time that decided, in microseconds
  double weight = 0;       ///< 0 unless it stands
  bool operator==(const EdgeCell&) const = default;
};
static_assert(sizeof(EdgeCell) == 24);

class EdgeTable {
  struct Version;

 public:
  /// The cells at one moment, without a copy: valid under an EpochGuard or EpochPin that was there at that moment.
  class Capture {
   public:
    /// Sorted by the other end, none Gone.
    [[nodiscard]] std::vector<EdgeCell> cells() const;

   private:
    friend class EdgeTable;
    const Version* version_ = nullptr;
    std::uint32_t used_ = 0;
  };

  EdgeTable() = default;
  /// No reader may be inside.
  ~EdgeTable();
  EdgeTable(const EdgeTable&) = delete;
  EdgeTable& operator=(const EdgeTable&) = delete;

  // Write side.

  /// Inserts or replaces (E1).
  void put(const EdgeCell& cell);
  /// Takes the cell away; its memory goes with the next merge.
  void remove(Ordinal other) { put({.other = other, .kind = EdgeCell::Kind::Gone}); }
  void clear();
  /// Replaces everything; `sorted`: by the other end, distinct, none Gone.
  void assign(const std::vector<EdgeCell>& sorted);
  /// Fetches what put() reads first of a small table; the object itself should be there already.
  void prefetch() const noexcept;

  // Read side: any thread.

  /// Never Gone.
  [[nodiscard]] std::optional<EdgeCell> find(Ordinal other) const;
  /// out[i] = 1 where an edge to others[i] stands, else 0. No allocation; ascending ends cost a merge.
  void standing(std::span<const Ordinal> others, std::span<double> out) const;
  [[nodiscard]] Capture capture() const;
  /// Sorted by the other end, none Gone.
  [[nodiscard]] std::vector<EdgeCell> cells() const;
  /// Of the heap; this object itself comes on top.
  [[nodiscard]] std::size_t heap_bytes() const;

 private:
  void publish(Version* next);

  std::atomic<Version*> version_{nullptr};
};

}  // namespace tidal::relationship
