// The field index against a plain map of fields, over random histories; its view's conformance; readers beside a
// writer.
#include "index/field_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <thread>

#include "index/field_index_mat.h"
#include "materializer/view_conformance.h"
#include "schema/catalog.h"
#include "schema/schema.h"

namespace tidal::index {
namespace {

constexpr EntityKind kItem = EntityKind::Item;
constexpr std::uint32_t kOrdinals = 40;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

FieldDef field(EntityKind kind, std::string name, FieldType type, Value default_value = {}) {
  FieldDef def;
  def.kind = kind;
  def.name = std::move(name);
  def.type = type;
  def.indexed = type != FieldType::Text;
  def.default_value = std::move(default_value);
  return def;
}

/// All fields a history may declare, in this order.
const std::vector<FieldDef>& field_pool() {
  static const std::vector<FieldDef> pool = {
      field(kItem, "category", FieldType::Keyword),
      field(kItem, "tags", FieldType::KeywordList),
      field(kItem, "title", FieldType::Text),
      field(EntityKind::User, "plan", FieldType::Keyword, std::string("free")),
      field(kItem, "length", FieldType::Duration),
      field(kItem, "price", FieldType::Float, 2.5),
      field(EntityKind::Creator, "verified", FieldType::Bool, false),
      field(kItem, "labels", FieldType::KeywordList, std::vector<std::string>{"new", "red"}),
      field(kItem, "rank", FieldType::Int),
      field(kItem, "subtitle", FieldType::Text, std::string("x")),
      field(kItem, "aired", FieldType::Timestamp, Timestamp{1'000'000}),
      field(EntityKind::Creator, "bio", FieldType::Text, std::string("Nobody")),
  };
  return pool;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint32_t below(std::uint32_t n) {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<std::uint32_t>(state_ >> 33) % n;
  }

 private:
  std::uint64_t state_;
};

std::string random_word(Random& random) {
  static const char* const words[] = {"red", "green", "blue", "new", "Old", "free", ""};
  return words[random.below(7)];
}

Value random_value(FieldType type, Random& random) {
  switch (type) {
    case FieldType::Keyword:
    case FieldType::Text: return random_word(random);
    case FieldType::KeywordList: {
      std::vector<std::string> list;
      for (std::uint32_t i = random.below(4); i > 0; --i) list.push_back(random_word(random));
      return list;
    }
    case FieldType::Int: return std::int64_t{random.below(5)} - 2;
    case FieldType::Float: return random.below(8) * 0.5;
    case FieldType::Bool: return random.below(2) == 1;
    case FieldType::Timestamp: return Timestamp{std::int64_t{random.below(5)} * 1'000'000};
    case FieldType::Duration: return Duration{std::int64_t{random.below(5)}};
  }
  return {};
}

/// What a history did, kept as plainly as possible.
struct Model {
  schema::Schema schema;
  std::map<std::pair<EntityKind, Ordinal>, Fields> live;

  [[nodiscard]] std::optional<Value> value(EntityKind kind, Ordinal o, const FieldDef& def) const {
    const auto entity = live.find({kind, o});
    if (entity == live.end()) return std::nullopt;
    const auto own = entity->second.find(def.name);
    const Value& v = own != entity->second.end() ? own->second : def.default_value;
    return std::holds_alternative<std::monostate>(v) ? std::nullopt : std::optional<Value>(v);
  }
};

/// A history with the model it leads to; payloads of entity records are positions in `changes`.
struct Story {
  materializer::History history;
  std::vector<EntityChange> changes;
  Model model;

