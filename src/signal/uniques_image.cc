// The image of distinct users and their facts for the digest.
//
// Image: format u8 = 1; number of signals, then each: name, flags u8 (target in bits 0 and 1, unique in bit 2), windows
// u8; ends of item and creator ordinals, varints. Then for each table (signals in order, items before creators):
// entities as differences (ordinal_list.h), then each pair. A pair begins with a varint: 2n of n visits, 1 of sets.
// Visits: origin zigzag; each by (unit, user): unit minus the unit before (the origin for the first) zigzag, user
// varint, windows u8. Sets: all; then for each window of the signal: bits of ages that have a set, u8 (0: the window is
// empty), the newest sub-window zigzag, the sets by age. A set: number of users n, then as differences; n = 0: 512
// registers.
#include <algorithm>
#include <map>
#include <utility>

#include "base/coding.h"
#include "base/epoch.h"
#include "index/ordinal_list.h"
#include "signal/uniques_tables.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kImageFormat = 1;
constexpr std::uint8_t kUniqueFlag = 4;
constexpr std::uint8_t kTargetMask = 3;
constexpr std::uint64_t kSetsTag = 1;
/// Microseconds of the years 0000 to 9999, the valid times.
constexpr std::int64_t kUnitMin = unit_of(Timestamp{-62'167'219'200'000'000});
constexpr std::int64_t kUnitMax = unit_of(Timestamp{253'402'300'800'000'000});

Error corrupt(std::string what) { return Error(Code::Corruption, "uniques image: " + std::move(what)); }

void encode_set(const UserSetValue& set, base::Encoder& out) {
  if (!set.registers.empty()) {
    out.varint(0);
    for (const std::uint8_t r : set.registers) out.u8(r);
    return;
  }
  index::encode_ordinals(set.users, out);
}

UserSetValue decode_set(base::Decoder& in, const UniquesLimits& limits) {
  UserSetValue set;
  set.users = index::decode_ordinals(in, to_index(Ordinal::None));
  if (set.users.size() > limits.users_max) in.fail();
  if (!in.ok() || !set.users.empty()) return set;
  const std::string_view registers = in.raw(kRegisters);
  set.registers.assign(registers.begin(), registers.end());
  const auto users_min = [&] { return std::ranges::count_if(set.registers, [](std::uint8_t r) { return r != 0; }); };
  if (!in.ok() || users_min() == 0 || *std::ranges::max_element(set.registers) > kRankMax) in.fail();
  return set;
}

void encode_pair(const UniquesPair& pair, unsigned windows, base::Encoder& out) {
  if (pair.is_short) {
    out.varint(2 * pair.visits.size());
    out.zigzag(pair.origin);
    std::int64_t before = pair.origin;
    for (const Visit& v : pair.visits) {
      out.zigzag(v.unit - before);
      out.varint(to_index(v.user));
      out.u8(static_cast<std::uint8_t>(v.windows));
      before = v.unit;
    }
    return;
  }
  out.varint(kSetsTag);
  encode_set(pair.all, out);
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    if ((windows >> w & 1U) == 0) continue;
    const WindowSets& window = pair.windows[w];
    unsigned ages = 0;
    for (std::size_t age = 0; age < kSubWindows; ++age) ages |= window.back[age].empty() ? 0U : 1U << age;
    out.u8(static_cast<std::uint8_t>(ages));
    if (ages == 0) continue;
    out.zigzag(window.newest);
    for (const UserSetValue& set : window.back) {
      if (!set.empty()) encode_set(set, out);
    }
  }
}

bool is_unit(std::int64_t unit) { return unit >= kUnitMin && unit <= kUnitMax; }

void decode_visits(base::Decoder& in, std::uint64_t count, unsigned windows, UniquesPair& pair) {
  pair.origin = in.zigzag();
  if (!is_unit(pair.origin)) return in.fail();
  VisitList list(pair.origin);
  Visit before{.unit = kNoSubWindow, .user = Ordinal::None, .windows = 0};
  std::int64_t unit = pair.origin;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::int64_t step = in.zigzag();
    if (step < kUnitMin - kUnitMax || step > kUnitMax - kUnitMin) return in.fail();
    unit += step;
    const std::uint64_t user = in.varint();
    const std::uint8_t bits = in.u8();
    if (!in.ok() || !is_unit(unit) || user >= to_index(Ordinal::None) || (bits & ~windows) != 0) return in.fail();
    const Visit v{.unit = unit, .user = to_ordinal(static_cast<std::uint32_t>(user)), .windows = bits};
    if (i > 0 && !visit_before(before, v)) return in.fail();
    if (!list.fits(v)) return in.fail();
    list.append_stored(v);
    before = v;
  }
  if (!list.is_sound()) return in.fail();
  pair.visits.assign(list.visits().begin(), list.visits().end());
}

UniquesPair decode_pair(base::Decoder& in, unsigned windows, const UniquesLimits& limits) {
  UniquesPair pair;
  const std::uint64_t tag = in.varint();
  if (tag != kSetsTag) {
    if (tag == 0 || tag % 2 != 0 || tag / 2 > limits.visits_max) in.fail();
    if (in.ok()) decode_visits(in, tag / 2, windows, pair);
    return pair;
  }
  pair.is_short = false;
  pair.all = decode_set(in, limits);
  for (std::size_t w = 0; w < kRingWindows && in.ok(); ++w) {
    if ((windows >> w & 1U) == 0) continue;
    const unsigned ages = in.u8();
    if (ages == 0) continue;
    WindowSets& window = pair.windows[w];
    window.newest = in.zigzag();
    if ((ages & 1U) == 0 || window.newest < sub_window_of(w, kUnitMin) || window.newest > sub_window_of(w, kUnitMax)) {
      in.fail();
    }
    for (std::size_t age = 0; age < kSubWindows && in.ok(); ++age) {
      if ((ages >> age & 1U) != 0) window.back[age] = decode_set(in, limits);
    }
  }
  return pair;
}

/// One set after the other of a pair, whichever form it has: give(window, sub_window, set).
template <class Give>
void for_each_set(const UniquesPair& pair, Give give) {
  if (!pair.is_short) {
    give(Window::All, 0, pair.all);
    for (std::size_t w = 0; w < kRingWindows; ++w) {
      const WindowSets& window = pair.windows[w];
      for (std::size_t age = 0; age < kSubWindows; ++age) {
        if (window.back[age].empty()) continue;
        give(static_cast<Window>(w), window.newest - static_cast<std::int64_t>(age), window.back[age]);
      }
    }
    return;
  }
  std::map<std::pair<std::size_t, std::int64_t>, UserSetValue> sets;
  for (const Visit& v : pair.visits) {
    sets[{kRingWindows, 0}].users.push_back(v.user);
    for (std::size_t w = 0; w < kRingWindows; ++w) {
      if (v.counts_in(w)) sets[{w, sub_window_of(w, v.unit)}].users.push_back(v.user);
    }
  }
  for (auto& [place, set] : sets) {
    std::ranges::sort(set.users);
    set.users.erase(std::unique(set.users.begin(), set.users.end()), set.users.end());
    give(place.first == kRingWindows ? Window::All : static_cast<Window>(place.first), place.second, set);
  }
}

}  // namespace

class Uniques::StateCapture final : public Uniques::Capture {
 public:
  explicit StateCapture(const State& state) : signals_(state.signals) {
    for (std::size_t s = 0; s < signals_.size(); ++s) {
      for (const EntityKind kind : kCountedKinds) {
        const UniquesTable* table = state.find(kind, static_cast<std::uint16_t>(s));
        if (table == nullptr) continue;
        tables_.push_back({kind, signals_[s].windows, table, table->entities_end(), table->capture()});
      }
    }
  }

  [[nodiscard]] std::string encode() const override {
    base::Encoder body;
    std::array<std::uint64_t, kCountedKinds.size()> ends{};
    for (const Table& table : tables_) {
      std::vector<Ordinal> entities;
      base::Encoder pairs;
      for (std::uint32_t o = 0; o < table.entities_end; ++o) {
        UniquesPair pair = table.live->read(to_ordinal(o));
        if (auto saved = table.changed.saved(o)) pair = *std::move(saved);  // S1: after the look at the live pair
        if (pair.empty()) continue;
        entities.push_back(to_ordinal(o));
        encode_pair(pair, table.windows, pairs);
        ends[slot_of(table.kind)] = std::max(ends[slot_of(table.kind)], std::uint64_t{o} + 1);
      }
      index::encode_ordinals(entities, body);
      body.raw(pairs.str());
    }
    base::Encoder out;
    out.u8(kImageFormat);
    out.varint(signals_.size());
    for (const Declared& signal : signals_) {
      out.string(signal.name);
      out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(signal.target) | (signal.unique ? kUniqueFlag : 0U)));
      out.u8(static_cast<std::uint8_t>(signal.windows));
    }
    for (const std::uint64_t end : ends) out.varint(end);
    out.raw(body.str());
    return out.take();
  }

 private:
  struct Table {
    EntityKind kind;
    unsigned windows;
    const UniquesTable* live;
    std::uint32_t entities_end;
    UniquesCaptures::Capture changed;
  };

  base::EpochPin pin_;  // first: it keeps the tables, should something retire them
  std::vector<Declared> signals_;
  std::vector<Table> tables_;
};

