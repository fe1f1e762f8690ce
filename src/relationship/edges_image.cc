// The image of edges.
//
// Image: format u8 = 1; number of relations, varint; each: ends of its `from` and `to` ordinals, varints; those with
// cells as differences (ordinal_list.h), then each: number of cells, then each: varint of the other end minus the one
// before, times 4, plus 1 if it stands, plus 2 if the weight is 1; time zigzag; the weight f64 if it stands and is not
// 1. Sets of incoming edges and counts follow from the cells.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "relationship/edges_state.h"

namespace tidal::relationship {
namespace {

using Kind = EdgeCell::Kind;

constexpr std::uint8_t kImageFormat = 1;
constexpr std::uint64_t kStands = 1;
constexpr std::uint64_t kWeighsOne = 2;

Error corrupt(std::string what) { return Error(Code::Corruption, "relations image: " + std::move(what)); }

void encode_cells(const std::vector<EdgeCell>& cells, base::Encoder& out) {
  out.varint(cells.size());
  std::uint64_t before = 0;
  for (const EdgeCell& cell : cells) {
    const bool stands = cell.kind == Kind::Standing;
    const std::uint64_t gap = to_index(cell.other) - before;
    out.varint(gap << 2 | (stands ? kStands : 0) | (cell.weight == 1.0 ? kWeighsOne : 0));
    out.zigzag(cell.at_us);
    if (stands && cell.weight != 1.0) out.f64(cell.weight);
    before = to_index(cell.other);
  }
}

/// Reads the cells of one `from`; `in` fails on anything that encode_cells() does not write.
std::vector<EdgeCell> decode_cells(base::Decoder& in, std::uint64_t to_end) {
  std::vector<EdgeCell> out;
  const std::uint64_t count = in.varint();
  if (count == 0 || count > in.rest().size() / 2) in.fail();  // each takes at least two bytes
  if (!in.ok()) return out;
  out.reserve(count);
  std::uint64_t other = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t word = in.varint();
    const std::int64_t at_us = in.zigzag();
    const std::uint64_t gap = word >> 2;
    const bool stands = (word & kStands) != 0;
    double weight = stands ? 1.0 : 0.0;
    if ((word & kWeighsOne) == 0 && stands) {
      weight = in.f64();
      if (!std::isfinite(weight) || std::signbit(weight) || weight == 1.0) in.fail();
    }
    if ((word & kWeighsOne) != 0 && !stands) in.fail();
    if (gap >= to_end || other + gap >= to_end || (i > 0 && gap == 0)) in.fail();
    if (!in.ok()) return {};
    other += gap;
    out.push_back(
        {to_ordinal(static_cast<std::uint32_t>(other)), stands ? Kind::Standing : Kind::Fallen, at_us, weight});
  }
  return out;
}

/// An edge as one word, so that sorting gives each end its sources in ascending order.
std::uint64_t reversed(Ordinal from, Ordinal to) {
  return static_cast<std::uint64_t>(to_index(to)) << 32 | to_index(from);
}

/// visit(to, sources) for each end.
template <class Visit>
void for_each_end(std::vector<std::uint64_t>& edges, Visit visit) {
  std::sort(edges.begin(), edges.end());
  std::vector<Ordinal> sources;
  for (std::size_t i = 0; i < edges.size();) {
    const std::uint64_t to = edges[i] >> 32;
    sources.clear();
    for (; i < edges.size() && edges[i] >> 32 == to; ++i) {
      sources.push_back(to_ordinal(static_cast<std::uint32_t>(edges[i])));
    }
    visit(to_ordinal(static_cast<std::uint32_t>(to)), sources);
  }
}

}  // namespace

class EdgeState::StateCapture final : public EdgeState::Capture {
 public:
  explicit StateCapture(const State& state) : state_(state), changed_(state.past.begin()) {
    const std::uint32_t relation_end = state.relation_end.load(std::memory_order_relaxed);
    for (std::uint32_t r = 0; r < relation_end; ++r) from_ends_.push_back(state.relations[r].outgoing.end());
  }

