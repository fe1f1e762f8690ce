// One step and two steps along edges.
#include "relationship/traversal.h"

#include <algorithm>
#include <vector>

#include "base/epoch.h"

namespace tidal::relationship {
namespace {

/// Where the user's edges lead, newest first, as far as the walk may go.
std::vector<Ordinal> first_step(const Walk& walk, Reached& reached) {
  std::vector<Ordinal> targets;
  for (const Edge& edge : walk.edges.outgoing(walk.relation, walk.user, EdgeOrder::ByTime)) {
    if (walk.weight_min > 0 && decayed_weight(walk.def, edge, walk.now) < walk.weight_min) continue;
    if (targets.size() == walk.edges_max) {
      reached.capped = true;
      break;
    }
    targets.push_back(edge.other);
  }
  reached.edges += targets.size();
  return targets;
}

}  // namespace

Reached items_of_targets(const Walk& walk, const CreatorItems& items) {
  const base::EpochGuard guard;
  Reached reached;
  const std::vector<Ordinal> targets = first_step(walk, reached);
  if (walk.def.to == EntityKind::Item) {
    for (const Ordinal item : targets) reached.items.add(item);
  } else {
    reached.items = items.items(targets);
  }
  return reached;
}

Reached liked_by_targets(const Walk& walk, const signal::UserState& marks) {
  const base::EpochGuard guard;
  Reached reached;
  for (const Ordinal user : first_step(walk, reached)) {
    for (const Mark mark : {Mark::Liked, Mark::Saved, Mark::Shared}) reached.items |= marks.marked(user, mark);
  }
  return reached;
}

Reached liked_by_fellows(const Walk& walk, const CoEngagement& recent) {
  const base::EpochGuard guard;
  Reached reached;
  std::vector<Ordinal> fellows;
  const std::vector<Ordinal> targets = first_step(walk, reached);
  std::size_t room = walk.edges_max;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (room == 0) {
      reached.capped = true;
      break;
    }
    // A target may have a million of them: what is left is shared evenly among the targets that are left.
    const std::size_t share = (room + targets.size() - t - 1) / (targets.size() - t);
    const index::Bitmap sources = walk.edges.sources(walk.relation, targets[t]);
    std::size_t taken = 0;
    sources.for_each([&](Ordinal fellow) {
      fellows.push_back(fellow);
      return ++taken < share;
    });
    if (sources.cardinality() > taken) reached.capped = true;
    room -= taken;
    reached.edges += taken;
  }
  std::ranges::sort(fellows);
  fellows.erase(std::unique(fellows.begin(), fellows.end()), fellows.end());
  std::vector<Ordinal> items;
  for (const Ordinal fellow : fellows) {
    if (fellow == walk.user) continue;
    for (const RecentItem& each : recent.recent(fellow)) items.push_back(each.item);
  }
  std::ranges::sort(items);
  items.erase(std::unique(items.begin(), items.end()), items.end());
  reached.items = index::Bitmap::of(items);
  return reached;
}

}  // namespace tidal::relationship