  void declare(const FieldDef& def) {
    schema::SchemaChange change;
    change.fields.push_back(def);
    history.add(wal::RecordType::SchemaChange, Timestamp{}, schema::encode_change(change));
    model.schema.absorb(change);
  }
  void write(wal::RecordType type, EntityKind kind, Ordinal o, EntityChange change, Ordinal creator = Ordinal::None) {
    Fields& fields = model.live[{kind, o}];
    if (type == wal::RecordType::PutEntity) fields.clear();
    for (const auto& [name, value] : change.fields) {
      if (std::holds_alternative<std::monostate>(value)) {
        fields.erase(name);
      } else {
        fields.insert_or_assign(name, value);
      }
    }
    change.names_creator = creator != Ordinal::None;
    if (change.names_creator) model.live[{EntityKind::Creator, creator}];
    changes.push_back(std::move(change));
    auto& event = history.add(type, Timestamp{}, std::to_string(changes.size() - 1));
    event.record.subject_kind = kind;
    event.ids.subject = o;
    event.ids.creator = creator;
  }
  void erase(EntityKind kind, Ordinal o) {
    model.live.erase({kind, o});
    auto& event = history.add(wal::RecordType::DeleteEntity, Timestamp{});
    event.record.subject_kind = kind;
    event.ids.subject = o;
  }
  void signal(Ordinal user, Ordinal item) {
    if (user != Ordinal::None) model.live[{EntityKind::User, user}];
    auto& event = history.add(wal::RecordType::Signal, Timestamp{});
    event.ids.subject = item;
    event.ids.user = user;
  }
};

Story random_story(std::uint64_t seed, int steps) {
  Random random(seed);
  Story story;
  std::size_t declared = 0;
  for (int i = 0; i < steps; ++i) {
    const auto kind = static_cast<EntityKind>(random.below(3));
    const Ordinal o = to_ordinal(random.below(kOrdinals));
    const std::uint32_t what = random.below(100);
    if (what < 8 && declared < field_pool().size()) {
      story.declare(field_pool()[declared++]);
    } else if (what < 60) {
      // Puts and updates: the latter of live entities only, since others are void.
      const bool update = what >= 40 && story.model.live.contains({kind, o});
      EntityChange change;
      for (const FieldDef& def : story.model.schema.fields) {
        if (def.kind != kind || random.below(2) == 0) continue;
        change.fields[def.name] = update && random.below(4) == 0 ? Value() : random_value(def.type, random);
      }
      const bool creator = kind == kItem && random.below(3) == 0;
      story.write(update ? wal::RecordType::UpdateEntity : wal::RecordType::PutEntity, kind, o, std::move(change),
                  creator ? to_ordinal(random.below(kOrdinals)) : Ordinal::None);
    } else if (what < 80) {
      if (story.model.live.contains({kind, o})) story.erase(kind, o);
    } else {
      story.signal(random.below(4) == 0 ? Ordinal::None : to_ordinal(random.below(kOrdinals)), o);
    }
  }
  return story;
}

class World final : public materializer::ViewWorld {
 public:
  explicit World(const Story& story)
      : story_(story), mat_(index, {catalog_, keys_, [this](std::string_view payload) { return decode(payload); }}) {}
  materializer::Materializer& view() override { return mat_; }
  void apply_before(const wal::WalEvent& event) override { catalog_.apply(event); }
  FieldIndex index;

 private:
  [[nodiscard]] Result<EntityChange> decode(std::string_view payload) const {
    return story_.changes[std::stoul(std::string(payload))];
  }
  const Story& story_;
  schema::Catalog catalog_;
  materializer::NumberedKeys keys_{kOrdinals};
  FieldIndexMaterializer mat_;
};

std::optional<double> as_number(const std::optional<Value>& v) {
  if (!v) return std::nullopt;
  if (const auto* b = std::get_if<bool>(&*v)) return *b ? 1 : 0;
  if (const auto* i = std::get_if<std::int64_t>(&*v)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&*v)) return *d;
  if (const auto* t = std::get_if<Timestamp>(&*v)) return static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&*v)) return static_cast<double>(d->us);
  return std::nullopt;
}

std::set<std::string> as_words(const std::optional<Value>& v) {
  if (!v) return {};
  if (const auto* one = std::get_if<std::string>(&*v)) return {*one};
  const auto& list = std::get<std::vector<std::string>>(*v);
  return {list.begin(), list.end()};
}

template <class Test>
Bitmap where(Test test) {
  Bitmap out;
  for (std::uint32_t i = 0; i < kOrdinals; ++i) {
    if (test(to_ordinal(i))) out.add(to_ordinal(i));
  }
  return out;
}

std::vector<Ordinal> every_ordinal() { return Bitmap::range(kOrdinals + 5).to_vector(); }

