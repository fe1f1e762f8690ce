// Answers HISTORY OF: how often signals came on one item or creator, hour by hour or day by day.
//
// Threads: pure functions over the views; any number at once.   Source: docs/histories.md.
#pragma once

#include "query/ast.h"
#include "query/read_views.h"
#include "tidal/reply.h"
#include "tidal/result.h"

namespace tidal::query {

/// One row a bucket, in order of time, empty ones too: its start, then for each signal `count`, `weight` and, where the
/// signal declares VALUE, `sum`. InvalidArgument (a name, a window, more than 100,000 buckets), NotFound (no such
/// entity), FailedPrecondition (COHORT), IoError, Corruption (of the store).
[[nodiscard]] Result<RowsReply> answer_history(const History& history, const ReadViews& views,
                                               const QueryContext& context);

}  // namespace tidal::query
