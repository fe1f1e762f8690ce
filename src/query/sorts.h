// The named sorts and what SORT BY binds to: which signals by role, which window, which direction.
//
// O1: a sort none of whose roles has a signal is refused; a term without a signal is left out with a warning.
// Threads: pure functions.   Source: docs/ranking.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/ast.h"
#include "query/bind_scope.h"
#include "query/bound.h"
#include "tidal/reply.h"
#include "tidal/result.h"

namespace tidal::query {

enum class SortKind : std::uint8_t {
  New,
  Old,
  Hot,
  RedditHot,
  HackerNews,
  Trending,
  Rising,
  Top,
  MostViewed,
  MostLiked,
  MostCommented,
  MostShared,
  Controversial,
  HiddenGems,
  Shuffle,
  Alphabetical,
  Shortest,
  Longest,
  DateSaved,
  Personalized,  ///< bound as an Expression
  BySource,      ///< no name: how FROM and SIMILAR TO order what they found
  Expression,    ///< numbers, times or durations
  StringField,
};

struct BoundSort {
  SortKind kind = SortKind::Trending;
  std::string name{};  ///< as written, canonical
  bool descending = true;
  Type type = Type::Real;
  // Signals by what they mean to the sort, in schema order.
  std::vector<signal::SignalIndex> views{};
  std::vector<signal::SignalIndex> positives{};
  std::vector<signal::SignalIndex> negatives{};
  std::vector<signal::SignalIndex> shares{};
  std::vector<signal::SignalIndex> comments{};
  Window window = Window::Day;  ///< Trending, Top
  bool of_year = false;         ///< Top: of 365 days; then `window` means nothing
  bool has_seed = false;        ///< Shuffle: as written
  std::uint64_t seed = 0;
  std::string field{};  ///< Alphabetical, Shortest, Longest, StringField
  Bound by{};           ///< Expression
  std::vector<Warning> warnings{};

  [[nodiscard]] bool by_text() const { return kind == SortKind::Alphabetical || kind == SortKind::StringField; }
  /// Its value depends on which other candidates there are.
  [[nodiscard]] bool relative() const { return by.relative_columns != 0; }
};

/// One named sort, for SHOW SORTS and for nearest names.
struct SortEntry {
  std::string_view name;
  SortKind kind;
  bool descending;
  bool items_only;  ///< reads marks or net counts
  bool windowed;    ///< takes WINDOW
  std::string_view sentence;
};
[[nodiscard]] const std::vector<SortEntry>& sort_entries();

/// What SORT BY (or USING PROFILE, with the sort's name) means under the schema. InvalidArgument (unknown sort, no
/// signal for its roles, a window that its signals lack), FailedPrecondition (not available yet).
[[nodiscard]] Result<BoundSort> bind_sort(const BindScope& scope, const Query& query);
[[nodiscard]] Result<BoundSort> bind_named_sort(const BindScope& scope, const Query& query, const Call& call);

}  // namespace tidal::query
