// Pairs in their two forms: writing, reading, the way from one to the other.
//
// A visit is one word: user << 32 | (unit - origin + 2^27) << 4 | windows; none is 0, and the first 0 ends a list.
// A record of sets: word 0 the set of all; then for each window its newest sub-window and four words of two sets each,
// sub-window s in place s mod 8, the first in the low half.
#include "signal/uniques_table.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "signal/atomic_access.h"

namespace tidal::signal {
namespace {

constexpr std::uint32_t kRecordClass = 5;
static_assert(kVisitsMax <= 1U << (kRecordClass - 1), "the largest list fits the last class before");
constexpr std::size_t kWindowWords = 1 + kSubWindows / 2;
constexpr std::size_t kRecordWords = 24;  // three whole lines
static_assert(1 + kRingWindows * kWindowWords <= kRecordWords);

constexpr std::uint32_t class_of(std::uint32_t reference) { return (reference - 1) & 7U; }
constexpr std::uint32_t number_of(std::uint32_t reference) { return (reference - 1) >> 3; }
constexpr std::uint32_t reference_to(std::uint32_t block_class, std::uint32_t number) {
  return ((number << 3) | block_class) + 1;
}
constexpr std::uint32_t capacity_of(std::uint32_t block_class) { return 1U << block_class; }

constexpr std::uint64_t visit_word(const Visit& v, std::int64_t origin) {
  const auto offset = static_cast<std::uint64_t>(v.unit - origin + kUnitsFromOriginMax + 1);
  return std::uint64_t{to_index(v.user)} << 32 | offset << kRingWindows | v.windows;
}
constexpr Visit visit_in(std::uint64_t word, std::int64_t origin) {
  const auto offset = static_cast<std::int64_t>((word & 0xFFFFFFFFU) >> kRingWindows);
  return {.unit = origin + offset - kUnitsFromOriginMax - 1,
          .user = to_ordinal(static_cast<std::uint32_t>(word >> 32)),
          .windows = static_cast<std::uint32_t>(word & kAllWindowBits)};
}
bool fits(const VisitList& list) {
  return std::ranges::all_of(list.visits(), [&](const Visit& v) { return list.fits(v); });
}

/// A place in a record that holds a set.
struct SetPlace {
  std::size_t word = 0;
  unsigned shift = 0;
};
constexpr SetPlace kPlaceOfAll{};
constexpr std::size_t newest_word(std::size_t window) { return 1 + window * kWindowWords; }
constexpr SetPlace place_of(std::size_t window, std::int64_t sub_window) {
  const std::size_t slot = ring_slot(sub_window);
  return {.word = newest_word(window) + 1 + slot / 2, .shift = static_cast<unsigned>(slot % 2 * 32)};
}
UserSetHandle set_at(const std::uint64_t* record, SetPlace place) {
  return static_cast<UserSetHandle>(load_word(record[place.word]) >> place.shift);
}
void put_set(std::uint64_t* record, SetPlace place, UserSetHandle set) {
  std::uint64_t& word = record[place.word];
  store_word(word, (word & ~(std::uint64_t{0xFFFFFFFFU} << place.shift)) | std::uint64_t{set} << place.shift);
}
std::int64_t newest_in(const std::uint64_t* record, std::size_t window) {
  return static_cast<std::int64_t>(load_word(record[newest_word(window)]));
}
void put_newest(std::uint64_t* record, std::size_t window, std::int64_t sub_window) {
  store_word(record[newest_word(window)], static_cast<std::uint64_t>(sub_window));
}

/// The sub-windows that a read at `now` joins.
struct Range {
  std::int64_t first = 0;
  std::int64_t last = 0;
};
Range range_of(const UniquesTable::Query& query) {
  const std::int64_t last = sub_window_of(static_cast<std::size_t>(query.window), unit_of(query.now));
  return {last - kSubWindows + 1, last};
}

}  // namespace

/// One set that an event enters.
struct UniquesTable::Insertion {
  std::size_t window = kRingWindows;  ///< that many: all
  std::int64_t sub_window = 0;
  std::uint32_t users = 0;  ///< as the look at the set says
};

struct UniquesTable::Plan {
  std::array<Insertion, kRingWindows + 1> insertions;
  std::size_t count = 0;
};

UniquesTable::UniquesTable(UniquesLimits limits) : limits_(limits), sets_(limits.users_max) {
  TIDAL_ASSERT(limits.visits_max >= 1 && limits.visits_max <= kVisitsMax && limits.visits_max <= limits.users_max);
  for (std::uint32_t c = 0; c < kRecordClass; ++c) blocks_[c].set_words(capacity_of(c));
  blocks_[kRecordClass].set_words(kRecordWords);
}

UniquesTable::Pair& UniquesTable::pair_of(Ordinal entity) {
  entities_end_ = std::max(entities_end_, to_index(entity) + 1);
  return pairs_.at_grown(to_index(entity));
}

void UniquesTable::save_for_captures(Ordinal entity) {
  captures_.before_change(to_index(entity), [this, entity] { return read(entity); });
}

std::uint64_t* UniquesTable::block(std::uint32_t reference) const {
  return blocks_[class_of(reference)].find(number_of(reference));
}

void UniquesTable::release_block(std::uint32_t reference) {
  blocks_[class_of(reference)].release(number_of(reference));
}

// Writes.

void UniquesTable::record(const Event& event) noexcept {
  Pair& pair = pair_of(event.entity);
  if (pair.block != 0 && class_of(pair.block) == kRecordClass) return record_sets(pair, event);
  const std::int64_t unit = unit_of(event.at);
  VisitList list = pair.block == 0 ? VisitList(unit) : visits_of(pair);
  if (!list.add({.unit = unit, .user = event.user, .windows = event.windows})) return;
  save_for_captures(event.entity);
  const SequenceWrite write(pair.sequence);
  store(pair, list);
}

VisitList UniquesTable::visits_of(const Pair& pair) const {
  VisitList list(pair.origin);
  const std::uint64_t* words = block(pair.block);
  for (std::uint32_t i = 0; i < capacity_of(class_of(pair.block)) && words[i] != 0; ++i) {
    list.append_stored(visit_in(words[i], pair.origin));
  }
  return list;
}

void UniquesTable::store(Pair& pair, const VisitList& list) {
  if (list.visits().size() > limits_.visits_max || !fits(list)) return become_sets(pair, list);
  store_word(pair.origin, list.origin());
  store_visits(pair, list.visits());
}

void UniquesTable::store_visits(Pair& pair, std::span<const Visit> visits) {
  const auto wanted = static_cast<std::uint32_t>(std::bit_width(visits.size() - 1));
  const std::uint32_t before = pair.block;
  const bool stays = before != 0 && class_of(before) >= wanted;  // it seldom shrinks, and then soon grows again
  const std::uint32_t reference = stays ? before : reference_to(wanted, blocks_[wanted].allocate());
  std::uint64_t* words = block(reference);
  for (std::uint32_t i = 0; i < capacity_of(class_of(reference)); ++i) {
    const std::uint64_t word = i < visits.size() ? visit_word(visits[i], pair.origin) : 0;
    if (words[i] != word) store_word(words[i], word);
  }
  if (stays) return;
  store_word(pair.block, reference);
  if (before != 0) release_block(before);
}

void UniquesTable::become_sets(Pair& pair, const VisitList& list) {
  const std::uint32_t reference = reference_to(kRecordClass, blocks_[kRecordClass].allocate());
  std::uint64_t* record = block(reference);
  for (std::size_t w = 0; w < kRingWindows; ++w) put_newest(record, w, list.newest(w));
  for (const Visit& v : list.visits()) {
    const Raise raise = raise_of(v.user);
    const auto enter = [&](SetPlace place) {
      const UserSetHandle set = set_at(record, place);
      const UserSets::Look look = sets_.look(set, v.user, raise);
      if (!look.counted) put_set(record, place, sets_.add(set, look.users, v.user, raise));
    };
    enter(kPlaceOfAll);
    for (std::size_t w = 0; w < kRingWindows; ++w) {
      if (v.counts_in(w)) enter(place_of(w, sub_window_of(w, v.unit)));
    }
  }
  const std::uint32_t before = pair.block;
  store_word(pair.block, reference);
  if (before != 0) release_block(before);
}

UniquesTable::Plan UniquesTable::plan_of(const std::uint64_t* record, const Event& event, const Raise& raise) const {
  Plan plan;
  UserSets::Look look = sets_.look(set_at(record, kPlaceOfAll), event.user, raise);
  if (!look.counted) plan.insertions[plan.count++] = {.users = look.users};
  const std::int64_t unit = unit_of(event.at);
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    if ((event.windows >> w & 1U) == 0) continue;
    const std::int64_t sub_window = sub_window_of(w, unit);
    const std::int64_t newest = newest_in(record, w);
    look = {};
    if (newest != kNoSubWindow && sub_window <= newest) {
      if (sub_window <= newest - kSubWindows) continue;
      look = sets_.look(set_at(record, place_of(w, sub_window)), event.user, raise);
      if (look.counted) continue;
    }
    plan.insertions[plan.count++] = {.window = w, .sub_window = sub_window, .users = look.users};
  }
  return plan;
}

