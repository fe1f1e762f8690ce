// Reads and writes of user state.
#include "signal/user_state.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/epoch.h"
#include "signal/effects.h"
#include "signal/standing_marks.h"
#include "signal/user_state_tables.h"

namespace tidal::signal {
namespace {

double progress_of(std::int64_t word) { return std::bit_cast<double>(word); }

/// Whether any event of the signal can make it stand (U3).
bool can_stand(const SignalDef& def) {
  return std::any_of(def.effects.begin(), def.effects.end(),
                     [](const EffectDef& e) { return e.kind == EffectDef::Kind::Mark && e.mark != Mark::Seen; });
}

void raise(MarkTable& table, std::uint64_t key, std::int64_t time, std::uint32_t generation) {
  const std::optional<std::int64_t> before = table.get(key);
  if (!before || *before < time) table.set(key, time, generation);  // U1
}

}  // namespace

std::optional<Timestamp> UserState::User::standing_since(std::uint16_t signal, Ordinal item) const {
  std::optional<Timestamp> newest;
  for (std::uint8_t s = 0; s < kMarks; ++s) {
    if (!is_standing(s)) continue;
    const auto at = marks.get(mark_key(s, item, signal));
    if (at && (!newest || newest->us < *at)) newest = Timestamp{*at};
  }
  return newest;
}

UserState::PastUser UserState::User::past() const { return {seen.capture(), marks.capture()}; }

UserState::UserState() : state_(new State) {}
UserState::~UserState() { delete state_.load(std::memory_order_relaxed); }

// Reads. Each holds a guard for as long as it uses the state.

const UserState::User* UserState::find(Ordinal user) const {
  if (user == Ordinal::None) return nullptr;
  return state_.load(std::memory_order_acquire)->users.find(to_index(user));  // pairs with clear() and restore()
}

index::Bitmap UserState::marked(Ordinal user, Mark mark) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  if (u == nullptr) return {};
  if (mark == Mark::Seen) return u->seen.snapshot();
  const bool in_progress = mark == Mark::InProgress;
  std::vector<Ordinal> items;
  for (const MarkEntry& e : u->marks.entries(keys_of_slot(in_progress ? slot(MarkSlot::Progress) : slot(mark)))) {
    if (in_progress && progress_of(e.word) < 0) continue;
    if (items.empty() || items.back() != item_of(e.key)) items.push_back(item_of(e.key));
  }
  return index::Bitmap::of(items);
}

index::Bitmap UserState::marked_since(Ordinal user, Mark mark, Timestamp not_before) const {
  const base::EpochGuard guard;
  index::Bitmap standing = marked(user, mark);
  const User* u = find(user);
  if (u == nullptr) return standing;
  std::vector<Ordinal> recent;
  std::vector<Ordinal> timed;
  for (const MarkEntry& e : u->marks.entries(keys_of_slot(slot(mark)))) {
    timed.push_back(item_of(e.key));
    if (e.word >= not_before.us) recent.push_back(item_of(e.key));
  }
  const bool untimed_count =
      mark == Mark::Seen &&
      state_.load(std::memory_order_acquire)->seen_since.load(std::memory_order_relaxed) >= not_before.us;
  if (!untimed_count) {
    standing &= index::Bitmap::of(recent);
    return standing;
  }
  index::Bitmap expired = index::Bitmap::of(timed);
  expired -= index::Bitmap::of(recent);
  standing -= expired;
  return standing;
}

bool UserState::has_mark(Ordinal user, Mark mark, Ordinal item) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  if (u == nullptr) return false;
  if (mark == Mark::Seen) return u->seen.contains(item);
  if (mark != Mark::InProgress) return u->marks.max_in(keys_of_item(slot(mark), item)).has_value();
  const auto progress = u->marks.get(mark_key(slot(MarkSlot::Progress), item, 0));
  return progress && progress_of(*progress) >= 0;
}

void UserState::times_of(Ordinal user, Mark mark, std::span<const Ordinal> items, double missing,
                         std::span<double> out) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  for (std::size_t i = 0; i < items.size(); ++i) {
    out[i] = missing;
    if (u == nullptr) continue;
    if (mark == Mark::InProgress) {
      const auto progress = u->marks.get(mark_key(slot(MarkSlot::Progress), items[i], 0));
      if (!progress || progress_of(*progress) < 0) continue;
    }
    if (const auto time = u->marks.max_in(keys_of_item(slot(mark), items[i]))) out[i] = static_cast<double>(*time);
  }
}

double UserState::progress(Ordinal user, Ordinal item) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  const auto word = u == nullptr ? std::nullopt : u->marks.get(mark_key(slot(MarkSlot::Progress), item, 0));
  return word ? std::max(0.0, progress_of(*word)) : 0.0;
}

std::optional<Timestamp> UserState::standing_since(Ordinal user, std::uint16_t signal, Ordinal item) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  return u == nullptr ? std::nullopt : u->standing_since(signal, item);
}

