// The image of user state and its facts for the digest.
//
// Image: format u8 = 2; seen_since i64; ends of user and item ordinals, varints; users with anything as differences
// (ordinal_list.h), then each: seen items, number of entries, each: key minus the key before, word zigzag; number of
// signals, then each: items with events counted beside users, and the counts. Counts by users follow from the entries.
// Format 1 is the same without undos: with the slots up to Progress only.
#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "signal/standing_marks.h"
#include "signal/user_state_tables.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kImageFormat = 2;
constexpr std::uint8_t kImageFormatOfLogic1 = 1;

Error corrupt(std::string what) { return Error(Code::Corruption, "user state image: " + std::move(what)); }

struct EntryBounds {
  std::uint8_t slots = 0;
  std::uint32_t items = 0;
  std::size_t signals = 0;

  [[nodiscard]] bool hold(const MarkEntry& e) const {
    const std::uint8_t s = slot_of(e.key);
    const bool no_signal = s == slot(Mark::Seen) || s == slot(MarkSlot::Progress);
    if (e.key >= keys_of_slot(slots).first || to_index(item_of(e.key)) >= items ||
        signal_of(e.key) >= (no_signal ? 1 : signals)) {
      return false;
    }
    if (s == slot(MarkSlot::InProgressTie) || s == slot(MarkSlot::CompletedTie)) {
      return e.word > 0 && e.word < std::numeric_limits<std::int64_t>::max();
    }
    if (s != slot(MarkSlot::Progress) && s != slot(MarkSlot::SignalProgress)) return true;
    const double progress = std::bit_cast<double>(e.word);
    return (progress >= 0 && progress <= 1) || (s == slot(MarkSlot::Progress) && progress == kNoProgress);
  }
};

/// Reads one user's entries; `in` fails on anything that a table cannot hold.
std::vector<MarkEntry> decode_entries(base::Decoder& in, const EntryBounds& bounds) {
  std::vector<MarkEntry> out;
  const std::uint64_t count = in.varint();
  if (count > in.rest().size() / 2) in.fail();  // each takes at least two bytes
  if (!in.ok()) return out;
  out.reserve(count);
  std::uint64_t key = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t gap = in.varint();
    const std::uint64_t next = key + gap;
    const std::int64_t word = in.zigzag();
    if (next < key || (i > 0 && gap == 0) || !bounds.hold({next, word})) in.fail();
    if (!in.ok()) return {};
    out.push_back({next, word});
    key = next;
  }
  return out;
}

/// Adds one user's part of the counts: each signal and item once, whatever marks it set.
void count_standing(NetCounts& net, const std::vector<MarkEntry>& entries) {
  std::vector<std::uint64_t> standing;
  for (const MarkEntry& e : entries) {
    if (is_standing(slot_of(e.key))) standing.push_back(mark_key(0, item_of(e.key), signal_of(e.key)));
  }
  std::sort(standing.begin(), standing.end());
  standing.erase(std::unique(standing.begin(), standing.end()), standing.end());
  for (const std::uint64_t s : standing) net.add(NetCounts::Part::Users, signal_of(s), item_of(s), 1);
}

/// What an entry of the slot states.
std::pair<UserStateFact::Type, Mark> meaning_of(std::uint8_t slot_number) {
  using Type = UserStateFact::Type;
  if (slot_number < kMarks) return {Type::Entry, static_cast<Mark>(slot_number)};
  switch (static_cast<MarkSlot>(slot_number)) {
    case MarkSlot::Progress: return {Type::Progress, Mark::InProgress};
    case MarkSlot::Undone: return {Type::Undone, Mark::Seen};
    case MarkSlot::SignalProgress: return {Type::SignalProgress, Mark::InProgress};
    case MarkSlot::InProgressTie: return {Type::Tie, Mark::InProgress};
    case MarkSlot::CompletedTie: return {Type::Tie, Mark::Completed};
  }
  return {Type::Entry, Mark::Seen};  // no such slot is written
}

