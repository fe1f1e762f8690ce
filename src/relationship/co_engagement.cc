// Reads of co-engagement.
#include "relationship/co_engagement.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "base/epoch.h"
#include "relationship/co_engagement_sums.h"
#include "relationship/co_engagement_tables.h"

namespace tidal::relationship {
namespace {

/// Pair weight at which half of the cosine counts: some three common users of short lists, fourteen of full ones.
/// Measured between 0.2 and 8: docs/co_engagement.md.
constexpr double kSupport = 2.0;

/// Best first; of equal ones the lower ordinal.
bool is_better(const Neighbour& a, const Neighbour& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
}

std::vector<Neighbour> best(std::vector<Neighbour> all, std::size_t n) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(std::min(n, all.size()));
  std::nth_element(all.begin(), middle, all.end(), is_better);
  all.erase(middle, all.end());
  std::sort(all.begin(), all.end(), is_better);
  return all;
}

/// visit(item, similarity) for every live neighbour of the item.
template <class State, class Visit>
void for_each_neighbour(const State& state, Ordinal item, Visit visit) {
  PairSnapshot row;
  state.read_row(item, row);
  if (row.size == 0) return;
  const double self = state.self(item);
  for (std::size_t k = 0; k < row.size; ++k) state.prefetch_item(item_of(row.words[k]));
  for (std::size_t k = 0; k < row.size; ++k) {
    const Ordinal other = item_of(row.words[k]);
    if (state.generation(other) != row.generations[k]) continue;  // E3
    const double similar = similarity({.pair = weight_of(row.words[k]), .self = self, .other_self = state.self(other)});
    if (similar > 0) visit(other, similar);
  }
}

/// The sums over the user's recent items, newest first, so that their order is fixed.
template <class State>
SimilaritySums sums_of(const State& state, const RecentSnapshot& recent) {
  SimilaritySums sums(recent.size * 32);
  for (std::size_t k = recent.size; k > 0; --k) {
    const RecentPlace& place = recent.places[k - 1];
    if (!state.is_live(place)) continue;
    for_each_neighbour(state, to_ordinal(place.item), [&](Ordinal item, double similar) { sums.add(item, similar); });
  }
  return sums;
}

}  // namespace

double similarity(const PairEvidence& e) {
  const double both = std::sqrt(e.self * e.other_self);
  if (!(both > 0)) return 0.0;
  return std::min(1.0, e.pair / both) * (e.pair / (e.pair + kSupport));
}

CoEngagement::CoEngagement(Limits limits) : limits_(limits), state_(new State) {
  TIDAL_ASSERT(limits.neighbours >= 1 && limits.neighbours <= kNeighboursMax);
  TIDAL_ASSERT(limits.recent >= 1 && limits.recent <= kRecentMax);
}

CoEngagement::~CoEngagement() { delete state_.load(std::memory_order_relaxed); }

// Each read loads the state with acquire, which pairs with clear() and restore().

std::vector<Neighbour> CoEngagement::neighbours(Ordinal item, std::size_t n) const {
  const base::EpochGuard guard;
  std::vector<Neighbour> all;
  for_each_neighbour(*state_.load(std::memory_order_acquire), item, [&](Ordinal other, double similar) {
    all.push_back({other, similar});
  });
  return best(std::move(all), n);
}

void CoEngagement::scores(Ordinal anchor, std::span<const Ordinal> items, std::span<double> out) const {
  const base::EpochGuard guard;
  SimilaritySums sums(limits_.neighbours);
  for_each_neighbour(*state_.load(std::memory_order_acquire), anchor,
                     [&](Ordinal item, double similar) { sums.add(item, similar); });
  for (std::size_t i = 0; i < items.size(); ++i) out[i] = sums.of(items[i]);
}

std::vector<RecentItem> CoEngagement::recent(Ordinal user) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  RecentSnapshot list;
  state.read_list(user, list);
  std::vector<RecentItem> out;
  for (std::size_t k = list.size; k > 0; --k) {
    const RecentPlace& place = list.places[k - 1];
    if (state.is_live(place)) out.push_back({to_ordinal(place.item), Timestamp{place.time_us}});
  }
  return out;
}

void CoEngagement::append_recent(Ordinal user, std::vector<Ordinal>& items) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  RecentSnapshot list;
  state.read_list(user, list);
  for (const RecentPlace& place : list.span()) {
    if (state.is_live(place)) items.push_back(to_ordinal(place.item));
  }
}

std::vector<Neighbour> CoEngagement::from_recent(Ordinal user, std::size_t n) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  RecentSnapshot list;
  state.read_list(user, list);
  SimilaritySums sums = sums_of(state, list);
  for (const RecentPlace& place : list.span()) {
    if (state.is_live(place)) sums.drop(to_ordinal(place.item));
  }
  std::vector<Neighbour> all;
  sums.for_each([&](Ordinal item, double sum) { all.push_back({item, sum}); });
  return best(std::move(all), n);
}

void CoEngagement::scores_for_user(Ordinal user, std::span<const Ordinal> items, std::span<double> out) const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  RecentSnapshot list;
  state.read_list(user, list);
  const SimilaritySums sums = sums_of(state, list);
  for (std::size_t i = 0; i < items.size(); ++i) out[i] = sums.of(items[i]);
}

std::size_t CoEngagement::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  return sizeof state + state.items.memory_bytes() + state.generations.memory_bytes() + state.lists.memory_bytes() +
         state.block_bytes.load(std::memory_order_relaxed);
}

}  // namespace tidal::relationship