void UniquesTable::insert(std::uint64_t* record, const Insertion& insertion, Ordinal user, const Raise& raise) {
  const std::size_t w = insertion.window;
  SetPlace place = kPlaceOfAll;
  if (w != kRingWindows) {
    place = place_of(w, insertion.sub_window);
    const std::int64_t newest = newest_in(record, w);
    if (newest == kNoSubWindow || insertion.sub_window >= newest + kSubWindows) {
      release_window(record, w);
    } else {
      for (std::int64_t s = newest + 1; s <= insertion.sub_window; ++s) {  // each takes the place of one 8 before
        sets_.release(set_at(record, place_of(w, s)));
        put_set(record, place_of(w, s), 0);
      }
    }
    if (newest == kNoSubWindow || insertion.sub_window > newest) put_newest(record, w, insertion.sub_window);
  }
  const UserSetHandle before = set_at(record, place);
  const UserSetHandle after = sets_.add(before, insertion.users, user, raise);
  if (after != before) put_set(record, place, after);
}

void UniquesTable::record_sets(Pair& pair, const Event& event) noexcept {
  std::uint64_t* record = block(pair.block);
  const Raise raise = raise_of(event.user);
  const Plan plan = plan_of(record, event, raise);
  if (plan.count == 0) return;
  save_for_captures(event.entity);
  const SequenceWrite write(pair.sequence);
  for (std::size_t i = 0; i < plan.count; ++i) insert(record, plan.insertions[i], event.user, raise);
}

