// What EdgeState consists of. Included by its own sources only.
#pragma once

#include <atomic>

#include "base/captures.h"
#include "base/chunked_array.h"
#include "index/live_bitmap.h"
#include "relationship/edge_table.h"
#include "relationship/edges.h"
#include "relationship/sparse_array.h"

namespace tidal::relationship {

struct EdgeState::Outgoing {
  EdgeTable cells;
  std::atomic<std::uint32_t> standing{0};  // relaxed: a number for planning, no other data hangs on it
};

/// Where the cells of one end begin: found by it when they are listed or taken away. Follows from the cells.
struct EdgeState::Incoming {
  index::LiveBitmap standing;
  index::LiveBitmap fallen;

  index::LiveBitmap& of(EdgeCell::Kind kind) { return kind == EdgeCell::Kind::Standing ? standing : fallen; }
};

struct EdgeState::Relation {
  EntityKind from = EntityKind::User;
  EntityKind to = EntityKind::Creator;
  SparseArray<Outgoing> outgoing;
  SparseArray<Incoming> incoming;
};

struct EdgeState::State {
  base::ChunkedArray<Relation, 2> relations;
  // release when raised, acquire when readers walk: the kinds of relations below are set.
  std::atomic<std::uint32_t> relation_end{0};
  mutable base::Captures<EdgeTable::Capture> past;  // by relation, then `from`; capturing is a read

  [[nodiscard]] static std::uint64_t cell_of(std::uint16_t relation, Ordinal from) {
    return static_cast<std::uint64_t>(relation) << 32 | to_index(from);
  }
  void save_for_captures(std::uint16_t relation, Ordinal from, const Outgoing& outgoing) {
    past.before_change(cell_of(relation, from), [&outgoing] { return outgoing.cells.capture(); });
  }
  /// Makes all relations up to `relation`, which is one of `defs`.
  Relation& grow_to(std::uint16_t relation, std::span<const RelationDef> defs) {
    std::uint32_t end = relation_end.load(std::memory_order_relaxed);  // the applier's own
    for (; end <= relation; ++end) {
      Relation& made = relations.at_grown(end);
      made.from = defs[end].from;
      made.to = defs[end].to;
      relation_end.store(end + 1, std::memory_order_release);
    }
    return relations[relation];
  }
  void drop_outgoing(std::uint16_t relation, Ordinal from);
  void drop_incoming(std::uint16_t relation, Ordinal to);
};

}  // namespace tidal::relationship
