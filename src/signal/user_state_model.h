// The plainest possible user state: a fold over the list of events; and random histories for it. For tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "signal/signal_record.h"
#include "signal/user_state.h"
#include "signal/user_state_mat.h"

namespace tidal::signal {

inline constexpr std::uint32_t kUsers = 6;
inline constexpr std::uint32_t kItems = 12;

/// Small numbers, as ordinals want them.
class Random {
 public:
  explicit Random(std::uint64_t seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_.below(n)); }

 private:
  base::Random random_;
};

inline EffectDef marks(Mark mark, std::vector<ValueTest> when = {}) {
  EffectDef e;
  e.kind = EffectDef::Kind::Mark;
  e.mark = mark;
  e.when = std::move(when);
  return e;
}

inline SignalDef signal_def(std::string name, std::vector<EffectDef> effects) {
  SignalDef def;
  def.name = std::move(name);
  def.has_value = true;
  def.effects = std::move(effects);
  return def;
}

/// All signals a history may declare, in this order.
inline const std::vector<SignalDef>& signal_pool() {
  using Op = ValueTest::Op;
  static const std::vector<SignalDef> pool = [] {
    EffectDef preference;
    preference.kind = EffectDef::Kind::Preference;
    preference.rate = 0.1;
    std::vector<SignalDef> out = {
        signal_def("impression", {preference}),
        signal_def("view", {marks(Mark::Seen)}),
        signal_def("like", {marks(Mark::Liked), marks(Mark::Seen), preference}),
        signal_def("completion",
                   {marks(Mark::Completed, {{Op::Ge, 0.9}}), marks(Mark::InProgress, {{Op::Lt, 0.9}, {Op::Gt, 0.1}})}),
        signal_def("love", {marks(Mark::Liked), marks(Mark::Saved)}),
        signal_def("finish", {marks(Mark::Completed), marks(Mark::InProgress, {{Op::Ne, 1.0}})}),
        signal_def("resume", {marks(Mark::InProgress)}),
        signal_def("follow_up", {marks(Mark::Hidden)}),
    };
    out.back().target = EntityKind::Creator;
    return out;
  }();
  return pool;
}

/// A signal, or its undo.
struct Happened {
  std::uint16_t signal;
  Ordinal user;
  Ordinal item;
  Timestamp at;
  std::uint64_t seqno;
  std::optional<double> value;
};

/// What a history did: the list itself. Everything is folded from it anew.
struct Model {
  std::vector<SignalDef> signals;
  std::vector<Happened> events;              // on items only
  std::vector<Happened> undos;               // likewise
  std::map<Ordinal, std::uint64_t> deleted;  // item -> seqno of its last deletion
  std::optional<Timestamp> seen_since;       // set while times of seen are kept
  std::uint64_t seen_since_seqno = 0;

  static bool passes(const EffectDef& e, std::optional<double> value) {
    using Op = ValueTest::Op;
    for (const ValueTest& t : e.when) {
      if (!value) return false;
      const double v = *value;
      const double x = t.threshold;
      if (!(t.op == Op::Eq   ? v == x
            : t.op == Op::Ne ? v != x
            : t.op == Op::Lt ? v < x
            : t.op == Op::Le ? v <= x
            : t.op == Op::Gt ? v > x
                             : v >= x)) {
        return false;
      }
    }
    return true;
  }
  [[nodiscard]] bool sets(const Happened& h, Mark mark) const {
    if (h.user == Ordinal::None) return false;
    const auto& effects = signals[h.signal].effects;
    return std::any_of(effects.begin(), effects.end(), [&](const EffectDef& e) {
      return e.kind == EffectDef::Kind::Mark && e.mark == mark && passes(e, h.value);
    });
  }
  [[nodiscard]] bool is_undone(const Happened& h) const {  // U1, U5
    return std::any_of(undos.begin(), undos.end(), [&](const Happened& u) {
      return u.signal == h.signal && u.user == h.user && u.item == h.item &&
             std::tie(u.at, u.seqno) > std::tie(h.at, h.seqno);
    });
  }
  /// The newest time of a mark other than seen that the user's signal holds there.
  [[nodiscard]] std::optional<Timestamp> standing_since(Ordinal user, std::uint16_t signal, Ordinal item) const {
    std::optional<Timestamp> newest;
    for (const Happened& h : events) {
      if (h.user != user || h.signal != signal || h.item != item || is_undone(h)) continue;
      for (std::size_t m = 1; m < kMarks; ++m) {
        if (sets(h, static_cast<Mark>(m)) && (!newest || *newest < h.at)) newest = h.at;
      }
    }
    return newest;
  }
  /// The event that decides the mark: the latest by event time, then seqno.
  [[nodiscard]] const Happened* latest(Ordinal user, Ordinal item, Mark mark) const {
    const Happened* best = nullptr;
    for (const Happened& h : events) {
      if (h.user != user || h.item != item || !sets(h, mark)) continue;
      if (mark != Mark::Seen && is_undone(h)) continue;
      if (best == nullptr || std::tie(h.at, h.seqno) > std::tie(best->at, best->seqno)) best = &h;
    }
    return best;
  }
  [[nodiscard]] bool stands(Ordinal user, Ordinal item, Mark mark) const {
    const Happened* h = latest(user, item, mark);
    if (h == nullptr || mark != Mark::InProgress) return h != nullptr;
    const Happened* completed = latest(user, item, Mark::Completed);
    return completed == nullptr || std::tie(h->at, h->seqno) > std::tie(completed->at, completed->seqno);  // U2
  }
  [[nodiscard]] std::optional<Timestamp> time(Ordinal user, Ordinal item, Mark mark) const {
    if (!stands(user, item, mark)) return std::nullopt;
    if (mark != Mark::Seen) return latest(user, item, mark)->at;
    std::optional<Timestamp> best;
    for (const Happened& h : events) {
      const bool kept = seen_since.has_value() && h.seqno > seen_since_seqno;
      if (kept && h.user == user && h.item == item && sets(h, mark) && (!best || h.at > *best)) best = h.at;
    }
    return best;
  }
  [[nodiscard]] bool stands_since(Ordinal user, Ordinal item, Mark mark, Timestamp not_before) const {
    if (!stands(user, item, mark)) return false;
    if (const auto t = time(user, item, mark)) return *t >= not_before;
    return !seen_since || *seen_since >= not_before;
  }
  [[nodiscard]] double net(std::uint16_t signal, Ordinal item) const {  // U3
    const auto& effects = signals[signal].effects;
    const bool marking = std::any_of(effects.begin(), effects.end(), [](const EffectDef& e) {
      return e.kind == EffectDef::Kind::Mark && e.mark != Mark::Seen;
    });
    std::set<Ordinal> users;
    double others = 0;
    const auto gone = deleted.find(item);
    for (const Happened& h : events) {
      if (h.signal != signal || h.item != item) continue;
      if (!marking || h.user == Ordinal::None) {
        if (gone == deleted.end() || h.seqno > gone->second) ++others;
        continue;
      }
      if (standing_since(h.user, signal, item)) users.insert(h.user);
    }
    return static_cast<double>(users.size()) + others;
  }
};

