// Times and durations: every written form, what is refused, and printing back.
#include "base/time_text.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace tidal::base {
namespace {

constexpr std::int64_t kNoon_us = 1'795'348'800'000'000;  // 2026-11-22T12:00:00Z

std::int64_t us(std::string_view text) {
  const Result<Timestamp> t = parse_time(text);
  EXPECT_TRUE(t.ok()) << text;
  return t.ok() ? t->us : -1;
}

TEST(ParseTime, AcceptsEveryForm) {
  EXPECT_EQ(us("2026-11-22"), kNoon_us - hours(12).us);
  EXPECT_EQ(us("2026-11-22T12:00Z"), kNoon_us);
  EXPECT_EQ(us("2026-11-22T12:00"), kNoon_us);
  EXPECT_EQ(us("2026-11-22T12:00:00"), kNoon_us);
  EXPECT_EQ(us("2026-11-22T12:00:00.5+01:00"), kNoon_us - hours(1).us + 500'000);
  EXPECT_EQ(us("2026-11-22T12:00:00.000001-05:30"), kNoon_us + hours(5).us + minutes(30).us + 1);
  EXPECT_EQ(us("2026-11-22T12:00:00.000001000Z"), kNoon_us + 1);
  EXPECT_EQ(us("1970-01-01"), 0);
  EXPECT_EQ(us("2024-02-29"), us("2024-03-01") - days(1).us);
}

TEST(ParseTime, RefusesWhatIsNoTime) {
  for (const std::string_view text :
       {"", "2026", "2026-11", "2026-13-01", "2026-02-29", "2026-11-22T", "2026-11-22 12:00", "2026-11-22T24:00Z",
        "2026-11-22T12:60Z", "2026-11-22T12:00:60Z", "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00.0000001Z",
        "2026-11-22T12:00Zx", "2026-11-22T12:00+1:00", "-001-01-01", "12026-01-01", "0000-01-01T00:00+00:01",
        "9999-12-31T23:59:59-00:01", "2026-11-22Z"}) {
    const Result<Timestamp> t = parse_time(text);
    ASSERT_FALSE(t.ok()) << text;
    EXPECT_EQ(t.error().code, Code::InvalidArgument);
    EXPECT_NE(t.error().message.find("'" + std::string(text) + "'"), std::string::npos);
  }
}

TEST(TimeText, PrintsAsManyDigitsAsNeeded) {
  EXPECT_EQ(to_string(Timestamp{kNoon_us}), "2026-11-22T12:00:00Z");
  EXPECT_EQ(to_string(Timestamp{kNoon_us + 500'000}), "2026-11-22T12:00:00.5Z");
  EXPECT_EQ(to_string(Timestamp{-1}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(to_string(*parse_time("0000-01-01")), "0000-01-01T00:00:00Z");
  EXPECT_EQ(to_string(*parse_time("9999-12-31T23:59:59.999999")), "9999-12-31T23:59:59.999999Z");
}

RC_GTEST_PROP(TimeText, ParsesWhatItPrints, ()) {  // T1
  const auto t = *rc::gen::inRange<std::int64_t>(-62'167'219'200'000'000, 253'402'300'800'000'000);
  const Result<Timestamp> parsed = parse_time(to_string(Timestamp{t}));
  RC_ASSERT(parsed.ok());
  RC_ASSERT(parsed->us == t);
}

TEST(ParseDuration, AcceptsEveryUnit) {
  EXPECT_EQ(*parse_duration("50ms"), milliseconds(50));
  EXPECT_EQ(*parse_duration("90s"), seconds(90));
  EXPECT_EQ(*parse_duration("5m"), minutes(5));
  EXPECT_EQ(*parse_duration("24h"), hours(24));
  EXPECT_EQ(*parse_duration("7d"), days(7));
  EXPECT_EQ(*parse_duration("2w"), days(14));
  EXPECT_EQ(*parse_duration("0s"), seconds(0));
}

TEST(ParseDuration, RefusesWhatIsNoDuration) {
  for (const std::string_view text :
       {"", "5", "m", "-5m", "+5m", "5 m", "5.5h", "5mm", "5u", "99999999999999999999s", "9223372036854775807w"}) {
    const Result<Duration> d = parse_duration(text);
    ASSERT_FALSE(d.ok()) << text;
    EXPECT_EQ(d.error().code, Code::InvalidArgument);
  }
}

}  // namespace
}  // namespace tidal::base
