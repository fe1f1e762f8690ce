// Distinct users as plain sets, and histories that try them; for tests.
//
// One seed gives one history. Threads: values.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "materializer/view_conformance.h"
#include "schema/change_codec.h"
#include "schema/current_schema.h"
#include "signal/uniques.h"

namespace tidal::signal::test {

class FixedSchema final : public schema::CurrentSchema {
 public:
  [[nodiscard]] const schema::Schema& current() const override { return schema; }
  schema::Schema schema;
};

inline constexpr std::uint32_t kEntities = 3;
inline constexpr std::uint32_t kUsers = 9;

/// Written anew from the definition: days and minutes, no units, no lists, no sketches.
inline std::int64_t model_sub_window(Window w, Timestamp at) {
  const std::int64_t width = window_span(w).us / 8;
  return static_cast<std::int64_t>(std::floor(static_cast<long double>(at.us) / static_cast<long double>(width)));
}

using UserSet = std::set<Ordinal>;
inline constexpr Window kRing[] = {Window::Hour, Window::Day, Window::Week, Window::Month};

struct PairModel {
  UserSet all;
  std::map<Window, std::map<std::int64_t, UserSet>> windows;

  void count(Ordinal user, Timestamp at, const std::vector<Window>& declared) {
    all.insert(user);
    for (const Window w : declared) {
      auto& kept = windows[w];
      const std::int64_t s = model_sub_window(w, at);
      if (!kept.empty() && s <= kept.rbegin()->first - 8) continue;
      kept[s].insert(user);
      const std::int64_t newest = kept.rbegin()->first;
      std::erase_if(kept, [newest](const auto& entry) { return entry.first <= newest - 8; });
    }
  }
};

struct Model {
  std::vector<SignalDef> signals;
  std::map<std::tuple<EntityKind, Ordinal, std::uint16_t>, PairModel> pairs;

  [[nodiscard]] double count(const UniquesQuery& query, Ordinal entity, std::uint32_t users_max) const {
    const auto found = pairs.find({query.kind, entity, query.signal});
    if (found == pairs.end()) return 0;
    std::vector<UserSet> parts;
    if (query.window == Window::All) parts.push_back(found->second.all);
    if (const auto w = found->second.windows.find(query.window); w != found->second.windows.end()) {
      const std::int64_t last = model_sub_window(query.window, query.now);
      for (const auto& [s, users] : w->second) {
        if (s <= last && s > last - 8) parts.push_back(users);
      }
    }
    UserSet joined;
    bool sketched = false;
    for (const UserSet& part : parts) {
      joined.insert(part.begin(), part.end());
      sketched = sketched || part.size() > users_max;
    }
    if (!sketched) return static_cast<double>(joined.size());
    return std::max(std::floor(estimate_users(sketch(joined)) + 0.5), users_max + 1.0);
  }
  static Registers sketch(const UserSet& users) {
    Registers out{};
    for (const Ordinal u : users) raise(out, u);
    return out;
  }
};

struct Story {
  materializer::History history;
  Model model;

  void declare(const SignalDef& def, Timestamp at) {
    schema::SchemaChange change;
    change.signals.push_back(def);
    history.add(wal::RecordType::SchemaChange, at, schema::encode_change(change));
    const auto known =
        std::ranges::find_if(model.signals, [&](const SignalDef& other) { return other.name == def.name; });
    if (known == model.signals.end()) return model.signals.push_back(def);
    const auto position = static_cast<std::uint16_t>(known - model.signals.begin());
    *known = def;
    for (auto& [place, pair] : model.pairs) {
      if (std::get<2>(place) != position) continue;
      std::erase_if(pair.windows, [&](const auto& entry) {
        return std::ranges::find(def.windows, entry.first) == def.windows.end();
      });
    }
    if (!def.unique) {
      std::erase_if(model.pairs, [position](const auto& entry) { return std::get<2>(entry.first) == position; });
    }
  }

  struct Sent {
    wal::RecordType type = wal::RecordType::Signal;
    wal::EventIds ids;
  };
  void send(const Sent& sent, Timestamp at) {
    const SignalDef& def = model.signals[sent.ids.signal];
    auto& event = history.add(sent.type, at);
    event.record.subject_kind = def.target;
    event.ids = sent.ids;
    const bool counts =
        sent.type == wal::RecordType::Signal || (sent.type == wal::RecordType::Relate && !sent.ids.stood);
    if (!counts || sent.ids.is_void || !def.unique || sent.ids.user == Ordinal::None) return;
    const auto count = [&](EntityKind kind, Ordinal entity) {
      if (entity == Ordinal::None) return;
      model.pairs[{kind, entity, sent.ids.signal}].count(sent.ids.user, at, def.windows);
    };
    if (def.target == EntityKind::User) return;
    count(def.target, sent.ids.subject);
    if (def.target == EntityKind::Item) count(EntityKind::Creator, sent.ids.creator);
  }
  void remove(EntityKind kind, Ordinal entity, Timestamp at) {
    auto& event = history.add(wal::RecordType::DeleteEntity, at);
    event.record.subject_kind = kind;
    event.ids.subject = entity;
    std::erase_if(model.pairs, [&](const auto& entry) {
      return std::get<0>(entry.first) == kind && std::get<1>(entry.first) == entity;
    });
  }
  void erase(Ordinal user, Timestamp at) {
    auto& event = history.add(wal::RecordType::Erase, at);
    event.record.subject_kind = EntityKind::User;
    event.ids.subject = user;
  }
};

class StoryTeller {
 public:
  explicit StoryTeller(std::uint64_t seed) : random_(seed) {}