void UniquesTable::release_window(std::uint64_t* record, std::size_t window) {
  for (std::int64_t s = 0; s < kSubWindows; ++s) {
    sets_.release(set_at(record, place_of(window, s)));
    put_set(record, place_of(window, s), 0);
  }
  put_newest(record, window, kNoSubWindow);
}

void UniquesTable::clear_entity(Ordinal entity) noexcept {
  auto* pair = const_cast<Pair*>(find(entity));
  if (pair == nullptr || pair->block == 0) return;
  save_for_captures(entity);
  const SequenceWrite write(pair->sequence);
  const std::uint32_t before = pair->block;
  if (class_of(before) == kRecordClass) {
    std::uint64_t* record = block(before);
    sets_.release(set_at(record, kPlaceOfAll));
    for (std::size_t w = 0; w < kRingWindows; ++w) release_window(record, w);
  }
  store_word(pair->block, std::uint32_t{0});
  release_block(before);
}

void UniquesTable::drop_windows(unsigned windows) {
  for (std::uint32_t o = 0; o < entities_end_; ++o) {
    auto* pair = const_cast<Pair*>(find(to_ordinal(o)));
    if (pair == nullptr || pair->block == 0) continue;
    if (class_of(pair->block) == kRecordClass) {
      save_for_captures(to_ordinal(o));
      const SequenceWrite write(pair->sequence);
      for (std::size_t w = 0; w < kRingWindows; ++w) {
        if ((windows >> w & 1U) != 0) release_window(block(pair->block), w);
      }
      continue;
    }
    VisitList list = visits_of(*pair);
    if (!list.drop_windows(windows)) continue;
    save_for_captures(to_ordinal(o));
    const SequenceWrite write(pair->sequence);
    store(*pair, list);
  }
}

void UniquesTable::restore(Ordinal entity, const UniquesPair& value) {
  Pair& pair = pair_of(entity);
  const SequenceWrite write(pair.sequence);
  if (value.is_short) {
    store_word(pair.origin, value.origin);
    return store_visits(pair, value.visits);
  }
  const std::uint32_t reference = reference_to(kRecordClass, blocks_[kRecordClass].allocate());
  std::uint64_t* record = block(reference);
  put_set(record, kPlaceOfAll, sets_.make(value.all));
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    const WindowSets& window = value.windows[w];
    put_newest(record, w, window.newest);
    if (window.newest == kNoSubWindow) continue;
    for (std::int64_t age = 0; age < kSubWindows; ++age) {
      put_set(record, place_of(w, window.newest - age), sets_.make(window.back[static_cast<std::size_t>(age)]));
    }
  }
  store_word(pair.block, reference);
}

void UniquesTable::prefetch(const Event& event, Stage stage) const {
  const Pair* pair = find(event.entity);
  if (pair == nullptr) return;
  if (stage == Stage::Pair) return __builtin_prefetch(pair);
  if (pair->block == 0) return;
  const std::uint64_t* words = block(pair->block);
  const bool has_sets = class_of(pair->block) == kRecordClass;
  if (stage == Stage::Block) {
    const std::size_t size = has_sets ? kRecordWords : capacity_of(class_of(pair->block));
    for (std::size_t i = 0; i < size; i += 8) __builtin_prefetch(words + i);
    return;
  }
  if (!has_sets) return;
  const Raise raise = raise_of(event.user);
  sets_.prefetch(set_at(words, kPlaceOfAll), raise);
  const std::int64_t unit = unit_of(event.at);
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    const std::int64_t sub_window = sub_window_of(w, unit);
    const std::int64_t newest = newest_in(words, w);
    if (newest == kNoSubWindow || sub_window > newest || sub_window <= newest - kSubWindows) continue;
    sets_.prefetch(set_at(words, place_of(w, sub_window)), raise);
  }
}

