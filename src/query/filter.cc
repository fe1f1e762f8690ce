// Planning and running filters.
#include "query/filter.h"

#include <algorithm>

namespace tidal::query {
namespace {

// Without statistics: what an equality and what any other test of a column or stored field is taken to let through.
constexpr double kEqualityGuess = 0.1;
constexpr double kRangeGuess = 1.0 / 3;
// A range of a whole column costs about as much as the numbers of one in so many.
constexpr std::uint64_t kColumnScanShare = 16;

}  // namespace

Filter::Filter(const Bound& bound, Evaluator& evaluator, FeatureReader& reader, const Deadline& deadline)
    : bound_(bound), evaluator_(evaluator), reader_(reader), deadline_(deadline) {
  costs_.reserve(bound.nodes.size());
  for (const BoundNode& node : bound.nodes) {
    const bool logic = node.op == Op::And || node.op == Op::Or || node.op == Op::Not || node.op == Op::Const;
    const bool set = node.set >= 0 && !bound.sets[static_cast<std::size_t>(node.set)].of_creator;
    Cost cost = logic || set ? Cost::Set : Cost::Column;
    if (!set) {
      if (node.op == Op::Stored) cost = Cost::Stored;
      if (node.op == Op::Feature && bound.features[node.ref].kind == FeatureRef::Kind::StoredField) cost = Cost::Stored;
      for (const std::uint32_t child : node.children) cost = std::max(cost, costs_[child]);
    }
    costs_.push_back(cost);
  }
}

bool Filter::is_answered_by_set(std::uint32_t node, std::uint64_t universe) const {
  const BoundNode& n = bound_.nodes[node];
  if (n.set < 0) return false;
  const SetRef& set = bound_.sets[static_cast<std::size_t>(n.set)];
  if (set.of_creator) return false;
  const bool has_column = n.op != Op::Set && set.kind == SetRef::Kind::Ranges;
  return !has_column || universe > reader_.views().entities->live_count(set.entity) / kColumnScanShare;
}

FilterPart Filter::measure(std::uint32_t node, std::uint64_t universe) {
  const BoundNode& n = bound_.nodes[node];
  FilterPart part{node, costs_[node], kRangeGuess};
  const auto all = static_cast<double>(std::max<std::uint64_t>(universe, 1));
  if (is_answered_by_set(node, universe)) {
    if (deadline_.passed()) return part;
    const std::optional<std::uint64_t> known = reader_.estimate(bound_.sets[static_cast<std::size_t>(n.set)]);
    const auto size = static_cast<double>(known ? *known : evaluator_.set(n.set).cardinality());
    part.selectivity = std::min(1.0, size / all);
    return part;
  }
  if (n.set >= 0 && part.cost == Cost::Set) part.cost = Cost::Column;
  switch (n.op) {
    case Op::Const: part.selectivity = n.constant; break;
    case Op::Eq:
    case Op::InNumbers: part.selectivity = n.negated ? 1 - kEqualityGuess : kEqualityGuess; break;
    case Op::Ne: part.selectivity = 1 - kEqualityGuess; break;
    case Op::Stored: part.selectivity = bound_.tests[n.ref].negated ? 1 - kEqualityGuess : kEqualityGuess; break;
    case Op::Not: part.selectivity = 1 - measure(n.children[0], universe).selectivity; break;
    case Op::And:
      part.selectivity = 1;
      for (const std::uint32_t child : n.children) part.selectivity *= measure(child, universe).selectivity;
      break;
    case Op::Or: {
      double none = 1;
      for (const std::uint32_t child : n.children) none *= 1 - measure(child, universe).selectivity;
      part.selectivity = 1 - none;
      break;
    }
    default: break;
  }
  return part;
}

std::vector<FilterPart> Filter::ordered(const std::vector<std::uint32_t>& nodes, std::uint64_t universe,
                                        bool conjunction) {
  std::vector<FilterPart> parts;
  parts.reserve(nodes.size());
  for (const std::uint32_t node : nodes) parts.push_back(measure(node, universe));
  // What leaves the least work for the next one goes first: few survivors of AND, many hits of OR.
  std::stable_sort(parts.begin(), parts.end(), [&](const FilterPart& a, const FilterPart& b) {
    if (a.cost != b.cost) return a.cost < b.cost;
    return conjunction ? a.selectivity < b.selectivity : a.selectivity > b.selectivity;
  });
  return parts;
}

std::vector<FilterPart> Filter::plan(std::uint64_t universe) {
  const BoundNode& root = bound_.nodes[bound_.root()];
  if (root.op == Op::And) return ordered(root.children, universe, true);
  return ordered({bound_.root()}, universe, true);
}

Result<index::Bitmap> Filter::narrow_by_column(std::uint32_t node, const index::Bitmap& universe) {
  const std::vector<Ordinal> candidates = universe.to_vector();
  const std::size_t step = costs_[node] == Cost::Stored ? kReadChunk : kChunk;
  std::vector<double> holds(step);
  std::vector<Ordinal> kept;
  for (std::size_t first = 0; first < candidates.size() && !deadline_.passed(); first += step) {
    const std::size_t n = std::min(step, candidates.size() - first);
    const std::span<const Ordinal> chunk(candidates.data() + first, n);
    TIDAL_TRY(evaluator_.evaluate(node, {chunk, first, {}}, {holds.data(), n}));
    for (std::size_t i = 0; i < n; ++i) {
      if (holds[i] != 0) kept.push_back(chunk[i]);
    }
  }
  return index::Bitmap::of(kept);
}

Result<index::Bitmap> Filter::narrow(std::uint32_t node, index::Bitmap universe) {
  const BoundNode& n = bound_.nodes[node];
  if (universe.empty()) return universe;
  if (deadline_.passed()) return index::Bitmap();
  if (n.op == Op::Const) return n.constant != 0 ? std::move(universe) : index::Bitmap();
  if (is_answered_by_set(node, universe.cardinality())) {
    universe &= evaluator_.set(n.set);
    return universe;
  }
  switch (n.op) {
    case Op::And:
      for (const FilterPart& part : ordered(n.children, universe.cardinality(), true)) {
        TIDAL_TRY_ASSIGN(universe, narrow(part.node, std::move(universe)));
      }
      return universe;
    case Op::Or: {
      index::Bitmap found;
      for (const FilterPart& part : ordered(n.children, universe.cardinality(), false)) {
        TIDAL_TRY_ASSIGN(const index::Bitmap hits, narrow(part.node, universe));
        found |= hits;
        universe -= hits;
      }
      return found;
    }
    case Op::Not: {
      TIDAL_TRY_ASSIGN(const index::Bitmap hits, narrow(n.children[0], universe));
      // Candidates that the deadline kept from being looked at must not pass for having failed.
      if (deadline_.passed()) return index::Bitmap();
      universe -= hits;
      return universe;
    }
    default: return narrow_by_column(node, universe);
  }
}

}  // namespace tidal::query