  Story tell(std::uint32_t steps) {
    Story story;
    now_ = chance(4) ? -static_cast<std::int64_t>(random_.below(1'000'000'000)) : std::int64_t{1'600'000'000'000'000};
    story.declare(definition(0), Timestamp{now_});
    for (std::uint32_t i = 0; i < steps; ++i) step(story);
    return story;
  }

  [[nodiscard]] std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_.below(n)); }

 private:
  static constexpr std::uint32_t kSignals = 4;

  bool chance(std::uint32_t in) { return below(in) == 0; }

  SignalDef definition(std::uint32_t position) {
    SignalDef def;
    def.name = "signal_" + std::to_string(position);
    def.target = position == 2 ? EntityKind::Creator : position == 3 ? EntityKind::User : EntityKind::Item;
    def.unique = !chance(4);
    for (const Window w : kRing) {
      if (!chance(3)) def.windows.push_back(w);
    }
    return def;
  }

  Timestamp moment() {
    static constexpr std::int64_t kWidths[] = {450'000'000, 10'800'000'000, 75'600'000'000, 324'000'000'000};
    const std::int64_t width = kWidths[below(4)];
    switch (below(12)) {
      case 0: return Timestamp{now_};                                                 // the same once more
      case 1: return Timestamp{now_ - static_cast<std::int64_t>(below(10)) * width};  // late, often too late
      case 2:
        now_ += static_cast<std::int64_t>(below(10)) * width;  // a gap, up to the whole window
        return Timestamp{now_};
      case 3:
      case 4: return Timestamp{now_ / width * width + static_cast<std::int64_t>(below(3)) - 1};  // an edge
      case 5:
        if (!chance(8)) break;
        // As far as times go.
        return Timestamp{chance(2) ? -62'167'219'200'000'000 : 253'402'300'799'999'999};
      default: break;
    }
    now_ += static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(width)));
    return Timestamp{now_};
  }

  void step(Story& story) {
    using wal::RecordType;
    const std::uint32_t what = below(100);
    const Timestamp at = moment();
    if (what < 4 && story.model.signals.size() < kSignals) {
      return story.declare(definition(static_cast<std::uint32_t>(story.model.signals.size())), at);
    }
    if (what < 7) return story.declare(definition(below(static_cast<std::uint32_t>(story.model.signals.size()))), at);
    if (what < 10) return story.remove(static_cast<EntityKind>(below(3)), to_ordinal(below(kEntities)), at);
    if (what < 11) return story.erase(to_ordinal(below(kUsers)), at);
    Story::Sent sent;
    static constexpr RecordType kOthers[] = {RecordType::Relate, RecordType::Relate, RecordType::Unrelate,
                                             RecordType::Unsignal};
    if (what < 30) sent.type = kOthers[below(4)];
    sent.ids.signal = static_cast<std::uint16_t>(below(static_cast<std::uint32_t>(story.model.signals.size())));
    sent.ids.subject = to_ordinal(below(kEntities));
    sent.ids.user = chance(12) ? Ordinal::None : to_ordinal(below(kUsers));
    sent.ids.stood = chance(2);
    sent.ids.is_void = chance(30);
    if (story.model.signals[sent.ids.signal].target == EntityKind::Item && !chance(5)) {
      sent.ids.creator = to_ordinal(below(kEntities));
    }
    story.send(sent, at);
  }

  base::Random random_;
  std::int64_t now_ = 0;
};

/// Limits that make a history of few users reach every form.
inline UniquesLimits limits_of(std::uint64_t seed) {
  static constexpr UniquesLimits kLimits[] = {
      {.visits_max = 1, .users_max = 1},  {.visits_max = 2, .users_max = 2},
      {.visits_max = 1, .users_max = 5},  {.visits_max = 4, .users_max = 4},
      {.visits_max = 5, .users_max = 64}, {.visits_max = kVisitsMax, .users_max = 64}};
  return kLimits[seed % std::size(kLimits)];
}

}  // namespace tidal::signal::test