void expect_keywords(const FieldIndex& index, const Model& model, const FieldDef& def) {
  std::map<std::string, std::uint64_t> counts;
  for (const char* word : {"red", "green", "blue", "new", "Old", "free", "", "never"}) {
    const Bitmap expected = where([&](Ordinal o) { return as_words(model.value(def.kind, o, def)).contains(word); });
    RC_ASSERT(index.with_keyword(def.kind, def.name, word) == expected);
    RC_ASSERT(index.count_keyword(def.kind, def.name, word) == expected.cardinality());
    if (!expected.empty()) counts[word] = expected.cardinality();
  }
  const Bitmap having = where([&](Ordinal o) { return !as_words(model.value(def.kind, o, def)).empty(); });
  RC_ASSERT(index.having(def.kind, def.name) == having);
  std::vector<std::pair<std::string, std::uint64_t>> top(counts.begin(), counts.end());
  std::stable_sort(top.begin(), top.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (top.size() > 3) top.resize(3);
  RC_ASSERT(index.top_keywords(def.kind, def.name, 3) == top);
}

void expect_numbers(const FieldIndex& index, const Model& model, const FieldDef& def, Random& random) {
  const auto number = [&](Ordinal o) { return as_number(model.value(def.kind, o, def)); };
  RC_ASSERT(index.having(def.kind, def.name) == where([&](Ordinal o) { return number(o).has_value(); }));
  const double bounds[] = {-kInfinity, -1, 0, 0.5, 1, 2.5, 3, 1'000'000, 2'000'000, kInfinity};
  for (int i = 0; i < 10; ++i) {
    const NumberRange r{bounds[random.below(10)], bounds[random.below(10)], random.below(2) == 0, random.below(2) == 0};
    RC_ASSERT(index.in_range(def.kind, def.name, r) == where([&](Ordinal o) {
                const auto v = number(o);
                return v && (r.low_inclusive ? *v >= r.low : *v > r.low) &&
                       (r.high_inclusive ? *v <= r.high : *v < r.high);
              }));
  }
  const std::vector<Ordinal> all = every_ordinal();
  std::vector<double> out(all.size());
  index.numbers(def.kind, def.name, all, -77, out);
  for (std::size_t i = 0; i < all.size(); ++i) RC_ASSERT(out[i] == number(all[i]).value_or(-77));
}

void expect_texts(const FieldIndex& index, const Model& model, EntityKind kind) {
  const FieldDef* first = nullptr;
  for (const FieldDef& def : model.schema.fields) {
    if (def.kind == kind && def.type == FieldType::Text && first == nullptr) first = &def;
  }
  const std::vector<Ordinal> all = every_ordinal();
  std::vector<std::uint64_t> keys(all.size());
  index.text_sort_keys(kind, all, keys);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto value = first == nullptr ? std::nullopt : model.value(kind, all[i], *first);
    RC_ASSERT(keys[i] == (value ? text_sort_key(std::get<std::string>(*value)) : ~std::uint64_t{0}));
  }
}

RC_GTEST_PROP(FieldIndex, EqualsAMapOfFields, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 400));
  World world(story);
  for (const auto& event : story.history.events()) world.apply(event);
  RC_ASSERT(world.index.validate().ok());
  Random random(seed);
  for (const EntityKind kind : {kItem, EntityKind::User, EntityKind::Creator}) {
    const Bitmap live = where([&](Ordinal o) { return story.model.live.contains({kind, o}); });
    RC_ASSERT(world.index.live(kind) == live);
    RC_ASSERT(world.index.live_count(kind) == live.cardinality());
    expect_texts(world.index, story.model, kind);
  }
  for (const FieldDef& def : story.model.schema.fields) {
    RC_ASSERT(world.index.is_indexed(def.kind, def.name) == def.indexed);
    if (!def.indexed) continue;
    if (def.type == FieldType::Keyword || def.type == FieldType::KeywordList) {
      expect_keywords(world.index, story.model, def);
    } else {
      expect_numbers(world.index, story.model, def, random);
    }
  }
}

RC_GTEST_PROP(FieldIndexView, Conforms, (std::uint64_t seed)) {
  const Story story = random_story(seed, *rc::gen::inRange(0, 200));
  RC_ASSERT(materializer::check_view([&] { return std::make_unique<World>(story); }, story.history) == "");
}

TEST(FieldIndexView, ErasingAUserLeavesNoTrace) {
  Story story = random_story(7, 400);
  World with(story);
  for (const auto& event : story.history.events()) with.apply(event);
  World without(story);
  for (const auto& event : story.history.events()) without.apply(event);
  for (std::uint32_t u = 0; u < kOrdinals; ++u) {
    with.view().erase_user(to_ordinal(u));
    if (without.index.is_live(EntityKind::User, to_ordinal(u))) without.index.remove(EntityKind::User, to_ordinal(u));
  }
  EXPECT_EQ(with.index.live_count(EntityKind::User), 0U);
  EXPECT_GT(with.index.live_count(kItem), 0U);
  EXPECT_EQ(with.digest(), without.digest());
  EXPECT_TRUE(with.index.having(EntityKind::User, "plan").empty());
}

TEST(FieldIndexView, DigestSeesEveryKindOfChange) {
  Story story;
  for (const FieldDef& def : field_pool()) story.declare(def);
  EntityChange change;
  change.fields = {{"category", std::string("red")}, {"title", std::string("One")}, {"price", 1.0}};
  story.write(wal::RecordType::PutEntity, kItem, to_ordinal(1), change);
  World world(story);
  for (const auto& event : story.history.events()) world.apply(event);
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  world.index.update(kItem, to_ordinal(1), {{"category", std::string("blue")}});
  expect_new("a keyword");
  world.index.update(kItem, to_ordinal(1), {{"tags", std::vector<std::string>{"a", "b"}}});
  expect_new("a list");
  world.index.update(kItem, to_ordinal(1), {{"title", std::string("Two")}});
  expect_new("the sort key");
  world.index.update(kItem, to_ordinal(1), {{"price", -0.0}});
  expect_new("a number");
  world.index.update(kItem, to_ordinal(1), {{"price", 0.0}});
  expect_new("the sign of zero");
  world.index.ensure_live(EntityKind::Creator, to_ordinal(3));
  expect_new("a live entity");
}

