// The edges that an application writes: who follows, blocks or mutes whom, since when and with which weight.
//
// A cell is one (relation, from, to): whether the edge stands, the event time that decided, and the weight.
// R1: the latest event time decides, ties go to the later record; an older record changes nothing. An edge taken away
//     leaves a cell that does not stand, so that an older record that arrives later does not bring it back.
// R2: the deletion of an entity takes every cell of it, but not those of relations that exclude which users have toward
//     it, nor a deleted user's own ones that exclude always: they hold again when the key is put again.
// R3: an erased user leaves no cell, in neither direction.
// R4: time, weight and standing of one edge belong together in every read. Lists and counts of several edges are exact
//     when no write is under way.
// Units: times in microseconds. Threads: single writer (the applier), concurrent readers without locks.
// Source: docs/relationships.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/bitmap.h"
#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::relationship {

/// One standing edge, seen from one end.
struct Edge {
  Ordinal other = Ordinal::None;
  double weight = 0;  ///< as written
  Timestamp at{};     ///< event time of the record that decided
  bool operator==(const Edge&) const = default;
};

/// weight * 2^-(age / half-life), where age = now - at, at least 0. Without a half-life: the weight.
[[nodiscard]] double decayed_weight(const RelationDef& def, const Edge& edge, Timestamp now);

/// R2: whether a cell outlives the deletion of the entity that it begins or ends at.
[[nodiscard]] constexpr bool outlives_its_start(const RelationDef& def) {
  return def.from == EntityKind::User && def.excludes == RelationDef::Excludes::Always;
}
[[nodiscard]] constexpr bool outlives_its_end(const RelationDef& def) {
  return def.from == EntityKind::User && def.excludes != RelationDef::Excludes::Nothing;
}

/// ByTime: newest first, of one time in the order of ordinals.
enum class EdgeOrder : std::uint8_t { ByOrdinal, ByTime };

/// One statement about an edge.
struct EdgeEvent {
  std::uint16_t relation = 0;  ///< position in the schema
  Ordinal from = Ordinal::None;
  Ordinal to = Ordinal::None;
  Timestamp at{};
  bool stands = true;
  double weight = 1.0;  ///< finite, >= 0; of no matter when it does not stand
};

/// One cell, for digests and exports.
struct EdgeFact {
  std::uint16_t relation = 0;
  Ordinal from = Ordinal::None;
  Ordinal to = Ordinal::None;
  bool stands = false;
  Timestamp at{};
  double weight = 0;
};

class EdgeState {
 public:
  EdgeState();
  ~EdgeState();
  EdgeState(const EdgeState&) = delete;
  EdgeState& operator=(const EdgeState&) = delete;

  // Reads: any thread, each under an epoch guard of its own.

  /// Cost: the cells that `from` has in the relation.
  [[nodiscard]] std::vector<Edge> outgoing(std::uint16_t relation, Ordinal from,
                                           EdgeOrder order = EdgeOrder::ByOrdinal) const;
  /// Cost: a look-up for each.
  [[nodiscard]] std::vector<Edge> incoming(std::uint16_t relation, Ordinal to,
                                           EdgeOrder order = EdgeOrder::ByOrdinal) const;
  /// Where the edges of `from` lead.
  [[nodiscard]] index::Bitmap targets(std::uint16_t relation, Ordinal from) const;
  /// Where those that lead to `to` begin, ascending, until `visit` returns false. Cost: of those visited.
  void for_each_source(std::uint16_t relation, Ordinal to, const std::function<bool(Ordinal)>& visit) const;
  /// O(1).
  [[nodiscard]] std::uint64_t outgoing_count(std::uint16_t relation, Ordinal from) const;
  [[nodiscard]] std::uint64_t incoming_count(std::uint16_t relation, Ordinal to) const;
  /// Nothing when it does not stand.
  [[nodiscard]] std::optional<Edge> edge(std::uint16_t relation, Ordinal from, Ordinal to) const;
  [[nodiscard]] bool stands(std::uint16_t relation, Ordinal from, Ordinal to) const {
    return edge(relation, from, to).has_value();
  }
  struct Cell {
    bool stands = false;
    Timestamp at{};
  };
  /// Also one that does not stand; nothing where there never was an edge.
  [[nodiscard]] std::optional<Cell> cell(std::uint16_t relation, Ordinal from, Ordinal to) const;
  /// out[i] = 1 where the edge to tos[i] stands, else 0. out.size() == tos.size(). No allocation; ascending `tos` cost
  /// a merge.
  void standing(std::uint16_t relation, Ordinal from, std::span<const Ordinal> tos, std::span<double> out) const;

  // Write side. Applier only. `relations`: those of the schema in force.

  /// R1. `event.relation` is one of `relations`.
  void record(const EdgeEvent& event, std::span<const RelationDef> relations);
  /// What to fetch ahead of an event: the places of its ends, then what lies behind them.
  enum class PrefetchStage : std::uint8_t { Ends, Cells };
  void prefetch(const EdgeEvent& event, PrefetchStage stage) const;
  void delete_entity(EntityKind kind, Ordinal ordinal, std::span<const RelationDef> relations);  ///< R2
  void erase_user(Ordinal user);                                                                 ///< R3
  void clear();

  /// What an image may mention: bounds that keep damage from making tables huge.
  struct ImageLimits {
    std::function<bool(EntityKind, Ordinal)> is_known;  ///< asked for the largest of a kind
    std::span<const RelationDef> relations;
  };
  /// The state as of now, detached. Encoding may happen on another thread while the state changes, but not after it is
  /// gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the limits; the state is left as
  /// it was.
  [[nodiscard]] Status restore(std::string_view image, const ImageLimits& limits);

  /// Every cell, in no particular order.
  void for_each_fact(const std::function<void(const EdgeFact&)>& visit) const;
  /// Every cell that begins or ends at the entity, one that does both once. Any thread.
  void for_each_fact_of(EntityKind kind, Ordinal ordinal, const std::function<void(const EdgeFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  struct Relation;
  struct Outgoing;
  struct Incoming;
  class StateCapture;
  [[nodiscard]] const Relation* find(std::uint16_t relation) const;
  [[nodiscard]] const Outgoing* find_outgoing(std::uint16_t relation, Ordinal from) const;
  [[nodiscard]] const Incoming* find_incoming(std::uint16_t relation, Ordinal to) const;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::relationship
