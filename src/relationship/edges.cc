// Reads and writes of edges.
#include "relationship/edges.h"

#include <algorithm>
#include <vector>

#include "base/epoch.h"
#include "base/ordered_math.h"
#include "relationship/edges_state.h"

namespace tidal::relationship {
namespace {

using Kind = EdgeCell::Kind;

Edge edge_of(Ordinal other, const EdgeCell& cell) { return {other, cell.weight, Timestamp{cell.at_us}}; }

std::vector<Edge> in_order(std::vector<Edge> by_ordinal, EdgeOrder order) {
  if (order == EdgeOrder::ByTime) {
    std::stable_sort(by_ordinal.begin(), by_ordinal.end(), [](const Edge& a, const Edge& b) { return a.at > b.at; });
  }
  return by_ordinal;
}

EdgeFact fact_of(std::uint16_t relation, Ordinal from, const EdgeCell& cell) {
  return {relation, from, cell.other, cell.kind == Kind::Standing, Timestamp{cell.at_us}, cell.weight};
}

}  // namespace

double decayed_weight(const RelationDef& def, const Edge& edge, Timestamp now) {
  if (def.half_life.us <= 0 || now <= edge.at) return edge.weight;
  const double age_us = static_cast<double>(now.us) - static_cast<double>(edge.at.us);
  return edge.weight * base::ordered_exp2(-age_us / static_cast<double>(def.half_life.us));
}

EdgeState::EdgeState() : state_(new State) {}
EdgeState::~EdgeState() { delete state_.load(std::memory_order_relaxed); }

// Reads. Each holds a guard for as long as it uses the state.

const EdgeState::Relation* EdgeState::find(std::uint16_t relation) const {
  const State& state = *state_.load(std::memory_order_acquire);  // pairs with clear() and restore()
  if (relation >= state.relation_end.load(std::memory_order_acquire)) return nullptr;
  return state.relations.find(relation);
}

const EdgeState::Outgoing* EdgeState::find_outgoing(std::uint16_t relation, Ordinal from) const {
  const Relation* r = from == Ordinal::None ? nullptr : find(relation);
  return r == nullptr ? nullptr : r->outgoing.find(from);
}

const EdgeState::Incoming* EdgeState::find_incoming(std::uint16_t relation, Ordinal to) const {
  const Relation* r = to == Ordinal::None ? nullptr : find(relation);
  return r == nullptr ? nullptr : r->incoming.find(to);
}

std::vector<Edge> EdgeState::outgoing(std::uint16_t relation, Ordinal from, EdgeOrder order) const {
  const base::EpochGuard guard;
  std::vector<Edge> out;
  const Outgoing* edges = find_outgoing(relation, from);
  if (edges == nullptr) return out;
  for (const EdgeCell& cell : edges->cells.cells()) {
    if (cell.kind == Kind::Standing) out.push_back(edge_of(cell.other, cell));
  }
  return in_order(std::move(out), order);
}

std::vector<Edge> EdgeState::incoming(std::uint16_t relation, Ordinal to, EdgeOrder order) const {
  const base::EpochGuard guard;
  std::vector<Edge> out;
  const Incoming* edges = find_incoming(relation, to);
  if (edges == nullptr) return out;
  for (const Ordinal from : edges->standing.to_vector()) {
    // The cell decides, since it holds standing, time and weight together (R4).
    if (const std::optional<Edge> e = edge(relation, from, to)) out.push_back({from, e->weight, e->at});
  }
  return in_order(std::move(out), order);
}

index::Bitmap EdgeState::targets(std::uint16_t relation, Ordinal from) const {
  const base::EpochGuard guard;
  const Outgoing* edges = find_outgoing(relation, from);
  if (edges == nullptr) return {};
  std::vector<Ordinal> others;
  for (const EdgeCell& cell : edges->cells.cells()) {
    if (cell.kind == Kind::Standing) others.push_back(cell.other);
  }
  return index::Bitmap::of(others);
}

void EdgeState::for_each_source(std::uint16_t relation, Ordinal to, const std::function<bool(Ordinal)>& visit) const {
  const base::EpochGuard guard;
  if (const Incoming* edges = find_incoming(relation, to)) edges->standing.for_each(visit);
}

std::uint64_t EdgeState::outgoing_count(std::uint16_t relation, Ordinal from) const {
  const base::EpochGuard guard;
  const Outgoing* edges = find_outgoing(relation, from);
  return edges == nullptr ? 0 : edges->standing.load(std::memory_order_relaxed);
}

std::uint64_t EdgeState::incoming_count(std::uint16_t relation, Ordinal to) const {
  const base::EpochGuard guard;
  const Incoming* edges = find_incoming(relation, to);
  return edges == nullptr ? 0 : edges->standing.cardinality();
}

std::optional<Edge> EdgeState::edge(std::uint16_t relation, Ordinal from, Ordinal to) const {
  const base::EpochGuard guard;
  const Outgoing* edges = find_outgoing(relation, from);
  const std::optional<EdgeCell> cell = edges == nullptr ? std::nullopt : edges->cells.find(to);
  if (!cell || cell->kind != Kind::Standing) return std::nullopt;
  return edge_of(to, *cell);
}

std::optional<EdgeState::Cell> EdgeState::cell(std::uint16_t relation, Ordinal from, Ordinal to) const {
  const base::EpochGuard guard;
  const Outgoing* edges = find_outgoing(relation, from);
  const std::optional<EdgeCell> cell = edges == nullptr ? std::nullopt : edges->cells.find(to);
  if (!cell) return std::nullopt;
  return Cell{.stands = cell->kind == Kind::Standing, .at = Timestamp{cell->at_us}};
}

void EdgeState::standing(std::uint16_t relation, Ordinal from, std::span<const Ordinal> tos,
                         std::span<double> out) const {
  const base::EpochGuard guard;
  if (const Outgoing* edges = find_outgoing(relation, from)) return edges->cells.standing(tos, out);
  std::fill_n(out.begin(), tos.size(), 0.0);
}

void EdgeState::for_each_fact(const std::function<void(const EdgeFact&)>& visit) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  const std::uint32_t relation_end = state.relation_end.load(std::memory_order_acquire);
  for (std::uint32_t r = 0; r < relation_end; ++r) {
    const auto& all = state.relations[r].outgoing;
    all.for_each_below(all.end(), [&](Ordinal from, const Outgoing& edges) {
      for (const EdgeCell& cell : edges.cells.cells()) visit(fact_of(static_cast<std::uint16_t>(r), from, cell));
    });
  }
}

