// What GET user tells beside fields: preference, interests, creators, counts.   Threads: reads, inside an EpochGuard.
#pragma once

#include "db/views.h"
#include "tidal/reply.h"

namespace tidal::db {

/// `now`: what weights decay to. Cost: the user's marks, weights and edges.
[[nodiscard]] UserSummary user_summary(const Views& views, Ordinal user, Timestamp now);

}  // namespace tidal::db
