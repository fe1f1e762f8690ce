// Random histories of preferences with the plain list of what they mean, and a world to play them in. For tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "signal/preference_mat.h"

namespace tidal::signal {

inline constexpr std::uint32_t kTestUsers = 3;
inline constexpr std::uint32_t kTestSubjects = 6;

/// Vectors that PutEntity events of a test set: their payload is the floats, or nothing.
class TestVectors final : public entity::EmbeddingSource {
 public:
  void take(const wal::WalEvent& event) {
    if (event.record.type != wal::RecordType::PutEntity) return;
    std::vector<float>& v = vectors_[{event.record.subject_kind, event.ids.subject}];
    v.resize(event.record.payload.size() / sizeof(float));
    if (!v.empty()) std::memcpy(v.data(), event.record.payload.data(), event.record.payload.size());
  }
  [[nodiscard]] bool item_vector(Ordinal item, std::span<float> out) const noexcept override {
    return copy({EntityKind::Item, item}, out);
  }
  [[nodiscard]] bool catalogue_vector(Ordinal creator, std::span<float> out) const noexcept override {
    return copy({EntityKind::Creator, creator}, out);
  }

 private:
  using Subject = std::pair<EntityKind, Ordinal>;
  [[nodiscard]] bool copy(const Subject& subject, std::span<float> out) const {
    const auto found = vectors_.find(subject);
    if (found == vectors_.end() || found->second.empty() || found->second.size() != out.size()) return false;
    std::ranges::copy(found->second, out.begin());
    return true;
  }
  std::map<Subject, std::vector<float>> vectors_;
};

class PreferenceWorld final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override {
    catalog_.apply(event);
    vectors_.take(event);
  }
  Preferences state;

 private:
  schema::Catalog catalog_;
  TestVectors vectors_;
  materializer::NumberedKeys keys_{kTestUsers};
  PreferenceMaterializer mat_{state, {catalog_, keys_, vectors_}};
};

/// A signal with one preference effect.
struct TestSignal {
  const char* name;
  EntityKind target;
  double rate;
  bool times_value;
  bool relation;
};
inline constexpr TestSignal kTestSignals[] = {
    {"like", EntityKind::Item, 1.0, false, false},      {"view", EntityKind::Item, 0.25, true, false},
    {"skip", EntityKind::Item, -0.5, false, false},     {"impression", EntityKind::Item, 0.0, false, false},
    {"follow", EntityKind::Creator, 0.75, false, true}, {"block", EntityKind::Creator, -1.0, false, true},
    {"praise", EntityKind::Creator, 0.1, false, false}, {"greet", EntityKind::User, 1.0, false, true},
};

inline SignalDef definition_of(const TestSignal& signal) {
  SignalDef def;
  def.name = signal.name;
  def.target = signal.target;
  def.has_value = signal.times_value;
  def.relation = signal.relation;
  EffectDef effect;
  effect.kind = EffectDef::Kind::Preference;
  effect.rate = signal.rate;
  effect.times_value = signal.times_value;
  if (signal.rate != 0) def.effects.push_back(effect);
  return def;
}

/// What one event means, as the generator knows it.
struct PreferenceStep {
  enum class Type : std::uint8_t { Move, Clear, Limit };
  Type type = Type::Move;
  Ordinal user = Ordinal::None;
  std::int64_t at_us = 0;
  double rate = 0;
  std::vector<float> e{};
  std::uint32_t limit = 0;
};

/// A history with its meaning. The events are in the words of the log, the steps in those of the rules.
class PreferenceStory {
 public:
  explicit PreferenceStory(std::uint32_t size) : size_(size) {
    schema::SchemaChange change;
    for (const TestSignal& signal : kTestSignals) change.signals.push_back(definition_of(signal));
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
  }

