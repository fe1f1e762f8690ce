// Scores candidates by a bound sort, in columns.
//
// S1: a score is finite. S2: it depends on the candidate alone, unless the sort is relative().
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "query/evaluator.h"
#include "query/feature_reader.h"
#include "query/sorts.h"
#include "tidal/result.h"

namespace tidal::query {

/// Score under `shortest` of what has no length: it comes last, and is shown as 0.
inline constexpr double kLast = std::numeric_limits<double>::max();

/// A count column and what one event in it adds to the score.
struct ColumnTerm {
  signal::SignalIndex signal = 0;
  double weight = 0;
};

class Scorer {
 public:
  /// All outlive this. Not for sorts by_text().
  Scorer(const BoundSort& sort, EntityKind kind, FeatureReader& reader);

  /// Before score(), with all candidates, when the sort is relative(). False when the deadline passed first.
  [[nodiscard]] Result<bool> prepare(std::span<const Ordinal> candidates, const Deadline& deadline);
  /// How many candidates to score between two looks at the deadline.
  [[nodiscard]] std::size_t chunk() const;
  /// out[i] = score of candidates[i], at most kChunk of them; `first` as in Evaluator. The errors of FeatureReader.
  [[nodiscard]] Status score(std::span<const Ordinal> candidates, std::size_t first, std::span<double> out);

  /// When the score is a sum of window counts with positive weights: those, so that columns can be scanned. Else empty.
  [[nodiscard]] std::vector<ColumnTerm> column_terms() const;
  [[nodiscard]] Window column_window() const;
  /// For orders by what a year counts: out[i] is no less than the score of candidates[i], told without reading it.
  void bounds(std::span<const Ordinal> candidates, std::span<double> out);
  /// What the score of one candidate is made of: the terms add up to it.
  [[nodiscard]] Result<std::vector<std::pair<std::string, double>>> contributions(Ordinal candidate, double score);

 private:
  using Column = std::vector<double>;
  [[nodiscard]] Status read(FeatureRef feature, std::span<const Ordinal> candidates, Column& out);
  /// Sum over signals of one feature.
  [[nodiscard]] Status read_sum(const std::vector<signal::SignalIndex>& signals, FeatureRef feature,
                                std::span<const Ordinal> candidates, Column& out);
  [[nodiscard]] Status score_named(std::span<const Ordinal> candidates, std::span<double> out);
  [[nodiscard]] Status score_votes(std::span<const Ordinal> candidates, std::span<double> out);
  [[nodiscard]] Status score_quality(std::span<const Ordinal> candidates, std::span<double> out);
  [[nodiscard]] Status read_quality(std::span<const Ordinal> candidates, Column& out);
  [[nodiscard]] FeatureRef votes() const;
  [[nodiscard]] FeatureRef plain(FeatureRef::Kind feature) const;

  const BoundSort& sort_;
  const EntityKind kind_;
  FeatureReader& reader_;
  std::optional<Evaluator> evaluator_;  // Expression
  Column up_, down_, age_, one_, two_;
};

}  // namespace tidal::query