void EdgeState::for_each_fact_of(EntityKind kind, Ordinal ordinal,
                                 const std::function<void(const EdgeFact&)>& visit) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  const std::uint32_t relation_end = state.relation_end.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < relation_end && ordinal != Ordinal::None; ++i) {
    const Relation& r = state.relations[i];
    const auto relation = static_cast<std::uint16_t>(i);
    const Outgoing* edges = r.from == kind ? r.outgoing.find(ordinal) : nullptr;
    if (edges != nullptr) {
      for (const EdgeCell& cell : edges->cells.cells()) visit(fact_of(relation, ordinal, cell));
    }
    const Incoming* ends = r.to == kind ? r.incoming.find(ordinal) : nullptr;
    if (ends == nullptr) continue;
    for (const index::LiveBitmap* set : {&ends->standing, &ends->fallen}) {
      for (const Ordinal from : set->to_vector()) {
        if (r.from == kind && from == ordinal) continue;  // visited above
        const Outgoing* other_end = r.outgoing.find(from);
        const std::optional<EdgeCell> cell = other_end == nullptr ? std::nullopt : other_end->cells.find(ordinal);
        // A cell that changes sides meanwhile would be met in both sets.
        const bool is_of_set = cell && (cell->kind == Kind::Standing) == (set == &ends->standing);
        if (is_of_set) visit(fact_of(relation, from, *cell));
      }
    }
  }
}

// Writes. Only this thread replaces the state, so it needs no guard.

void EdgeState::record(const EdgeEvent& event, std::span<const RelationDef> relations) {
  State& state = *state_.load(std::memory_order_relaxed);
  Relation& r = state.grow_to(event.relation, relations);
  Outgoing& edges = r.outgoing.at_grown(event.from);
  const std::optional<EdgeCell> before = edges.cells.find(event.to);
  if (before && event.at.us < before->at_us) return;  // R1
  const EdgeCell after{.other = event.to,
                       .kind = event.stands ? Kind::Standing : Kind::Fallen,
                       .at_us = event.at.us,
                       .weight = event.stands ? event.weight + 0.0 : 0.0};  // + 0.0: one zero only
  if (before == after) return;
  state.save_for_captures(event.relation, event.from, edges);
  edges.cells.put(after);
  if (before && before->kind == after.kind) return;
  Incoming& ends = r.incoming.at_grown(event.to);
  ends.of(after.kind).add(event.from);
  if (before) ends.of(before->kind).remove(event.from);
  const int change = (event.stands ? 1 : 0) - (before && before->kind == Kind::Standing ? 1 : 0);
  edges.standing.store(edges.standing.load(std::memory_order_relaxed) + static_cast<std::uint32_t>(change),
                       std::memory_order_relaxed);
}