  void define_slot() {
    schema::SchemaChange change;
    change.embeddings = {{.kind = EntityKind::User, .name = "face", .size = 3},
                         {.kind = EntityKind::Item, .name = "taste", .size = size_, .preference = true}};
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    defined_ = true;
  }
  void limit(std::uint32_t limit) {
    schema::SchemaChange change;
    change.has_settings = true;
    change.settings.interest_vectors = limit;
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    steps.push_back({.type = PreferenceStep::Type::Limit, .limit = limit});
  }
  void put(EntityKind kind, Ordinal subject, const std::vector<float>& v) {
    std::string payload(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(float));
    auto& event = history.add(wal::RecordType::PutEntity, Timestamp{}, std::move(payload));
    event.record.subject_kind = kind;
    event.ids.subject = subject;
    vectors_[{kind, subject}] = v;
  }
  void clear(wal::RecordType type, EntityKind kind, Ordinal subject) {
    auto& event = history.add(type, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = subject;
    if (kind == EntityKind::User) steps.push_back({.type = PreferenceStep::Type::Clear, .user = subject});
  }

  struct Feedback {
    wal::RecordType type = wal::RecordType::Signal;
    std::uint16_t signal = 0;
    Ordinal user = Ordinal::None;
    Ordinal subject = Ordinal::None;
    Timestamp at{};
    double weight = 1;
    std::optional<double> value{};
    bool stood = false;
    bool is_void = false;
  };
  void feedback(const Feedback& f) {
    const TestSignal& signal = kTestSignals[f.signal];
    auto& event = history.add(f.type, f.at);
    event.record.subject_kind = signal.target;
    event.ids.subject = f.subject;
    event.ids.user = f.user;
    event.ids.signal = f.signal;
    event.ids.is_void = f.is_void;
    event.ids.has_value = f.value.has_value();
    event.ids.value = f.value.value_or(0.0);
    event.ids.weight = f.weight;
    event.ids.stood = f.stood;
    const auto e = vectors_.find({signal.target, f.subject});
    const double rate = rate_of(f);
    if (!defined_ || f.is_void || f.user == Ordinal::None || signal.target == EntityKind::User) return;
    if (rate == 0 || e == vectors_.end() || e->second.empty()) return;
    steps.push_back({.user = f.user, .at_us = f.at.us, .rate = rate, .e = e->second});
  }

  materializer::History history;
  std::vector<PreferenceStep> steps;

 private:
  static double rate_of(const Feedback& f) {
    const TestSignal& signal = kTestSignals[f.signal];
    double rate = 0;
    switch (f.type) {
      case wal::RecordType::Signal:
        rate = signal.rate * f.weight * (signal.times_value ? f.value.value_or(0.0) : 1.0);
        break;
      case wal::RecordType::Relate: rate = f.stood ? 0 : signal.rate * (signal.times_value ? 0.0 : 1.0); break;
      default: rate = f.stood && !signal.times_value ? -signal.rate : 0; break;  // taken back
    }
    return std::clamp(rate, -1.0, 1.0);
  }

  std::uint32_t size_;
  bool defined_ = false;
  std::map<std::pair<EntityKind, Ordinal>, std::vector<float>> vectors_;
};

/// Directions that meet every rule: equal, opposite, at right angles, at 60 degrees and near it; without direction.
inline std::vector<float> random_direction(base::Random& random, std::uint32_t size) {
  std::vector<float> v(size, 0.0F);
  const auto signed_unit = [&random] { return static_cast<float>(random.uniform() * 2 - 1); };
  const std::size_t axis = random.below(std::min(size, 6U));
  switch (random.below(14)) {
    case 0:
    case 1:
    case 2: v[axis] = 1; return v;
    case 3: v[axis] = -1; return v;
    case 4:
      v[0] = 1;
      v[1] = 1;
      return v;
    case 5:
      v[0] = 1;
      v[1] = random.coin() ? 1.7320508F : 1.7321F;
      return v;
    case 6: v[axis] = 5e-7F; return v;
    case 7: return v;
    case 8: v[axis] = 1e30F; return v;
    case 9:
      v[axis] = random.coin() ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::max();
      return v;
    case 10: std::ranges::fill(v, 0.01F); return v;
    case 11: return {};
    default: std::ranges::generate(v, signed_unit); return v;
  }
}

inline PreferenceStory random_preference_story(std::uint64_t seed, std::uint32_t size, std::size_t events) {
  base::Random random(seed);
  PreferenceStory story(size);
  const auto below = [&random](std::uint32_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  const bool late_slot = below(8) == 0;
  if (!late_slot) story.define_slot();
  for (std::uint32_t i = 0; i < kTestSubjects; ++i) {
    story.put(i % 3 == 2 ? EntityKind::Creator : EntityKind::Item, to_ordinal(i / 2), random_direction(random, size));
  }
  // Long gaps, late events and equal times; also before 1970.
  const std::int64_t gap_us = below(4) == 0 ? days(4000).us : days(10).us;
  for (std::size_t i = 0; i < events; ++i) {
    const std::uint32_t what = below(100);
    if (late_slot && i == events / 4) story.define_slot();
    if (what < 14) {
      story.put(below(3) == 0 ? EntityKind::Creator : EntityKind::Item, to_ordinal(below(kTestSubjects / 2)),
                random_direction(random, size));
    } else if (what < 20) {
      story.limit(below(kInterestsMax + 1) / (below(2) + 1));
    } else if (what < 23) {
      const auto type = random.coin() ? wal::RecordType::DeleteEntity : wal::RecordType::Erase;
      const auto kind = type == wal::RecordType::Erase ? EntityKind::User : static_cast<EntityKind>(below(3));
      story.clear(type, kind, to_ordinal(below(kTestUsers)));
    } else {
      static constexpr wal::RecordType kTypes[] = {wal::RecordType::Signal, wal::RecordType::Signal,
                                                   wal::RecordType::Signal, wal::RecordType::Unsignal,
                                                   wal::RecordType::Relate, wal::RecordType::Unrelate};
      static constexpr double kWeights[] = {1, 1, 0.5, 0.01, 3, 0};
      const std::int64_t day = static_cast<std::int64_t>(below(6)) - 1;
      story.feedback({.type = kTypes[below(6)],
                      .signal = static_cast<std::uint16_t>(below(below(3) == 0 ? 8 : 3)),
                      .user = below(20) == 0 ? Ordinal::None : to_ordinal(below(kTestUsers)),
                      .subject = to_ordinal(below(kTestSubjects / 2)),
                      .at = Timestamp{day * gap_us},
                      .weight = kWeights[below(6)],
                      .value = below(5) == 0 ? std::nullopt : std::optional<double>(below(4) * 0.9),
                      .stood = random.coin(),
                      .is_void = below(25) == 0});
    }
  }
  return story;
}

}  // namespace tidal::signal
