// Filters against a model that looks at every item, on random databases and random conditions.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>

#include "query/model_for_test.h"

namespace tidal::query {
namespace {

// A condition in the language's words and what it means to the model.
struct Condition {
  std::string words;
  std::function<bool(const ModelItem&)> holds;
};

template <class T>
std::function<bool(const ModelItem&)> on_field(std::string name, std::function<bool(const T&)> test) {
  return [name = std::move(name), test = std::move(test)](const ModelItem& item) {
    const Value* value = item.field(name);
    return value != nullptr && test(std::get<T>(*value));
  };
}

using Texts = std::vector<std::string>;

bool any_of(const Texts& have, const Texts& want) {
  return std::any_of(want.begin(), want.end(),
                     [&](const std::string& w) { return std::find(have.begin(), have.end(), w) != have.end(); });
}

bool all_of(const Texts& have, const Texts& want) {
  return std::all_of(want.begin(), want.end(),
                     [&](const std::string& w) { return std::find(have.begin(), have.end(), w) != have.end(); });
}

// The same test on an indexed field and on its twin without an index.
std::vector<Condition> list_conditions() {
  std::vector<Condition> all;
  for (const std::string f : {"tags", "labels"}) {
    all.push_back({f + " IN (\"live\", \"solo\")", on_field<Texts>(f, [](auto& v) {
                     return any_of(v, {"live", "solo"});
                   })});
    all.push_back(
        {f + " NOT IN (\"live\", \"zzz\")", on_field<Texts>(f, [](auto& v) { return !any_of(v, {"live"}); })});
    all.push_back({f + " ALL (\"live\", \"piano\")", on_field<Texts>(f, [](auto& v) {
                     return all_of(v, {"live", "piano"});
                   })});
    all.push_back({"exists(" + f + ")", on_field<Texts>(f, [](auto&) { return true; })});
  }
  return all;
}

std::vector<Condition> string_conditions() {
  std::vector<Condition> all;
  for (const auto& [f, v] : {std::pair<std::string, std::string>{"category", "jazz"}, {"studio", "north"}}) {
    const auto equals = [v = v](const std::string& s) { return s == v; };
    all.push_back({f + " = \"" + v + "\"", on_field<std::string>(f, equals)});
    all.push_back({"\"" + v + "\" = " + f, on_field<std::string>(f, equals)});
    all.push_back({f + " != \"" + v + "\"", on_field<std::string>(f, [equals](auto& s) { return !equals(s); })});
    all.push_back({f + " IN (\"" + v + "\", \"folk\")",
                   on_field<std::string>(f, [equals](auto& s) { return equals(s) || s == "folk"; })});
    all.push_back({f + " NOT IN (\"" + v + "\")", on_field<std::string>(f, [equals](auto& s) { return !equals(s); })});
    all.push_back({"exists(" + f + ")", on_field<std::string>(f, [](auto&) { return true; })});
  }
  all.push_back({"format = \"video\"", [](const ModelItem&) { return true; }});  // its DEFAULT
  return all;
}

std::vector<Condition> number_conditions() {
  const auto length = [](std::function<bool(Duration)> test) {
    return on_field<Duration>("length", [test](const Duration& d) { return test(d); });
  };
  const auto price = [](std::function<bool(double)> test) {
    return on_field<double>("price", [test](const double& d) { return test(d); });
  };
  const auto year = [](std::function<bool(std::int64_t)> test) {
    return on_field<std::int64_t>("year", [test](const std::int64_t& d) { return test(d); });
  };
  return {
      {"length < 3m", length([](Duration d) { return d < minutes(3); })},
      {"length >= 3m", length([](Duration d) { return d >= minutes(3); })},
      {"3m <= length", length([](Duration d) { return d >= minutes(3); })},
      {"length != 3m", length([](Duration d) { return d != minutes(3); })},
      {"length BETWEEN 2m AND 4m", length([](Duration d) { return d >= minutes(2) && d <= minutes(4); })},
      {"length NOT BETWEEN 2m AND 4m", length([](Duration d) { return d < minutes(2) || d > minutes(4); })},
      {"length IN (1m, 5m)", length([](Duration d) { return d == minutes(1) || d == minutes(5); })},
      {"price = 2.5", price([](double d) { return d == 2.5; })},
      {"price != 2.5", price([](double d) { return d != 2.5; })},
      {"price > 1.5", price([](double d) { return d > 1.5; })},
      {"price NOT IN (0.5, 1.5)", price([](double d) { return d != 0.5 && d != 1.5; })},
      {"year = 2021", year([](std::int64_t y) { return y == 2021; })},
      {"year > 2021", year([](std::int64_t y) { return y > 2021; })},
      {"year + 1 > 2022",
       [](const ModelItem& i) {
         const Value* y = i.field("year");  // missing in arithmetic is 0
         return (y != nullptr ? std::get<std::int64_t>(*y) : 0) + 1 > 2022;
       }},
      {"live", on_field<bool>("live", [](const bool& b) { return b; })},
      {"live = false", on_field<bool>("live", [](const bool& b) { return !b; })},
      {"adult", on_field<bool>("adult", [](const bool& b) { return b; })},
      {"adult != true", on_field<bool>("adult", [](const bool& b) { return !b; })},
      {"NOT exists(length)", [](const ModelItem& i) { return i.field("length") == nullptr; }},
  };
}

std::vector<Condition> computed_conditions() {
  return {
      {"age < 1d", [](const ModelItem& i) { return i.age_us(kNoon) < 86400e6; }},
      {"created_at >= now - 2d", [](const ModelItem& i) { return i.created_at >= kNoon - days(2); }},
      {"creator = @c1", [](const ModelItem& i) { return i.creator == "c1"; }},
      {"creator != @c1", [](const ModelItem& i) { return !i.creator.empty() && i.creator != "c1"; }},
      {"creator = @nobody", [](const ModelItem&) { return false; }},
      {"creator IN (@c1, @c2)", [](const ModelItem& i) { return !i.creator.empty(); }},
      {"exists(creator)", [](const ModelItem& i) { return !i.creator.empty(); }},
      {"key = @i7", [](const ModelItem& i) { return i.key == "i7"; }},
      {"key NOT IN (@i0, @i7)", [](const ModelItem& i) { return i.key != "i0" && i.key != "i7"; }},
      {"view.count(24h) >= 2", [](const ModelItem& i) { return i.count("view", Window::Day, kNoon) >= 2; }},
      {"view.count(1h) = 0", [](const ModelItem& i) { return i.count("view", Window::Hour, kNoon) == 0; }},
      {"view.count(24h, ago:1d) > like.count(all)",
       [](const ModelItem& i) {
         return i.count("view", Window::Day, kNoon, days(1)) > i.count("like", Window::All, kNoon);
       }},
      {"like.net > dislike.net", [](const ModelItem& i) { return i.net("like") > i.net("dislike"); }},
      {"if(category = \"jazz\", 1, 0) + share.net >= 1",
       [](const ModelItem& i) {
         const Value* c = i.field("category");
         return (c != nullptr && std::get<std::string>(*c) == "jazz") || i.net("share") >= 1;
       }},
      {"true", [](const ModelItem&) { return true; }},
      {"1 > 2", [](const ModelItem&) { return false; }},
  };
}

std::vector<Condition> mark_conditions() {
  return {
      {"seen", [](const ModelItem& i) { return i.did("u1", "view"); }},
      {"unseen", [](const ModelItem& i) { return !i.did("u1", "view"); }},
      {"liked", [](const ModelItem& i) { return i.did("u1", "like"); }},
      {"disliked", [](const ModelItem& i) { return i.did("u1", "dislike"); }},
      {"saved", [](const ModelItem& i) { return i.did("u1", "save"); }},
      {"shared", [](const ModelItem& i) { return i.did("u1", "share"); }},
      {"completed", [](const ModelItem&) { return false; }},
      {"time_of(saved) > now - 1d",
       [](const ModelItem& i) {
         return std::any_of(i.events.begin(), i.events.end(), [](const ModelEvent& e) {
           return e.user == "u1" && e.signal == "save" && e.at > kNoon - days(1);
         });
       }},
  };
}

const std::vector<Condition>& leaves() {
  static const auto* all = [] {
    auto* list = new std::vector<Condition>();
    for (const auto& some :
         {list_conditions(), string_conditions(), number_conditions(), computed_conditions(), mark_conditions()}) {
      list->insert(list->end(), some.begin(), some.end());
    }
    return list;
  }();
  return *all;
}

// Call inside a property.
Condition random_condition(int depth) {
  const int kind = depth == 0 ? 0 : *rc::gen::inRange(0, 5);
  if (kind <= 1) return leaves()[static_cast<std::size_t>(*rc::gen::inRange(0, static_cast<int>(leaves().size())))];
  const Condition a = random_condition(depth - 1);
  if (kind == 2) return {"NOT (" + a.words + ")", [a](const ModelItem& i) { return !a.holds(i); }};
  const Condition b = random_condition(depth - 1);
  if (kind == 3)
    return {"(" + a.words + " OR " + b.words + ")", [a, b](const ModelItem& i) { return a.holds(i) || b.holds(i); }};
  return {"(" + a.words + ", " + b.words + ")", [a, b](const ModelItem& i) { return a.holds(i) && b.holds(i); }};
}

Texts expected(const RandomDatabase& db, const Condition& condition, bool hidden_too) {
  Texts keys;
  for (const ModelItem& item : db.items) {
    if (item.created_at > kNoon) continue;
    if (!hidden_too && item.did("u1", "hide")) continue;
    if (condition.holds(item)) keys.push_back(item.key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Every leaf on one database in which most of them tell items apart.
RC_GTEST_PROP(Filter, LeafEqualsTheModel, ()) {
  const RandomDatabase db = random_database(16, 40);
  for (const Condition& leaf : leaves()) {
    Texts got = db.views->keys("RETRIEVE items FOR USER @u1 FILTER " + leaf.words + " SORT BY new LIMIT 1000");
    std::sort(got.begin(), got.end());
    if (got != expected(db, leaf, false)) RC_LOG() << leaf.words;
    RC_ASSERT(got == expected(db, leaf, false));
  }
}

// L1
RC_GTEST_PROP(Filter, AnyCombinationEqualsTheModel, ()) {
  const RandomDatabase db = random_database(24, 60, true);
  for (int k = 0; k < 8; ++k) {
    const Condition condition = random_condition(3);
    Texts got = db.views->keys("RETRIEVE items FOR USER @u1 FILTER " + condition.words + " SORT BY old LIMIT 1000");
    std::sort(got.begin(), got.end());
    if (got != expected(db, condition, false)) RC_LOG() << condition.words;
    RC_ASSERT(got == expected(db, condition, false));
  }
}

TEST(Filter, HiddenItemsComeOnlyWhenAskedFor) {
  TestViews views(video_schema());
  views.put_item("a");
  views.put_item("b");
  views.signal({.signal = "hide", .target = "b", .user = "u1"});
  EXPECT_EQ(views.keys("RETRIEVE items FOR USER @u1 SORT BY alphabetical"), (Texts{"a"}));
  EXPECT_EQ(views.keys("RETRIEVE items FOR USER @u1 FILTER hidden SORT BY alphabetical"), (Texts{"b"}));
  EXPECT_EQ(views.keys("RETRIEVE items FOR USER @u1 FILTER NOT hidden SORT BY alphabetical"), (Texts{"a"}));
  EXPECT_EQ(views.keys("RETRIEVE items FOR USER @u1 FILTER unseen OR NOT hidden SORT BY alphabetical"), (Texts{"a"}));
  EXPECT_EQ(views.keys("RETRIEVE items FOR USER @u1 FILTER unseen OR hidden SORT BY alphabetical"), (Texts{"a", "b"}));
  EXPECT_EQ(views.keys("RETRIEVE items SORT BY alphabetical"), (Texts{"a", "b"}));
}

TEST(Filter, ScheduledItemsComeOnlyWhenAskedFor) {
  TestViews views(video_schema());
  views.put({.key = "now", .created_at = kNoon});
  views.put({.key = "later", .created_at = kNoon + seconds(1)});
  EXPECT_EQ(views.keys("RETRIEVE items SORT BY new"), (Texts{"now"}));
  EXPECT_EQ(views.keys("RETRIEVE items FILTER scheduled SORT BY new"), (Texts{"later"}));
  EXPECT_EQ(views.keys("RETRIEVE items FILTER scheduled OR age < 1h SORT BY new"), (Texts{"later", "now"}));
  views.now = kNoon + seconds(1);
  EXPECT_EQ(views.keys("RETRIEVE items SORT BY new"), (Texts{"later", "now"}));
}

TEST(Filter, AnOpenCreationCountsAsOld) {
  TestViews views(video_schema());
  views.put({.key = "open", .created_at = std::nullopt});
  EXPECT_EQ(views.keys("RETRIEVE items FILTER age > 365d SORT BY new"), (Texts{"open"}));
}

TEST(Filter, SeenExpires) {
  TestViews views(video_schema());
  views.mutable_schema().settings.seen_expires = days(1);
  views.put_item("fresh");
  views.put_item("stale");
  views.signal({.signal = "view", .target = "fresh", .user = "u1", .at = kNoon - hours(23)});
  views.signal({.signal = "view", .target = "stale", .user = "u1", .at = kNoon - hours(25)});
  // The state keeps times of seen only once it is told to; without, what was seen stays seen.
  const Texts seen = views.keys("RETRIEVE items FOR USER @u1 FILTER seen SORT BY new");
  EXPECT_TRUE(std::find(seen.begin(), seen.end(), "fresh") != seen.end());
}

TEST(Filter, ReadsTheCreatorAndTheAskingUser) {
  TestViews views(video_schema());
  views.put({.kind = EntityKind::Creator, .key = "c1", .fields = {{"verified", true}, {"country", std::string("DE")}}});
  views.put(
      {.kind = EntityKind::User, .key = "u1", .fields = {{"language", std::string("jazz")}, {"age", std::int64_t{3}}}});
  views.put({.key = "a", .creator = "c1", .fields = {{"category", std::string("jazz")}}});
  views.put({.key = "b", .creator = "c2", .fields = {{"category", std::string("rock")}}});
  views.put({.key = "c"});
  const std::string ask = "RETRIEVE items FOR USER @u1 FILTER ";
  EXPECT_EQ(views.keys(ask + "creator.verified"), (Texts{"a"}));
  EXPECT_EQ(views.keys(ask + "creator.verified = false"), (Texts{"b"}));
  EXPECT_EQ(views.keys(ask + "creator.country = \"DE\""), (Texts{"a"}));
  EXPECT_EQ(views.keys(ask + "creator.country != \"FR\""), (Texts{"a"}));
  EXPECT_EQ(views.keys(ask + "category = user.language"), (Texts{"a"}));
  EXPECT_EQ(views.keys(ask + "user.age = 3, key = @c"), (Texts{"c"}));
  EXPECT_EQ(views.keys(ask + "NOT exists(user.age)"), (Texts{}));
}

// As every comparison with what is missing, whichever way the index or the column answers.
TEST(Filter, ARangeWithAMissingEndHoldsNowhere) {
  TestViews views(video_schema());
  views.put({.kind = EntityKind::User, .key = "u1"});
  for (int i = 0; i < 40; ++i) {
    views.put({.key = "i" + std::to_string(i),
               .fields = {{"category", std::string(i == 7 ? "jazz" : "rock")}, {"price", i / 2.0}}});
  }
  const std::string ask = "RETRIEVE items FOR USER @u1 FILTER ";
  for (const std::string few : {"", "category = \"jazz\" AND "}) {
    EXPECT_EQ(views.keys(ask + few + "price BETWEEN user.age AND 9"), (Texts{}));
    EXPECT_EQ(views.keys(ask + few + "price NOT BETWEEN user.age AND 1"), (Texts{}));
    EXPECT_EQ(views.keys(ask + few + "price NOT BETWEEN 9 AND 1 AND price = 3.5"), (Texts{"i7"}));
  }
}

TEST(Filter, ParametersAreValues) {
  TestViews views(video_schema());
  views.put({.key = "a", .creator = "c1", .fields = {{"category", std::string("jazz")}}});
  views.put({.key = "b", .creator = "c2", .fields = {{"category", std::string("rock")}, {"length", minutes(9)}}});
  views.params = {{"c", std::string("jazz")},
                  {"k", std::string("c2")},
                  {"d", minutes(5)},
                  {"list", std::vector<std::string>{"rock", "folk"}},
                  {"keys", std::vector<std::string>{"a"}}};
  EXPECT_EQ(views.keys("RETRIEVE items FILTER category = $c"), (Texts{"a"}));
  EXPECT_EQ(views.keys("RETRIEVE items FILTER creator = $k"), (Texts{"b"}));
  EXPECT_EQ(views.keys("RETRIEVE items FILTER length > $d"), (Texts{"b"}));
  EXPECT_EQ(views.keys("RETRIEVE items FILTER category IN $list"), (Texts{"b"}));
  EXPECT_EQ(views.keys("RETRIEVE items EXCLUDE $keys"), (Texts{"b"}));
  EXPECT_EQ(views.ask("RETRIEVE items FILTER category = $none").error().code, Code::InvalidArgument);
}

}  // namespace
}  // namespace tidal::query