std::unique_ptr<Uniques::Capture> Uniques::capture() const {
  return std::make_unique<StateCapture>(*state_.load(std::memory_order_relaxed));
}

Status Uniques::restore(std::string_view image, const IsKnown& is_known) {
  base::Decoder in(image);
  if (const std::uint8_t format = in.u8(); format != kImageFormat) return corrupt("format " + std::to_string(format));
  auto next = std::make_unique<State>();
  const std::uint64_t signals = in.varint();
  if (signals > 0xFFFF || signals > in.rest().size() / 3) return corrupt(std::to_string(signals) + " signals");
  for (std::uint64_t s = 0; s < signals; ++s) {
    Declared signal{.name = std::string(in.string())};
    const std::uint8_t flags = in.u8();
    signal.target = static_cast<EntityKind>(flags & kTargetMask);
    signal.unique = (flags & kUniqueFlag) != 0;
    signal.windows = in.u8();
    const bool sound = flags <= (kTargetMask | kUniqueFlag) && (flags & kTargetMask) < kEntityKinds &&
                       (signal.windows & ~(signal.unique ? kAllWindowBits : 0U)) == 0 &&
                       (!signal.unique || is_counted(signal.target));
    if (!in.ok() || !sound) return corrupt("signal " + std::to_string(s));
    next->add(std::move(signal), limits_);
  }
  std::array<std::uint64_t, kCountedKinds.size()> ends{};
  for (const EntityKind kind : kCountedKinds) {
    const std::uint64_t end = ends[slot_of(kind)] = in.varint();
    if (end > to_index(Ordinal::None) ||
        (end > 0 && !is_known(kind, to_ordinal(static_cast<std::uint32_t>(end - 1))))) {
      return corrupt("unknown " + std::string(kind_name(kind)) + " " + std::to_string(end - 1));
    }
  }
  for (std::uint16_t s = 0; s < next->signals.size(); ++s) {
    for (const EntityKind kind : kCountedKinds) {
      UniquesTable* table = next->find(kind, s);
      if (table == nullptr) continue;
      for (const Ordinal entity : index::decode_ordinals(in, static_cast<std::uint32_t>(ends[slot_of(kind)]))) {
        const UniquesPair pair = decode_pair(in, next->signals[s].windows, limits_);
        if (!in.ok()) return corrupt("malformed pair of entity " + std::to_string(to_index(entity)));
        table->restore(entity, pair);
      }
    }
  }
  if (!in.ok()) return corrupt("truncated");
  if (!in.at_end()) return corrupt(std::to_string(in.rest().size()) + " bytes after its end");
  base::retire(state_.exchange(next.release(), std::memory_order_acq_rel));  // pairs with the readers' acquire
  return {};
}

void Uniques::for_each_fact(const std::function<void(const UniquesFact&)>& visit) const {
  using Type = UniquesFact::Type;
  const State& state = *state_.load(std::memory_order_relaxed);
  for (std::uint16_t s = 0; s < state.signals.size(); ++s) {
    if (!state.signals[s].unique) continue;
    visit({.type = Type::Declared, .signal = s, .windows = state.signals[s].windows});
    for (const EntityKind kind : kCountedKinds) {
      const UniquesTable* table = state.find(kind, s);
      if (table == nullptr) continue;
      for (std::uint32_t o = 0; o < table->entities_end(); ++o) {
        const UniquesPair pair = table->read(to_ordinal(o));
        if (pair.empty()) continue;
        for_each_set(pair, [&](Window window, std::int64_t sub_window, const UserSetValue& set) {
          visit({.type = set.registers.empty() ? Type::Users : Type::Sketch,
                 .signal = s,
                 .kind = kind,
                 .entity = to_ordinal(o),
                 .window = window,
                 .sub_window = sub_window,
                 .users = set.users,
                 .registers = set.registers});
        });
      }
    }
  }
}

}  // namespace tidal::signal
