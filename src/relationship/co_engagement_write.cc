// Writes of co-engagement. Only the applier is here, so it needs no guard, and reads what it alone stores plainly.
#include <array>
#include <cmath>

#include "base/assert.h"
#include "base/epoch.h"
#include "base/ordered_math.h"
#include "relationship/co_engagement.h"
#include "relationship/co_engagement_tables.h"

namespace tidal::relationship {
namespace {

constexpr double kLambda = 0.6931471805599453 / static_cast<double>(days(30).us);  // ln 2 / half-life, per microsecond
/// λ·gap, negated; without overflow whatever the times are.
double decay_exponent(std::int64_t a, std::int64_t b) {
  const auto x = static_cast<std::uint64_t>(a);
  const auto y = static_cast<std::uint64_t>(b);
  return -kLambda * static_cast<double>(a > b ? x - y : y - x);
}

void prefetch_bytes(const void* at, std::size_t bytes) {
  const auto* p = static_cast<const char*>(at);
  for (std::size_t offset = 0; offset < bytes; offset += 64) __builtin_prefetch(p + offset);
}

}  // namespace

void CoEngagement::State::save_item(Ordinal ordinal) {
  past_items.before_change(to_index(ordinal), [this, ordinal] {
    const EngagedItem& item = items[to_index(ordinal)];
    PastEngagement past{.self = item.self, .words = {}, .generations = {}};
    if (item.row != nullptr) {
      past.words.assign(item.row->words(), item.row->words() + item.row->used);
      for (std::size_t k = 0; k < item.row->used; ++k) past.generations.push_back(item.row->generation_at(k));
    }
    return past;
  });
}

void CoEngagement::State::save_list(Ordinal user) {
  past_lists.before_change(to_index(user), [this, user] {
    const RecentList* list = lists[to_index(user)];
    return list == nullptr ? std::vector<RecentPlace>()
                           : std::vector<RecentPlace>(list->places(), list->places() + list->used);
  });
}

void CoEngagement::State::replace_row(EngagedItem& item, PairRow* next) {
  PairRow* old = item.row;
  if (next != nullptr) add_bytes(PairRow::bytes(next->capacity));
  signal::store_word(item.row, next);  // release inside: pairs with read_row()
  if (old == nullptr) return;
  add_bytes(std::size_t{0} - PairRow::bytes(old->capacity));
  base::retire(old, &PairRow::destroy);
}

void CoEngagement::State::assign_list(Ordinal user, std::span<const RecentPlace> places, std::size_t most) {
  RecentList*& at = lists[to_index(user)];
  RecentList* old = at;
  if (old != nullptr && !places.empty() && places.size() <= old->capacity) return old->assign(places);
  RecentList* next = nullptr;
  if (!places.empty()) {
    next = RecentList::make(capacity_for(places.size(), most));
    next->assign(places);
    add_bytes(RecentList::bytes(next->capacity));
  }
  signal::store_word(at, next);  // release inside: pairs with read_list()
  if (old == nullptr) return;
  add_bytes(std::size_t{0} - RecentList::bytes(old->capacity));
  base::retire(old, &RecentList::destroy);
}

/// One write to the state.
class CoEngagement::Writer {
 public:
  Writer(State& state, const Limits& limits) : state_(state), limits_(limits) {}

  void record(const Positive& positive) {
    state_.grow_to_item(positive.item);
    state_.grow_to_user(positive.user);
    Places recent;
    std::size_t size = live_places(positive.user, recent);
    state_.save_list(positive.user);
    RecentPlace newest{
        .time_us = positive.at.us, .item = to_index(positive.item), .generation = state_.generation(positive.item)};
    bool repeated = false;
    for (std::size_t k = 0; k < size; ++k) {
      if (recent[k].item != newest.item) continue;
      newest.time_us = std::max(newest.time_us, recent[k].time_us);
      std::move(recent.begin() + k + 1, recent.begin() + size, recent.begin() + k);
      --size;
      repeated = true;
      break;
    }
    if (!repeated && size == limits_.recent) {  // E1
      std::move(recent.begin() + 1, recent.begin() + size, recent.begin());
      --size;
    }
    recent[size] = newest;
    state_.assign_list(positive.user, {recent.data(), size + 1}, limits_.recent);
    if (!repeated) engage(newest, {recent.data(), size});
  }

  void take_back(Ordinal user, Ordinal item) {
    Places recent;
    std::size_t size = live_places(user, recent);
    const auto end = recent.begin() + size;
    const auto at =
        std::find_if(recent.begin(), end, [item](const RecentPlace& p) { return p.item == to_index(item); });
    if (at == end) return;
    std::move(at + 1, end, at);
    state_.save_list(user);
    state_.assign_list(user, {recent.data(), size - 1}, limits_.recent);
  }

