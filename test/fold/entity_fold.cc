// Entities, the items of creators and the field index: what the newest puts and updates leave.
#include "test/fold/entity_fold.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/epoch.h"
#include "test/fold/folds.h"

namespace tidal::test::fold {

using wal::RecordType;

namespace {

class EntityFold {
 public:
  void take(const Happening& h) {
    if (h.is_void) return;
    switch (h.type) {
      case RecordType::PutEntity: return put(h);
      case RecordType::UpdateEntity: return update(h);
      case RecordType::DeleteEntity: of(h.kind).erase(h.subject); return;
      case RecordType::Erase: of(EntityKind::User).erase(h.subject); return;
      case RecordType::Relate: revive(EntityKind::User, h.user, h.at); return;
      case RecordType::Signal:
        revive(EntityKind::User, h.user, h.at);
        note(h.kind, h.subject, h.at);
        note(EntityKind::User, h.user, h.at);
        note(EntityKind::Creator, h.creator, h.at);
        return;
      default: return;
    }
  }
  LivingEntities living;

 private:
  std::map<Ordinal, LivingEntity>& of(EntityKind kind) { return living[static_cast<std::size_t>(kind)]; }
  void revive(EntityKind kind, Ordinal o, Timestamp at) {
    if (o != Ordinal::None) of(kind).try_emplace(o, LivingEntity{.created_at = at});
  }
  void note(EntityKind kind, Ordinal o, Timestamp at) {
    const auto found = of(kind).find(o);
    if (found == of(kind).end() || !found->second.is_open) return;
    std::optional<Timestamp>& created = found->second.created_at;
    created = created ? std::min(*created, at) : at;
  }
  void put(const Happening& h) {
    LivingEntity& entity = of(h.kind)[h.subject];
    if (h.content->created_at) {
      entity.is_open = false;
      entity.created_at = h.content->created_at;
    } else if (!entity.is_open) {
      entity.is_open = true;
      entity.created_at.reset();
    }
    entity.creator = h.creator;
    entity.fields = h.content->fields;
    std::erase_if(entity.fields, [](const auto& field) { return field.second.index() == 0; });
    revive(EntityKind::Creator, h.creator, h.at);
  }
  void update(const Happening& h) {
    LivingEntity& entity = of(h.kind)[h.subject];
    if (h.content->created_at) {
      entity.is_open = false;
      entity.created_at = h.content->created_at;
    }
    for (const auto& [name, value] : h.content->fields) {
      if (value.index() == 0) {
        entity.fields.erase(name);
      } else {
        entity.fields[name] = value;
      }
    }
    if (h.kind != EntityKind::Item || !h.content->creator) return;
    entity.creator = h.creator;
    revive(EntityKind::Creator, h.creator, h.at);
  }
};

constexpr EntityKind kKinds[] = {EntityKind::Item, EntityKind::User, EntityKind::Creator};

void compare_one(const Told& told, const entity::EntityStore& store, EntityKind kind, Ordinal o,
                 const LivingEntity* expected, Differences& out) {
  const auto what = [&](const char* of) {
    return [&told, kind, o, of] { return std::string(of) + " of " + told.name(kind, o); };
  };
  const std::optional<std::string>& key = told.keys[static_cast<std::size_t>(kind)][to_index(o)];
  out.same(key.value_or(""), std::string(store.key_of(kind, o)), what("key"));
  if (key) out.same(o, store.find(kind, *key), what("ordinal"));
  out.same(expected != nullptr, store.is_live(kind, o), what("life"));
  if (kind == EntityKind::Item) {
    out.same(expected != nullptr ? expected->creator : Ordinal::None, store.creator_of(o), what("creator"));
  }
  const auto content = store.content(kind, o);
  out.same(expected != nullptr, content.ok(), what("content"));
  if (expected == nullptr || !content.ok()) return;
  const entity::CreationTime created = store.created_at(kind, o);
  out.same(expected->created_at, created.known ? std::optional(created.at) : std::nullopt, what("creation"));
  out.same(expected->created_at, content->created_at, what("creation in the content"));
  out.same(true, expected->fields == content->fields, what("fields"));
  if (kind != EntityKind::Item) return;
  const std::optional<std::string> creator =
      expected->creator == Ordinal::None
          ? std::nullopt
          : told.keys[static_cast<std::size_t>(EntityKind::Creator)][to_index(expected->creator)];
  out.same(creator, content->creator, what("creator's key"));
}

}  // namespace

LivingEntities fold_entities(const Told& told) {
  EntityFold fold;
  for (const Happening& h : told.happenings) fold.take(h);
  return std::move(fold.living);
}

void compare_entities(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  const LivingEntities living = fold_entities(told);
  for (const EntityKind kind : kKinds) {
    const auto& of_kind = living[static_cast<std::size_t>(kind)];
    const auto what = [kind](const char* of) { return [kind, of] { return of + std::string(kind_name(kind)); }; };
    const std::vector<Ordinal> all = told.all(kind);
    out.same(all.size(), std::size_t{views.entities().ordinal_count(kind)}, what("ordinals of "));
    if (all.size() != views.entities().ordinal_count(kind)) return;
    out.same(of_kind.size(), std::size_t{views.entities().live_count(kind)}, what("living of "));
    for (const Ordinal o : all) {
      const auto found = of_kind.find(o);
      compare_one(told, views.entities(), kind, o, found == of_kind.end() ? nullptr : &found->second, out);
    }
  }
}

void compare_creator_items(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  constexpr Timestamp kYearZero{-62'167'219'200'000'000};  // what nothing tells the time of
  constexpr Timestamp kForever{std::numeric_limits<std::int64_t>::max()};
  std::map<Ordinal, std::vector<Ordinal>> items;
  std::map<Ordinal, std::vector<std::pair<Timestamp, Ordinal>>> in_order;
  const LivingEntities living = fold_entities(told);
  for (const auto& [item, entity] : living[static_cast<std::size_t>(EntityKind::Item)]) {
    if (entity.creator == Ordinal::None) continue;
    items[entity.creator].push_back(item);
    in_order[entity.creator].emplace_back(entity.created_at.value_or(kYearZero), item);
  }
  for (const Ordinal creator : told.all(EntityKind::Creator)) {
    const auto what = [&] { return "items of " + told.name(EntityKind::Creator, creator); };
    out.same(items[creator], views.creator_items().items(creator).to_vector(), what);
    out.same(items[creator].size(), std::size_t{views.creator_items().count(creator)}, what);
    auto& wanted = in_order[creator];
    std::ranges::stable_sort(wanted, [](const auto& x, const auto& y) { return x.first > y.first; });
    std::vector<std::pair<Timestamp, Ordinal>> walked;
    const base::EpochGuard guard;
    for (auto cursor = views.creator_items().newest(creator, kForever); !cursor.at_end(); cursor.next()) {
      walked.emplace_back(cursor.entry().created, cursor.entry().item);
    }
    out.same(true, wanted == walked, [&] { return "order of the " + what(); });
  }
}

// The field index: only INDEXED fields, defaults where there is no value, and sort keys of the first TEXT field.

namespace {

using Living = std::map<Ordinal, LivingEntity>;

/// The value, or the default; monostate: neither.
const Value& value_of(const LivingEntity& entity, const FieldDef& def) {
  const auto given = entity.fields.find(def.name);
  return given == entity.fields.end() ? def.default_value : given->second;
}

std::optional<double> as_number(const Value& value) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* t = std::get_if<Timestamp>(&value)) return static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) return static_cast<double>(d->us);
  return std::nullopt;
}

