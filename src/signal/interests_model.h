// The plainest possible interests: sums over the list of events; and random histories for them. For tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/random.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "signal/interests.h"
#include "signal/interests_mat.h"

namespace tidal::signal {

inline constexpr std::uint32_t kUsers = 3;
inline constexpr std::uint32_t kItems = 5;
inline constexpr std::int64_t kDay = days(1).us;
using Strings = std::vector<std::string>;

/// A codec of the test's own: the entity folder's does not matter here.
inline std::string encode(const Fields& fields) {
  base::Encoder out;
  for (const auto& [name, value] : fields) {
    out.string(name);
    out.u8(static_cast<std::uint8_t>(value.index()));
    const auto* one = std::get_if<std::string>(&value);
    const auto* list = std::get_if<Strings>(&value);
    const Strings strings = list != nullptr ? *list : one != nullptr ? Strings{*one} : Strings{};
    out.varint(strings.size());
    for (const std::string& s : strings) out.string(s);
  }
  return out.take();
}
inline Result<Fields> decode(std::string_view payload) {
  Fields fields;
  base::Decoder in(payload);
  while (!in.at_end()) {
    const std::string name(in.string());
    const std::uint8_t type = in.u8();
    Strings strings(in.varint());
    for (std::string& s : strings) s = in.string();
    Value value;
    if (type == Value(Strings()).index()) value = strings;
    if (type == Value(std::string()).index()) value = strings.at(0);
    fields[name] = value;
  }
  return fields;
}

inline FieldDef field(std::string name, FieldType type, bool interest, Value default_value = {}) {
  FieldDef def;
  def.name = std::move(name);
  def.type = type;
  def.interest = interest;
  def.default_value = std::move(default_value);
  return def;
}

inline const std::vector<FieldDef>& fields() {
  static const std::vector<FieldDef> all = {
      field("title", FieldType::Text, false), field("category", FieldType::Keyword, true),
      field("tags", FieldType::KeywordList, true), field("mood", FieldType::Keyword, true, std::string("calm"))};
  return all;
}
inline constexpr std::size_t kCategory = 1;
inline constexpr std::size_t kTags = 2;
inline constexpr std::size_t kMood = 3;

inline const std::vector<SignalDef>& signals() {
  static const std::vector<SignalDef> all = [] {
    std::vector<SignalDef> out(3);
    out[0].name = "view";
    out[1].name = "like";
    out[1].roles = static_cast<std::uint16_t>(Role::Positive);
    out[2].name = "follow";
    out[2].roles = static_cast<std::uint16_t>(Role::Positive);
    out[2].target = EntityKind::Creator;
    return out;
  }();
  return all;
}

/// What happened, as a list of sums' terms.
struct Model {
  struct Term {
    Ordinal user;
    std::size_t field;
    std::string value;
    std::int64_t at;
    double weight;
  };
  std::map<std::size_t, std::size_t> followed;  // position of a field -> 0
  std::map<std::pair<std::size_t, Ordinal>, std::set<std::string>> values;
  std::vector<Term> terms;

  [[nodiscard]] double interest(Ordinal user, std::size_t field, const std::string& value, std::int64_t now) const {
    // As of the newest event of that value at least: a query in its past sees it undecayed.
    std::int64_t newest = now;
    for (const Term& t : terms) {
      if (t.user == user && t.field == field && t.value == value) newest = std::max(newest, t.at);
    }
    double sum = 0;
    for (const Term& t : terms) {
      if (t.user != user || t.field != field || t.value != value) continue;
      sum += t.weight * std::exp2(-static_cast<double>(newest - t.at) / static_cast<double>(kInterestHalfLife.us));
    }
    return sum;
  }
  [[nodiscard]] std::set<std::string> values_of_user(Ordinal user, std::size_t field) const {
    std::set<std::string> out;
    for (const Term& t : terms) {
      if (t.user == user && t.field == field) out.insert(t.value);
    }
    return out;
  }
};

struct Story {
  materializer::History history;
  Model model;

