// Clauses of the language whose views do not exist in this version: refused by name, never silently ignored.
#include "query/query_binder.h"

namespace tidal::query {

Status check_available(const QueryContext& context, const Query& q) {
  const auto later = [&](bool present, Span span, std::string_view what) -> Status {
    if (present) return not_yet(context, span, what);
    return {};
  };
  TIDAL_TRY(later(q.op == Query::Op::Search, q.span, "SEARCH"));
  TIDAL_TRY(later(q.for_item.has_value(), q.for_item ? q.for_item->span : Span{}, "FOR ITEM"));
  TIDAL_TRY(later(q.cohort.has_value(), q.cohort ? q.cohort->condition.span() : Span{}, "COHORT"));
  TIDAL_TRY(later(q.within.has_value(), q.within ? q.within->span : Span{}, "WITHIN"));
  TIDAL_TRY(later(!q.diversity.empty(), q.diversity.empty() ? Span{} : q.diversity.front().span, "DIVERSITY"));
  TIDAL_TRY(later(q.explore.has_value(), q.explore ? q.explore->span : Span{}, "EXPLORE"));
  TIDAL_TRY(later(q.record_impressions, q.span, "RECORD IMPRESSIONS"));
  TIDAL_TRY(later(q.as_of.has_value(), q.as_of ? q.as_of->span : Span{}, "AS OF"));
  if (!q.with) return {};
  TIDAL_TRY(later(q.with->highlights, q.with->span, "WITH highlights"));
  return later(q.with->vectors, q.with->span, "WITH vectors");
}

}  // namespace tidal::query
