// The second pass over a whole RETRIEVE: every clause resolved, refused, or answered with "not available yet".
//
// Threads: pure functions, but for what they read of the asking user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "query/ast.h"
#include "query/bind_scope.h"
#include "query/bound.h"
#include "query/sorts.h"
#include "query/sources.h"
#include "tidal/reply.h"
#include "tidal/result.h"

namespace tidal::query {

inline constexpr std::int64_t kLimitDefault = 20;
inline constexpr std::int64_t kLimitMax = 1'000;
inline constexpr std::size_t kExcludeMax = 10'000;

struct BoundSignal {
  std::string words;  ///< as the reply names it
  Bound expression;
  bool is_score = false;  ///< the very expression that the order is by
};

/// Which fields an entry carries.
struct FieldSelection {
  enum class Which : std::uint8_t { Default, Every, Named };
  Which which = Which::Default;
  std::vector<std::string> names;
};

struct BoundQuery {
  EntityKind kind = EntityKind::Item;
  BoundSort sort;
  std::string profile;               ///< "trending@1" when a profile decides the order
  std::vector<BoundSource> sources;  ///< empty: a scan
  std::vector<Ordinal> anchors;      ///< of SIMILAR TO
  std::optional<Bound> filter;
  std::optional<Bound> min_score;
  std::vector<BoundSignal> signals;
  FieldSelection fields;
  bool explain = false;
  std::vector<Ordinal> excluded;
  std::size_t limit = kLimitDefault;
  std::int64_t deadline_us = 0;  ///< 0: none
  std::vector<Warning> warnings;

  /// Whether what is created later than now may be on the page.
  [[nodiscard]] bool wants_scheduled() const { return filter && filter->wants_scheduled; }
};

/// FailedPrecondition for a clause whose views do not exist yet.
[[nodiscard]] Status check_available(const QueryContext& context, const Query& query);
/// The user of FOR USER, None for a key that stands for nobody (a new user); nothing without FOR USER.
[[nodiscard]] Result<std::optional<Ordinal>> bind_user(const ReadViews& views, const QueryContext& context,
                                                       const Query& query);
[[nodiscard]] Result<BoundQuery> bind_query(const BindScope& scope, const Query& query);
/// WITH signals(…) alone.
[[nodiscard]] Result<std::vector<BoundSignal>> bind_signals(const BindScope& scope, const std::vector<Expr>& signals);

}  // namespace tidal::query
