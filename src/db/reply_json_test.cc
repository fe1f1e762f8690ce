// Replies and errors as JSON: the exact line of each kind.
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "tidal/reply.h"

namespace tidal {
namespace {

constexpr Timestamp kNoon{1'795'348'800'000'000};  // 2026-11-22T12:00:00Z

TEST(ReplyJson, OfAQueryHasEveryMemberInOrder) {
  QueryReply reply;
  reply.items.push_back({.kind = EntityKind::Item,
                         .key = "i1",
                         .creator = "c1",
                         .score = 1.25,
                         .rank = 1,
                         .fields = {{"length", seconds(90)}, {"live", true}, {"title", std::string("Piano \"1\"")}},
                         .signals = {{"view.count(24h)", 12}, {"age", 0.1}},
                         .sources = {"scan"},
                         .explain = {{"view", 1.25}}});
  reply.cursor = "abc";
  reply.total_estimate = 7;
  reply.profile = "trending@1";
  reply.query_id = "q1";
  reply.partial = true;
  reply.warnings = {{"empty", "3 candidates"}};
  reply.stats = {.seqno = SeqNo{42},
                 .seqno_end = SeqNo{43},
                 .candidates = 3,
                 .after_filters = 1,
                 .elapsed_us = 83,
                 .stages = {{"bind", 5}, {"score", 9}}};
  EXPECT_EQ(to_json(Reply(reply)),
            R"({"items":[{"key":"i1","score":1.25,"rank":1,"creator":"c1",)"
            R"("fields":{"length":"90s","live":true,"title":"Piano \"1\""},)"
            R"x("signals":{"view.count(24h)":12,"age":0.1},"sources":["scan"],"explain":{"view":1.25}}],)x"
            R"("cursor":"abc","total_estimate":7,"profile":"trending@1","sort":null,"query_id":"q1","partial":true,)"
            R"("warnings":[{"code":"empty","message":"3 candidates"}],)"
            R"("stats":{"seqno":42,"seqno_end":43,"candidates":3,"after_filters":1,"elapsed_us":83,)"
            R"("stages":{"bind":5,"score":9}}})");
}

TEST(ReplyJson, OfAnEmptyQueryLeavesPartialAndExplainOut) {
  QueryReply reply;
  reply.sort = "new";
  EXPECT_EQ(to_json(Reply(reply)),
            R"({"items":[],"cursor":null,"total_estimate":0,"profile":null,"sort":"new","query_id":"","warnings":[],)"
            R"("stats":{"seqno":0,"seqno_end":0,"candidates":0,"after_filters":0,"elapsed_us":0,"stages":{}}})");
}

TEST(ReplyJson, OfUsersAndCreatorsSaysTheirKindAndNoCreator) {
  QueryReply reply;
  ResultItem user;
  user.kind = EntityKind::User;
  user.key = "u1";
  user.rank = 2;
  reply.items.push_back(user);
  EXPECT_EQ(to_json(Reply(reply)).substr(0, 92),
            R"({"items":[{"kind":"user","key":"u1","score":0,"rank":2,"fields":{},"signals":{},"sources":[])");
}

TEST(ReplyJson, OfWritesAndDefinitions) {
  EXPECT_EQ(to_json(Reply(WriteReply{.op = "signal", .status = "applied", .seqno = SeqNo{47'291}, .elapsed_us = 83})),
            R"({"ok":{"op":"signal","seqno":47291,"status":"applied"},"stats":{"elapsed_us":83}})");
  EXPECT_EQ(to_json(Reply(WriteReply{.op = "delete", .status = "absent", .seqno = {}, .elapsed_us = 1})),
            R"({"ok":{"op":"delete","seqno":null,"status":"absent"},"stats":{"elapsed_us":1}})");
  EXPECT_EQ(to_json(Reply(WriteReply{.op = "signal",
                                     .status = "applied",
                                     .seqno = SeqNo{4},
                                     .elapsed_us = 8,
                                     .warnings = {{"late", "one; two"}}})),
            R"({"ok":{"op":"signal","seqno":4,"status":"applied"},)"
            R"("warnings":[{"code":"late","message":"one; two"}],"stats":{"elapsed_us":8}})");
  SchemaReply schema;
  schema.op = "define";
  schema.what = "field";
  schema.name = "item.title";
  schema.status = "applied";
  schema.seqno = SeqNo{3};
  schema.schema_version = 2;
  schema.elapsed_us = 90;
  EXPECT_EQ(to_json(Reply(schema)),
            R"({"ok":{"op":"define","what":"field","name":"item.title","seqno":3,"schema_version":2,)"
            R"("class":"additive","status":"applied","migration":null},"stats":{"elapsed_us":90}})");
  EXPECT_EQ(to_json(Reply(BatchReply{
                .op = "commit", .statements = 3, .seqno = SeqNo{47'292}, .schema_version = 12, .elapsed_us = 140})),
            R"({"ok":{"op":"commit","statements":3,"seqno":47292,"schema_version":12},"stats":{"elapsed_us":140}})");
  EXPECT_EQ(
      to_json(Reply(BatchReply{.op = "begin", .statements = 0, .seqno = {}, .schema_version = 0, .elapsed_us = 2})),
      R"({"ok":{"op":"begin"},"stats":{"elapsed_us":2}})");
}

TEST(ReplyJson, OfABatchThatWroteNothingHasNoSeqno) {
  EXPECT_EQ(
      to_json(Reply(BatchReply{.op = "commit", .statements = 0, .seqno = {}, .schema_version = 1, .elapsed_us = 2})),
      R"({"ok":{"op":"commit","statements":0,"seqno":null,"schema_version":1},"stats":{"elapsed_us":2}})");
}

TEST(ReplyJson, PrintsNumbersInTheirFewestDigits) {
  RowsReply rows;
  rows.columns = {"a", "b", "c", "d", "e"};
  rows.rows = {{4.0, -2.0, 0.5, 1e30, -0.0}};
  EXPECT_EQ(to_json(Reply(rows)), R"({"rows":[{"a":4,"b":-2,"c":0.5,"d":1e+30,"e":0}],"stats":{"elapsed_us":0}})");
}

TEST(ReplyJson, OfGetShowAndExplain) {
  EntityReply entity;
  entity.key = "i1";
  entity.creator = "c1";
  entity.created_at = kNoon;
  entity.fields = {{"tags", std::vector<std::string>{"a", "b"}}, {"year", std::int64_t{1999}}};
  EXPECT_EQ(to_json(Reply(entity)),
            R"({"entity":{"kind":"item","key":"i1","creator":"c1","created_at":"2026-11-22T12:00:00Z",)"
            R"("fields":{"tags":["a","b"],"year":1999},"signals":{}},"stats":{"elapsed_us":0}})");
  RowsReply rows;
  rows.columns = {"sort", "meaning"};
  rows.rows = {{std::string("new"), Value()}};
  EXPECT_EQ(to_json(Reply(rows)), R"({"rows":[{"sort":"new","meaning":null}],"stats":{"elapsed_us":0}})");
  rows.text = "x\n";
  EXPECT_EQ(to_json(Reply(rows)), R"({"rows":[{"sort":"new","meaning":null}],"text":"x\n","stats":{"elapsed_us":0}})");
  PlanReply plan;
  plan.root = {.name = "page", .detail = "LIMIT 20", .estimate = 20, .selectivity = {}, .children = {}};
  plan.root.children.push_back({.name = "filter", .detail = "x", .estimate = {}, .selectivity = 0.5, .children = {}});
  EXPECT_EQ(
      to_json(Reply(plan)),
      R"({"plan":{"name":"page","detail":"LIMIT 20","estimate":20,)"
      R"("children":[{"name":"filter","detail":"x","selectivity":0.5,"children":[]}]},"stats":{"elapsed_us":0}})");
}

TEST(ReplyJson, OfAnErrorHasItsPlaceAndRemedy) {
  ErrorDetail detail;
  detail.statement = 1;
  detail.line = 1;
  detail.column = 36;
  detail.length = 7;
  detail.expected = {"field", "signal", "flag"};
  detail.nearest = "category";
  detail.hint = "did you mean 'category'?";
  Error error(Code::InvalidArgument, "items have no field 'categry'", detail);
  const std::string first =
      R"({"code":"InvalidArgument","message":"items have no field 'categry'","statement":1,"line":1,"column":36,)"
      R"("length":7,"expected":["field","signal","flag"],"nearest":"category","hint":"did you mean 'category'?",)"
      R"("retry_after_ms":null})";
  EXPECT_EQ(to_json(error), R"({"error":)" + first + "}");
  error.others.emplace_back(Code::NotFound, "gone");
  EXPECT_EQ(to_json(error), R"({"error":)" + first + R"(,"errors":[)" + first +
                                R"(,{"code":"NotFound","message":"gone","retry_after_ms":null}]})");
}

TEST(ReplyJson, IsValidWhateverTheBytesAndNumbers) {
  QueryReply reply;
  ResultItem item;
  item.key = "a\xFF\n";
  item.score = std::numeric_limits<double>::infinity();
  reply.items.push_back(item);
  const std::string json = to_json(Reply(reply));
  EXPECT_NE(json.find("\"key\":\"a\xEF\xBF\xBD\\n\",\"score\":null"), std::string::npos) << json;
  EXPECT_EQ(json.find('\n'), std::string::npos) << "one line";
}

}  // namespace
}  // namespace tidal
