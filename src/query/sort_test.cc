// Sorts against formulas over a model that counts by looking at every event.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cctype>
#include <functional>
#include <tuple>

#include "base/random.h"
#include "query/model_for_test.h"
#include "ranking/formulas.h"

namespace tidal::query {
namespace {

using Texts = std::vector<std::string>;
using Score = std::function<double(const ModelItem&)>;

struct NamedScore {
  std::string sort;
  Score score;
  bool descending = true;
};

double votes(const ModelItem& i) { return i.net("like") - i.net("dislike"); }
double magnitude(double v) {
  const double order = std::log10(std::max(std::abs(v), 1.0));
  return v < 0 ? -order : order;
}
double hours_old(const ModelItem& i) { return i.age_us(kNoon) / 3600e6; }
double velocity(const ModelItem& i, const std::string& s, Window w, Duration ago = {}) {
  return i.count(s, w, kNoon, ago) / (static_cast<double>(window_span(w).us) / 1e6);
}
double quality(const ModelItem& i) {
  return ranking::wilson_lower_bound(i.net("like"), i.net("like") + i.net("dislike"));
}
double number(const ModelItem& i, const std::string& field) {
  const Value* v = i.field(field);
  if (v == nullptr) return 0;
  if (const auto* d = std::get_if<Duration>(v)) return static_cast<double>(d->us);
  if (const auto* n = std::get_if<std::int64_t>(v)) return static_cast<double>(*n);
  return std::get<double>(*v);
}

double year_count(const ModelItem& i, const std::string& signal) {
  const std::int64_t today = kNoon.us / days(1).us;
  double n = 0;
  for (const ModelEvent& e : i.events) {
    const std::int64_t day = e.at.us / days(1).us;
    if (e.signal == signal && day > today - 365 && day <= today) ++n;
  }
  return n;
}

double last_saved(const ModelItem& i) {
  std::int64_t last = 0;
  for (const ModelEvent& e : i.events) {
    if (e.user == "u1" && e.signal == "save") last = std::max(last, e.at.us);
  }
  return static_cast<double>(last);
}

const std::vector<NamedScore>& named_scores() {
  static const auto* all = new std::vector<NamedScore>{
      {"new", [](const ModelItem& i) { return static_cast<double>(i.created_at.us); }},
      {"old", [](const ModelItem& i) { return static_cast<double>(i.created_at.us); }, false},
      {"hot", [](const ModelItem& i) { return magnitude(votes(i)) / std::pow(hours_old(i) + 2, 1.8); }},
      {"hn", [](const ModelItem& i) { return (votes(i) - 1) / std::pow(hours_old(i) + 2, 1.8); }},
      {"reddit_hot",
       [](const ModelItem& i) {
         const double s = magnitude(votes(i)) + (static_cast<double>(i.created_at.us) / 1e6 - 1134028003) / 45000;
         return std::round(s * 1e7) / 1e7;
       }},
      {"trending",
       [](const ModelItem& i) {
         return 0.5 * velocity(i, "share", Window::Day) + 0.3 * velocity(i, "view", Window::Day);
       }},
      {"rising",
       [](const ModelItem& i) {
         const double change = velocity(i, "view", Window::Hour) - velocity(i, "view", Window::Hour, hours(1));
         return change / (velocity(i, "view", Window::Week) + 1.0 / 86400) * (hours_old(i) < 24 ? 1.5 : 1);
       }},
      {"top(day)",
       [](const ModelItem& i) { return i.count("like", Window::Day, kNoon) - i.count("dislike", Window::Day, kNoon); }},
      {"top(year)", [](const ModelItem& i) { return year_count(i, "like") - year_count(i, "dislike"); }},
      {"top(all)", votes},
      {"top", votes},
      {"most_viewed", [](const ModelItem& i) { return i.count("view", Window::All, kNoon); }},
      {"most_liked", [](const ModelItem& i) { return i.net("like"); }},
      {"most_commented", [](const ModelItem& i) { return i.count("comment", Window::All, kNoon); }},
      {"most_shared", [](const ModelItem& i) { return i.count("share", Window::All, kNoon); }},
      {"controversial",
       [](const ModelItem& i) {
         const double up = i.net("like");
         const double down = i.net("dislike");
         return up + down > 0 ? (up / (up + down)) * (down / (up + down)) : 0;
       }},
      {"hidden_gems",
       [](const ModelItem& i) { return quality(i) / std::log10(i.count("view", Window::All, kNoon) + 10); }},
      {"shuffle(7)", [](const ModelItem& i) { return ranking::uniform(7, i.key) * std::sqrt(quality(i)); }},
      {"longest", [](const ModelItem& i) { return number(i, "length"); }},
      {"shortest", [](const ModelItem& i) { return i.field("length") != nullptr ? number(i, "length") : 1e300; },
       false},
      {"date_saved", last_saved},
      {"price + year DESC", [](const ModelItem& i) { return number(i, "price") + number(i, "year"); }},
      {"age ASC", [](const ModelItem& i) { return i.age_us(kNoon); }, false},
      {"view.acceleration(24h) DESC",
       [](const ModelItem& i) { return velocity(i, "view", Window::Day) - velocity(i, "view", Window::Day, days(1)); }},
      {"view.count(24h, ago:1d) - 2 * like.count(7d) ASC",
       [](const ModelItem& i) {
         return i.count("view", Window::Day, kNoon, days(1)) - 2 * i.count("like", Window::Week, kNoon);
       },
       false},
      {"if(year > 2021, log1p(view.count(all)), -1) DESC",
       [](const ModelItem& i) {
         return i.field("year") != nullptr && number(i, "year") > 2021 ? std::log1p(i.count("view", Window::All, kNoon))
                                                                       : -1.0;
       }},
      {"recency(1d) * clamp(like.net, 1, 2) DESC",
       [](const ModelItem& i) { return std::exp2(-hours_old(i) / 24) * std::max(1.0, std::min(i.net("like"), 2.0)); }},
      {"wilson(like.net, like.net + dislike.net) DESC", quality},
      {"1 / like.net DESC", [](const ModelItem& i) { return i.net("like") == 0 ? 0 : 1 / i.net("like"); }},
      {"ln(like.net) + log10(dislike.net) + sqrt(0 - like.net) DESC",
       [](const ModelItem& i) {
         return (i.net("like") > 0 ? std::log(i.net("like")) : 0) +
                (i.net("dislike") > 0 ? std::log10(i.net("dislike")) : 0);
       }},
  };
  return *all;
}

Texts model_order(const RandomDatabase& db, const NamedScore& by) {
  std::vector<std::pair<double, std::string>> order;
  for (const ModelItem& item : db.items) {
    if (item.did("u1", "hide")) continue;
    const double score = by.score(item);
    order.emplace_back(by.descending ? -score : score, item.key);
  }
  std::sort(order.begin(), order.end());
  Texts keys;
  for (auto& [score, key] : order) keys.push_back(key);
  return keys;
}

// P1
RC_GTEST_PROP(Sort, EverySortEqualsTheModel, ()) {
  const RandomDatabase db = random_database(20, 60);
  for (const NamedScore& by : named_scores()) {
    const Texts got = db.views->keys("RETRIEVE items FOR USER @u1 SORT BY " + by.sort + " LIMIT 1000");
    const Texts want = model_order(db, by);
    if (got != want) RC_LOG() << by.sort;
    RC_ASSERT(got == want);
  }
}

RC_GTEST_PROP(Sort, ThePageIsTheFrontOfTheLongList, ()) {
  const RandomDatabase db = random_database(20, 60);
  const NamedScore& by = *rc::gen::elementOf(named_scores());
  const int limit = *rc::gen::inRange(1, 20);
  Texts want = model_order(db, by);
  want.resize(std::min<std::size_t>(want.size(), static_cast<std::size_t>(limit)));
  RC_ASSERT(db.views->keys("RETRIEVE items FOR USER @u1 SORT BY " + by.sort + " LIMIT " + std::to_string(limit)) ==
            want);
}

RC_GTEST_PROP(Sort, NormRankAndZscoreSpanTheCandidates, ()) {
  const RandomDatabase db = random_database(20, 60);
  const auto scores = [&](const std::string& f) {
    auto reply = db.views->ask("RETRIEVE items SORT BY " + f + "(view.count(all)) DESC LIMIT 1000");
    std::map<std::string, double> by_key;
    for (const ResultItem& item : reply.value().items) by_key[item.key] = item.score;
    return by_key;
  };
  double low = 1e300;
  double high = -1e300;
  double sum = 0;
  double squares = 0;
  const auto n = static_cast<double>(db.items.size());
  for (const ModelItem& i : db.items) {
    const double v = i.count("view", Window::All, kNoon);
    low = std::min(low, v);
    high = std::max(high, v);
    sum += v;
    squares += v * v;
  }
  const double deviation = std::sqrt(std::max(0.0, squares / n - sum / n * sum / n));
  const auto norm = scores("norm");
  const auto zscore = scores("zscore");
  const auto rank = scores("rank");
  for (const ModelItem& i : db.items) {
    const double v = i.count("view", Window::All, kNoon);
    const auto below = std::count_if(db.items.begin(), db.items.end(),
                                     [&](const ModelItem& o) { return o.count("view", Window::All, kNoon) < v; });
    RC_ASSERT(std::abs(norm.at(i.key) - (high > low ? (v - low) / (high - low) : 0)) < 1e-12);
    RC_ASSERT(std::abs(zscore.at(i.key) - (deviation > 1e-9 ? (v - sum / n) / deviation : 0)) < 1e-9);
    RC_ASSERT(std::abs(rank.at(i.key) - (n > 1 ? static_cast<double>(below) / (n - 1) : 0)) < 1e-12);
  }
}

std::string folded(const ModelItem& i, const std::string& field) {
  const Value* v = i.field(field);
  if (v == nullptr) return "~~~";
  std::string text = std::get<std::string>(*v);
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

RC_GTEST_PROP(Sort, TextOrdersFoldCaseAndPutTheMissingLast, ()) {
  const RandomDatabase db = random_database(20, 10);
  for (const auto& [sort, field, descending] :
       {std::tuple<std::string, std::string, bool>{"alphabetical", "title", false},
        {"title ASC", "title", false},
        {"title DESC", "title", true},
        {"studio DESC", "studio", true},
        {"category ASC", "category", false}}) {
    std::vector<const ModelItem*> order;
    for (const ModelItem& i : db.items) order.push_back(&i);
    std::sort(order.begin(), order.end(), [&, f = field, d = descending](const ModelItem* a, const ModelItem* b) {
      const bool has_a = a->field(f) != nullptr;
      const bool has_b = b->field(f) != nullptr;
      if (has_a != has_b) return has_a;
      const std::string text_a = folded(*a, f);
      const std::string text_b = folded(*b, f);
      if (text_a != text_b) return d ? text_a > text_b : text_a < text_b;
      return a->key < b->key;
    });
    Texts want;
    for (const ModelItem* i : order) want.push_back(i->key);
    const Texts got = db.views->keys("RETRIEVE items SORT BY " + sort + " LIMIT 1000");
    if (got != want) RC_LOG() << sort;
    RC_ASSERT(got == want);
    for (const std::size_t limit : {std::size_t{1}, std::size_t{3}, std::size_t{7}}) {
      const Texts page = db.views->keys("RETRIEVE items SORT BY " + sort + " LIMIT " + std::to_string(limit));
      RC_ASSERT(page == Texts(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(std::min(limit, want.size()))));
    }
  }
}

// More ordinals than a block of the column scan holds, so that it is taken.
TEST(Sort, ScanningColumnsGivesTheOrderOfScoringEverything) {
  TestViews views(video_schema());
  for (int i = 0; i < 10'000; ++i) views.put_item("i" + std::to_string(i));
  for (int e = 0; e < 30'000; ++e) {
    const std::string item = "i" + std::to_string((e * 7919 + e * e % 101) % 10'000);
    views.signal({.signal = e % 5 == 0 ? "share" : "view", .target = item, .at = kNoon - minutes(e % 2'000)});
  }
  views.signal({.signal = "hide", .target = "i1", .user = "u1"});
  views.put({.key = "i2", .created_at = kNoon + hours(1)});
  Texts queries;
  for (const std::string sort : {"trending", "trending WINDOW 7d", "most_viewed", "most_shared", "top(week)"}) {
    for (const std::string rest : {"", " FILTER key != @i7", " FILTER unseen"}) {
      queries.push_back("RETRIEVE items FOR USER @u1 SORT BY " + sort + rest + " LIMIT 300");
    }
  }
  std::vector<Texts> scored;
  for (const std::string& query : queries) scored.push_back(views.keys(query));
  for (std::size_t s = 0; s < views.schema().signals.size(); ++s) {
    for (const Window w : {Window::Hour, Window::Day, Window::Week, Window::Month, Window::All}) {
      views.ledgers().items.add_column(static_cast<signal::SignalIndex>(s), w, kNoon);
    }
  }
  views.settle();
  ASSERT_TRUE(views.ledgers().items.has_settled_column(0, Window::Day, kNoon));
  for (std::size_t q = 0; q < queries.size(); ++q) EXPECT_EQ(views.keys(queries[q]), scored[q]) << queries[q];
}

// Events over three years, so that counts of all time order otherwise than those of the year.
TEST(Sort, TheYearIsReadOfThoseOnlyThatCouldEnter) {
  TestViews views(video_schema());
  constexpr int kItems = 700;
  std::map<std::string, double> year;
  for (int i = 0; i < kItems; ++i) {
    views.put_item("i" + std::to_string(i));
    year["i" + std::to_string(i)] = 0;
  }
  base::Random random(3);
  for (int e = 0; e < 12'000; ++e) {
    const std::string item = "i" + std::to_string(random.below(kItems) * random.below(kItems) / kItems);
    const Timestamp at = kNoon - Duration{static_cast<std::int64_t>(random.below(3 * 365 * 24)) * hours(1).us};
    const bool is_dislike = random.below(4) == 0;
    views.signal({.signal = is_dislike ? "dislike" : "like", .target = item, .at = at});
    if (kNoon.us / days(1).us - at.us / days(1).us < 365) year[item] += is_dislike ? -1 : 1;
  }
  Texts want;
  for (const auto& [key, score] : year) want.push_back(key);
  std::stable_sort(want.begin(), want.end(), [&](const auto& a, const auto& b) { return year[a] > year[b]; });
  for (const std::size_t limit : {std::size_t{1}, std::size_t{20}, std::size_t{300}, std::size_t{700}}) {
    const Texts page = views.keys("RETRIEVE items SORT BY top(year) LIMIT " + std::to_string(limit));
    EXPECT_EQ(page, Texts(want.begin(), want.begin() + static_cast<std::ptrdiff_t>(limit)));
  }
  Texts pages;
  std::string after;
  for (int page = 0; page < 7; ++page) {
    const auto reply = views.ask("RETRIEVE items SORT BY top(year) LIMIT 100" + after);
    ASSERT_TRUE(reply.ok()) << reply.error().to_string();
    for (const ResultItem& item : reply->items) pages.push_back(item.key);
    after = " AFTER \"" + reply->cursor + "\"";
  }
  EXPECT_EQ(pages, want);
}

TEST(Sort, UsersAndCreatorsHaveTheirOwnCounts) {
  TestViews views(video_schema());
  views.put({.kind = EntityKind::User, .key = "u1", .created_at = kNoon - days(3)});
  views.put({.kind = EntityKind::User, .key = "u2", .created_at = kNoon - days(2)});
  views.put({.key = "a", .creator = "c1"});
  views.put({.key = "b", .creator = "c2"});
  views.signal({.signal = "view", .target = "a", .user = "u1"});
  views.signal({.signal = "view", .target = "b", .user = "u2"});
  views.signal({.signal = "view", .target = "b", .user = "u2"});
  views.signal({.signal = "visit", .target = "c1"});
  EXPECT_EQ(views.keys("RETRIEVE users SORT BY view.count(24h) DESC"), (Texts{"u2", "u1"}));
  EXPECT_EQ(views.keys("RETRIEVE users SORT BY old"), (Texts{"u1", "u2"}));
  EXPECT_EQ(views.keys("RETRIEVE users FOR USER @u1 SORT BY view.count(all) - user.view.count(all) ASC"),
            (Texts{"u1", "u2"}));
  EXPECT_EQ(views.keys("RETRIEVE creators SORT BY view.count(24h) DESC"), (Texts{"c2", "c1"}));
  EXPECT_EQ(views.keys("RETRIEVE creators SORT BY trending"), (Texts{"c2", "c1"}));
  EXPECT_EQ(views.keys("RETRIEVE creators SORT BY visit.count(24h) DESC"), (Texts{"c1", "c2"}));
  EXPECT_EQ(views.keys("RETRIEVE items SORT BY creator.visit.count(24h) DESC"), (Texts{"a", "b"}));
  EXPECT_EQ(views.ask("RETRIEVE creators SORT BY hot").error().code, Code::InvalidArgument);
}

TEST(Sort, AMissingTermIsLeftOutWithAWarning) {
  schema::Schema schema = video_schema();
  std::erase_if(schema.signals, [](const SignalDef& s) { return s.name == "share"; });
  TestViews views(schema);
  views.put_item("a");
  const auto reply = views.ask("RETRIEVE items SORT BY trending");
  ASSERT_TRUE(reply.ok());
  ASSERT_EQ(reply->warnings.size(), 1U);
  EXPECT_EQ(reply->warnings[0].code, "term_left_out");
}

TEST(Sort, WithoutAnyOfItsRolesItIsRefusedAndNamesThem) {
  schema::Schema schema = video_schema();
  schema.signals.clear();
  TestViews views(schema);
  views.put_item("a");
  const auto reply = views.ask("RETRIEVE items SORT BY trending");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::InvalidArgument);
  EXPECT_NE(reply.error().message.find("share, view"), std::string::npos);
  EXPECT_EQ(views.ask("RETRIEVE items SORT BY alphabetical").ok(), true);
}

TEST(Sort, AWindowThatItsSignalsLackIsRefusedNamingTheirs) {
  schema::Schema schema = video_schema();
  std::erase_if(schema.signals, [](const SignalDef& s) { return s.name != "share"; });
  TestViews views(schema);
  const auto reply = views.ask("RETRIEVE items SORT BY trending WINDOW 1h");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::InvalidArgument);
  EXPECT_NE(reply.error().message.find("24h, 7d"), std::string::npos);
}

// Enough items that creation times are scanned densely: the page is that of sorting all of them.
TEST(CreationOrder, AScanFindsWhatSortingAllWouldFind) {
  TestViews views(video_schema());
  struct Made {
    std::int64_t minutes_ago;
    std::string key;
  };
  std::vector<Made> made;
  std::uint64_t scheduled = 0;
  for (int i = 0; i < 9'000; ++i) {
    const std::int64_t ago = (i * 7'919) % 5'003 - 3;  // many ties; a few lie ahead
    const std::string key = "i" + std::to_string(i);
    views.put({.key = key, .created_at = kNoon - minutes(ago), .fields = {{"live", i % 2 == 0}}});
    if (i % 100 == 7) {
      views.remove(EntityKind::Item, key);
    } else if (ago < 0) {
      ++scheduled;
    } else {
      made.push_back({ago, key});
    }
  }
  for (const bool newest : {true, false}) {
    std::sort(made.begin(), made.end(), [&](const Made& a, const Made& b) {
      if (a.minutes_ago != b.minutes_ago) return (a.minutes_ago < b.minutes_ago) == newest;
      return a.key < b.key;
    });
    const std::string query = std::string("RETRIEVE items SORT BY ") + (newest ? "new" : "old") + " WITH fields()";
    std::vector<std::string> got;
    std::string cursor;
    for (int page = 0; page < 3; ++page) {
      const auto reply = views.ask(query + (cursor.empty() ? "" : " AFTER \"" + cursor + "\"") + " LIMIT 300");
      ASSERT_TRUE(reply.ok()) << reply.error().to_string();
      EXPECT_EQ(reply->stats.after_filters, made.size());
      EXPECT_EQ(reply->stats.candidates, made.size() + scheduled);
      for (const ResultItem& item : reply->items) got.push_back(item.key);
      cursor = reply->cursor;
    }
    std::vector<std::string> want;
    for (std::size_t i = 0; i < got.size(); ++i) want.push_back(made[i].key);
    EXPECT_EQ(got.size(), 900U);
    EXPECT_EQ(got, want);
  }
  const auto ahead = views.ask("RETRIEVE items FILTER scheduled OR live = true OR live = false SORT BY new LIMIT 1");
  EXPECT_EQ(ahead->stats.after_filters, made.size() + scheduled);
  EXPECT_GT(ahead->items.at(0).score, static_cast<double>(kNoon.us) / 1e6);
}

}  // namespace
}  // namespace tidal::query
