// Random histories of events with effects, and two plain models of the weights: one that rounds as the state does, and
// one in plain doubles and microseconds.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/ordered_math.h"
#include "base/random.h"
#include "materializer/view_conformance.h"
#include "relationship/weights.h"
#include "relationship/weights_mat.h"
#include "schema/change_codec.h"
#include "schema/current_schema.h"

namespace tidal::relationship {

inline constexpr std::uint32_t kWho = 5;  // ordinals of each kind

inline EffectDef rate_effect(EffectDef::Kind kind, double rate, bool times_value = false) {
  EffectDef e;
  e.kind = kind;
  e.rate = rate;
  e.times_value = times_value;
  return e;
}

/// Of items, but for `admire` and `follows` (of creators) and `poke` (of users).
inline const std::vector<SignalDef>& effect_signals() {
  using K = EffectDef::Kind;
  static const std::vector<SignalDef> pool = [] {
    const auto def = [](std::string name, std::vector<EffectDef> effects, EntityKind target = EntityKind::Item) {
      SignalDef out;
      out.name = std::move(name);
      out.effects = std::move(effects);
      out.target = target;
      out.has_value = true;
      return out;
    };
    std::vector<SignalDef> out = {
        def("like", {rate_effect(K::Creator, 0.1), rate_effect(K::Affinity, 0.3)}),
        def("dislike", {rate_effect(K::Creator, -0.15), rate_effect(K::Affinity, -0.5)}),
        def("watch", {rate_effect(K::Affinity, 0.2, true), rate_effect(K::Creator, 0.02)}),
        def("view", {rate_effect(K::Preference, 0.2)}),
        def("love", {rate_effect(K::Creator, 1.0), rate_effect(K::Affinity, 1.0)}),
        def("glance", {rate_effect(K::Affinity, 2e-8)}),  // less than half a unit
        def("admire", {rate_effect(K::Creator, 0.4), rate_effect(K::Affinity, 0.4)}, EntityKind::Creator),
        def("follows", {rate_effect(K::Creator, 0.5)}, EntityKind::Creator),
        def("poke", {rate_effect(K::Creator, 0.5), rate_effect(K::Affinity, 0.5)}, EntityKind::User),
    };
    out[2].effects[0].when = {{ValueTest::Op::Gt, 0.2}};
    out[7].relation = true;
    return out;
  }();
  return pool;
}
inline constexpr std::uint16_t kRelationSignal = 7;

class EffectSchema final : public schema::CurrentSchema {
 public:
  EffectSchema() { schema_.signals = effect_signals(); }
  [[nodiscard]] const schema::Schema& current() const override { return schema_; }

 private:
  schema::Schema schema_;
};

class WeightWorld final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent&) override {}
  WeightState state;

 private:
  EffectSchema schema_;
  materializer::NumberedKeys keys_{kWho};
  WeightMaterializer mat_{state, {schema_, keys_}};
};

/// What an event adds, worked out here from the pool above.
struct Deltas {
  double creator = 0;
  double affinity = 0;
};

inline Deltas deltas_of(const wal::WalEvent& event) {
  using wal::RecordType;
  const double value = event.ids.has_value ? event.ids.value : 0;
  const double w = event.ids.weight;
  const auto within = [](double d) { return std::clamp(d, -1.0, 1.0); };
  const bool takes_back = event.record.type == RecordType::Unsignal || event.record.type == RecordType::Unrelate;
  if (takes_back && !event.ids.stood) return {};
  if (event.record.type == RecordType::Relate && event.ids.stood) return {};
  const bool edge = event.record.type == RecordType::Relate;
  const double sign = takes_back ? -1.0 : edge ? 1.0 : w;
  switch (event.ids.signal) {
    case 0: return {within(0.1 * sign), within(0.3 * sign)};
    case 1: return {within(-0.15 * sign), within(-0.5 * sign)};
    case 2:
      return {within(0.02 * sign), !takes_back && event.ids.has_value && value > 0.2 ? within(0.2 * w * value) : 0.0};
    case 4: return {within(1.0 * sign), within(1.0 * sign)};
    case 5: return {0, within(2e-8 * sign)};
    case 6: return {within(0.4 * sign), 0};
    case 7: return {within(0.5 * sign), 0};
    default: return {};
  }
}

/// Weights by (kind, user, other), folded event by event. `kRounds`: as the state rounds, else not at all.
template <bool kRounds>
class WeightModel {
 public:
  using Key = std::tuple<WeightKind, Ordinal, Ordinal>;
  struct Point {
    double weight;  // kRounds: in units
    double at;      // kRounds: seconds since the year 0; else microseconds since 1970
    bool operator==(const Point&) const = default;
  };
  Duration half_life = days(30);
  std::map<Key, Point> points;

  void apply(const wal::WalEvent& event) {
    using wal::RecordType;
    const RecordType type = event.record.type;
    const bool of_user = event.record.subject_kind == EntityKind::User;
    if (type == RecordType::SchemaChange) {
      const auto change = schema::decode_change(event.record.payload);
      if (change->has_settings) half_life = change->settings.relationship_half_life;
    } else if (type == RecordType::Erase || (type == RecordType::DeleteEntity && of_user)) {
      std::erase_if(points, [&](const auto& p) { return std::get<1>(p.first) == event.ids.subject; });
    } else if (type != RecordType::DeleteEntity && event.ids.user != Ordinal::None && !of_user) {
      const Deltas d = deltas_of(event);
      const bool is_item = event.record.subject_kind == EntityKind::Item;
      const Ordinal creator = is_item ? event.ids.creator : event.ids.subject;
      if (creator != Ordinal::None) add({WeightKind::Interaction, event.ids.user, creator}, d.creator, event);
      if (is_item) add({WeightKind::Affinity, event.ids.user, event.ids.subject}, d.affinity, event);
    }
  }
  [[nodiscard]] double weight(const Key& key, Timestamp now) const {
    const auto at = points.find(key);
    if (at == points.end()) return 0;
    const double last_us = kRounds ? (at->second.at - kYearZeroSeconds) * 1e6 : at->second.at;
    const double age_us = std::max(0.0, static_cast<double>(now.us) - last_us);
    return at->second.weight / (kRounds ? kOne : 1.0) * std::exp2(-age_us / static_cast<double>(half_life.us));
  }

