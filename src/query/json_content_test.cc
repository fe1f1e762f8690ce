// Entity content from JSON: typed by the schema, refused with the member's path and place.
#include "query/json_content.h"

#include <gtest/gtest.h>

#include "query/define.h"
#include "query/parser.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

class EntityContent : public ::testing::Test {
 protected:
  EntityContent() {
    const Result<Script> script = parse(
        "DEFINE FIELD item.title TEXT REQUIRED; DEFINE FIELD item.tags KEYWORD[]; DEFINE FIELD item.length DURATION;"
        "DEFINE FIELD item.n INT; DEFINE FIELD item.price FLOAT; DEFINE FIELD item.live BOOL;"
        "DEFINE FIELD item.shown TIMESTAMP; DEFINE FIELD user.country KEYWORD;");
    schema_ = validate_definitions({}, script->statements)->next;
  }

  Result<entity::EntityContent> read(const std::string& statement, const Params& params = {}) {
    const Result<Script> script = parse(statement);
    if (!script.ok()) return script.error();
    const auto& write = std::get<EntityWrite>(std::get<Write>(script->statements.at(0).body));
    ContentRules rules{schema_};
    rules.kind = write.kind;
    rules.update = write.update;
    rules.params = &params;
    rules.statement = &script->statements[0];
    return content_from_json(write.content, rules);
  }

  struct Refusal {
    std::string statement;
    unsigned column;
    std::string says;
    Code code = Code::InvalidArgument;
  };
  void expect_refused(const Refusal& r) {
    const auto content = read(r.statement);
    ASSERT_FALSE(content.ok()) << r.statement;
    EXPECT_EQ(content.error().code, r.code);
    EXPECT_EQ(content.error().detail->column, r.column) << render(content.error());
    EXPECT_NE(render(content.error()).find(r.says), std::string::npos) << render(content.error());
  }

  schema::Schema schema_;
};