struct Story {
  materializer::History history;
  Model model;

  void declare(const SignalDef& def) {
    schema::SchemaChange change;
    change.signals.push_back(def);
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    model.signals.push_back(def);
  }
  void set_seen_expires(Duration expires, Timestamp at) {
    schema::SchemaChange change;
    change.has_settings = true;
    change.settings.seen_expires = expires;
    const auto& event = history.add(wal::RecordType::SchemaChange, at, schema::encode_change(change));
    if (expires.us == 0) {
      model.seen_since.reset();
    } else if (!model.seen_since) {
      model.seen_since = at;
      model.seen_since_seqno = event.seqno.value;
    }
  }
  void signal(std::uint16_t s, Ordinal user, Ordinal subject, Timestamp at, std::optional<double> value) {
    std::string payload;
    encode_payload({model.signals[s].name, 1.0, value}, payload);
    auto& event = history.add(wal::RecordType::Signal, at, payload);
    event.record.subject_kind = model.signals[s].target;
    event.ids = {
        .subject = subject, .user = user, .signal = s, .has_value = value.has_value(), .value = value.value_or(0.0)};
    if (model.signals[s].target == EntityKind::Item) {
      model.events.push_back({s, user, subject, at, event.seqno.value, value});
    }
  }
  void undo(std::uint16_t s, Ordinal user, Ordinal subject, Timestamp at) {
    auto& event = history.add(wal::RecordType::Unsignal, at);
    event.record.subject_kind = model.signals[s].target;
    event.ids = {.subject = subject, .user = user, .signal = s};
    if (model.signals[s].target == EntityKind::Item) {
      model.undos.push_back({s, user, subject, at, event.seqno.value, std::nullopt});
    }
  }
  void erase(EntityKind kind, Ordinal o) {
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = o;
    if (kind == EntityKind::Item) model.deleted[o] = event.seqno.value;
  }
};

/// How many users and items a history is about.
struct Extent {
  std::uint32_t users = kUsers;
  std::uint32_t items = kItems;
};

/// An undo, mostly of something that happened.
inline void add_undo(Random& random, Story& story, Extent extent, Timestamp at) {
  const auto& events = story.model.events;
  if (events.empty() || random.below(8) == 0) {
    const auto s = static_cast<std::uint16_t>(random.below(static_cast<std::uint32_t>(story.model.signals.size())));
    story.undo(s, to_ordinal(random.below(extent.users)), to_ordinal(random.below(extent.items)), at);
    return;
  }
  const Happened h = events[random.below(static_cast<std::uint32_t>(events.size()))];
  story.undo(h.signal, h.user, h.item, random.below(2) == 0 ? h.at : at);
}

/// `undos`: in a hundred steps.
inline Story random_story(std::uint64_t seed, int steps, Extent extent = {}, std::uint32_t undos = 15) {
  Random random(seed);
  Story story;
  story.declare(signal_pool()[0]);
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t what = random.below(100);
    // Few distinct times, so that ties and late events are common.
    const Timestamp at{static_cast<std::int64_t>(random.below(8)) - 2};
    if (what < 10 && story.model.signals.size() < signal_pool().size()) {
      story.declare(signal_pool()[story.model.signals.size()]);
    } else if (what < 13) {
      story.set_seen_expires(Duration{static_cast<std::int64_t>(random.below(3))}, at);
    } else if (what < 18) {
      story.erase(static_cast<EntityKind>(random.below(3)), to_ordinal(random.below(extent.items)));
    } else if (what < 18 + undos) {
      add_undo(random, story, extent, at);
    } else {
      const auto s = static_cast<std::uint16_t>(random.below(static_cast<std::uint32_t>(story.model.signals.size())));
      const Ordinal user = random.below(6) == 0 ? Ordinal::None : to_ordinal(random.below(extent.users));
      const std::optional<double> value =
          random.below(5) == 0 ? std::nullopt : std::optional<double>(random.below(13) * 0.1);
      story.signal(s, user, to_ordinal(random.below(extent.items)), at, value);
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override { catalog_.apply(event); }
  UserState state;

 private:
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kUsers + kItems};
  UserStateMaterializer mat_{state, {catalog_, keys_}};
};

}  // namespace tidal::signal