  void declare(const FieldDef& def) {
    schema::SchemaChange change;
    change.fields.push_back(def);
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    const auto position =
        static_cast<std::size_t>(std::ranges::find(fields(), def.name, &FieldDef::name) - fields().begin());
    if (def.interest) model.followed[position] = 0;
  }
  void declare_signals() {
    schema::SchemaChange change;
    change.signals = signals();
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
  }
  void write(wal::RecordType type, Ordinal item, const Fields& content) {
    auto& event = history.add(type, Timestamp{}, encode(content));
    event.ids.subject = item;
    for (const auto& [position, zero] : model.followed) {
      const FieldDef& def = fields()[position];
      const auto given = content.find(def.name);
      if (type == wal::RecordType::UpdateEntity && given == content.end()) continue;
      std::set<std::string>& values = model.values[{position, item}];
      values.clear();
      const Value& value = given == content.end() || given->second.index() == 0 ? def.default_value : given->second;
      if (const auto* one = std::get_if<std::string>(&value)) values = {*one};
      if (const auto* list = std::get_if<Strings>(&value)) values = {list->begin(), list->end()};
    }
  }
  void signal(std::uint16_t s, Ordinal user, Ordinal item, std::int64_t at, double weight) {
    auto& event = history.add(wal::RecordType::Signal, Timestamp{at});
    event.record.subject_kind = signals()[s].target;
    event.ids = {.subject = item, .user = user, .signal = s, .weight = weight};
    if (s != 1 || user == Ordinal::None) return;
    for (const auto& [where, values] : model.values) {
      if (where.second != item) continue;
      for (const std::string& v : values) model.terms.push_back({user, where.first, v, at, weight});
    }
  }
  void undo(Ordinal user, Ordinal item, std::int64_t at) {
    auto& event = history.add(wal::RecordType::Unsignal, Timestamp{at});
    event.ids = {.subject = item, .user = user, .signal = 1, .stood = true};
  }
  void remove(EntityKind kind, Ordinal o) {
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = o;
    if (kind == EntityKind::Item) {
      std::erase_if(model.values, [o](const auto& v) { return v.first.second == o; });
    } else if (kind == EntityKind::User) {
      std::erase_if(model.terms, [o](const Model::Term& t) { return t.user == o; });
    }
  }
};

inline Fields random_fields(base::Random& random) {
  const auto word = [&random](std::uint64_t below) {
    return std::string(1, static_cast<char>('a' + random.below(below)));
  };
  Fields out;
  if (random.below(4) != 0) out["category"] = random.below(6) == 0 ? Value() : Value(word(4));
  if (random.below(3) != 0) {
    Strings tags;
    for (std::uint64_t n = random.below(5); n > 0; --n) tags.push_back(word(7));
    out["tags"] = random.below(6) == 0 ? Value() : Value(tags);
  }
  if (random.below(2) != 0) out["mood"] = random.below(3) == 0 ? Value() : Value(word(3));
  if (random.below(5) == 0) out["title"] = std::string("a title");
  return out;
}

inline Story random_story(std::uint64_t seed, int steps) {
  base::Random random(seed);
  Story story;
  story.declare_signals();
  std::size_t declared = 0;
  const auto item = [&random] { return to_ordinal(static_cast<std::uint32_t>(random.below(kItems))); };
  const auto user = [&random] { return to_ordinal(static_cast<std::uint32_t>(random.below(kUsers))); };
  std::int64_t now = 20'000 * kDay;
  for (int i = 0; i < steps; ++i) {
    const std::uint64_t what = random.below(100);
    if (random.below(50) == 0) now += static_cast<std::int64_t>(random.below(400)) * kDay;  // long gaps
    now += static_cast<std::int64_t>(random.below(2)) * kDay / 3;                           // and equal times
    const std::int64_t late = random.below(4) == 0 ? static_cast<std::int64_t>(random.below(90)) * kDay : 0;
    if (what < 12 && declared < fields().size()) {
      story.declare(fields()[declared++]);
    } else if (what < 30) {
      story.write(random.below(3) == 0 ? wal::RecordType::UpdateEntity : wal::RecordType::PutEntity, item(),
                  random_fields(random));
    } else if (what < 35) {
      story.remove(static_cast<EntityKind>(random.below(3)), user());
    } else if (what < 40) {
      story.undo(user(), item(), now - late);
    } else {
      const Ordinal who = random.below(8) == 0 ? Ordinal::None : user();
      story.signal(static_cast<std::uint16_t>(random.below(4) == 0 ? random.below(3) : 1), who, item(), now - late,
                   0.5 * static_cast<double>(1 + random.below(4)));
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override { catalog_.apply(event); }
  Interests state;

 private:
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kUsers + kItems};
  InterestsMaterializer mat_{state, {catalog_, keys_, decode}};
};

}  // namespace tidal::signal
