// The engine as a caller sees it: pages, warnings, deadlines, what is refused and what is not available yet.
#include "query/engine.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "query/model_for_test.h"

namespace tidal::query {
namespace {

using Texts = std::vector<std::string>;
using ::testing::HasSubstr;

void fill(TestViews& views, int n) {
  for (int i = 0; i < n; ++i) {
    views.put({.key = "i" + std::to_string(1000 + i), .creator = "c", .created_at = kNoon - hours(i / 3)});
    for (int e = 0; e < i % 7; ++e) views.signal({.signal = "view", .target = "i" + std::to_string(1000 + i)});
  }
}

std::string cursor_clause(const std::string& cursor) { return cursor.empty() ? "" : " AFTER \"" + cursor + "\""; }

// ---- reply ----------------------------------------------------------------------------------------------------------

TEST(Reply, CarriesFieldsSignalsAndContributions) {
  TestViews views(video_schema());
  views.put({.key = "a",
             .creator = "c1",
             .created_at = kNoon - hours(2),
             .fields = {{"title", std::string("Piano")}, {"length", minutes(3)}}});
  views.signal({.signal = "view", .target = "a", .user = "u1"});
  views.signal({.signal = "share", .target = "a", .user = "u1"});
  const auto reply = views.ask(
      "RETRIEVE items FOR USER @u1 SORT BY trending WITH fields(title), signals(view.count(24h), age, length), "
      "explain");
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  ASSERT_EQ(reply->items.size(), 1U);
  const ResultItem& item = reply->items[0];
  EXPECT_EQ(item.creator, "c1");
  EXPECT_EQ(item.rank, 1U);
  EXPECT_EQ(item.fields, (Fields{{"title", std::string("Piano")}}));
  EXPECT_EQ(item.signals[0], (std::pair<std::string, double>("view.count(24h)", 1)));
  EXPECT_EQ(item.signals[1].second, 7200) << "durations are shown in seconds";
  EXPECT_EQ(item.signals[2].second, 180);
  ASSERT_EQ(item.explain.size(), 2U);
  EXPECT_NEAR(item.explain[0].second + item.explain[1].second, item.score, 1e-12);
  EXPECT_EQ(reply->sort, "trending");
  EXPECT_EQ(reply->profile, "");
  EXPECT_EQ(reply->stats.candidates, 1U);
  EXPECT_EQ(reply->query_id, "q1");
  EXPECT_FALSE(reply->stats.stages.empty());
}

TEST(Reply, LeavesLongTextsOutUnlessAskedFor) {
  TestViews views(video_schema());
  views.put_item("a", {{"title", std::string(257, 'x')}, {"category", std::string("jazz")}});
  const auto fields = [&](const std::string& with) {
    return views.ask("RETRIEVE items SORT BY new" + with)->items[0].fields;
  };
  EXPECT_EQ(fields("").count("title"), 0U);
  EXPECT_EQ(fields("").count("category"), 1U);
  EXPECT_EQ(fields("").count("format"), 1U) << "a DEFAULT counts";
  EXPECT_EQ(fields(" WITH fields(*)").count("title"), 1U);
  EXPECT_EQ(fields(" WITH fields(title)").size(), 1U);
  EXPECT_TRUE(fields(" WITH fields()").empty());
}

TEST(Reply, AnEmptyAnswerSaysWhatRemovedTheCandidates) {
  TestViews views(video_schema());
  for (int i = 0; i < 1'204; ++i) {
    views.put_item("i" + std::to_string(i));
    views.signal({.signal = "view", .target = "i" + std::to_string(i), .user = "u1"});
  }
  const auto reply = views.ask("RETRIEVE items FOR USER @u1 FILTER unseen SORT BY new");
  ASSERT_EQ(reply->warnings.size(), 1U);
  EXPECT_EQ(reply->warnings[0].code, "empty");
  EXPECT_EQ(reply->warnings[0].message, "1,204 candidates, 1,204 removed by unseen");
}

TEST(Reply, NamesTheProfileThatDecided) {
  TestViews views(video_schema());
  fill(views, 5);
  EXPECT_EQ(views.ask("RETRIEVE items")->profile, "trending@1");
  EXPECT_EQ(views.ask("RETRIEVE items USING PROFILE hot")->profile, "hot@1");
  EXPECT_EQ(views.ask("RETRIEVE items USING PROFILE hot")->sort, "");
  views.put({.kind = EntityKind::User, .key = "u1"});
  EXPECT_EQ(views.ask("RETRIEVE items FOR USER @u1")->warnings.at(0).code, "default_profile");
  EXPECT_EQ(views.keys("RETRIEVE items USING PROFILE trending"), views.keys("RETRIEVE items SORT BY trending"));
}

TEST(Reply, PastTheDeadlineIsPartial) {
  TestViews views(video_schema());
  fill(views, 50);
  views.tick_us = 1'000;
  const auto late = views.ask("RETRIEVE items SORT BY hot DEADLINE 1ms");
  ASSERT_TRUE(late.ok());
  EXPECT_TRUE(late->partial);
  EXPECT_FALSE(views.ask("RETRIEVE items SORT BY hot DEADLINE 1h")->partial);
  EXPECT_FALSE(views.ask("RETRIEVE items SORT BY hot")->partial);
}

// Fields that must be read from the store cost most, so the deadline is looked at while they are read.
TEST(Reply, TheDeadlineEndsTheReadingOfEntities) {
  TestViews views(video_schema());
  for (int i = 0; i < 1'000; ++i) {
    views.put_item("i" + std::to_string(i), {{"studio", std::string("a") + std::to_string(i)}, {"price", 1.5 * i}});
  }
  views.tick_us = 1'000;
  for (const std::string query :
       {"SORT BY studio ASC", "SORT BY price DESC", "SORT BY norm(price) DESC", "FILTER price >= 0 SORT BY new",
        "FILTER studio != \"x\" SORT BY new", "SORT BY new MIN SCORE created_at + 0 * price * 1s"}) {
    const auto late = views.ask("RETRIEVE items " + query + " WITH fields() DEADLINE 12ms LIMIT 1000");
    ASSERT_TRUE(late.ok()) << query << ": " << late.error().to_string();
    EXPECT_TRUE(late->partial) << query;
    EXPECT_LT(late->items.size(), 1'000U) << query << " ran to its end";
    const auto whole = views.ask("RETRIEVE items " + query + " WITH fields() LIMIT 1000");
    EXPECT_EQ(whole->items.size(), 1'000U) << query;
    EXPECT_FALSE(whole->partial) << query;
  }
}

TEST(Reply, AScoreThatOverflowsIsTheLargestNumber) {
  TestViews views(video_schema());
  views.put_item("a", {{"length", minutes(3)}});
  const auto reply = views.ask("RETRIEVE items SORT BY exp(1000) * (1 + view.count(all)) DESC WITH fields(), explain");
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  EXPECT_EQ(reply->items.at(0).score, std::numeric_limits<double>::max());
  views.put_item("b");
  EXPECT_EQ(views.ask("RETRIEVE items SORT BY shortest")->items.at(1).score, 0) << "no length is shown as 0";
}

// Between ranking and assembly an event comes in.
TEST(Reply, ShowsTheNumberThatRanked) {
  TestViews views(video_schema());
  views.put_item("a");
  views.signal({.signal = "view", .target = "a"});
  const std::string text = "RETRIEVE items SORT BY view.count(all) DESC WITH signals(view.count(all), like.count(all))";
  const Script script = parse(text).value();
  QueryContext context = views.context(text);
  // The clock is read once after scoring and before the page is put together.
  std::int64_t ticks = 0;
  context.monotonic_us = [&] {
    views.signal({.signal = "view", .target = "a"});
    return ++ticks;
  };
  const auto reply = run(std::get<Query>(script.statements.at(0).body), views.views(), context);
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  EXPECT_EQ(reply->items.at(0).signals.at(0).second, reply->items.at(0).score);
  EXPECT_EQ(reply->items.at(0).signals.at(1).second, 0);
}

TEST(Reply, MinScoreDropsWhatScoresBelow) {
  TestViews views(video_schema());
  fill(views, 20);
  const auto reply = views.ask("RETRIEVE items SORT BY view.count(all) DESC MIN SCORE 5");
  for (const ResultItem& item : reply->items) EXPECT_GE(item.score, 5);
  EXPECT_FALSE(reply->items.empty());
  EXPECT_EQ(reply->total_estimate, reply->items.size());
  EXPECT_EQ(views.ask("RETRIEVE items SORT BY norm(view.count(all)) DESC MIN SCORE 0.5").error().code,
            Code::InvalidArgument);
  EXPECT_EQ(views.ask("RETRIEVE items SORT BY alphabetical MIN SCORE 1").error().code, Code::InvalidArgument);
}

TEST(Reply, ExcludeAndDeletedEntitiesDoNotCome) {
  TestViews views(video_schema());
  fill(views, 4);
  views.remove(EntityKind::Item, "i1001");
  EXPECT_EQ(views.keys("RETRIEVE items EXCLUDE [@i1000, @nobody] SORT BY alphabetical"), (Texts{"i1002", "i1003"}));
}

// ---- pages ----------------------------------------------------------------------------------------------------------

// C3, and the oracle of pages: cut one after the other they are the one long list.
RC_GTEST_PROP(Pages, ConcatenatedAreTheLongList, ()) {
  const RandomDatabase db = random_database(24, 60);
  const std::string sort = *rc::gen::elementOf(Texts{"trending", "new", "old", "hot", "most_viewed", "alphabetical",
                                                     "shuffle", "shortest", "title DESC", "like.net ASC"});
  const std::string limit = std::to_string(*rc::gen::inRange(1, 6));
  const std::string query = "RETRIEVE items FOR USER @u1 FILTER unseen SORT BY " + sort;
  const Texts want = db.views->keys(query + " LIMIT 1000");
  Texts got;
  std::string cursor;
  do {
    const auto page = db.views->ask(query + cursor_clause(cursor) + " LIMIT " + limit);
    RC_ASSERT(page.ok());
    for (const ResultItem& item : page->items) {
      got.push_back(item.key);
      RC_ASSERT(item.rank == got.size());
    }
    cursor = page->cursor;
    db.views->now = db.views->now + minutes(1);  // later pages answer for the first page's moment
  } while (!cursor.empty());
  RC_ASSERT(got == want);
}

TEST(Pages, NothingRepeatsWhateverHappensBetweenThem) {
  TestViews views(video_schema());
  fill(views, 30);
  const auto first = views.ask("RETRIEVE items SORT BY most_viewed LIMIT 10");
  const Texts served = TestViews::keys_of(*first);
  std::string cursor = first->cursor;
  for (const std::string& key : served) {
    // The served ones fall behind everything else: as scores, they would come again.
    const Ordinal o = views.entities().find(EntityKind::Item, key);
    views.ledgers().items.clear_entity(o);
  }
  Texts rest;
  while (!cursor.empty()) {
    const auto page = views.ask("RETRIEVE items SORT BY most_viewed" + cursor_clause(cursor) + " LIMIT 10");
    ASSERT_TRUE(page.ok());
    for (const ResultItem& item : page->items) rest.push_back(item.key);
    cursor = page->cursor;
  }
  for (const std::string& key : rest) EXPECT_EQ(std::count(served.begin(), served.end(), key), 0) << key;
  EXPECT_EQ(rest.size(), 20U);
}

TEST(Pages, OnlyLimitDeadlineAndWithMayDiffer) {
  TestViews views(video_schema());
  fill(views, 30);
  views.put({.kind = EntityKind::User, .key = "u1"});
  views.params = {{"n", std::int64_t{2020}}, {"other", std::int64_t{1}}};
  const std::string query = "RETRIEVE items FILTER view.count(all) < $n SORT BY new";
  const std::string after = cursor_clause(views.ask(query + " LIMIT 5")->cursor);
  ASSERT_FALSE(after.empty());
  EXPECT_TRUE(views.ask(query + after + " LIMIT 9 DEADLINE 5s WITH explain").ok());
  views.params["other"] = std::int64_t{2};
  EXPECT_TRUE(views.ask(query + after).ok());
  EXPECT_EQ(views.ask("RETRIEVE items FILTER view.count(all) < $n SORT BY old" + after).error().code,
            Code::InvalidArgument);
  EXPECT_EQ(views.ask("RETRIEVE items FOR USER @u1 FILTER view.count(all) < $n SORT BY new" + after).error().code,
            Code::InvalidArgument);
  views.params["n"] = std::int64_t{2021};
  EXPECT_EQ(views.ask(query + after).error().code, Code::InvalidArgument);
  views.params["n"] = std::int64_t{2020};
  EXPECT_TRUE(views.ask(query + after).ok());
  ++views.mutable_schema().version;
  EXPECT_EQ(views.ask(query + after).error().code, Code::InvalidArgument);
}

TEST(Pages, EndAfterAnHour) {
  TestViews views(video_schema());
  fill(views, 30);
  const std::string after = cursor_clause(views.ask("RETRIEVE items SORT BY new LIMIT 5")->cursor);
  views.clock_now = kNoon + hours(1);
  EXPECT_TRUE(views.ask("RETRIEVE items SORT BY new" + after).ok());
  views.clock_now = kNoon + hours(1) + seconds(1);
  const auto late = views.ask("RETRIEVE items SORT BY new" + after);
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code, Code::FailedPrecondition);
  EXPECT_THAT(late.error().message, HasSubstr("cursor expired"));
}

TEST(Pages, EndAtTwoThousandWithAWarning) {
  TestViews views(video_schema());
  for (int i = 0; i < 2'100; ++i) views.put_item("i" + std::to_string(i));
  std::size_t served = 0;
  std::string cursor;
  std::vector<Warning> warnings;
  do {
    const auto page = views.ask("RETRIEVE items SORT BY alphabetical" + cursor_clause(cursor) + " LIMIT 900");
    ASSERT_TRUE(page.ok()) << page.error().to_string();
    served += page->items.size();
    cursor = page->cursor;
    warnings = page->warnings;
  } while (!cursor.empty());
  EXPECT_EQ(served, 2'000U);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0].code, "list_end");
}

// ---- the moment -----------------------------------------------------------------------------------------------------

TEST(Moment, BehindTheNewestEventPointsToAsOf) {
  TestViews views(video_schema());
  views.put_item("a");
  views.signal({.signal = "view", .target = "a", .at = kNoon});
  views.now = kNoon - minutes(5);
  EXPECT_TRUE(views.ask("RETRIEVE items SORT BY new").ok());
  views.now = kNoon - minutes(5) - seconds(1);
  const auto reply = views.ask("RETRIEVE items SORT BY new");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::FailedPrecondition);
  EXPECT_THAT(reply.error().message, HasSubstr("AS OF"));
}

// ---- what is not there yet ------------------------------------------------------------------------------------------

class NotAvailableYet : public ::testing::TestWithParam<std::string> {};

TEST_P(NotAvailableYet, SaysSo) {
  TestViews views(video_schema());
  views.put_item("a");
  views.put({.kind = EntityKind::User, .key = "u1"});
  const auto reply = views.ask(GetParam());
  ASSERT_FALSE(reply.ok()) << GetParam();
  EXPECT_EQ(reply.error().code, Code::FailedPrecondition) << reply.error().to_string();
  EXPECT_THAT(reply.error().message, HasSubstr("is not available yet"));
}

INSTANTIATE_TEST_SUITE_P(Clauses, NotAvailableYet,
                         ::testing::Values("SEARCH items QUERY \"x\"", "RETRIEVE items FOR ITEM @a",
                                           "RETRIEVE items FROM ann(limit:5)", "RETRIEVE items COHORT country:DE",
                                           "RETRIEVE items WITHIN TRENDING", "RETRIEVE items WITHIN FOLLOWING",
                                           "RETRIEVE items DIVERSITY max_per_creator:2", "RETRIEVE items EXPLORE 10%",
                                           "RETRIEVE items RECORD IMPRESSIONS", "RETRIEVE items AS OF 2026-01-01",
                                           "RETRIEVE items WITH highlights", "RETRIEVE items WITH vectors",
                                           "RETRIEVE items USING PROFILE for_you",
                                           "RETRIEVE items USING PROFILE audience", "RETRIEVE items SORT BY relevance",
                                           "RETRIEVE items FILTER category:jazz",
                                           "RETRIEVE items SORT BY text_score DESC",
                                           "RETRIEVE items SORT BY vector_score DESC"));

TEST(Unavailable, SuggestSaysSo) {
  TestViews views(video_schema());
  const QueryContext context = views.context("");
  EXPECT_EQ(unavailable(Suggest{}, context).code, Code::FailedPrecondition);
}

TEST(ForUser, AnUnknownKeyIsAnsweredAsANewUser) {
  TestViews views(video_schema());
  fill(views, 5);
  views.put({.kind = EntityKind::User, .key = "gone"});
  views.signal({.signal = "view", .target = "i1001", .user = "gone"});
  views.remove(EntityKind::User, "gone");
  for (const std::string user : {"nobody", "gone"}) {
    const auto reply = views.ask("RETRIEVE items FOR USER @" + user +
                                 " FILTER unseen, user.age < 18 OR NOT exists(user.age), user.view.count(all) = 0 "
                                 "SORT BY time_of(liked) DESC");
    ASSERT_TRUE(reply.ok()) << reply.error().to_string();
    EXPECT_EQ(reply->items.size(), 5U);
    ASSERT_EQ(reply->warnings.size(), 1U);
    EXPECT_EQ(reply->warnings[0].code, "unknown_user");
    EXPECT_THAT(reply->warnings[0].message, HasSubstr("'" + user + "'"));
  }
  EXPECT_TRUE(views.keys("RETRIEVE items FOR USER @nobody FILTER seen SORT BY new").empty());
  views.put({.kind = EntityKind::User, .key = "u1"});
  EXPECT_TRUE(views.ask("RETRIEVE items FOR USER @u1 SORT BY new")->warnings.empty());
}

// ---- EXPLAIN and SHOW -----------------------------------------------------------------------------------------------

Result<PlanReply> plan(TestViews& views, const std::string& text) {
  TIDAL_TRY_ASSIGN(const Script script, parse(text));
  return explain(std::get<Explain>(script.statements.at(0).body), views.views(), views.context(text));
}

TEST(Explain, PrintsThePlanWithEstimates) {
  TestViews views(video_schema());
  fill(views, 40);
  for (int i = 0; i < 10; ++i) views.put_item("j" + std::to_string(i), {{"category", std::string("jazz")}});
  const auto reply =
      plan(views, "EXPLAIN RETRIEVE items FILTER studio = \"x\", view.count(24h) > 3, category = \"jazz\" LIMIT 7");
  ASSERT_TRUE(reply.ok()) << reply.error().to_string();
  const PlanNode& page = reply->root;
  EXPECT_EQ(page.name, "page");
  const PlanNode& score = page.children.at(0);
  EXPECT_EQ(score.name, "score");
  // The cheapest is applied first, so it stands deepest.
  const PlanNode& stored = score.children.at(0);
  EXPECT_THAT(stored.detail, HasSubstr("studio"));
  const PlanNode& column = stored.children.at(0);
  EXPECT_THAT(column.detail, HasSubstr("view.count(24h)"));
  const PlanNode& set = column.children.at(0);
  EXPECT_THAT(set.detail, HasSubstr("category"));
  EXPECT_NEAR(*set.selectivity, 0.2, 1e-12);
  EXPECT_EQ(*set.estimate, 10U);
  EXPECT_EQ(*set.children.at(0).estimate, 50U);
}

TEST(Explain, RefusesWhatTheQueryWouldRefuse) {
  TestViews views(video_schema());
  EXPECT_EQ(plan(views, "EXPLAIN RETRIEVE items FILTER nothing = 1").error().code, Code::InvalidArgument);
  EXPECT_EQ(plan(views, "EXPLAIN ANALYZE RETRIEVE items").error().code, Code::FailedPrecondition);
  EXPECT_EQ(plan(views, "EXPLAIN ITEM @a IN RETRIEVE items").error().code, Code::FailedPrecondition);
}

TEST(Show, EverySortHasASentence) {
  for (const auto& rows : {show_sorts(), show_filters(), show_features(), show_sources()}) {
    EXPECT_EQ(rows.columns.size(), 2U);
    for (const auto& row : rows.rows) EXPECT_FALSE(std::get<std::string>(row.at(1)).empty());
  }
}

TEST(EntitySignals, EvaluatesExpressionsAtOneEntity) {
  TestViews views(video_schema());
  const Ordinal o = views.put({.key = "a", .creator = "c1"});
  views.signal({.signal = "rating", .target = "a", .weight = 2, .value = 3.0});
  const std::string text = "GET item @a WITH signals(rating.mean(24h), rating.sum(all), creator.rating.count(all))";
  const Script script = parse(text).value();
  const auto& get = std::get<Get>(std::get<Control>(script.statements.at(0).body));
  const auto values = entity_signals(EntityKind::Item, o, get.with->signals, views.views(), views.context(text));
  ASSERT_TRUE(values.ok()) << values.error().to_string();
  EXPECT_EQ(values->at(0), (std::pair<std::string, double>("rating.mean(24h)", 3)));
  EXPECT_EQ(values->at(1).second, 6);
  EXPECT_EQ(values->at(2).second, 1);
}

}  // namespace
}  // namespace tidal::query