 private:
  static constexpr double kOne = 16'777'215;
  static constexpr double kYearZeroSeconds = 62'167'219'200;

  static double rounded(double weight) { return kRounds ? std::floor(weight * kOne + 0.5) : weight; }
  void add(const Key& key, double delta, const wal::WalEvent& event) {
    if (delta == 0) return;
    const auto us = static_cast<double>(event.record.event_time.us);
    const double at = kRounds ? std::floor(us / 1e6) + kYearZeroSeconds : us;
    const auto known = points.find(key);
    if (known == points.end()) {
      const double first = std::clamp(delta, 0.0, 1.0);
      if (std::floor(first * kOne + 0.5) > 0) points[key] = {rounded(first), at};
      return;
    }
    Point& p = known->second;
    const double distance_us = (at - p.at) * (kRounds ? 1e6 : 1.0);
    const double weight = p.weight / (kRounds ? kOne : 1.0);
    const double left = fading(std::abs(distance_us));
    const double next = distance_us >= 0 ? weight * left + delta : weight + delta * left;
    p = {rounded(std::clamp(next, 0.0, 1.0)), std::max(at, p.at)};
  }
  /// e^(-lambda * distance): the bits that the state has where the model rounds as it does.
  [[nodiscard]] double fading(double distance_us) const {
    const double per_us = 0.693147180559945309417 / static_cast<double>(half_life.us);
    return kRounds ? base::ordered_exp(-per_us * 1e6 * (distance_us / 1e6)) : std::exp(-per_us * distance_us);
  }
};

struct WeightStory {
  materializer::History history;
  Timestamp newest{};

  wal::WalEvent& add(wal::RecordType type, EntityKind kind, Ordinal subject, Timestamp at, std::string payload = {}) {
    wal::WalEvent& event = history.add(type, at, std::move(payload));
    event.record.subject_kind = kind;
    event.ids.subject = subject;
    newest = std::max(newest, at);
    return event;
  }
  wal::WalEvent& signal(std::uint16_t s, std::uint32_t user, std::uint32_t subject, Timestamp at) {
    wal::WalEvent& event = add(wal::RecordType::Signal, effect_signals()[s].target, to_ordinal(subject), at);
    event.ids.user = to_ordinal(user);
    event.ids.signal = s;
    if (effect_signals()[s].target == EntityKind::Item) event.ids.creator = to_ordinal(subject % 3);
    return event;
  }
  void settings(Duration half_life) {
    schema::SchemaChange change;
    change.has_settings = true;
    change.settings.relationship_half_life = half_life;
    add(wal::RecordType::SchemaChange, EntityKind::Item, Ordinal::None, newest, schema::encode_change(change));
  }
};

/// `moments` distinct times at most, so that ties and late events are common.
inline WeightStory random_weight_story(std::uint64_t seed, int steps) {
  base::Random random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  constexpr Duration kGaps[] = {microseconds(1), milliseconds(700), minutes(1), hours(5), days(3), days(200)};
  std::vector<Timestamp> moments;
  Timestamp at{seed % 7 == 0 ? -days(300).us : 1'700'000'000'000'000};
  for (std::uint32_t i = 0; i < 1 + below(12); ++i) {
    at = at + Duration{kGaps[below(std::size(kGaps))].us * (1 + below(3))};
    moments.push_back(at);
  }
  const std::uint32_t who = 1 + below(kWho);
  WeightStory story;
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t what = below(100);
    // Forwards on the whole, with late ones between.
    const std::size_t forwards = static_cast<std::size_t>(i) * moments.size() / static_cast<std::size_t>(steps);
    const Timestamp when = below(3) == 0 ? moments[below(moments.size())] : moments[forwards];
    if (what < 3) {
      story.settings(days(1 + below(60)));
    } else if (what < 6) {
      story.add(wal::RecordType::DeleteEntity, static_cast<EntityKind>(below(3)), to_ordinal(below(who)), when);
    } else if (what < 7) {
      story.add(wal::RecordType::Erase, EntityKind::User, to_ordinal(below(who)), when);
    } else {
      wal::WalEvent& event =
          story.signal(static_cast<std::uint16_t>(below(effect_signals().size())), below(who), below(who), when);
      const bool edge = event.ids.signal == kRelationSignal;
      const bool back = below(4) == 0;
      event.record.type = edge ? (back ? wal::RecordType::Unrelate : wal::RecordType::Relate)
                               : (back ? wal::RecordType::Unsignal : wal::RecordType::Signal);
      event.ids.stood = random.coin();
      event.ids.weight = below(3) == 0 ? 0.25 * below(9) : 1.0;
      event.ids.has_value = random.coin();
      event.ids.value = 0.1 * below(11);
      if (below(12) == 0) event.ids.user = Ordinal::None;
      if (below(12) == 0) event.ids.creator = Ordinal::None;
    }
  }
  return story;
}

}  // namespace tidal::relationship