std::set<std::string> as_keywords(const Value& value) {
  if (const auto* one = std::get_if<std::string>(&value)) return {*one};
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) return {list->begin(), list->end()};
  return {};
}

void compare_keywords(const index::FieldIndex& index, const FieldDef& def, const Living& living, Differences& out) {
  std::map<std::string, std::vector<Ordinal>> by_value = {{"a value that nobody has", {}}};
  std::vector<Ordinal> having;
  for (const auto& [o, entity] : living) {
    const std::set<std::string> values = as_keywords(value_of(entity, def));
    for (const std::string& v : values) by_value[v].push_back(o);
    if (!values.empty()) having.push_back(o);
  }
  out.same(having, index.having(def.kind, def.name).to_vector(), [&] { return "having " + def.name; });
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [value, ordinals] : by_value) {
    const auto what = [&, &v = value] { return def.name + " = " + v; };
    out.same(ordinals, index.with_keyword(def.kind, def.name, value).to_vector(), what);
    out.same(std::uint64_t{ordinals.size()}, index.count_keyword(def.kind, def.name, value), what);
    if (!ordinals.empty()) counts[value] = ordinals.size();
  }
  const auto top = index.top_keywords(def.kind, def.name, by_value.size());
  out.same(true, counts == std::map<std::string, std::uint64_t>(top.begin(), top.end()),
           [&] { return "the values of " + def.name + " with their counts"; });
  out.same(true, std::ranges::is_sorted(top, std::greater<>(), [](const auto& each) { return each.second; }),
           [&] { return "the most frequent values of " + def.name + " come first"; });
}