  [[nodiscard]] std::string encode() const override {
    std::vector<std::string> relations;
    std::size_t count = 0;
    for (std::uint16_t r = 0; r < from_ends_.size(); ++r) {
      bool has_cells = false;
      relations.push_back(encode_relation(r, has_cells));
      if (has_cells) count = relations.size();  // those without cells at the end are left out
    }
    base::Encoder out;
    out.u8(kImageFormat);
    out.varint(count);
    for (std::size_t r = 0; r < count; ++r) out.raw(relations[r]);
    return out.take();
  }

 private:
  [[nodiscard]] std::string encode_relation(std::uint16_t relation, bool& has_cells) const {
    std::vector<Ordinal> froms;
    std::uint64_t to_end = 0;
    base::Encoder by_from;
    const auto add = [&](Ordinal from, const Outgoing& edges) {
      EdgeTable::Capture past = edges.cells.capture();
      // S1: after the look at the live table.
      if (const auto saved = changed_.saved(State::cell_of(relation, from))) past = *saved;
      const std::vector<EdgeCell> cells = past.cells();
      if (cells.empty()) return;
      froms.push_back(from);
      to_end = std::max(to_end, to_index(cells.back().other) + std::uint64_t{1});
      encode_cells(cells, by_from);
    };
    state_.relations[relation].outgoing.for_each_below(from_ends_[relation], add);
    has_cells = !froms.empty();
    base::Encoder out;
    out.varint(froms.empty() ? 0 : to_index(froms.back()) + std::uint64_t{1});
    out.varint(to_end);
    index::encode_ordinals(froms, out);
    out.raw(by_from.str());
    return out.take();
  }

  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the versions of its tables
  const State& state_;
  base::Captures<EdgeTable::Capture>::Capture changed_;
  std::vector<std::uint32_t> from_ends_;  // by relation
};

std::unique_ptr<EdgeState::Capture> EdgeState::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status EdgeState::restore(std::string_view image, const ImageLimits& limits) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  const std::uint64_t count = in.varint();
  if (count > limits.relations.size()) return corrupt("unknown relation " + std::to_string(count - 1));
  const auto beyond = [&](EntityKind kind, std::uint64_t end) {
    return end > to_index(Ordinal::None) ||
           (end > 0 && !limits.is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
  };
  for (std::uint16_t r = 0; r < count; ++r) {
    const RelationDef& def = limits.relations[r];
    const std::uint64_t from_end = in.varint();
    const std::uint64_t to_end = in.varint();
    if (beyond(def.from, from_end) || beyond(def.to, to_end)) return corrupt("unknown end of relation " + def.name);
    Relation& relation = next->grow_to(r, limits.relations);
    std::uint64_t reach = 0;
    std::vector<std::uint64_t> by_kind[2];  // reversed edges, by the kind of their cell
    const std::vector<Ordinal> froms = index::decode_ordinals(in, static_cast<std::uint32_t>(from_end));
    for (const Ordinal from : froms) {
      const std::vector<EdgeCell> cells = decode_cells(in, to_end);
      if (!in.ok()) return corrupt("malformed edges of relation " + def.name);
      std::uint32_t standing = 0;
      for (const EdgeCell& cell : cells) {
        by_kind[static_cast<std::size_t>(cell.kind)].push_back(reversed(from, cell.other));
        if (cell.kind == Kind::Standing) ++standing;
      }
      reach = std::max(reach, to_index(cells.back().other) + std::uint64_t{1});
      Outgoing& edges = relation.outgoing.at_grown(from);
      edges.cells.assign(cells);
      edges.standing.store(standing, std::memory_order_relaxed);  // published by the exchange below
    }
    const std::uint64_t from_reach = froms.empty() ? 0 : to_index(froms.back()) + std::uint64_t{1};
    const bool left_out = froms.empty() && r + 1U == count;
    if (!in.ok() || from_reach != from_end || reach != to_end || left_out) {
      return corrupt("wrong ends of relation " + def.name);
    }
    for (const Kind kind : {Kind::Fallen, Kind::Standing}) {
      for_each_end(by_kind[static_cast<std::size_t>(kind)], [&](Ordinal to, std::span<const Ordinal> sources) {
        relation.incoming.at_grown(to).of(kind).assign(sources);
      });
    }
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

}  // namespace tidal::relationship
