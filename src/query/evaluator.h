// Runs a bound expression over candidates, chunk by chunk, in columns.
//
// V1: memory is (nodes x kChunk) doubles, reserved once: no allocation a candidate.
// V2: a relative function (norm, zscore, rank) sees all candidates: prepare() must have run over them.
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "query/bound.h"
#include "query/deadline.h"
#include "query/feature_reader.h"
#include "tidal/result.h"

namespace tidal::query {

/// Candidates evaluated at once: a column of doubles of this length stays in the first-level cache.
inline constexpr std::size_t kChunk = 1'024;
/// The same where each costs the read of an entity: a chunk stays below a millisecond, between looks at the deadline.
inline constexpr std::size_t kReadChunk = 64;

class Evaluator {
 public:
  /// Both outlive this.
  Evaluator(const Bound& bound, FeatureReader& reader);

  /// Evaluates what the relative functions need over all candidates. A no-op without them. False when the deadline
  /// passed first: nothing can be evaluated then. The errors of read().
  [[nodiscard]] Result<bool> prepare(std::span<const Ordinal> candidates, const Deadline& deadline);
  [[nodiscard]] std::size_t chunk() const { return bound_.reads_entities() ? kReadChunk : kChunk; }

  struct Chunk {
    std::span<const Ordinal> candidates;  ///< at most kChunk
    std::size_t first = 0;                ///< position of candidates[0] among those given to prepare()
    std::span<const double> scores;       ///< for `score` in MIN SCORE; else empty
  };
  /// out[i] = value of node `root` at candidates[i]. The errors of FeatureReader::read().
  [[nodiscard]] Status evaluate(std::uint32_t root, const Chunk& chunk, std::span<double> out);

  /// The set of a node that has one, resolved on first use.
  [[nodiscard]] const index::Bitmap& set(std::int32_t number);

 private:
  [[nodiscard]] Status evaluate_node(std::uint32_t index, const Chunk& chunk, std::span<double> out);
  [[nodiscard]] const std::vector<std::uint32_t>& order_of(std::uint32_t root);

  const Bound& bound_;
  FeatureReader& reader_;
  std::vector<double> columns_;                     // one chunk a node
  std::vector<std::vector<std::uint32_t>> orders_;  // by root: the nodes below it, children first
  std::vector<std::vector<double>> relative_;       // by relative column: a value a candidate
  std::vector<std::optional<index::Bitmap>> resolved_sets_;
};

}  // namespace tidal::query