void compare_numbers(const index::FieldIndex& index, const FieldDef& def, const Living& living,
                     const std::vector<Ordinal>& all, Differences& out) {
  constexpr double kMissing = -12345.5;
  std::vector<double> expected(all.size(), kMissing);
  std::vector<Ordinal> having;
  std::vector<double> numbers;
  for (const auto& [o, entity] : living) {
    const std::optional<double> number = as_number(value_of(entity, def));
    if (!number) continue;
    expected[to_index(o)] = *number;
    having.push_back(o);
    numbers.push_back(*number);
  }
  std::vector<double> got(all.size());
  index.numbers(def.kind, def.name, all, kMissing, got);
  out.same(expected, got, [&] { return "numbers of " + def.name; });
  out.same(having, index.having(def.kind, def.name).to_vector(), [&] { return "having " + def.name; });
  if (numbers.empty()) return;
  std::ranges::sort(numbers);
  const double low = numbers[numbers.size() / 3];
  const double high = numbers[numbers.size() * 2 / 3];
  for (const bool inclusive : {true, false}) {
    std::vector<Ordinal> in_range;
    for (const Ordinal o : having) {
      const double n = expected[to_index(o)];
      if (inclusive ? low <= n && n <= high : low < n && n < high) in_range.push_back(o);
    }
    out.same(in_range, index.in_range(def.kind, def.name, {low, high, inclusive, inclusive}).to_vector(),
             [&] { return "a range of " + def.name; });
  }
}

std::uint64_t first_eight_letters(const std::string& text) {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    const char c = i < text.size() ? text[i] : '\0';
    key = key * 256 + static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
  return key;
}

}  // namespace

void compare_field_index(const Told& told, const db::Views& views, Timestamp /*now*/, Differences& out) {
  const LivingEntities living = fold_entities(told);
  const index::FieldIndex& index = views.fields();
  for (const EntityKind kind : kKinds) {
    const Living& of_kind = living[static_cast<std::size_t>(kind)];
    const std::vector<Ordinal> all = told.all(kind);
    std::vector<Ordinal> alive;
    for (const auto& [o, entity] : of_kind) alive.push_back(o);
    out.same(alive, index.live(kind).to_vector(), [&] { return "living of " + std::string(kind_name(kind)); });
    out.same(std::uint64_t{alive.size()}, index.live_count(kind), [] { return "their number"; });
    const FieldDef* text = nullptr;
    for (const FieldDef& def : told.definitions.fields) {
      if (def.kind != kind) continue;
      if (def.type == FieldType::Text) {
        if (text == nullptr) text = &def;
        continue;
      }
      out.same(def.indexed, index.is_indexed(kind, def.name), [&] { return "index of " + def.name; });
      if (!def.indexed) continue;
      if (def.type == FieldType::Keyword || def.type == FieldType::KeywordList) {
        compare_keywords(index, def, of_kind, out);
      } else {
        compare_numbers(index, def, of_kind, all, out);
      }
    }
    std::vector<std::uint64_t> expected(all.size(), ~std::uint64_t{0});
    for (const auto& [o, entity] : of_kind) {
      const Value value = text == nullptr ? Value() : value_of(entity, *text);
      if (const auto* s = std::get_if<std::string>(&value)) expected[to_index(o)] = first_eight_letters(*s);
    }
    std::vector<std::uint64_t> got(all.size());
    index.text_sort_keys(kind, all, got);
    out.same(expected, got, [&] { return "sort keys of " + std::string(kind_name(kind)); });
  }
}

}  // namespace tidal::test::fold
