// What the second pass refuses: the message, the place, the nearest name, the hint.
#include <gmock/gmock.h>

#include "query/views_for_test.h"

namespace tidal::query {
namespace {

using ::testing::HasSubstr;

struct Refusal {
  std::string query;
  std::string at;  ///< the words that the error points to
  std::string message;
  std::string nearest = "";
  std::string hint = "";
};

class Refused : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithItsPlaceAndRemedy) {
  const Refusal& want = GetParam();
  TestViews views(video_schema());
  views.put({.kind = EntityKind::User, .key = "u1"});
  views.params = {{"n", std::int64_t{1}}, {"s", std::string("x")}, {"null", Value{}}, {"id", -9'007'199'254'740'993}};
  const auto reply = views.ask(want.query);
  ASSERT_FALSE(reply.ok()) << want.query;
  const Error& error = reply.error();
  EXPECT_EQ(error.code, Code::InvalidArgument);
  EXPECT_THAT(error.message, HasSubstr(want.message));
  ASSERT_NE(error.detail, nullptr);
  const std::size_t column = want.query.find(want.at);
  ASSERT_NE(column, std::string::npos);
  EXPECT_EQ(error.detail->column, column + 1) << want.query;
  EXPECT_EQ(error.detail->length, want.at.size()) << want.query;
  EXPECT_EQ(error.detail->source_line, want.query);
  EXPECT_EQ(error.detail->nearest, want.nearest);
  EXPECT_THAT(error.detail->hint, HasSubstr(want.hint));
}

INSTANTIATE_TEST_SUITE_P(
    Names, Refused,
    ::testing::Values(
        Refusal{"RETRIEVE items FOR USER @u1 FILTER categry = \"jazz\", unseen LIMIT 5", "categry",
                "items have no field 'categry'", "category", "did you mean 'category'?"},
        Refusal{"RETRIEVE items FILTER vieww.count(24h) > 1", "vieww", "there is no signal 'vieww'", "view"},
        Refusal{"RETRIEVE items FILTER view.cuont(24h) > 1", "cuont", "a signal has no 'cuont'", "count"},
        Refusal{"RETRIEVE items SORT BY view DESC", "view", "does not say what to read", "", "view.count(1h)"},
        Refusal{"RETRIEVE items SORT BY trendin", "trendin", "there is no sort 'trendin'", "trending"},
        Refusal{"RETRIEVE items SORT BY lgo10(1) DESC", "lgo10", "there is no function 'lgo10'", "log10"},
        Refusal{"RETRIEVE items SORT BY new WITH fields(titel)", "titel", "items have no field 'titel'", "title"},
        Refusal{"RETRIEVE items FILTER creator.verifed", "verifed", "creators have no field 'verifed'", "verified"},
        Refusal{"RETRIEVE items FOR USER @u1 FILTER time_of(like) > now - 1d", "like", "time_of() takes a mark",
                "liked"},
        Refusal{"RETRIEVE users FILTER seen", "seen", "users have no field 'seen'"},
        Refusal{"RETRIEVE items FILTER category = $x", "$x", "parameter $x has no value"},
        Refusal{"RETRIEVE items FILTER category = $null", "$null", "parameter $null is null", "", "exists(f)"}));

// Numbers that INT fields do not hold, which as doubles would match their neighbours.
constexpr auto kIntHint = "use KEYWORD for ids";
constexpr auto kRange = "expected INT in -9007199254740992..9007199254740992";
INSTANTIATE_TEST_SUITE_P(
    WholeNumbers, Refused,
    ::testing::Values(
        Refusal{"RETRIEVE items FILTER year = 9007199254740993", "9007199254740993",
                "field 'year': expected INT in -9007199254740992..9007199254740992, got 9007199254740993", "",
                kIntHint},
        Refusal{"RETRIEVE items FILTER -9007199254740993 <= year", "-9007199254740993", kRange, "", kIntHint},
        Refusal{"RETRIEVE items FILTER year != $id", "$id", "got $id = -9007199254740993", "", kIntHint},
        Refusal{"RETRIEVE items FILTER year IN (1999, 1234567890123456789)", "1234567890123456789",
                "got 1234567890123456789", "", kIntHint},
        Refusal{"RETRIEVE items FILTER year IN (-1234567890123456789)", "-1234567890123456789", kRange, "", kIntHint},
        Refusal{"RETRIEVE items FILTER year NOT BETWEEN 0 AND 1e16", "1e16", kRange, "", kIntHint},
        Refusal{"RETRIEVE users FILTER age > 1234567890123456789", "1234567890123456789", "field 'age'", "", kIntHint},
        Refusal{"RETRIEVE items FOR USER @u1 FILTER user.age = 1234567890123456789", "1234567890123456789",
                "field 'age'", "", kIntHint}));

TEST(WholeNumbers, UpToTheBoundCompare) {
  TestViews views(video_schema());
  views.put_item("a", {{"year", std::int64_t{9'007'199'254'740'992}}});
  views.put_item("b", {{"year", std::int64_t{9'007'199'254'740'991}}});
  EXPECT_EQ(views.ask("RETRIEVE items FILTER year = 9007199254740992")->items.size(), 1);
  EXPECT_EQ(views.ask("RETRIEVE items FILTER year IN (9007199254740991, -9007199254740992)")->items.size(), 1);
  EXPECT_TRUE(views.ask("RETRIEVE items FILTER price < 1e300, age > 100000000d").ok());
}

INSTANTIATE_TEST_SUITE_P(
    Types, Refused,
    ::testing::Values(
        Refusal{"RETRIEVE items FILTER length < 20", "length < 20", "a duration does not compare with a number", "",
                "a duration has a unit"},
        Refusal{"RETRIEVE items FILTER year = \"2021\"", "year = \"2021\"", "a number does not compare with a string"},
        Refusal{"RETRIEVE items FILTER starts > \"2026-01-01\"", "starts > \"2026-01-01\"", "", "", "without quotes"},
        Refusal{"RETRIEVE items FILTER creator = \"c1\"", "creator = \"c1\"", "", "", "@key"},
        Refusal{"RETRIEVE items FILTER category = @jazz", "category = @jazz", "does not compare"},
        Refusal{"RETRIEVE items FILTER category < \"m\"", "category < \"m\"", "strings compare by"},
        Refusal{"RETRIEVE items FILTER tags = \"live\"", "tags = \"live\"", "a list has no", "", "IN (…)"},
        Refusal{"RETRIEVE items FILTER category ALL (\"a\")", "category", "ALL takes a list field"},
        Refusal{"RETRIEVE items FILTER live > true", "live > true", "a bool has no order"},
        Refusal{"RETRIEVE items FILTER year", "year", "expected a condition, got a number"},
        Refusal{"RETRIEVE items FILTER year = 1, length", "length", "expected a condition, got a duration"},
        Refusal{"RETRIEVE items FILTER length + 1 > 5m", "length + 1", "a duration + a number has no meaning"},
        Refusal{"RETRIEVE items SORT BY live + 1 DESC", "live + 1", "has no meaning", "", "if(condition, 1, 0)"},
        Refusal{"RETRIEVE items SORT BY live DESC", "live", "got a bool", "", "if(condition, 1, 0)"},
        Refusal{"RETRIEVE items SORT BY tags DESC", "tags", "got a list of strings"},
        Refusal{"RETRIEVE items SORT BY recency(5) DESC", "5", "recency() takes a duration"},
        Refusal{"RETRIEVE items SORT BY pow(1) DESC", "pow(1)", "pow() takes 2 arguments, got 1"},
        Refusal{"RETRIEVE items SORT BY min(length, 1) DESC", "1", "does not compare"},
        Refusal{"RETRIEVE items FILTER category IN $n", "$n", "takes a list"},
        Refusal{"RETRIEVE items FILTER length BETWEEN 1 AND 2", "1", "does not compare"}));

INSTANTIATE_TEST_SUITE_P(
    Windows, Refused,
    ::testing::Values(
        Refusal{"RETRIEVE items SORT BY share.count(1h) DESC", "1h", "signal 'share' has no window 1h", "",
                "24h, 7d, all"},
        Refusal{"RETRIEVE items SORT BY view.count DESC", "view.count", "needs a window"},
        Refusal{"RETRIEVE items SORT BY view.velocity(all) DESC", "all", "no velocity"},
        Refusal{"RETRIEVE items SORT BY view.decay_score(24h) DESC", "view.decay_score(24h)", "takes no arguments"},
        Refusal{"RETRIEVE items SORT BY rating.velocity(24h) DESC", "velocity", "does not declare VELOCITY"},
        Refusal{"RETRIEVE items SORT BY rating.unique(24h) DESC", "unique", "does not declare UNIQUE"},
        Refusal{"RETRIEVE items SORT BY share.unique DESC", "share.unique", "needs a window"},
        Refusal{"RETRIEVE items SORT BY share.unique(24h, ago:1h) DESC", "ago:1h",
                "not kept of windows that have passed"},
        Refusal{"RETRIEVE items SORT BY view.mean(24h) DESC", "mean", "declares no VALUE"},
        Refusal{"RETRIEVE items SORT BY visit.count(24h) DESC", "visit", "is of creators, not of items", "",
                "creator.visit"},
        Refusal{"RETRIEVE creators SORT BY view.net DESC", "net", "net is known of items only"},
        Refusal{"RETRIEVE items SORT BY view.count(24h, ago:90s) DESC", "ago:90s", "no whole number"},
        Refusal{"RETRIEVE items SORT BY view.count(1h, ago:30d) DESC", "ago:30d", "reaches"},
        Refusal{"RETRIEVE items SORT BY hot WINDOW 24h", "24h", "WINDOW has no meaning"},
        Refusal{"RETRIEVE items SORT BY trending WINDOW 3h", "3h", "there is no window 3h"},
        Refusal{"RETRIEVE items SORT BY top(fortnight)", "fortnight", "top() takes a period"},
        Refusal{"RETRIEVE items SORT BY rising(1)", "rising(1)", "takes no arguments"}));

INSTANTIATE_TEST_SUITE_P(
    Users, Refused,
    ::testing::Values(Refusal{"RETRIEVE items FILTER unseen", "unseen", "needs to know the asking user", "",
                              "FOR USER"},
                      Refusal{"RETRIEVE items FILTER user.language = \"en\"", "user.language", "", "", "FOR USER"},
                      Refusal{"RETRIEVE items SORT BY date_saved", "date_saved", "", "", "FOR USER"},
                      Refusal{"RETRIEVE items SORT BY time_of(saved) DESC", "time_of(saved)", "", "", "FOR USER"},
                      Refusal{"RETRIEVE items FOR USER @u1 SORT BY time_of(seen) DESC", "seen", "seen_expires"}));

INSTANTIATE_TEST_SUITE_P(
    Clauses, Refused,
    ::testing::Values(Refusal{"RETRIEVE items USING PROFILE hot SORT BY new", "SORT BY new", "exclude each other"},
                      Refusal{"RETRIEVE items USING PROFILE hot@2", "hot@2", "has no version 2"},
                      Refusal{"RETRIEVE items FILTER norm(year) > 0.5", "norm(year)", "only SORT BY"},
                      Refusal{"RETRIEVE items SORT BY new MIN SCORE 3", "3", "the score is a time, MIN SCORE a number"},
                      Refusal{"RETRIEVE items SORT BY new AFTER \"bogus\"", "\"bogus\"", "not one of this query"},
                      Refusal{"RETRIEVE items SORT BY new LIMIT $s", "$s", "LIMIT takes a whole number"},
                      Refusal{"RETRIEVE items EXCLUDE $s", "$s", "EXCLUDE takes a list"},
                      Refusal{"RETRIEVE items SORT BY random(0.5) DESC", "0.5", "whole number"}));

TEST(Dimensions, TheHintIsAConditionThatBinds) {
  TestViews views(video_schema());
  for (const std::string name : {"tags", "category"}) {
    const auto refused = views.ask("RETRIEVE items FILTER " + name + ":jazz");
    ASSERT_FALSE(refused.ok());
    ASSERT_NE(refused.error().detail, nullptr);
    const std::string& hint = refused.error().detail->hint;
    const std::string_view lead = "compare the field: ";
    ASSERT_EQ(hint.substr(0, lead.size()), lead);
    const std::string condition = hint.substr(lead.size());
    EXPECT_EQ(condition, name == "tags" ? "tags IN (\"jazz\")" : "category = \"jazz\"");
    EXPECT_TRUE(views.ask("RETRIEVE items FILTER " + condition).ok()) << condition;
  }
}

TEST(Limits, LimitAndExcludeNameTheirs) {
  TestViews views(video_schema());
  views.params = {{"n", std::int64_t{1'001}}, {"keys", std::vector<std::string>(10'001, "x")}};
  EXPECT_THAT(views.ask("RETRIEVE items SORT BY new LIMIT $n").error().message, HasSubstr("1000"));
  EXPECT_THAT(views.ask("RETRIEVE items SORT BY new EXCLUDE $keys").error().message, HasSubstr("10000"));
  views.params["n"] = std::int64_t{0};
  EXPECT_EQ(views.ask("RETRIEVE items SORT BY new LIMIT $n").error().code, Code::InvalidArgument);
}

// As deep as the grammar lets an expression be without a parenthesis.
TEST(Limits, LongChainsBindWithoutRecursion) {
  TestViews views(video_schema());
  views.put_item("a");
  std::string sum = "view.count(all)";
  for (int i = 0; i < 1'000; ++i) sum += " + view.count(all)";
  EXPECT_EQ(views.keys("RETRIEVE items SORT BY " + sum + " DESC"), (std::vector<std::string>{"a"}));
}

TEST(Limits, ReadingTooManyEntitiesNamesTheRemedy) {
  TestViews views(video_schema());
  for (int i = 0; i < 100'001; ++i) views.put_item("i" + std::to_string(i));
  const auto reply = views.ask("RETRIEVE items FILTER studio = \"x\" SORT BY new");
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, Code::FailedPrecondition);
  EXPECT_THAT(reply.error().message, HasSubstr("INDEXED"));
  EXPECT_TRUE(views.ask("RETRIEVE items FILTER category = \"jazz\", studio = \"x\" SORT BY new").ok());
}

}  // namespace
}  // namespace tidal::query