void EdgeState::prefetch(const EdgeEvent& event, PrefetchStage stage) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  if (event.relation >= state.relation_end.load(std::memory_order_relaxed)) return;
  const Relation& r = state.relations[event.relation];
  if (stage == PrefetchStage::Ends) {
    if (event.from != Ordinal::None) r.outgoing.prefetch(event.from);
    if (event.to != Ordinal::None) r.incoming.prefetch(event.to);
    return;
  }
  const Outgoing* edges = event.from == Ordinal::None ? nullptr : r.outgoing.find(event.from);
  const Incoming* ends = event.to == Ordinal::None ? nullptr : r.incoming.find(event.to);
  if (edges != nullptr) edges->cells.prefetch();
  if (ends != nullptr) ends->standing.prefetch();
}

void EdgeState::State::drop_outgoing(std::uint16_t relation, Ordinal from) {
  Relation& r = relations[relation];
  Outgoing* edges = r.outgoing.find(from);
  if (edges == nullptr) return;
  const std::vector<EdgeCell> cells = edges->cells.cells();
  if (cells.empty()) return;
  save_for_captures(relation, from, *edges);
  edges->cells.clear();
  edges->standing.store(0, std::memory_order_relaxed);
  for (const EdgeCell& cell : cells) r.incoming.at_grown(cell.other).of(cell.kind).remove(from);
}

void EdgeState::State::drop_incoming(std::uint16_t relation, Ordinal to) {
  Relation& r = relations[relation];
  Incoming* ends = r.incoming.find(to);
  if (ends == nullptr) return;
  for (const Kind kind : {Kind::Standing, Kind::Fallen}) {
    for (const Ordinal from : ends->of(kind).to_vector()) {
      Outgoing& edges = r.outgoing.at_grown(from);
      save_for_captures(relation, from, edges);
      edges.cells.remove(to);
      if (kind == Kind::Standing) {
        edges.standing.store(edges.standing.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
      }
    }
    ends->of(kind).clear();
  }
}

void EdgeState::delete_entity(EntityKind kind, Ordinal ordinal, std::span<const RelationDef> relations) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (ordinal == Ordinal::None) return;
  const std::size_t end = std::min<std::size_t>(state.relation_end.load(std::memory_order_relaxed), relations.size());
  for (std::uint16_t r = 0; r < end; ++r) {
    const RelationDef& def = relations[r];
    if (def.from == kind && !outlives_its_start(def)) state.drop_outgoing(r, ordinal);
    if (def.to == kind && !outlives_its_end(def)) state.drop_incoming(r, ordinal);
  }
}

void EdgeState::erase_user(Ordinal user) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (user == Ordinal::None) return;
  const std::uint32_t end = state.relation_end.load(std::memory_order_relaxed);
  for (std::uint16_t r = 0; r < end; ++r) {
    if (state.relations[r].from == EntityKind::User) state.drop_outgoing(r, user);
    if (state.relations[r].to == EntityKind::User) state.drop_incoming(r, user);
  }
}

void EdgeState::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::size_t EdgeState::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  std::size_t bytes = sizeof state + state.relations.memory_bytes();
  const std::uint32_t relation_end = state.relation_end.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < relation_end; ++i) {
    const Relation& r = state.relations[i];
    bytes += r.outgoing.memory_bytes() + r.incoming.memory_bytes();
    r.outgoing.for_each_below(r.outgoing.end(), [&](Ordinal, const Outgoing& o) { bytes += o.cells.heap_bytes(); });
    r.incoming.for_each_below(r.incoming.end(), [&](Ordinal, const Incoming& e) {
      bytes += e.standing.heap_bytes() + e.fallen.heap_bytes();
    });
  }
  return bytes;
}

}  // namespace tidal::relationship
