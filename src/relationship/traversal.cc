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

/// Many ordinals are cheaper to mark, one bit for each that there could be, than to sort.
index::Bitmap set_of(std::vector<Ordinal> ordinals) {
  if (ordinals.empty()) return {};
  const std::size_t words = to_index(*std::ranges::max_element(ordinals)) / 64 + 1;
  if (words > 8 * ordinals.size()) {
    std::ranges::sort(ordinals);
    return index::Bitmap::of(ordinals);
  }
  std::vector<std::uint64_t> bits(words);
  for (const Ordinal o : ordinals) bits[to_index(o) / 64] |= std::uint64_t{1} << to_index(o) % 64;
  return index::Bitmap::of_words(bits);
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

Reached newest_of_targets(const Walk& walk, const CreatorItems& items, Newest newest) {
  if (walk.def.to == EntityKind::Item) return items_of_targets(walk, items);
  const base::EpochGuard guard;
  Reached reached;
  // One list per creator, the one with the newest item on top of the heap.
  struct List {
    CreatedItem head;
    ItemsByTime::Cursor rest;
  };
  const auto is_worse = [](const List& a, const List& b) { return b.head.is_before(a.head); };
  std::vector<List> lists;
  std::uint64_t all = 0;
  for (const Ordinal creator : first_step(walk, reached)) {
    const ItemsByTime::Cursor cursor = items.newest(creator, newest.not_after);
    all += items.count(creator);
    if (!cursor.at_end()) lists.push_back({cursor.entry(), cursor});
  }
  std::ranges::make_heap(lists, is_worse);
  std::vector<Ordinal> found;
  while (!lists.empty() && found.size() < newest.count) {
    std::ranges::pop_heap(lists, is_worse);
    List& list = lists.back();
    found.push_back(list.head.item);
    list.rest.next();
    if (list.rest.at_end()) {
      lists.pop_back();
      continue;
    }
    list.head = list.rest.entry();
    std::ranges::push_heap(lists, is_worse);
  }
  reached.items = index::Bitmap::of(found);
  reached.complete = reached.items.cardinality() == all;
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
    std::size_t taken = 0;
    walk.edges.for_each_source(walk.relation, targets[t], [&](Ordinal fellow) {
      if (taken == share) return false;
      fellows.push_back(fellow);
      ++taken;
      return true;
    });
    if (walk.edges.incoming_count(walk.relation, targets[t]) > taken) reached.capped = true;
    room -= taken;
    reached.edges += taken;
  }
  std::vector<Ordinal> items;
  for (const Ordinal fellow : set_of(std::move(fellows)).to_vector()) {
    if (fellow != walk.user) recent.append_recent(fellow, items);
  }
  reached.items = set_of(std::move(items));
  return reached;
}

}  // namespace tidal::relationship