std::optional<Timestamp> UserState::undone_at(Ordinal user, std::uint16_t signal, Ordinal item) const {
  const base::EpochGuard guard;
  const User* u = find(user);
  const auto at = u == nullptr ? std::nullopt : u->marks.get(mark_key(slot(MarkSlot::Undone), item, signal));
  return at ? std::optional(Timestamp{*at}) : std::nullopt;
}

void UserState::net(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const {
  const base::EpochGuard guard;
  state_.load(std::memory_order_acquire)->net.read(signal, items, out);
}

// Writes. Only this thread replaces the state, so it needs no guard.

void UserState::record(const MarkEvent& event, const SignalDef& def) {
  State& state = *state_.load(std::memory_order_relaxed);
  const bool standing_counts = can_stand(def);
  if (!standing_counts || event.user == Ordinal::None) {
    state.net.add(NetCounts::Part::Events, event.signal, event.item, 1);
  }
  if (event.user == Ordinal::None) return;
  const unsigned set = effects_of(def, 1.0, event.value).marks;
  if (set == 0) return;

  User& user = state.grow_to(event.user);
  state.save_for_captures(event.user);
  if ((set & 1U << slot(Mark::Seen)) != 0) {
    user.seen.add(event.item);
    if (state.keeps_seen_times()) {
      raise(user.marks, mark_key(slot(Mark::Seen), event.item, 0), event.at.us, state.captures);
    }
  }
  const unsigned standing_marks = set & ~(1U << slot(Mark::Seen));
  if (standing_marks == 0) return;
  if (is_undone(user.marks, event)) return;  // U5
  if (!user.standing_since(event.signal, event.item)) {
    state.net.add(NetCounts::Part::Users, event.signal, event.item, 1);
  }
  set_marks(user.marks, standing_marks, event, state.captures);
}

void UserState::undo(const MarkEvent& event) {
  if (event.user == Ordinal::None) return;
  State& state = *state_.load(std::memory_order_relaxed);
  User& user = state.grow_to(event.user);
  state.save_for_captures(event.user);
  const bool stood = user.standing_since(event.signal, event.item).has_value();
  take_back(user.marks, event, state.captures);
  if (stood && !user.standing_since(event.signal, event.item)) {
    state.net.add(NetCounts::Part::Users, event.signal, event.item, -1);
  }
}

void UserState::prefetch(const MarkEvent& event, PrefetchStage stage) const {
  const State& state = *state_.load(std::memory_order_relaxed);
  const User* user = event.user == Ordinal::None ? nullptr : state.users.find(to_index(event.user));
  if (stage == PrefetchStage::User) {
    if (user != nullptr) __builtin_prefetch(user);
    state.net.prefetch(event.signal, event.item);
  } else if (user != nullptr) {
    user->seen.prefetch();
    user->marks.prefetch();
  }
}

void UserState::clear_item(Ordinal item) { state_.load(std::memory_order_relaxed)->net.clear_events(item); }

void UserState::erase_user(Ordinal ordinal) {
  State& state = *state_.load(std::memory_order_relaxed);
  User* user = ordinal == Ordinal::None ? nullptr : state.users.find(to_index(ordinal));
  if (user == nullptr) return;
  std::vector<std::uint64_t> standing;  // item and signal, without the slot
  for (const MarkEntry& e : user->marks.all()) {
    if (is_standing(slot_of(e.key))) standing.push_back(mark_key(0, item_of(e.key), signal_of(e.key)));
  }
  std::sort(standing.begin(), standing.end());
  standing.erase(std::unique(standing.begin(), standing.end()), standing.end());
  for (const std::uint64_t s : standing) state.net.add(NetCounts::Part::Users, signal_of(s), item_of(s), -1);
  state.save_for_captures(ordinal);
  user->seen.clear();
  user->marks.clear();
}

void UserState::keep_seen_times(bool keep, Timestamp at) {
  State& state = *state_.load(std::memory_order_relaxed);
  if (keep == state.keeps_seen_times()) return;
  state.seen_since.store(keep ? at.us : kSeenNeverExpires, std::memory_order_relaxed);
  if (keep) return;
  const std::uint32_t end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < end; ++u) {
    User* user = state.users.find(u);
    if (user == nullptr) continue;
    state.save_for_captures(to_ordinal(u));
    user->marks.erase(keys_of_slot(slot(Mark::Seen)));
  }
}

void UserState::clear() {
  base::retire(state_.exchange(new State, std::memory_order_acq_rel));  // pairs with the readers' acquire
}

std::size_t UserState::memory_bytes() const {
  const base::EpochGuard guard;
  const State& state = *state_.load(std::memory_order_acquire);
  std::size_t bytes = sizeof state + state.users.memory_bytes() + state.net.memory_bytes();
  const std::uint32_t end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < end; ++u) {
    if (const User* user = state.users.find(u)) bytes += user->seen.heap_bytes() + user->marks.heap_bytes();
  }
  return bytes;
}

}  // namespace tidal::signal
