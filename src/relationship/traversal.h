// Walks along edges that end in candidates: what those whom a user follows made, what friends liked.
//
// Every walk is bounded by the edges it may follow, newest edges first, and tells when that was not enough.
// Threads: pure reads inside an EpochGuard of their own.   Source: docs/relationships.md.
#pragma once

#include <cstddef>
#include <cstdint>

#include "index/bitmap.h"
#include "relationship/co_engagement.h"
#include "relationship/creator_items.h"
#include "relationship/edges.h"
#include "signal/user_state.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::relationship {

/// Where a walk begins, and by which relation.
struct Walk {
  const EdgeState& edges;
  std::uint16_t relation = 0;  ///< position in the schema
  const RelationDef& def;
  Ordinal user = Ordinal::None;
  Timestamp now;              ///< what weights decay to
  std::size_t edges_max = 0;  ///< of each step
  double weight_min = 0;      ///< of an edge, decayed
};

struct Reached {
  index::Bitmap items;
  bool complete = true;     ///< there is nothing else where these edges lead
  std::uint64_t edges = 0;  ///< that were followed
  bool capped = false;      ///< there were more edges
};

/// The newest of what a walk leads to.
struct Newest {
  std::size_t count = 0;
  Timestamp not_after;  ///< what was created later is passed over
};

/// Items of the creators that the edges lead to, or the items themselves. Cost: a set a creator.
[[nodiscard]] Reached items_of_targets(const Walk& walk, const CreatorItems& items);
/// The newest of these by creation; where the edges lead to items, all.
/// Cost: n creators and k items take n + k·log n steps, of a cache miss or two each.
[[nodiscard]] Reached newest_of_targets(const Walk& walk, const CreatorItems& items, Newest newest);
/// Items that the users to whom the edges lead have liked, saved or shared.
[[nodiscard]] Reached liked_by_targets(const Walk& walk, const signal::UserState& marks);
/// Recent positives of the users whose edges lead where this user's lead. Cost: 50 items a user.
[[nodiscard]] Reached liked_by_fellows(const Walk& walk, const CoEngagement& recent);

}  // namespace tidal::relationship
