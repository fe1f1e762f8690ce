// Column evaluation of bound expressions.
#include "query/evaluator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "query/kernels.h"

namespace tidal::query {
namespace {

// (x - min) / (max - min); 0 when all are equal.
void normalise(std::vector<double>& column) {
  const auto [low, high] = std::minmax_element(column.begin(), column.end());
  const double base = *low;
  const double span = *high - *low;
  for (double& x : column) x = span > 0 ? (x - base) / span : 0;
}

// (x - mean) / standard deviation; 0 when all are equal.
void standardise(std::vector<double>& column) {
  const auto n = static_cast<double>(column.size());
  const double mean = std::accumulate(column.begin(), column.end(), 0.0) / n;
  double squares = 0;
  for (const double x : column) squares += (x - mean) * (x - mean);
  const double deviation = std::sqrt(squares / n);
  for (double& x : column) x = deviation > 0 ? (x - mean) / deviation : 0;
}

// The share of the other candidates that lie below; 0 when there is no other.
void rank_shares(std::vector<double>& column) {
  std::vector<double> sorted = column;
  std::sort(sorted.begin(), sorted.end());
  const auto others = static_cast<double>(sorted.size()) - 1;
  for (double& x : column) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), x) - sorted.begin();
    x = others > 0 ? static_cast<double>(below) / others : 0;
  }
}

}  // namespace

Evaluator::Evaluator(const Bound& bound, FeatureReader& reader)
    : bound_(bound),
      reader_(reader),
      columns_(bound.nodes.size() * kChunk),
      orders_(bound.nodes.size()),
      relative_(bound.relative_columns),
      resolved_sets_(bound.sets.size()) {}

const index::Bitmap& Evaluator::set(std::int32_t number) {
  auto& slot = resolved_sets_[static_cast<std::size_t>(number)];
  if (!slot) slot = reader_.resolve(bound_.sets[static_cast<std::size_t>(number)]);
  return *slot;
}

const std::vector<std::uint32_t>& Evaluator::order_of(std::uint32_t root) {
  auto& order = orders_[root];
  if (!order.empty()) return order;
  std::vector<char> needed(root + 1);
  needed[root] = 1;
  for (std::uint32_t i = root + 1; i-- > 0;) {
    const Op op = bound_.nodes[i].op;
    if (needed[i] == 0 || op == Op::Norm || op == Op::Zscore || op == Op::Rank) continue;  // theirs is prepared
    for (const std::uint32_t child : bound_.nodes[i].children) needed[child] = 1;
  }
  for (std::uint32_t i = 0; i <= root; ++i) {
    if (needed[i] != 0) order.push_back(i);
  }
  return order;
}

Status Evaluator::evaluate_node(std::uint32_t index, const Chunk& chunk, std::span<double> out) {
  const BoundNode& node = bound_.nodes[index];
  switch (node.op) {
    case Op::Const: std::fill(out.begin(), out.end(), node.constant); return {};
    case Op::Feature: {
      const FeatureRef& feature = bound_.features[node.ref];
      if (feature.kind != FeatureRef::Kind::Score) return reader_.read(feature, chunk.candidates, out);
      std::copy(chunk.scores.begin(), chunk.scores.end(), out.begin());
      return {};
    }
    case Op::Set:
      reader_.contains(bound_.sets[static_cast<std::size_t>(node.set)], set(node.set), chunk.candidates, out);
      return {};
    case Op::Stored: return reader_.test(bound_.tests[node.ref], chunk.candidates, out);
    case Op::Norm:
    case Op::Zscore:
    case Op::Rank: {
      const std::vector<double>& column = relative_[node.ref];
      std::copy_n(column.begin() + static_cast<std::ptrdiff_t>(chunk.first), out.size(), out.begin());
      return {};
    }
    default: break;
  }
  std::vector<std::span<const double>> args;
  args.reserve(node.children.size());
  for (const std::uint32_t child : node.children) args.emplace_back(columns_.data() + child * kChunk, out.size());
  apply(node, args, out);
  return {};
}

Status Evaluator::evaluate(std::uint32_t root, const Chunk& chunk, std::span<double> out) {
  for (const std::uint32_t index : order_of(root)) {
    const std::span<double> column(columns_.data() + index * kChunk, chunk.candidates.size());
    TIDAL_TRY(evaluate_node(index, chunk, index == root ? out : column));
  }
  return {};
}

Result<bool> Evaluator::prepare(std::span<const Ordinal> candidates, const Deadline& deadline) {
  if (bound_.relative_columns == 0 || candidates.empty()) return true;
  // Ascending node order: a relative function inside another one's argument comes first (B1).
  for (const BoundNode& node : bound_.nodes) {
    if (node.op != Op::Norm && node.op != Op::Zscore && node.op != Op::Rank) continue;
    std::vector<double>& column = relative_[node.ref];
    column.resize(candidates.size());
    for (std::size_t first = 0; first < candidates.size(); first += chunk()) {
      if (deadline.passed()) return false;
      const std::size_t n = std::min(chunk(), candidates.size() - first);
      const Chunk chunk{candidates.subspan(first, n), first, {}};
      TIDAL_TRY(evaluate(node.children[0], chunk, {column.data() + first, n}));
    }
    if (node.op == Op::Norm) normalise(column);
    if (node.op == Op::Zscore) standardise(column);
    if (node.op == Op::Rank) rank_shares(column);
  }
  return true;
}

}  // namespace tidal::query
