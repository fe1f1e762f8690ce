// The statements of the closed loop, as a program meets them: what they answer, what they refuse, what follows.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test/statements_fixture.h"

namespace tidal::test {
namespace {

class ClosedLoop : public Statements {
 protected:
  /// A new database.
  void SetUp() override {
    begin(history_schema());
    define(*core, R"(
      DEFINE RELATION mutes FROM user TO creator EXCLUDES feeds;
      PUT item @i1 {"creator":"c1","fields":{"category":"jazz"},"embedding":{"content":[1,0,0,0,0,0]}};
      PUT item @i2 {"creator":"c1","fields":{"category":"jazz"},"embedding":{"content":[0,1,0,0,0,0]}};
      PUT item @i3 {"creator":"c2","fields":{"category":"rock"},"embedding":[0,0,1,0,0,0]};
      PUT item @i4 {"creator":"c3","fields":{"category":"film"}};)");
  }

  double number(const std::string& expression, const std::string& item, const std::string& user = "u1") {
    const Result<Reply> reply = run("RETRIEVE items FOR USER @" + user + " FILTER key = @" + item + " WITH signals(" +
                                    expression + ") SORT BY new");
    EXPECT_TRUE(reply.ok()) << reply.error().to_string();
    return std::get<QueryReply>(*reply).items.at(0).signals.at(0).second;
  }
};

using Keys = std::vector<std::string>;

TEST_F(ClosedLoop, AnUndoIsAppliedOnceAndThenChangesNothing) {
  EXPECT_EQ(status("SIGNAL like ON @i1 BY @u1"), "applied");
  EXPECT_EQ(number("like.net", "i1"), 1);
  EXPECT_NEAR(number("item_affinity", "i1"), 0.3, 1e-6);
  EXPECT_EQ(status("UNSIGNAL like ON @i1 BY @u1"), "applied");
  EXPECT_EQ(number("like.net", "i1"), 0);
  EXPECT_EQ(number("like.count(all)", "i1"), 1);
  EXPECT_NEAR(number("item_affinity", "i1"), 0, 1e-6);
  EXPECT_EQ(status("UNSIGNAL like ON @i1 BY @u1"), "unchanged");
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER liked SORT BY new"), Keys{});
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER seen SORT BY new"), Keys{"i1"});
}

TEST_F(ClosedLoop, AnEdgeRecordOlderThanTheLatestChangesNothing) {
  EXPECT_EQ(status("RELATE @u1 follows @c1 AT 2023-11-14T10:00Z"), "applied");
  EXPECT_EQ(status("UNRELATE @u1 follows @c1 AT 2023-11-14T11:00Z"), "applied");
  EXPECT_EQ(status("RELATE @u1 follows @c1 AT 2023-11-14T10:30Z"), "unchanged") << "it was taken away since";
  EXPECT_EQ(number("creator.follows.count(all)", "i1"), 1);
  EXPECT_EQ(status("RELATE @u1 follows @c1 AT 2023-11-14T12:00Z"), "applied");
  for (int delivery = 0; delivery < 2; ++delivery) {
    EXPECT_EQ(status("UNRELATE @u1 follows @c1 AT 2023-11-14T11:00Z"), "unchanged");
  }
  EXPECT_EQ(number("creator.follows.count(all)", "i1"), 2);
  EXPECT_NEAR(number("creator_affinity", "i1"), 0.3, 0.01);
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following"), (Keys{"i1", "i2"}));
}

/// What a batch answers and does is what its statements would one by one.
TEST_F(ClosedLoop, ABatchDoesWhatItsStatementsDo) {
  const std::string before =
      "RELATE @u2 follows @c1; SIGNAL like ON @i1 BY @u2 AT 2023-11-14T10:00Z; UNSIGNAL like ON @i1 BY @u2 AT "
      "2023-11-14T12:00Z;";
  const std::vector<std::string> statements = {
      "RELATE @u1 follows @c1 AT 2023-11-14T10:05Z",
      "UNRELATE @u1 follows @c1 AT 2023-11-14T10:03Z",
      "RELATE @u1 follows @c1 AT 2023-11-14T10:06Z",
      "DELETE creator @c1",
      "PUT creator @c1 {}",
      "RELATE @u2 follows @c1",
      "DELETE user @u1",
      "RELATE @u1 follows @c2",
      "DELETE creator @c3",
      "RELATE @u1 follows @c2",
      "SIGNAL like ON @i1 BY @u2 AT 2023-11-14T11:00Z",  // before the undo
      "UNSIGNAL like ON @i1 BY @u2",
      "SIGNAL like ON @i2 BY @u2 AT 2023-11-14T11:00Z KEY \"k1\"",
      "UNSIGNAL like ON @i2 BY @u2 AT 2023-11-14T11:30Z",
      "SIGNAL like ON @i2 BY @u2 AT 2023-11-14T11:40Z KEY \"k1\"",  // a duplicate
      "UNSIGNAL like ON @i2 BY @u2",
      "UNHIDE item @i3",
      "HIDE item @i3"};
  const auto digests = [&](bool in_batch) {
    SetUp();
    std::string script = before;
    if (in_batch) script += "BEGIN;";
    for (const std::string& statement : statements) script += statement + ";";
    if (in_batch) script += "COMMIT;";
    const Result<Reply> last = run(script);
    EXPECT_TRUE(last.ok()) << last.error().to_string();
    auto all = core->digest()->by_view;
    std::erase_if(all, [](const auto& view) { return view.first == "duplicates"; });
    return all;
  };
  EXPECT_EQ(digests(true), digests(false));
}

TEST_F(ClosedLoop, WhatIsScheduledTakesNoPlaceOfASource) {
  ASSERT_TRUE(
      run("RELATE @u1 follows @c1; PUT item @later {\"creator\":\"c1\",\"created_at\":\"2023-11-15T22:13:20Z\"}").ok());
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following(limit:1)").size(), 1U);
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following(limit:1) FILTER scheduled"), Keys{"later"});
}

TEST_F(ClosedLoop, SimilarToFindsWhateverTheOrder) {
  ASSERT_TRUE(run("SIGNAL like ON @i1 BY @u1; SIGNAL like ON @i2 BY @u1").ok());
  EXPECT_EQ(keys("RETRIEVE items SIMILAR TO @i1 SORT BY new"), Keys{"i2"});
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM following SIMILAR TO @i1"), Code::InvalidArgument);
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM scan, related SIMILAR TO @i1, @i1").size(), 3U);
}

TEST_F(ClosedLoop, DistinctUsersAreThoseWhoSentIt) {
  ASSERT_TRUE(run("SIGNAL like ON @i1 BY @u1; SIGNAL like ON @i1 BY @u1; SIGNAL like ON @i1 BY @u2; SIGNAL like ON @i1;"
                  "SIGNAL like ON @i2 BY @u2; UNSIGNAL like ON @i1 BY @u1; RELATE @u1 follows @c1")
                  .ok());
  EXPECT_EQ(number("like.count(24h)", "i1"), 4);
  EXPECT_EQ(number("like.unique(24h)", "i1"), 2);
  EXPECT_EQ(number("like.unique(all)", "i4"), 0);
  EXPECT_EQ(number("creator.like.unique(1h)", "i1"), 2);
  EXPECT_EQ(number("creator.follows.unique(7d)", "i1"), 1);
  EXPECT_EQ(keys("RETRIEVE items FILTER like.unique(all) >= 1 SORT BY like.unique(all) DESC"), (Keys{"i1", "i2"}));
}

TEST_F(ClosedLoop, AnUndoOlderThanTheLikeChangesNothing) {
  EXPECT_EQ(status("SIGNAL like ON @i1 BY @u1 AT 2023-11-14T12:00Z"), "applied");
  EXPECT_EQ(status("UNSIGNAL like ON @i1 BY @u1 AT 2023-11-14T11:00Z"), "unchanged");
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER liked SORT BY new"), Keys{"i1"});
  EXPECT_EQ(status("UNSIGNAL like ON @i1 BY @u1 AT 2023-11-14T12:00Z"), "applied") << "of one time the later wins";
}

TEST_F(ClosedLoop, ABatchSeesWhatItsEarlierOperationsDo) {
  ASSERT_TRUE(run("BEGIN; SIGNAL like ON @i1 BY @u1; UNSIGNAL like ON @i1 BY @u1; RELATE @u1 follows @c2;"
                  "UNRELATE @u1 follows @c2; COMMIT")
                  .ok());
  EXPECT_EQ(number("like.net", "i1"), 0);
  EXPECT_NEAR(number("item_affinity", "i1"), 0, 1e-6);
  EXPECT_NEAR(number("creator_affinity", "i3"), 0, 1e-6);
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER relation:follows SORT BY new"), Keys{});
}

TEST_F(ClosedLoop, UndoRefusesWhatCannotBeTakenBack) {
  EXPECT_EQ(code("UNSIGNAL view ON @i1 BY @u1"), Code::InvalidArgument) << "it only marks seen";
  EXPECT_EQ(code("UNSIGNAL lik ON @i1 BY @u1"), Code::InvalidArgument);
  EXPECT_EQ(code("UNSIGNAL follows ON @c1 BY @u1"), Code::InvalidArgument);
  EXPECT_EQ(code("UNSIGNAL like ON @i9 BY @u1"), Code::NotFound);
  EXPECT_EQ(code("UNSIGNAL like ON @i1 BY @nobody"), Code::NotFound);
  EXPECT_EQ(code("UNSIGNAL like ON @i1 BY @u1 AT 2099-01-01"), Code::InvalidArgument);
}

TEST_F(ClosedLoop, AnEdgeCountsOnceAndIsTakenBack) {
  EXPECT_EQ(status("RELATE @u1 follows @c1"), "applied");
  EXPECT_EQ(status("RELATE @u1 follows @c1 WEIGHT 2"), "unchanged");
  EXPECT_EQ(number("creator.follows.count(24h)", "i1"), 1);
  EXPECT_NEAR(number("creator_affinity", "i1"), 0.3, 1e-6);
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following"), (Keys{"i1", "i2"}));
  const auto rows = std::get<RowsReply>(run("SHOW RELATIONS OF user @u1").value());
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(rows.rows[0][0], Value(std::string("follows")));
  EXPECT_EQ(rows.rows[0][3], Value(std::string("c1")));
  EXPECT_EQ(rows.rows[0][4], Value(2.0));
  EXPECT_EQ(std::get<RowsReply>(run("SHOW RELATIONS OF creator @c1").value()).rows.at(0).at(1),
            Value(std::string("in")));
  EXPECT_EQ(status("UNRELATE @u1 follows @c1"), "applied");
  EXPECT_EQ(status("UNRELATE @u1 follows @c1"), "unchanged");
  EXPECT_NEAR(number("creator_affinity", "i1"), 0, 1e-6);
  EXPECT_EQ(number("creator.follows.count(24h)", "i1"), 1) << "counts stay";
}

TEST_F(ClosedLoop, RelateRefusesBadEdges) {
  EXPECT_EQ(code("RELATE @u1 admires @c1"), Code::InvalidArgument);
  EXPECT_EQ(code("RELATE @u1 follows @c9"), Code::NotFound);
  EXPECT_EQ(code("RELATE @u1 friend @u1"), Code::InvalidArgument);
  EXPECT_EQ(code("RELATE @u1 friend @nobody"), Code::NotFound);
  EXPECT_EQ(code("UNRELATE @nobody follows @c1"), Code::NotFound);
  EXPECT_EQ(code("RELATE @c9 features @i1"), Code::NotFound);
  EXPECT_EQ(code("SIGNAL follows ON @c1 BY @u1"), Code::InvalidArgument);
  const Operation negative = Relate{.relation = "follows", .from = "u1", .to = "c1", .weight = -1};
  db::Preparer preparer = core->preparer();
  EXPECT_EQ(db::prepare_batch(preparer, {&negative, 1}, {}).error().code, Code::InvalidArgument);
}

TEST_F(ClosedLoop, EdgesBetweenOtherKindsAreKept) {
  EXPECT_EQ(status("RELATE @c1 features @i3"), "applied");
  EXPECT_EQ(number("features.count(24h)", "i3"), 1);
  EXPECT_EQ(std::get<RowsReply>(run("SHOW RELATIONS OF item @i3").value()).rows.at(0).at(3), Value(std::string("c1")));
}

TEST_F(ClosedLoop, BlockedMutedAndHiddenAreNotShown) {
  const std::string all = "RETRIEVE items FOR USER @u1 SORT BY new";
  EXPECT_EQ(keys(all).size(), 4U);
  ASSERT_TRUE(run("RELATE @u1 blocks @c1").ok());
  EXPECT_EQ(keys(all), (Keys{"i3", "i4"}));
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u2 SORT BY new").size(), 4U);
  ASSERT_TRUE(run("RELATE @u1 mutes @c2").ok());
  EXPECT_EQ(keys(all), (Keys{"i4"}));
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER relation:mutes SORT BY new"), (Keys{"i3"}));
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER relation:blocks SORT BY new"), Keys{});
  ASSERT_TRUE(run("HIDE item @i4 REASON \"dmca\"").ok());
  EXPECT_EQ(keys(all), Keys{});
  EXPECT_EQ(keys("RETRIEVE items SORT BY new").size(), 3U);
  EXPECT_EQ(get("GET item @i4").hidden->reason, "dmca");
  EXPECT_EQ(status("HIDE item @i4 REASON \"dmca\""), "unchanged");
  EXPECT_EQ(status("UNHIDE item @i4"), "applied");
  EXPECT_EQ(keys(all), (Keys{"i4"}));
  EXPECT_EQ(code("HIDE item @i9"), Code::NotFound);
}

TEST_F(ClosedLoop, AHiddenCreatorHidesItsItemsAlsoAfterDeleteAndPut) {
  ASSERT_TRUE(run("HIDE creator @c1; DELETE item @i1; PUT item @i1 {\"creator\":\"c1\"}; DELETE creator @c1; PUT "
                  "creator @c1 {}")
                  .ok());
  EXPECT_EQ(keys("RETRIEVE items SORT BY new"), (Keys{"i3", "i4"}));
  EXPECT_EQ(keys("RETRIEVE creators SORT BY new"), (Keys{"c2", "c3"}));
}

TEST_F(ClosedLoop, SourcesFindWhatTheyAreNamedFor) {
  ASSERT_TRUE(run("SIGNAL like ON @i1 BY @u1; SIGNAL like ON @i1 BY @u2; SIGNAL like ON @i3 BY @u2;"
                  "RELATE @u1 friend @u2; RELATE @u1 follows @c2; RELATE @u3 follows @c2; SIGNAL like ON @i4 BY @u3")
                  .ok());
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM co_engaged"), Keys{"i3"});
  EXPECT_EQ(keys("RETRIEVE items SIMILAR TO @i1"), Keys{"i3"});
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM friends_liked"), (Keys{"i1", "i3"}));
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following(depth:2)"), Keys{"i4"});
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following, co_engaged FILTER unseen SORT BY new"), Keys{"i3"});
  EXPECT_EQ(keys("RETRIEVE items FOR USER @new FROM following, co_engaged, friends_liked"), Keys{});
  EXPECT_EQ(code("RETRIEVE items FROM following"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM related"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM folowing"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM ann"), Code::FailedPrecondition);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM following(limit:0)"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 FROM following(relation:friend)"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items SIMILAR TO @i9"), Code::NotFound);
}

TEST_F(ClosedLoop, AFilterActsBeforeASourcesLimit) {
  ASSERT_TRUE(
      run("RELATE @u1 follows @c1; RELATE @u1 follows @c2; SIGNAL view ON @i3 BY @u1; SIGNAL view ON @i2 BY @u1").ok());
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FROM following(limit:1) FILTER unseen"), Keys{"i1"});
}

TEST_F(ClosedLoop, ASourceThatReachesFurtherLooksAtEachItemOnce) {
  std::string items;
  for (int i = 0; i < 100; ++i) items += "PUT item @more" + std::to_string(i) + R"( {"creator":"c3"};)";
  ASSERT_TRUE(run(items + "RELATE @u1 follows @c3").ok());
  const std::string ask = "RETRIEVE items FOR USER @u1 FROM following(limit:1) ";
  EXPECT_EQ(std::get<QueryReply>(run(ask).value()).stats.candidates, 4U);
  const auto reply = std::get<QueryReply>(run(ask + "FILTER category = \"jazz\"").value());
  EXPECT_EQ(reply.stats.candidates, 101U);
  ASSERT_EQ(reply.warnings.size(), 1U);
  EXPECT_EQ(reply.warnings[0].message, "101 candidates, 101 removed by category = \"jazz\"");
}

TEST_F(ClosedLoop, ExplainCountsWhatIsScheduledWhereItIsAskedFor) {
  ASSERT_TRUE(run(R"(PUT item @later {"creator":"c1","created_at":"2030-01-01T00:00Z"}; RELATE @u1 follows @c1)").ok());
  const auto estimate = [&](const std::string& filter) {
    const Reply reply = run("EXPLAIN RETRIEVE items FOR USER @u1 FROM following" + filter).value();
    const PlanNode* node = &std::get<PlanReply>(reply).root;
    while (!node->children.empty()) node = &node->children.back();
    return node->name + " " + std::to_string(node->estimate.value_or(0));
  };
  EXPECT_EQ(estimate(""), "source 2");
  EXPECT_EQ(estimate(" FILTER scheduled"), "source 3");
}

TEST_F(ClosedLoop, AWalkTellsWhenItWasCapped) {
  ASSERT_TRUE(run("RELATE @u1 follows @c1; RELATE @u1 follows @c2").ok());
  const auto reply = std::get<QueryReply>(run("RETRIEVE items FOR USER @u1 FROM following(edges:1)").value());
  ASSERT_EQ(reply.warnings.size(), 1U);
  EXPECT_EQ(reply.warnings[0].code, "capped");
}

TEST_F(ClosedLoop, PersonalizedPutsTheNearestFirst) {
  ASSERT_TRUE(run("SIGNAL like ON @i3 BY @u1").ok());
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 SORT BY personalized").at(0), "i3");
  EXPECT_NEAR(number("preference_match", "i3"), 1, 1e-3);
  EXPECT_NEAR(number("preference_match", "i1"), 0, 1e-3);
  EXPECT_EQ(number("preference_match", "i4"), 0) << "it has no embedding";
  EXPECT_EQ(number("interest(category)", "i3"), 1);
  EXPECT_NEAR(number("interest(category, \"rock\")", "i1"), 1, 1e-9);
  EXPECT_EQ(number("preference_match", "i3", "nobody"), 0);
  EXPECT_EQ(code("RETRIEVE items SORT BY personalized"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items SORT BY preference_match DESC"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE users FOR USER @u1 SORT BY preference_match DESC"), Code::InvalidArgument);
  EXPECT_EQ(code("RETRIEVE items FOR USER @u1 SORT BY interest(year) DESC"), Code::InvalidArgument);
}

TEST_F(ClosedLoop, DateSavedPutsTheLastFirst) {
  ASSERT_TRUE(
      run("SIGNAL watchlist ON @i2 BY @u1 AT 2023-11-14T10:00Z; SIGNAL watchlist ON @i1 BY @u1 AT 2023-11-14T11:00Z")
          .ok());
  EXPECT_EQ(keys("RETRIEVE items FOR USER @u1 FILTER saved SORT BY date_saved"), (Keys{"i1", "i2"}));
}

TEST_F(ClosedLoop, GetUserTellsWhatWasLearnt) {
  ASSERT_TRUE(run("SIGNAL like ON @i1 BY @u1; SIGNAL like ON @i3 BY @u1; SIGNAL watchlist ON @i2 BY @u1; RELATE @u1 "
                  "follows @c2")
                  .ok());
  const UserSummary user = get("GET user @u1").user.value();
  EXPECT_EQ(user.preference_size, 6U);
  EXPECT_EQ(user.preference_signals, 4U);
  EXPECT_FALSE(user.interest_vectors.empty());
  ASSERT_FALSE(user.interests.empty());
  EXPECT_EQ(user.interests[0].value, "jazz");
  ASSERT_EQ(user.creators.size(), 2U);
  EXPECT_EQ(user.creators[0].name, "c2");
  EXPECT_NEAR(user.creators[0].weight, 0.45, 1e-6);
  using Counts = std::vector<std::pair<std::string, std::uint64_t>>;
  EXPECT_EQ(user.marks, (Counts{{"seen", 2}, {"liked", 2}, {"saved", 1}}));
  EXPECT_EQ(user.relations, (Counts{{"follows", 1}}));
}

TEST_F(ClosedLoop, VectorsAreRefusedWhereTheyDoNotFit) {
  const auto put = [&](const std::string& vector) {
    return run("PUT item @i5 {\"embedding\":{\"content\":" + vector + "}}");
  };
  EXPECT_TRUE(put("[1,2,3,4,5,6]").ok());
  for (const std::string bad : {"[1,2,3]", "[0,0,0,0,0,0]", "[1e39,0,0,0,0,0]", "[\"a\",0,0,0,0,0]", "\"x\"", "[]"}) {
    const auto refused = put(bad);
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(refused.error().code, Code::InvalidArgument);
    EXPECT_NE(refused.error().message.find("embedding.content"), std::string::npos) << refused.error().message;
  }
  EXPECT_EQ(code("PUT item @i5 {\"embedding\":{\"contnt\":[1]}}"), Code::InvalidArgument);
  EXPECT_EQ(code("PUT creator @c5 {\"embedding\":[1]}"), Code::InvalidArgument);
  EXPECT_TRUE(run("PUT item @i6 {\"embedding\":{\"content\":$v}}", {{"v", std::vector<float>{0, 2, 0, 0, 0, 0}}}).ok());
  const EntityReply entity = get("GET item @i6 WITH vectors");
  ASSERT_EQ(entity.embeddings.size(), 1U);
  EXPECT_EQ(entity.embeddings[0].vector, (std::vector<float>{0, 1, 0, 0, 0, 0}));
  EXPECT_TRUE(run("UPDATE item @i6 {\"embedding\":{\"content\":null}}").ok());
  EXPECT_TRUE(get("GET item @i6").embeddings.empty());
}

TEST_F(ClosedLoop, AForgottenUserLeavesNoEdgeNoWeightAndNoVector) {
  ASSERT_TRUE(run("SIGNAL like ON @i1 BY @u1; RELATE @u1 follows @c2; RELATE @u1 friend @u1b").error().code ==
              Code::NotFound);
  ASSERT_TRUE(run("PUT user @u2 {}; RELATE @u2 friend @u1").ok());
  const auto forgotten = std::get<ForgetReply>(run("FORGET USER @u1").value());
  std::map<std::string, std::uint64_t> removed(forgotten.removed.begin(), forgotten.removed.end());
  EXPECT_EQ(removed["edges"], 2U);
  EXPECT_EQ(removed["weights"], 3U);
  EXPECT_EQ(removed["vectors"], 3U);
  EXPECT_EQ(std::get<RowsReply>(run("SHOW RELATIONS OF user @u2").value()).rows.size(), 0U);
}

}  // namespace
}  // namespace tidal::test
