// Values that fit their field, and what they become.
#include "schema/field_value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "schema/literal_text.h"

namespace tidal::schema {
namespace {

FieldDef field(FieldType type) {
  FieldDef f;
  f.name = "f";
  f.type = type;
  return f;
}

std::string refusal(FieldType type, const Value& value) {
  const auto v = fit_value(field(type), value);
  return v.ok() ? "" : v.error().message;
}

TEST(FieldValue, NullFitsEveryField) {
  for (int t = 0; t < 8; ++t) EXPECT_TRUE(fit_value(field(static_cast<FieldType>(t)), Value()).ok());
}

TEST(FieldValue, NumbersMeetHalfWay) {
  EXPECT_EQ(*fit_value(field(FieldType::Int), Value(3.0)), Value(std::int64_t{3}));
  EXPECT_EQ(*fit_value(field(FieldType::Float), Value(std::int64_t{3})), Value(3.0));
  EXPECT_NE(refusal(FieldType::Int, Value(3.5)), "");
  EXPECT_NE(refusal(FieldType::Int, Value(1e300)), "");
  EXPECT_NE(refusal(FieldType::Float, Value(std::nan(""))), "");
}

// Beyond 2^53 comparisons would take two ids for one.
TEST(FieldValue, WholeNumbersEndWhereDoublesLoseTheirUnits) {
  constexpr std::int64_t kLargest = 9'007'199'254'740'992;
  for (const std::int64_t v : {kLargest, -kLargest}) EXPECT_EQ(*fit_value(field(FieldType::Int), Value(v)), Value(v));
  EXPECT_EQ(refusal(FieldType::Int, Value(kLargest + 1)),
            "expected INT in -9007199254740992..9007199254740992, got 9007199254740993");
  EXPECT_EQ(refusal(FieldType::Int, Value(1.8e19)), "expected INT in -9007199254740992..9007199254740992, got 1.8e+19");
  const auto below = fit_value(field(FieldType::Int), Value(-kLargest - 1));
  ASSERT_FALSE(below.ok());
  EXPECT_EQ(below.error().detail->hint, "use KEYWORD for ids");
}

TEST(FieldValue, TimesAreTextOrUnixSeconds) {
  EXPECT_EQ(*fit_time(Value(std::string("1970-01-01T00:00:01Z"))), Timestamp{1'000'000});
  EXPECT_EQ(*fit_time(Value(1.5)), Timestamp{1'500'000});
  EXPECT_EQ(*fit_time(Value(std::int64_t{-1})), Timestamp{-1'000'000});
  const auto milliseconds_given = fit_time(Value(std::int64_t{1'700'000'000'000}));
  ASSERT_FALSE(milliseconds_given.ok());
  EXPECT_NE(milliseconds_given.error().detail->hint.find("milliseconds?"), std::string::npos);
  EXPECT_FALSE(fit_time(Value(std::nan(""))).ok());
  EXPECT_FALSE(fit_time(Value(-9e10)).ok());  // before the year 0000
}

TEST(FieldValue, SaysWhatWasExpectedAndWhatCame) {
  EXPECT_EQ(refusal(FieldType::Keyword, Value(std::int64_t{3})), "expected KEYWORD (a string), got the number 3");
  EXPECT_EQ(refusal(FieldType::Bool, Value(std::string("x"))), "expected BOOL (true or false), got a string");
  EXPECT_EQ(refusal(FieldType::Text, Value(std::string("\xFF"))), "expected UTF-8");
  EXPECT_EQ(refusal(FieldType::Text, Value(std::string(kFieldBytesMax + 1, 'x'))),
            "expected at most 1 MiB, got 1048577 bytes");
}

TEST(LiteralText, NumbersReadBackBitByBit) {  // L1
  for (const double v : {0.1, 1e30, 5e-324, 3.0, 0.05, 1.7976931348623157e308})
    EXPECT_EQ(std::strtod(number_text(v).c_str(), nullptr), v);
  EXPECT_EQ(number_text(3), "3");
  EXPECT_EQ(real_text(3), "3.0");
  EXPECT_EQ(string_text("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
}

}  // namespace
}  // namespace tidal::schema