void encode_user(const std::vector<Ordinal>& seen, const std::vector<MarkEntry>& entries, base::Encoder& out) {
  index::encode_ordinals(seen, out);
  out.varint(entries.size());
  std::uint64_t key = 0;
  for (const MarkEntry& e : entries) {
    out.varint(e.key - key);
    out.zigzag(e.word);
    key = e.key;
  }
}

}  // namespace

class UserState::StateCapture final : public UserState::Capture {
 public:
  explicit StateCapture(const State& state)
      : state_(state),
        seen_since_(state.seen_since.load(std::memory_order_relaxed)),
        user_end_(state.user_end.load(std::memory_order_relaxed)),
        changed_(state.past_users.begin()) {
    ++state.captures;
    for (std::uint16_t s = 0; s < state.net.signal_end(); ++s) {
      events_.push_back(state.net.capture(NetCounts::Part::Events, s));
    }
  }

  [[nodiscard]] std::string encode() const override {
    std::uint32_t item_end = 0;
    const auto reach = [&item_end](Ordinal item) { item_end = std::max(item_end, to_index(item) + 1); };
    std::vector<Ordinal> users;
    base::Encoder by_user;
    for (std::uint32_t u = 0; u < user_end_; ++u) {
      const User* user = state_.users.find(u);
      if (user == nullptr) continue;
      PastUser past = user->past();
      if (const auto saved = changed_.saved(u)) past = *saved;  // S1: after the look at the live user
      const std::vector<Ordinal> seen = past.seen.to_vector();
      const std::vector<MarkEntry> entries = past.marks.entries();
      if (seen.empty() && entries.empty()) continue;
      users.push_back(to_ordinal(u));
      if (!seen.empty()) reach(seen.back());
      for (const MarkEntry& e : entries) reach(item_of(e.key));
      encode_user(seen, entries, by_user);
    }
    base::Encoder events;
    encode_events(events, reach);

    base::Encoder out;
    out.u8(kImageFormat);
    out.i64(seen_since_);
    out.varint(users.empty() ? 0 : to_index(users.back()) + std::uint64_t{1});
    out.varint(item_end);
    index::encode_ordinals(users, out);
    out.raw(by_user.str());
    out.raw(events.str());
    return out.take();
  }

 private:
  template <class Reach>
  void encode_events(base::Encoder& out, Reach reach) const {
    std::vector<std::vector<std::uint32_t>> events;  // by signal, then item
    for (const NetCounts::Past& counts : events_) events.push_back(counts.copy());
    const auto is_zero = [](std::uint32_t count) { return count == 0; };
    std::size_t signal_end = events.size();
    while (signal_end > 0 && std::ranges::all_of(events[signal_end - 1], is_zero)) --signal_end;
    out.varint(signal_end);
    for (std::size_t s = 0; s < signal_end; ++s) {
      std::vector<Ordinal> items;
      for (std::uint32_t i = 0; i < events[s].size(); ++i) {
        if (events[s][i] != 0) items.push_back(to_ordinal(i));
      }
      if (!items.empty()) reach(items.back());
      index::encode_ordinals(items, out);
      for (const Ordinal item : items) out.varint(events[s][to_index(item)]);
    }
  }

  base::EpochPin pin_;  // first: it keeps the state, should clear() retire it, and the versions of its users
  const State& state_;
  std::int64_t seen_since_;
  std::uint32_t user_end_;
  base::Captures<PastUser>::Capture changed_;
  std::vector<NetCounts::Past> events_;  // by signal
};

std::unique_ptr<UserState::Capture> UserState::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status UserState::restore(std::string_view image, const ImageLimits& limits) {
  return replace(decode(image, limits, kImageFormat));
}

Status UserState::restore_logic_1(std::string_view image, const ImageLimits& limits) {
  return replace(decode(image, limits, kImageFormatOfLogic1));
}