  void delete_item(Ordinal ordinal) {
    EngagedItem* item = state_.items.find(to_index(ordinal));
    if (item == nullptr || to_index(ordinal) >= state_.item_end.load(std::memory_order_relaxed)) return;
    Generation& generation = state_.generations[to_index(ordinal)];
    state_.past_generations.before_change(to_index(ordinal), [&] { return generation; });
    state_.save_item(ordinal);
    signal::store_word(generation, static_cast<Generation>(generation + 1));
    signal::store_word(item->self, 0.0);
    if (item->row != nullptr) state_.replace_row(*item, nullptr);
    ++state_.deletions;
    if (generation == 0) forget_everywhere(ordinal);
  }

 private:
  using Places = std::array<RecentPlace, kRecentMax + 1>;

  /// The user's list without deleted items, oldest first; returns its length.
  std::size_t live_places(Ordinal user, Places& out) const {
    RecentList* const* at = state_.lists.find(to_index(user));
    if (at == nullptr || *at == nullptr) return 0;
    std::size_t size = 0;
    for (std::size_t k = 0; k < (*at)->used; ++k) {
      if (state_.is_live((*at)->places()[k])) out[size++] = (*at)->places()[k];
    }
    return size;
  }

  /// The pairs of a newcomer with the others of its list, newest first.
  void engage(const RecentPlace& newest, std::span<const RecentPlace> others) {
    // A full list has rows in 49 random places, so each pass fetches for all of them what the next one looks at.
    std::array<const EngagedItem*, kRecentMax> items;
    std::array<double, kRecentMax> numbers;
    const std::span<double> weights(numbers.data(), others.size());
    for (std::size_t k = 0; k < others.size(); ++k) {
      items[k] = &state_.items[others[k].item];
      __builtin_prefetch(items[k]);
      weights[k] = decay_exponent(newest.time_us, others[k].time_us);
    }
    base::ordered_exp_array(weights, weights);
    const double share = 1.0 / std::sqrt(static_cast<double>(others.size() + 1));
    for (std::size_t k = 0; k < others.size(); ++k) {
      weights[k] *= share;
      if (const PairRow* row = items[k]->row) prefetch_bytes(row, PairRow::searched_bytes(limits_.neighbours));
    }
    const Ordinal item = to_ordinal(newest.item);
    const auto generation = static_cast<Generation>(newest.generation);
    for (std::size_t k = others.size(); k > 0; --k) {
      const PairRow* row = items[k - 1]->row;
      if (row != nullptr) prefetch_pair(*row, PairRow::tag_of(item, generation), static_cast<float>(weights[k - 1]));
    }

    EngagedItem& own = state_.items[newest.item];
    state_.save_item(item);
    signal::store_word(own.self, own.self + share);
    for (std::size_t left = others.size(); left > 0; --left) {
      const std::size_t k = left - 1;
      const Ordinal other = to_ordinal(others[k].item);
      add({.of = item,
           .with = other,
           .generation = static_cast<Generation>(others[k].generation),
           .weight = weights[k],
           .more = k});
      add({.of = other, .with = item, .generation = generation, .weight = weights[k]});
    }
  }

  /// Fetches what an addition to the row will look at beside what a search does.
  static void prefetch_pair(const PairRow& row, PairRow::Tag tag, float weight) {
    if (const std::size_t place = row.candidate(tag); place != PairRow::kNowhere) {
      __builtin_prefetch(row.words() + place);
    } else if (row.used < row.capacity) {
      __builtin_prefetch(row.words() + row.used);
    } else if (weight >= row.floor) {
      prefetch_bytes(row.words(), row.used * sizeof(std::uint64_t));
    }
  }

  struct Addition {
    Ordinal of = Ordinal::None;
    Ordinal with = Ordinal::None;
    Generation generation = 0;  ///< of `with`
    double weight = 0;
    std::size_t more = 0;  ///< so many additions to the same row may follow at once
  };

  void add(const Addition& a) {
    PairRow* row = state_.items[to_index(a.of)].row;
    const std::size_t place = row == nullptr ? PairRow::kNowhere : row->find(a.with, a.generation);
    if (place == PairRow::kNowhere) {
      const auto first = static_cast<float>(a.weight);
      if (first > 0) insert(a, pair_word(a.with, first));  // else decades apart: no pair (E4)
      return;
    }
    const std::uint64_t before = row->words()[place];
    const std::uint64_t sum = pair_word(a.with, static_cast<float>(double{weight_of(before)} + a.weight));
    if (sum == before) return;  // too small to tell
    state_.save_item(a.of);
    row->set(place, sum, a.generation);
  }

