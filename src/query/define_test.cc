// Definitions: from text to a validated schema and back, and errors that point at what is wrong.
#include "query/define.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "query/parser.h"
#include "query/syntax_error.h"
#include "schema/catalog.h"
#include "schema/schema_templates.h"
#include "schema/statements.h"

namespace tidal::query {
namespace {

Result<schema::Validated> define(const std::string& text, const schema::Schema& base = {}) {
  const Result<Script> script = parse(text);
  if (!script.ok()) return script.error();
  return validate_definitions(base, script->statements);
}

SignalDef signal(const std::string& text) {
  const Result<schema::Validated> v = define(text);
  EXPECT_TRUE(v.ok()) << render(v.error());
  return v.ok() ? v->next.signals.at(0) : SignalDef{};
}

TEST(Definition, ReadsFieldFlags) {
  const auto v =
      define("DEFINE FIELD item.tags KEYWORD[] INTEREST SEARCHABLE BOOST 2 LANGUAGE \"en\" INDEXED REQUIRED;");
  ASSERT_TRUE(v.ok());
  const FieldDef& f = v->next.fields.at(0);
  EXPECT_EQ(f.type, FieldType::KeywordList);
  EXPECT_TRUE(f.indexed && f.searchable && f.interest && f.required && !f.dimension);
  EXPECT_EQ(f.boost, 2.0);
  EXPECT_EQ(f.language, "en");
}

TEST(Definition, ReadsDefaultsInTheirType) {
  const auto v = define(
      "DEFINE FIELD item.a FLOAT DEFAULT 3; DEFINE FIELD item.b INT DEFAULT -9007199254740992;"
      "DEFINE FIELD item.c DURATION DEFAULT 12m; DEFINE FIELD item.d TIMESTAMP DEFAULT 2026-11-22;"
      "DEFINE FIELD item.e BOOL DEFAULT false;");
  ASSERT_TRUE(v.ok()) << render(v.error());
  EXPECT_EQ(v->next.fields[0].default_value, Value(3.0));
  EXPECT_EQ(v->next.fields[1].default_value, Value(std::int64_t{-9'007'199'254'740'992}));
  EXPECT_EQ(v->next.fields[2].default_value, Value(minutes(12)));
  EXPECT_TRUE(std::holds_alternative<Timestamp>(v->next.fields[3].default_value));
  EXPECT_EQ(v->next.fields[4].default_value, Value(false));
}

TEST(Definition, ASignalHasTheRoleOfItsNameUnlessItSaysOtherwise) {
  EXPECT_TRUE(signal("DEFINE SIGNAL view;").has_role(Role::View));
  EXPECT_EQ(signal("DEFINE SIGNAL like;").roles, 0);
  const SignalDef shop = signal("DEFINE SIGNAL share ROLE save, positive;");
  EXPECT_TRUE(shop.has_role(Role::Save) && shop.has_role(Role::Positive) && !shop.has_role(Role::Share));
}

TEST(Definition, AReportAlsoCountsAsNegative) {
  EXPECT_TRUE(signal("DEFINE SIGNAL report;").has_role(Role::Negative));
  EXPECT_TRUE(signal("DEFINE SIGNAL flag ROLE report;").has_role(Role::Negative));
}

TEST(Definition, ReadsEffects) {
  const SignalDef s = signal(
      "DEFINE SIGNAL done VALUE 0..1 EFFECTS preference -0.10 * value WHEN 0.5 <= value AND value BETWEEN 0 AND 0.9,"
      " affinity +2 * value / 4, mark completed WHEN value = 1;");
  ASSERT_EQ(s.effects.size(), 3U);
  EXPECT_EQ(s.effects[0].rate, -0.10);
  EXPECT_TRUE(s.effects[0].times_value);
  const std::vector<ValueTest> when = {{ValueTest::Op::Ge, 0.5}, {ValueTest::Op::Ge, 0}, {ValueTest::Op::Le, 0.9}};
  EXPECT_EQ(s.effects[0].when, when);
  EXPECT_EQ(s.effects[1].rate, 0.5);
  EXPECT_EQ(s.effects[2].mark, Mark::Completed);
}

struct Refusal {
  const char* text;
  unsigned column;
  const char* says;  // part of message or hint
  Code code = Code::InvalidArgument;
};

TEST(Definition, RefusesWithAPlaceAndARemedy) {
  const Refusal kRefusals[] = {
      {"DEFINE FIELD item.limit INT;", 19, "reserved word"},
      {"DEFINE FIELD item.Limit INT;", 19, "reserved word"},
      {"DEFINE FIELD item.age INT;", 19, "'age' is reserved: the database computes it"},
      {"DEFINE FIELD item.seen BOOL;", 19, "'seen' is reserved"},
      {"DEFINE FIELD item.title TEXT INDEXED;", 30, "SEARCHABLE"},
      {"DEFINE FIELD item.title TEXT DEFAULT \"x\";", 30, "takes no DEFAULT"},
      {"DEFINE FIELD item.n INT DEFAULT \"x\";", 25, "not a INT"},
      {"DEFINE FIELD item.n INT DEFAULT 1.5;", 25, "not a INT"},
      {"DEFINE FIELD item.n INT SEARCHABLE;", 25, "SEARCHABLE needs"},
      {"DEFINE FIELD item.t TEXT SEARCHABLE BOOST 0;", 26, "above 0"},
      {"DEFINE FIELD item.t TEXT SEARCHABLE LANGUAGE \"english please\";", 26, "language tag"},
      {"DEFINE FIELD item.t KEYWORD DIMENSION;", 29, "only user fields"},
      {"DEFINE FIELD user.t FLOAT DIMENSION;", 27, "DIMENSION needs"},
      {"DEFINE FIELD user.t KEYWORD INTEREST;", 29, "item field"},
      {"DEFINE SIGNAL limit;", 15, "reserved word"},
      {"DEFINE SIGNAL user;", 15, "owner"},
      {"DEFINE SIGNAL s ON users;", 15, "items or creators"},
      {"DEFINE SIGNAL s DECAY exponential(0s);", 17, "half-life must be above 0"},
      {"DEFINE SIGNAL s DECAY linear(0h);", 17, "lifetime must be above 0"},
      {"DEFINE SIGNAL s VELOCITY;", 17, "needs a window"},
      {"DEFINE SIGNAL s WINDOWS 24h, 2h;", 30, "no window of 2h"},
      {"DEFINE SIGNAL s WINDOWS 24h, 1d;", 30, "twice"},
      {"DEFINE SIGNAL s VALUE 5..1;", 17, "inverted"},
      {"DEFINE SIGNAL s ROLE likes;", 22, "no role 'likes'"},
      {"DEFINE SIGNAL s ROLE positve;", 22, "did you mean 'positive'"},
      {"DEFINE SIGNAL s EFFECTS mark sen;", 30, "did you mean 'seen'"},
      {"DEFINE SIGNAL s EFFECTS preference +0.1 * value;", 25, "declares none"},
      {"DEFINE SIGNAL s EFFECTS mark seen WHEN value > 1;", 25, "declares none"},
      {"DEFINE SIGNAL s VALUE 0.. EFFECTS mark seen WHEN weight > 1;", 50, "value only"},
      {"DEFINE SIGNAL s VALUE 0.. EFFECTS mark seen WHEN value > 1 OR value < 0;", 50, "value only"},
      {"DEFINE SIGNAL s VALUE 0.. EFFECTS preference +value * value;", 47, "a rate is"},
      {"DEFINE SIGNAL s EFFECTS preference +log1p(2);", 37, "a rate is"},
      {"DEFINE SIGNAL s ON creators EFFECTS mark seen;", 37, "between a user and an item"},
      {"ALTER SETTINGS future_tolerance:soon;", 33, "future_tolerance"},
      {"ALTER SETTINGS create_users:maybe;", 29, "true or false"},
      {"ALTER SETTINGS hot_gravity:0;", 28, "above 0"},
      {"ALTER SETTINGS past_query_tolerance:36501d;", 37, "from 0 to 36500d"},
      {"ALTER SETTINGS seen_expires:15000000w;", 29, "from 0 to 36500d"},
      {"DEFINE SIGNAL seen;", 15, "'seen' is reserved"},
      {"DEFINE SIGNAL hidden ON creators;", 15, "'hidden' is reserved"},
      {"DEFINE SIGNAL created_at;", 15, "'created_at' is reserved"},
      {"DEFINE SIGNAL score ROLE view;", 15, "'score' is reserved"},
      {"ALTER SETTINGS hot_gravty:2;", 16, "did you mean 'hot_gravity'"},
      {"ALTER SETTINGS seen_expires:$x;", 29, "not a parameter"},
      {"ALTER SETTINGS hot_gravity:2, hot_gravity:3;", 16, "twice"},
      {"ALTER SETTINGS min_cohort_size:10;", 16, "not available yet", Code::FailedPrecondition},
      {"ALTER SETTINGS rescore:2;", 16, "not available yet", Code::FailedPrecondition},
      {"ALTER SETTINGS log_retention:long;", 30, "a duration", Code::InvalidArgument},
      {"ALTER SETTINGS log_retention:long;", 30, "or all", Code::InvalidArgument},
      {"ALTER SETTINGS seen_expires:long;", 29, "or never", Code::InvalidArgument},
      {"ALTER SETTINGS log_retention:0s;", 30, "write all to keep", Code::InvalidArgument},
      {"ALTER SETTINGS log_bytes:10;", 26, "is a size, or all", Code::InvalidArgument},
      {"ALTER SETTINGS log_archive:maybe;", 28, "true or false", Code::InvalidArgument},
      {"DEFINE EMBEDDING item.content SIZE 384 RESCORE;", 18, "RESCORE is not available yet", Code::FailedPrecondition},
      {"DEFINE DIMENSION region ON user.country;", 1, "not available yet", Code::FailedPrecondition},
      {"DEFINE PROFILE p COMPOSE base;", 1, "not available yet", Code::FailedPrecondition},
      {"ALTER SIGNAL like DECAY none;", 1, "ALTER SIGNAL is not available yet", Code::FailedPrecondition},
  };
  for (const Refusal& r : kRefusals) {
    const auto v = define(r.text);
    ASSERT_FALSE(v.ok()) << r.text;
    EXPECT_EQ(v.error().code, r.code) << r.text;
    EXPECT_EQ(v.error().detail->column, r.column) << render(v.error());
    EXPECT_NE(render(v.error()).find(r.says), std::string::npos) << render(v.error());
  }
}

TEST(Definition, ReportsEveryErrorOfABatchInTheOrderOfTheText) {
  const auto v = define(
      "DEFINE SIGNAL a VELOCITY;\nDEFINE SIGNAL b ROLE x;\nDEFINE FIELD item.age INT INDEXED DEFAULT true;\n"
      "DEFINE SIGNAL fine;");
  ASSERT_FALSE(v.ok());
  ASSERT_EQ(v.error().others.size(), 3U);
  EXPECT_EQ(v.error().detail->line, 1U);
  EXPECT_EQ(v.error().others[0].detail->line, 2U);
  EXPECT_EQ(v.error().others[1].detail->line, 3U);
  EXPECT_EQ(v.error().others[2].detail->statement, 3U);
}

TEST(Definition, TheSameAgainIsUnchangedAndADifferentOneNamesItsAlter) {
  const std::string text = "DEFINE FIELD item.a KEYWORD INDEXED; DEFINE SIGNAL like DECAY exponential(7d) WINDOWS 24h;";
  const auto first = define(text);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->next.version, 1U);
  const auto again = define(text, first->next);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->change.empty());
  EXPECT_EQ(again->next, first->next);
  const auto other = define(
      "DEFINE FIELD item.a KEYWORD INTEREST; DEFINE SIGNAL like DECAY exponential(14d) WINDOWS 24h VELOCITY;"
      "DEFINE FIELD item.a INT;",
      first->next);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, Code::AlreadyExists);
  EXPECT_EQ(other.error().detail->hint,
            "repeat it as SHOW FIELDS prints it, or choose another name; what would change it is not available yet: "
            "ALTER FIELD item.a NOT INDEXED INTEREST");
  EXPECT_NE(other.error().others.at(0).detail->hint.find("ALTER SIGNAL like DECAY exponential(14d) VELOCITY"),
            std::string::npos);
  EXPECT_NE(other.error().others.at(1).detail->hint.find("DROP FIELD item.a FORCE"), std::string::npos);
}

TEST(Definition, SettingsAddUp) {
  const auto v = define("ALTER SETTINGS seen_expires:90d, create_users:false; ALTER SETTINGS hot_gravity:1.5;");
  ASSERT_TRUE(v.ok());
  EXPECT_EQ(v->next.settings.seen_expires, days(90));
  EXPECT_FALSE(v->next.settings.create_users);
  EXPECT_EQ(v->next.settings.hot_gravity, 1.5);
  EXPECT_EQ(schema::to_statement(v->next.settings),
            "ALTER SETTINGS create_users:false, seen_expires:90d, hot_gravity:1.5;");
}

TEST(SchemaTemplates, AreOneBatchEachAndComeBackEqual) {
  ASSERT_EQ(schema::schema_templates().size(), 4U);
  for (const schema::SchemaTemplate& t : schema::schema_templates()) {
    const Result<Script> script = parse(t.statements);
    ASSERT_TRUE(script.ok()) << t.name << "\n" << render(script.error());
    EXPECT_EQ(script->statements.front().body, StatementBody(Control(Begin{})));
    EXPECT_EQ(script->statements.back().body, StatementBody(Control(Commit{})));
    for (std::size_t i = 1; i + 1 < script->statements.size(); ++i) {
      EXPECT_TRUE(is_definition(script->statements[i]));
    }
    const auto v = validate_definitions({}, script->statements);
    ASSERT_TRUE(v.ok()) << t.name << "\n" << render(v.error());
    const auto again = define(schema::to_statements(v->next));
    ASSERT_TRUE(again.ok()) << render(again.error());
    EXPECT_EQ(again->next, v->next);
  }
}

// ---- D1: SHOW SCHEMA recreates the schema ---------------------------------------------------------------------------

int below(int n) { return *rc::gen::inRange(0, n); }
bool coin() { return below(2) == 1; }

double real() {
  return *rc::gen::oneOf(rc::gen::element(0.0, 0.05, -1.0, 1e-9, 1e30, 3.0, -0.1),
                         rc::gen::map(rc::gen::inRange(-1'000'000, 1'000'000), [](int n) { return n / 977.0; }));
}

std::string quoted_text() {
  return *rc::gen::element<std::string>("", "video", "a \"quoted\" one", "back\\slash", "line\nbreak\ttab", "Grüße 🎹",
                                        std::string("\x01\x7f"));
}

FieldDef random_field(int number) {
  FieldDef f;
  f.kind = static_cast<EntityKind>(below(3));
  f.name = "f" + std::to_string(number);
  f.type = static_cast<FieldType>(below(8));
  const bool keyword = f.type == FieldType::Keyword || f.type == FieldType::KeywordList;
  f.indexed = f.type != FieldType::Text && coin();
  f.searchable = (keyword || f.type == FieldType::Text) && coin();
  if (f.searchable && coin()) f.boost = 0.001 + below(5000) / 7.0;
  if (f.searchable && coin()) f.language = *rc::gen::element<std::string>("en", "pt-BR");
  f.dimension = f.kind == EntityKind::User && (keyword || f.type == FieldType::Int) && coin();
  f.interest = f.kind == EntityKind::Item && keyword && coin();
  f.required = coin();
  if (coin()) return f;
  switch (f.type) {
    case FieldType::Keyword: f.default_value = quoted_text(); break;
    case FieldType::Int: f.default_value = *rc::gen::arbitrary<std::int64_t>(); break;
    case FieldType::Float: f.default_value = real(); break;
    case FieldType::Bool: f.default_value = coin(); break;
    case FieldType::Timestamp:
      f.default_value = Timestamp{*rc::gen::inRange<std::int64_t>(-1'000'000'000'000'000, 4'000'000'000'000'000)};
      break;
    case FieldType::Duration:
      f.default_value = milliseconds(*rc::gen::inRange<std::int64_t>(-1'000'000'000, 1'000'000'000));
      break;
    default: break;
  }
  return f;
}

EffectDef random_effect(bool on_items, bool has_value) {
  EffectDef e;
  e.kind = static_cast<EffectDef::Kind>(on_items ? below(4) : below(2));
  if (e.kind == EffectDef::Kind::Mark) {
    e.mark = static_cast<Mark>(below(8));
  } else {
    e.rate = real();
    e.times_value = has_value && coin();
  }
  for (int i = has_value ? below(3) : 0; i > 0; --i) {
    ValueTest test;
    test.op = static_cast<ValueTest::Op>(below(6));
    test.threshold = real();
    e.when.push_back(test);
  }
  return e;
}

SignalDef random_signal(int number) {
  SignalDef s;
  s.name = below(5) == 0 ? "view" : "s" + std::to_string(number);
  s.target = coin() ? EntityKind::Item : EntityKind::Creator;
  s.roles = static_cast<std::uint16_t>(below(512));
  s.decay.kind = static_cast<Decay::Kind>(below(3));
  if (s.decay.kind != Decay::Kind::None)
    s.decay.span = milliseconds(1 + *rc::gen::inRange<std::int64_t>(0, 10'000'000'000));
  for (std::size_t w = 0; w < kRingWindows; ++w) {
    if (coin()) s.windows.push_back(static_cast<Window>(w));
  }
  s.velocity = !s.windows.empty() && coin();
  s.unique = coin();
  s.has_value = coin();
  if (s.has_value) s.value_min = real();
  if (s.has_value && coin()) s.value_max = s.value_min + below(100) / 3.0;
  s.scopes = static_cast<std::uint8_t>(1 + below(7));
  for (int i = below(4); i > 0; --i) s.effects.push_back(random_effect(s.target == EntityKind::Item, s.has_value));
  return s;
}

TEST(ShowSchema, RecreatesAnySchemaExactly) {  // D1
  EXPECT_TRUE(rc::check([] {
    schema::SchemaChange change;
    for (int i = below(6); i > 0; --i) change.fields.push_back(random_field(i));
    for (int i = below(5); i > 0; --i) change.signals.push_back(random_signal(i));
    change.has_settings = true;
    change.settings.future_tolerance = milliseconds(below(1'000'000));
    change.settings.create_users = coin();
    change.settings.hot_gravity = 0.01 + below(1000) / 7.0;
    const Result<schema::Validated> validated = schema::validate({}, change);
    if (!validated.ok()) RC_DISCARD("two signals of one name");
    const std::string text = schema::to_statements(validated->next);
    RC_LOG() << text;
    const auto again = define(text);
    if (!again.ok()) RC_FAIL(render(again.error()));
    schema::Schema expected = validated->next;
    expected.version = again->next.version;  // 0 when nothing differs from an empty schema
    RC_ASSERT(again->next == expected);
    // J1: and so does the payload of the record.
    const Result<schema::SchemaChange> decoded = schema::decode_change(schema::encode_change(validated->change));
    RC_ASSERT(decoded.ok());
    RC_ASSERT(*decoded == validated->change);
  }));
}

}  // namespace
}  // namespace tidal::query