TEST_F(EntityContent, ReadsEveryType) {
  const auto content = read(
      R"(PUT item @i1 {"creator":"c1","created_at":"2026-11-20T09:00Z","fields":{"title":"Piano","tags":["a","b"],)"
      R"("length":"12m","n":3,"price":2,"live":true,"shown":1700000000}})");
  ASSERT_TRUE(content.ok()) << render(content.error());
  EXPECT_EQ(content->creator, "c1");
  EXPECT_EQ(to_string(*content->created_at), "2026-11-20T09:00:00Z");
  EXPECT_EQ(content->fields.at("tags"), Value(std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(content->fields.at("length"), Value(minutes(12)));
  EXPECT_EQ(content->fields.at("n"), Value(std::int64_t{3}));
  EXPECT_EQ(content->fields.at("price"), Value(2.0));
  EXPECT_EQ(content->fields.at("shown"), Value(Timestamp{1'700'000'000'000'000}));
}

TEST_F(EntityContent, BindsParametersAsValues) {
  const Params params = {
      {"t", Value(std::string("\"},{"))}, {"d", Value(minutes(5))}, {"l", Value(std::vector<std::string>{"x"})}};
  const auto content = read(R"(PUT item @i1 {"fields":{"title":$t,"length":$d,"tags":$l}})", params);
  ASSERT_TRUE(content.ok()) << render(content.error());
  EXPECT_EQ(content->fields.at("title"), Value(std::string("\"},{")));
  EXPECT_EQ(content->fields.at("length"), Value(minutes(5)));
}

TEST_F(EntityContent, NullRemovesInUpdateAndIsAbsentInPut) {
  const auto update = read(R"(UPDATE item @i1 {"creator":null,"fields":{"n":null}})");
  ASSERT_TRUE(update.ok());
  EXPECT_EQ(update->creator, "");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(update->fields.at("n")));
  const auto put = read(R"(PUT item @i1 {"creator":null,"fields":{"title":"x","n":null}})");
  ASSERT_TRUE(put.ok());
  EXPECT_FALSE(put->creator.has_value());
  EXPECT_FALSE(put->fields.contains("n"));
}

TEST_F(EntityContent, RefusesWithPathAndPlace) {
  const Refusal kRefusals[] = {
      {R"(PUT item @i1 {"fields":{"titel":"x"}})", 25, "did you mean 'title'"},
      {R"(PUT item @i1 {"fields":{"title":{"en":"x"}}})", 33, "fields.title: a nested object"},
      {R"(PUT item @i1 {"fields":{"title":3}})", 33, "fields.title: expected TEXT (a string), got the number 3"},
      {R"(PUT item @i1 {"fields":{"title":"x","tags":"a"}})", 44,
       "expected KEYWORD[] (a list of strings), got a string"},
      {R"(PUT item @i1 {"fields":{"title":"x","tags":["a",1]}})", 49, "fields.tags[1]"},
      {R"(PUT item @i1 {"fields":{"title":"x","length":12}})", 46, "a string such as \"12m\""},
      {R"(PUT item @i1 {"fields":{"title":"x","length":"12"}})", 46, "fields.length"},
      {R"(PUT item @i1 {"fields":{"title":"x","n":1.5}})", 41, "expected INT"},
      {R"(PUT item @i1 {"fields":{"title":"x","live":"yes"}})", 44, "expected BOOL"},
      {R"(PUT item @i1 {"fields":{"title":"x","shown":1700000000000}})", 45, "milliseconds?"},
      {R"(PUT item @i1 {"fields":{"title":"x","shown":"noon"}})", 45, "fields.shown"},
      {R"(PUT item @i1 {"fields":{"n":1}})", 14, "fields.title: a REQUIRED field is missing"},
      {R"(UPDATE item @i1 {"fields":{"title":null}})", 36, "cannot be removed"},
      {R"(PUT item @i1 {"title":"x"})", 15, "fields stand inside"},
      {R"(PUT item @i1 {"field":{"title":"x"}})", 15, "did you mean 'fields'"},
      {R"(PUT item @i1 {"embedding":[1]})", 27, "items have no embedding"},
      {R"(PUT item @i1 {"embedding":{"content":[1]}})", 28, "items have no embedding 'content'"},
      {R"(PUT item @i1 {"fields":[1]})", 24, "expected an object"},
      {R"(PUT item @i1 {"creator":"","fields":{}})", 25, "creator"},
      {R"(PUT item @i1 {"creator":"a\u0001b"})", 25, "control characters"},
      {R"(PUT user @u1 {"creator":"c1"})", 25, "only items"},
      {R"(PUT user @u1 {"fields":{"title":"x"}})", 25, "users have no field"},
      {R"(PUT item @i1 {"fields":{"title":$t}})", 33, "$t has no value"},
      {R"(PUT item @i1 {"created_at":12000000000000})", 28, "milliseconds?"},
  };
  for (const Refusal& r : kRefusals) expect_refused(r);
}

TEST_F(EntityContent, RefusesWhatIsTooLarge) {
  const std::string mebibyte(std::size_t{1} << 20, 'x');
  const auto field = read(R"(PUT item @i1 {"fields":{"title":$t}})", {{"t", Value(mebibyte + "x")}});
  ASSERT_FALSE(field.ok());
  EXPECT_NE(field.error().message.find("fields.title: expected at most 1 MiB"), std::string::npos);
  EXPECT_TRUE(read(R"(PUT item @i1 {"fields":{"title":$t}})", {{"t", Value(mebibyte)}}).ok());
}

TEST_F(EntityContent, ReadsAnObjectOutsideOfAStatement) {
  const Result<Json> json = parse_json_object(R"( {"fields":{"title":"x"}} )");
  ASSERT_TRUE(json.ok());
  EXPECT_TRUE(content_from_json(*json, ContentRules{schema_}).ok());
  EXPECT_FALSE(parse_json_object(R"({"a":1} x)").ok());
  EXPECT_FALSE(parse_json_object("[1]").ok());
}

}  // namespace
}  // namespace tidal::query
