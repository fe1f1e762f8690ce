// Replies as tables, trees, lines and CSV.
#include "cli/reply_text.h"

#include <gtest/gtest.h>

namespace tidal::cli {
namespace {

constexpr std::size_t kWidth = 80;

QueryReply page() {
  QueryReply reply;
  ResultItem first;
  first.key = "i1";
  first.creator = "c1";
  first.score = 12.5;
  first.rank = 1;
  first.fields = {{"title", Value(std::string("Heat"))}, {"year", Value(std::int64_t{1995})}};
  first.signals = {{"view.count(24h)", 40}};
  ResultItem second;
  second.key = "i2";
  second.score = 3;
  second.rank = 2;
  second.fields = {{"title", Value(std::string("千と千尋"))}, {"tags", Value(std::vector<std::string>{"a", "b"})}};
  second.signals = {{"view.count(24h)", 7}};
  reply.items = {first, second};
  reply.stats.candidates = 4812;
  reply.stats.after_filters = 4000;
  reply.stats.elapsed_us = 1900;
  return reply;
}

TEST(ReplyText, ShowsTitlesKeysFieldsSignalsAndScores) {
  EXPECT_EQ(reply_text(page(), Format::Table, {"title", "", ""}, kWidth),
            "rank  title     key  creator  tags  year  view.count(24h)  score\n"
            "----  --------  ---  -------  ----  ----  ---------------  -----\n"
            "   1  Heat      i1   c1             1995               40   12.5\n"
            "   2  千と千尋  i2            a, b                      7      3\n");
}

TEST(ReplyText, ShowsKeysWhereThereIsNoTitle) {
  QueryReply reply = page();
  for (ResultItem& item : reply.items) item.fields.clear();
  reply.items.front().creator.clear();
  EXPECT_EQ(reply_text(reply, Format::Table, {"title", "", ""}, kWidth),
            "rank  key  view.count(24h)  score\n"
            "----  ---  ---------------  -----\n"
            "   1  i1                40   12.5\n"
            "   2  i2                 7      3\n");
}

TEST(ReplyText, WritesCsvWithAllColumns) {
  EXPECT_EQ(reply_text(page(), Format::Csv, {}, kWidth),
            "rank,key,creator,tags,title,year,view.count(24h),score\n"
            "1,i1,c1,,Heat,1995,40,12.5\n"
            "2,i2,,\"a, b\",千と千尋,,7,3\n");
}

TEST(ReplyText, WritesStoredNumbersExactlyAndComputedOnesShortOnlyForPeople) {
  QueryReply reply;
  ResultItem item;
  item.key = "i1";
  item.rank = 1;
  item.score = 0.123456789;
  item.fields = {{"price", Value(1234567.89)}, {"rate", Value(5.0001)}};
  reply.items = {item};
  EXPECT_EQ(reply_text(reply, Format::Table, {}, kWidth),
            "rank  key       price    rate     score\n"
            "----  ---  ----------  ------  --------\n"
            "   1  i1   1234567.89  5.0001  0.123457\n");
  EXPECT_EQ(reply_text(reply, Format::Csv, {}, kWidth),
            "rank,key,price,rate,score\n1,i1,1234567.89,5.0001,0.123456789\n");
}

TEST(ReplyText, TellsItemsCandidatesAndTime) { EXPECT_EQ(reply_footer(page()), "2 items, 4,812 candidates, 1.9 ms\n"); }

TEST(ReplyText, PutsWarningsInFront) {
  QueryReply reply = page();
  reply.items.clear();
  reply.stats.after_filters = 0;
  reply.warnings = {{"missing_role", "no signal has the role share"}};
  EXPECT_EQ(reply_footer(reply),
            "warning[missing_role]: no signal has the role share\n"
            "0 items, 4,812 candidates, 1.9 ms\n");
}

TEST(ReplyText, SaysWritesInOneLine) {
  EXPECT_EQ(reply_text(WriteReply{.op = "put", .status = "created", .seqno = SeqNo{1234}}, Format::Table, {}, kWidth),
            "put created at seqno 1,234\n");
  EXPECT_EQ(reply_text(WriteReply{.op = "delete", .status = "absent", .seqno = SeqNo{}}, Format::Table, {}, kWidth),
            "delete absent\n");
  EXPECT_TRUE(reply_footer(WriteReply{.op = "signal", .status = "applied", .seqno = SeqNo{3}, .warnings = {{"x", "y"}}})
                  .starts_with("warning[x]: y\n"));
  EXPECT_EQ(reply_text(SchemaReply{.op = "define",
                                   .what = "field",
                                   .name = "item.title",
                                   .status = "applied",
                                   .seqno = SeqNo{1},
                                   .schema_version = 3},
                       Format::Table, {}, kWidth),
            "define field item.title: applied (schema version 3)\n");
  EXPECT_EQ(reply_text(BatchReply{.op = "commit", .statements = 3, .seqno = SeqNo{9}}, Format::Table, {}, kWidth),
            "commit: 3 statements at seqno 9\n");
  EXPECT_EQ(reply_text(BatchReply{.op = "commit", .statements = 0, .seqno = {}}, Format::Table, {}, kWidth),
            "commit: 0 statements\n");
  EXPECT_EQ(reply_text(BatchReply{.op = "commit", .statements = 0, .seqno = {}}, Format::Csv, {}, kWidth),
            "op,statements,seqno\ncommit,0,\n");
  EXPECT_EQ(reply_text(WriteReply{.op = "put", .status = "created", .seqno = SeqNo{2}}, Format::Csv, {}, kWidth),
            "op,status,seqno\nput,created,2\n");
}

TEST(ReplyText, ShowsAnEntityFieldByField) {
  EntityReply reply;
  reply.key = "i1";
  reply.creator = "c1";
  reply.created_at = Timestamp{1'763'629'200'000'000};
  reply.fields = {{"length", Value(minutes(12))}, {"live", Value(true)}};
  EXPECT_EQ(reply_text(reply, Format::Table, {}, kWidth),
            "item        i1\n"
            "----------  --------------------\n"
            "creator     c1\n"
            "created_at  2025-11-20T09:00:00Z\n"
            "length      12m\n"
            "live        true\n");
}

TEST(ReplyText, PrintsRowsAsATableAndTextAsItIs) {
  RowsReply rows{.columns = {"name", "n"}, .rows = {{Value(std::string("a")), Value(std::int64_t{5})}}, .text = ""};
  EXPECT_EQ(reply_text(rows, Format::Table, {}, kWidth), "name  n\n----  -\na     5\n");
  rows.text = "DEFINE FIELD item.title TEXT;";
  EXPECT_EQ(reply_text(rows, Format::Table, {}, kWidth), "DEFINE FIELD item.title TEXT;\n");
}

TEST(ReplyText, DrawsAPlanAsATree) {
  PlanReply plan;
  plan.root = {.name = "page", .detail = "LIMIT 20", .estimate = 20, .selectivity = std::nullopt, .children = {}};
  PlanNode filter{.name = "filter", .detail = "unseen", .estimate = 4000, .selectivity = 0.83, .children = {}};
  filter.children.push_back(
      {.name = "scan", .detail = "items", .estimate = 4812, .selectivity = std::nullopt, .children = {}});
  plan.root.children = {filter, {.name = "sort", .detail = "hot", .estimate = {}, .selectivity = {}, .children = {}}};
  EXPECT_EQ(reply_text(plan, Format::Table, {}, kWidth),
            "page LIMIT 20  (~20)\n"
            "├─ filter unseen  (~4,000)  passes 83 %\n"
            "│  └─ scan items  (~4,812)\n"
            "└─ sort hot\n");
}

TEST(ReplyText, WritesOneJsonObjectALine) {
  const std::string json = reply_text(page(), Format::Json, {}, kWidth);
  EXPECT_EQ(json, to_json(Reply(page())) + "\n");
  EXPECT_EQ(reply_text(page(), Format::Jsonl, {}, kWidth), json);
}

TEST(TitleFields, AreTheFirstTextFieldOfEachKind) {
  const TitleFields titles = title_fields(
      "DEFINE FIELD item.category KEYWORD INDEXED;\nDEFINE FIELD item.title TEXT;\nDEFINE FIELD item.plot TEXT;\n"
      "DEFINE FIELD creator.name TEXT REQUIRED;\nDEFINE SIGNAL view;\n");
  EXPECT_EQ(titles, (TitleFields{"title", "", "name"}));
}

}  // namespace
}  // namespace tidal::cli
