// Validation of definitions that come as values, not as text.
#include "schema/validation.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tidal::schema {
namespace {

SignalDef like() {
  SignalDef s;
  s.name = "like";
  s.decay = {Decay::Kind::Exponential, days(7)};
  s.windows = {Window::Day};
  return s;
}

FieldDef title() {
  FieldDef f;
  f.name = "title";
  f.type = FieldType::Text;
  return f;
}

SchemaChange change(std::vector<FieldDef> fields, std::vector<SignalDef> signals) {
  SchemaChange c;
  c.fields = std::move(fields);
  c.signals = std::move(signals);
  return c;
}

TEST(Validation, AcceptsAndCountsVersions) {
  const auto first = validate({}, change({title()}, {like()}));
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->next.version, 1U);
  EXPECT_EQ(first->change.signals.size(), 1U);
  SignalDef view = like();
  view.name = "view";
  const auto second = validate(first->next, change({title()}, {view}));
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->next.version, 2U);
  EXPECT_TRUE(second->change.fields.empty());
  EXPECT_EQ(second->next.signal_index("like"), 0);  // S1
  EXPECT_EQ(second->next.signal_index("view"), 1);
  EXPECT_EQ(second->next.signal_index("share"), -1);
}

TEST(Validation, FindsEveryErrorAtOnceAndChangesNothing) {
  SignalDef bad = like();
  bad.windows.clear();
  bad.velocity = true;
  bad.decay.span = Duration{0};
  FieldDef reserved = title();
  reserved.name = "limit";
  const auto v = validate({}, change({reserved, title()}, {bad}));
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().others.size(), 2U);
  EXPECT_EQ(v.error().message, "field item.limit: 'limit' is a reserved word");
  for (const Error& e : v.error().others) EXPECT_FALSE(e.detail->hint.empty());
}

TEST(Validation, RefusesNumbersThatAreNone) {
  SignalDef s = like();
  s.has_value = true;
  s.value_max = std::nan("");
  EffectDef e;
  e.kind = EffectDef::Kind::Preference;
  e.rate = INFINITY;
  s.effects = {e};
  Settings settings;
  settings.hot_gravity = std::nan("");
  SchemaChange c = change({}, {s});
  c.has_settings = true;
  c.settings = settings;
  const Checked checked = check({}, c);
  EXPECT_EQ(checked.problems.size(), 3U);
}

TEST(Validation, RefusesTheWindowAllAndWindowsGivenTwice) {
  SignalDef s = like();
  s.windows = {Window::Day, Window::All, Window::Day};
  EXPECT_EQ(check({}, change({}, {s})).problems.size(), 2U);
}

TEST(Validation, TreatsDefinitionsThatMeanTheSameAsEqual) {
  SignalDef a = like();
  a.windows = {Window::Week, Window::Hour};
  SignalDef b = like();
  b.windows = {Window::Hour, Window::Week};
  b.value_min = 7;  // without has_value it says nothing
  const auto first = validate({}, change({}, {a}));
  ASSERT_TRUE(first.ok());
  const auto second = validate(first->next, change({}, {b}));
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->change.empty());
}

TEST(Validation, NamesTheAlterForADifferentDefinition) {
  const auto first = validate({}, change({}, {like()}));
  SignalDef other = like();
  other.decay.span = days(14);
  const auto v = validate(first->next, change({}, {other}));
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().code, Code::AlreadyExists);
  EXPECT_NE(v.error().detail->hint.find("ALTER SIGNAL like DECAY exponential(14d)"), std::string::npos);
}

TEST(Validation, LimitsHowMuchASchemaHolds) {
  SchemaChange many;
  for (int i = 0; i < 1001; ++i) {
    SignalDef s = like();
    s.name = "s" + std::to_string(i);
    many.signals.push_back(s);
  }
  const auto v = validate({}, many);
  ASSERT_FALSE(v.ok());
  EXPECT_EQ(v.error().code, Code::FailedPrecondition);
}

}  // namespace
}  // namespace tidal::schema