// Reads. What is torn is read again; all of it is memory of blocks, whatever version they are of.

void UniquesTable::join_visits(const Pair& pair, std::uint32_t reference, Query query, UserUnion& to) const {
  const std::int64_t origin = load_word(pair.origin);
  const std::uint64_t* words = block(reference);
  const bool is_all = query.window == Window::All;
  const auto window = static_cast<std::size_t>(query.window);
  const Range range = is_all ? Range{} : range_of(query);
  for (std::uint32_t i = 0; i < capacity_of(class_of(reference)); ++i) {
    const std::uint64_t word = load_word(words[i]);
    if (word == 0) return;
    const Visit visit = visit_in(word, origin);
    if (!is_all) {
      if (!visit.counts_in(window)) continue;
      const std::int64_t sub_window = sub_window_of(window, visit.unit);
      if (sub_window < range.first || sub_window > range.last) continue;
    }
    to.begin_part();  // the same user may have several visits
    to.add_user(visit.user);
  }
}

/// visit(set) for every one that a read joins.
template <class Visit>
void UniquesTable::for_each_set(const std::uint64_t* record, Query query, Visit visit) {
  if (query.window == Window::All) return visit(set_at(record, kPlaceOfAll));
  const auto window = static_cast<std::size_t>(query.window);
  const std::int64_t newest = newest_in(record, window);
  if (newest == kNoSubWindow) return;
  const Range range = range_of(query);
  const std::int64_t first = std::max(range.first, newest - kSubWindows + 1);
  const std::int64_t last = std::min(range.last, newest);
  for (std::int64_t s = first; s <= last; ++s) visit(set_at(record, place_of(window, s)));
}

double UniquesTable::count(Ordinal entity, Query query, UserUnion& scratch) const {
  const Pair* pair = find(entity);
  if (pair == nullptr) return 0;
  read_consistently(pair->sequence, [&] {
    scratch.clear();
    const std::uint32_t reference = load_word(pair->block);
    if (reference == 0) return true;
    if (class_of(reference) == kRecordClass) {
      for_each_set(block(reference), query, [&](UserSetHandle set) { sets_.join(set, scratch); });
    } else {
      join_visits(*pair, reference, query, scratch);
    }
    return true;
  });
  return scratch.size(limits_.users_max + 1);
}

void UniquesTable::prefetch_count(Ordinal entity, Query query, Stage stage) const {
  const Pair* pair = find(entity);
  if (pair == nullptr) return;
  if (stage == Stage::Pair) return __builtin_prefetch(pair);
  const std::uint32_t reference = load_word(pair->block);
  if (reference == 0) return;
  const bool has_sets = class_of(reference) == kRecordClass;
  const std::uint64_t* words = block(reference);
  if (stage == Stage::Sets) {
    if (has_sets) for_each_set(words, query, [this](UserSetHandle set) { sets_.prefetch(set); });
    return;
  }
  const std::size_t size = has_sets ? kRecordWords : capacity_of(class_of(reference));
  for (std::size_t i = 0; i < size; i += 8) __builtin_prefetch(words + i);
}

UniquesPair UniquesTable::read(Ordinal entity) const {
  const Pair* pair = find(entity);
  if (pair == nullptr) return {};
  return read_consistently(pair->sequence, [&] {
    UniquesPair out;
    const std::uint32_t reference = load_word(pair->block);
    if (reference == 0) return out;
    const std::uint64_t* words = block(reference);
    out.is_short = class_of(reference) != kRecordClass;
    if (out.is_short) {
      out.origin = load_word(pair->origin);
      for (std::uint32_t i = 0; i < capacity_of(class_of(reference)); ++i) {
        const std::uint64_t word = load_word(words[i]);
        if (word == 0) break;
        out.visits.push_back(visit_in(word, out.origin));
      }
      std::ranges::sort(out.visits, visit_before);
      return out;
    }
    out.all = sets_.read(set_at(words, kPlaceOfAll));
    for (std::size_t w = 0; w < kRingWindows; ++w) {
      WindowSets& window = out.windows[w];
      window.newest = newest_in(words, w);
      if (window.newest == kNoSubWindow) continue;
      for (std::int64_t age = 0; age < kSubWindows; ++age) {
        window.back[static_cast<std::size_t>(age)] = sets_.read(set_at(words, place_of(w, window.newest - age)));
      }
    }
    return out;
  });
}

std::size_t UniquesTable::memory_bytes() const {
  std::size_t bytes = sizeof *this + std::size_t{entities_end_} * sizeof(Pair) + sets_.memory_bytes();
  for (const BlockPool& pool : blocks_) bytes += pool.memory_bytes();
  return bytes;
}

}  // namespace tidal::signal
