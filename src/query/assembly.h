// Turns a selected page into reply entries: keys, fields, signals, contributions.
//
// Threads: one query's own.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "query/negatives.h"
#include "query/query_binder.h"
#include "query/scorer.h"
#include "query/selection.h"
#include "query/sources.h"
#include "tidal/reply.h"

namespace tidal::query {

/// TEXT longer than this is in an entry only when asked for by name or `*`.
inline constexpr std::size_t kDefaultTextBytes = 256;

/// Number as replies print it: times as unix seconds, durations as seconds.
[[nodiscard]] double shown(double value, Type type);

/// What assembling takes besides the query and what it selected.
struct Page {
  std::uint32_t reached = 0;  ///< entries of earlier pages
  const Negatives& negatives;
  const Sources* sources = nullptr;  ///< null: a scan
};

/// The entries of a page, ranked from `reached` + 1. What was deleted or hidden in the meantime is left out.
/// IoError, Corruption.
[[nodiscard]] Result<std::vector<ResultItem>> assemble(const BoundQuery& query, const Selection& selection,
                                                       const Page& page, FeatureReader& reader);

/// Each expression's words and its value.
using SignalValues = std::vector<std::pair<std::string, double>>;
/// The values of bound expressions at each of at most kChunk entities. The errors of FeatureReader::read().
[[nodiscard]] Result<std::vector<SignalValues>> evaluate_signals(const std::vector<BoundSignal>& signals,
                                                                 std::span<const Ordinal> entities,
                                                                 FeatureReader& reader);

}  // namespace tidal::query
