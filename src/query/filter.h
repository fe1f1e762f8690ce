// Filters: a bound condition narrowed down in the cheapest order, sets first, columns next, stored fields last.
//
// L1: the result equals evaluating the condition at every candidate.
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "index/bitmap.h"
#include "query/bound.h"
#include "query/deadline.h"
#include "query/evaluator.h"
#include "tidal/result.h"

namespace tidal::query {

/// How a part of a condition is answered, cheapest first.
enum class Cost : std::uint8_t { Set, Column, Stored };

/// One part of the condition, as planned.
struct FilterPart {
  std::uint32_t node = 0;
  Cost cost = Cost::Set;
  double selectivity = 1;  ///< estimated share of the candidates that pass, in [0, 1]
};

class Filter {
 public:
  /// All outlive this. `bound` is a condition.
  Filter(const Bound& bound, Evaluator& evaluator, FeatureReader& reader, const Deadline& deadline);

  /// The condition's top-level parts (all must hold), in the order in which they will be applied to a universe of
  /// this size.
  [[nodiscard]] std::vector<FilterPart> plan(std::uint64_t universe);
  /// Those of `universe` at which node `node` holds. Past the deadline it stops early, with fewer.
  [[nodiscard]] Result<index::Bitmap> narrow(std::uint32_t node, index::Bitmap universe);

 private:
  [[nodiscard]] bool is_answered_by_set(std::uint32_t node, std::uint64_t universe) const;
  [[nodiscard]] FilterPart measure(std::uint32_t node, std::uint64_t universe);
  [[nodiscard]] std::vector<FilterPart> ordered(const std::vector<std::uint32_t>& nodes, std::uint64_t universe,
                                                bool conjunction);
  [[nodiscard]] Result<index::Bitmap> narrow_by_column(std::uint32_t node, const index::Bitmap& universe);

  const Bound& bound_;
  Evaluator& evaluator_;
  FeatureReader& reader_;
  const Deadline& deadline_;
  std::vector<Cost> costs_;  // by node
};

}  // namespace tidal::query
