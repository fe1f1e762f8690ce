// Answers RETRIEVE: binds names, plans, filters, scores, selects a page. Reads views, never writes (Q1).
//
// Threads: pure functions over the views; any number at once.   Source: docs/queries.md, docs/ranking.md.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "query/ast.h"
#include "query/read_views.h"
#include "tidal/reply.h"
#include "tidal/result.h"

namespace tidal::query {

/// One page. InvalidArgument (a name, a type, a limit, a cursor of another query), FailedPrecondition (not
/// available yet; an expired cursor; `now` too far behind the newest event), IoError.
[[nodiscard]] Result<QueryReply> run(const Query& query, const ReadViews& views, const QueryContext& context);

/// The plan as a tree with estimates; nothing is scored. The errors of run().
[[nodiscard]] Result<PlanReply> explain(const Explain& explain, const ReadViews& views, const QueryContext& context);

/// SUGGEST: FailedPrecondition until its index exists.
[[nodiscard]] Error unavailable(const Suggest& suggest, const QueryContext& context);

/// The `WITH signals(…)` part of GET: each expression's words and its value for one live entity.
[[nodiscard]] Result<std::vector<std::pair<std::string, double>>> entity_signals(EntityKind kind, Ordinal entity,
                                                                                 const std::vector<Expr>& expressions,
                                                                                 const ReadViews& views,
                                                                                 const QueryContext& context);

/// Rows of SHOW SORTS, SHOW FILTERS, SHOW FEATURES and SHOW SOURCES: name and a sentence each.
[[nodiscard]] RowsReply show_sorts();
[[nodiscard]] RowsReply show_filters();
[[nodiscard]] RowsReply show_features();
[[nodiscard]] RowsReply show_sources();

}  // namespace tidal::query