Status UserState::replace(Result<std::unique_ptr<State>> next) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<State> state, std::move(next));
  base::retire(state_.exchange(state.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

Result<std::unique_ptr<UserState::State>> UserState::decode(std::string_view image, const ImageLimits& limits,
                                                            std::uint8_t format) {
  base::Decoder in(image);
  if (const std::uint8_t found = in.u8(); found != format) return corrupt("format " + std::to_string(found));
  auto next = std::make_unique<State>();
  next->seen_since.store(in.i64(), std::memory_order_relaxed);
  const std::uint64_t user_end = in.varint();
  const std::uint64_t item_end = in.varint();
  const auto beyond = [&](EntityKind kind, std::uint64_t end) {
    return end > to_index(Ordinal::None) ||
           (end > 0 && !limits.is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))));
  };
  if (beyond(EntityKind::User, user_end)) return corrupt("unknown user " + std::to_string(user_end - 1));
  if (beyond(EntityKind::Item, item_end)) return corrupt("unknown item " + std::to_string(item_end - 1));
  const auto items_below = static_cast<std::uint32_t>(item_end);
  const bool is_older = format == kImageFormatOfLogic1;
  const EntryBounds bounds{.slots = is_older ? static_cast<std::uint8_t>(slot(MarkSlot::Progress) + 1) : kSlots,
                           .items = items_below,
                           .signals = limits.signals};

  for (const Ordinal u : index::decode_ordinals(in, static_cast<std::uint32_t>(user_end))) {
    const std::vector<Ordinal> seen = index::decode_ordinals(in, items_below);
    std::vector<MarkEntry> entries = decode_entries(in, bounds);
    if (is_older && !add_what_logic_1_lacks(entries)) in.fail();
    if (!in.ok()) return corrupt("malformed user " + std::to_string(to_index(u)));
    User& user = next->grow_to(u);
    user.seen.assign(seen);
    user.marks.assign(entries);
    count_standing(next->net, entries);
  }

  const std::uint64_t signals = in.varint();
  if (signals > limits.signals) return corrupt("unknown signal " + std::to_string(signals - 1));
  for (std::uint16_t s = 0; s < signals; ++s) {
    for (const Ordinal item : index::decode_ordinals(in, items_below)) {
      const std::uint64_t count = in.varint();
      if (count == 0 || count > std::numeric_limits<std::uint32_t>::max()) in.fail();
      if (!in.ok()) break;
      next->net.add(NetCounts::Part::Events, s, item, static_cast<std::int32_t>(count));
    }
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  return next;
}

void UserState::for_each_fact(const std::function<void(const UserStateFact&)>& visit) const {
  using Type = UserStateFact::Type;
  const State& state = *state_.load(std::memory_order_relaxed);
  if (state.keeps_seen_times()) {
    visit({Type::SeenTimes, Ordinal::None, Ordinal::None, 0, Mark::Seen,
           state.seen_since.load(std::memory_order_relaxed)});
  }
  const std::uint32_t user_end = state.user_end.load(std::memory_order_relaxed);
  for (std::uint32_t u = 0; u < user_end; ++u) {
    const User& user = state.users[u];
    for (const Ordinal item : user.seen.to_vector()) visit({Type::Seen, to_ordinal(u), item, 0, Mark::Seen, 0});
    for (const MarkEntry& e : user.marks.all()) {
      const auto [type, mark] = meaning_of(slot_of(e.key));
      visit({type, to_ordinal(u), item_of(e.key), signal_of(e.key), mark, e.word});
    }
  }
  for (std::uint16_t s = 0; s < state.net.signal_end(); ++s) {
    for (const auto& [part, type] :
         {std::pair{NetCounts::Part::Users, Type::NetUsers}, std::pair{NetCounts::Part::Events, Type::NetEvents}}) {
      for (const Ordinal item : state.net.items(part, s)) {
        visit({type, Ordinal::None, item, s, Mark::Seen, static_cast<std::int64_t>(state.net.get(part, s, item))});
      }
    }
  }
}

}  // namespace tidal::signal