TEST(FieldIndex, TextSortKeysOrderAsFoldedBytes) {
  EXPECT_EQ(text_sort_key("ABC"), text_sort_key("abc"));
  EXPECT_LT(text_sort_key(""), text_sort_key("a"));
  EXPECT_LT(text_sort_key("abc"), text_sort_key("abcd"));
  EXPECT_LT(text_sort_key("Zebra"), text_sort_key("\xC3\xA9toile"));
  EXPECT_EQ(text_sort_key("abcdefgh1"), text_sort_key("abcdefgh2"));
}

TEST(FieldIndex, RefusesAnImageWithUnknownOrdinals) {
  Story story = random_story(3, 300);
  World world(story);
  for (const auto& event : story.history.events()) world.apply(event);
  const std::string image = world.index.capture()->encode();
  const Status s = world.index.restore(image, story.model.schema, [](EntityKind, Ordinal) { return false; });
  ASSERT_FALSE(s.ok());
  EXPECT_EQ(s.error().code, Code::Corruption);
}

TEST(FieldIndex, ACaptureIsWrittenWhileTheIndexMovesOn) {
  schema::SchemaChange change;
  change.fields = field_pool();
  schema::Schema schema;
  schema.absorb(change);
  FieldIndex index;
  index.configure(schema);
  Random random(5);
  const auto write = [&] {
    for (int i = 0; i < 1500; ++i) {
      const Ordinal o = to_ordinal(random.below(900));
      if (random.below(5) == 0) {
        index.remove(kItem, o);
        continue;
      }
      Fields fields;
      for (const FieldDef& def : field_pool()) {
        if (def.kind == kItem) fields[def.name] = random_value(def.type, random);
      }
      index.put(kItem, o, fields);
    }
  };
  write();
  for (int round = 0; round < 4; ++round) {
    const auto capture = index.capture();
    const std::string at_once = capture->encode();
    std::string later;
    {
      const std::jthread background([&] { later = capture->encode(); });
      write();
      if (round == 2) {
        index.clear();
        index.configure(schema);
      }
    }
    EXPECT_EQ(later, at_once);
  }
}

// Readers hold that an item in category "even" has an even price, whatever the writer does to others.
TEST(FieldIndex, ReadersAreNeverStoppedNorShownDebris) {
  schema::SchemaChange change;
  change.fields = {field(kItem, "category", FieldType::Keyword), field(kItem, "price", FieldType::Int)};
  schema::Schema schema;
  schema.absorb(change);
  FieldIndex index;
  index.configure(schema);
  const auto put = [&index](std::uint32_t i) {
    index.put(kItem, to_ordinal(i),
              {{"category", std::string(i % 2 == 0 ? "even" : "odd")}, {"price", std::int64_t{i}}});
  };
  for (std::uint32_t i = 0; i < 500; ++i) put(i);
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::vector<std::jthread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      while (!done.load(std::memory_order_relaxed)) {
        const std::vector<Ordinal> even = index.with_keyword(kItem, "category", "even").to_vector();
        std::vector<double> prices(even.size());
        index.numbers(kItem, "price", even, 0, prices);
        for (const double p : prices) {
          if (static_cast<std::int64_t>(p) % 2 != 0) wrong.fetch_add(1);
        }
        // The first 100 are never touched.
        if (index.in_range(kItem, "price", {0, 100, true, false}).cardinality() != 100) wrong.fetch_add(1);
        if (index.live(kItem).cardinality() < 100) wrong.fetch_add(1);
        (void)index.top_keywords(kItem, "category", 2);
        if (index.memory_bytes() == 0) wrong.fetch_add(1);
        (void)index.is_indexed(kItem, "field9");
      }
    });
  }
  for (std::uint32_t round = 0; round < 20; ++round) {
    for (std::uint32_t i = 100; i < 500; ++i) index.remove(kItem, to_ordinal(i));
    for (std::uint32_t i = 100; i < 500 + round * 50; ++i) put(i);
    schema::SchemaChange more;
    more.fields = {field(kItem, "field" + std::to_string(round), FieldType::Keyword, std::string("x"))};
    schema.absorb(more);
    index.configure(schema);
  }
  done = true;
  readers.clear();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_TRUE(index.validate().ok());
}

}  // namespace
}  // namespace tidal::index