  /// E2.
  void insert(const Addition& a, std::uint64_t word) {
    EngagedItem& item = state_.items[to_index(a.of)];
    // First, so that of one item there is never a pair of two generations.
    if (item.row != nullptr) drop_stale(a.of);
    const bool full = item.row == nullptr || item.row->used == item.row->capacity;
    if (full && (item.row == nullptr || item.row->capacity < limits_.neighbours)) {
      state_.save_item(a.of);
      enlarge(item, a.more);
    }
    PairRow& row = *item.row;
    if (row.used < row.capacity) {
      state_.save_item(a.of);
      return row.append(word, a.generation);
    }
    const std::size_t place = row.place_for(word);
    if (place == PairRow::kNowhere) return;
    state_.save_item(a.of);
    row.set(place, word, a.generation);
  }

  /// Room for one pair and, if the limit allows, `more`.
  void enlarge(EngagedItem& item, std::size_t more) {
    const std::size_t size = item.row == nullptr ? 0 : item.row->used;
    PairRow* next = PairRow::make(capacity_for(size + 1 + more, limits_.neighbours));
    next->deletions_seen = state_.deletions;
    for (std::size_t k = 0; k < size; ++k) next->append(item.row->words()[k], item.row->generation_at(k));
    state_.replace_row(item, next);
  }

  /// Frees the places of deleted items. Looks at every pair only when there was a deletion since the last look.
  void drop_stale(Ordinal of) {
    PairRow& row = *state_.items[to_index(of)].row;
    if (row.deletions_seen == state_.deletions) return;
    row.deletions_seen = state_.deletions;
    for (std::size_t k = row.used; k > 0; --k) {
      if (state_.generation(item_of(row.words()[k - 1])) == row.generation_at(k - 1)) continue;
      state_.save_item(of);
      row.remove(k - 1);
    }
  }

  /// Before the item's generations begin anew, nothing may be left that names one.
  void forget_everywhere(Ordinal gone) {
    for (std::uint32_t i = 0; i < state_.item_end.load(std::memory_order_relaxed); ++i) {
      const EngagedItem* item = state_.items.find(i);
      if (item == nullptr || item->row == nullptr) continue;
      for (std::size_t k = item->row->used; k > 0; --k) {
        if (item_of(item->row->words()[k - 1]) != gone) continue;
        state_.save_item(to_ordinal(i));
        item->row->remove(k - 1);
      }
    }
    for (std::uint32_t u = 0; u < state_.user_end.load(std::memory_order_relaxed); ++u) {
      RecentList* const* list = state_.lists.find(u);
      if (list == nullptr || *list == nullptr) continue;
      Places kept;
      std::size_t size = 0;
      for (std::size_t k = 0; k < (*list)->used; ++k) {
        if ((*list)->places()[k].item != to_index(gone)) kept[size++] = (*list)->places()[k];
      }
      if (size == (*list)->used) continue;
      state_.save_list(to_ordinal(u));
      state_.assign_list(to_ordinal(u), {kept.data(), size}, limits_.recent);
    }
  }

  State& state_;
  const Limits& limits_;
};

void CoEngagement::record(const Positive& positive) {
  if (positive.user == Ordinal::None || positive.item == Ordinal::None) return;
  Writer(*state_.load(std::memory_order_relaxed), limits_).record(positive);
}

void CoEngagement::take_back(Ordinal user, Ordinal item) {
  if (user == Ordinal::None || item == Ordinal::None) return;
  Writer(*state_.load(std::memory_order_relaxed), limits_).take_back(user, item);
}

void CoEngagement::delete_item(Ordinal item) {
  if (item == Ordinal::None) return;
  Writer(*state_.load(std::memory_order_relaxed), limits_).delete_item(item);
}

void CoEngagement::erase_user(Ordinal user) {
  State& state = *state_.load(std::memory_order_relaxed);
  RecentList* const* list = user == Ordinal::None ? nullptr : state.lists.find(to_index(user));
  if (list == nullptr || *list == nullptr) return;
  state.save_list(user);
  state.assign_list(user, {}, limits_.recent);
}

void CoEngagement::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

void CoEngagement::prefetch(const Positive& positive, PrefetchStage stage) const {
  if (positive.user == Ordinal::None || positive.item == Ordinal::None) return;
  const State& state = *state_.load(std::memory_order_relaxed);
  RecentList* const* list = state.lists.find(to_index(positive.user));
  const EngagedItem* item = state.items.find(to_index(positive.item));
  if (stage == PrefetchStage::Places) {
    if (list != nullptr) __builtin_prefetch(list);
    if (item != nullptr) __builtin_prefetch(item);
    return;
  }
  // The first lines; the processor's own prefetch follows a scan.
  if (list != nullptr && *list != nullptr) prefetch_bytes(*list, 256);
  if (item != nullptr && item->row != nullptr) prefetch_bytes(item->row, 256);
}

}  // namespace tidal::relationship
