// What binds the pages of one list together: which cursor a query continues, and which it hands out.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "query/ast.h"
#include "query/cursor.h"
#include "query/query_binder.h"
#include "query/selection.h"
#include "tidal/reply.h"

namespace tidal::query {

/// Everything a cursor of this query belongs to: the canonical statement without LIMIT, DEADLINE, WITH and AFTER, the
/// parameters it names, the schema version. (The user is in the statement or in a parameter.)
[[nodiscard]] std::string binding_of(const Query& query, const ReadViews& views, const QueryContext& context);

/// The cursor of AFTER; nothing without. The errors of open(), and InvalidArgument for a parameter that is no string.
[[nodiscard]] Result<std::optional<Cursor>> opened_cursor(const Query& query, const ReadViews& views,
                                                          const QueryContext& context);

/// What the first page fixes.
[[nodiscard]] Cursor first_cursor(const QueryContext& context);

/// Moves the cursor past this page; sets reply.cursor unless the list ends here, with a warning when it ends at
/// kServedMax. `cursor` is that of the previous page, or first_cursor().
void continue_list(Cursor cursor, const Selection& selection, const Query& query, const ReadViews& views,
                   const QueryContext& context, QueryReply& reply);

}  // namespace tidal::query
