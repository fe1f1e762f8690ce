// Ranking formulas against values computed in 40-digit decimal arithmetic, and their limits.
#include "ranking/formulas.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace tidal::ranking {
namespace {

constexpr double kHour = 3600e6;

double one(void (*formula)(Votes, Out), double up, double down) {
  double out = 0;
  formula({{&up, 1}, {&down, 1}}, {&out, 1});
  return out;
}

double hot_of(double up, double down, double age_us, double gravity = 1.8) {
  double out = 0;
  hot({{&up, 1}, {&down, 1}}, {&age_us, 1}, gravity, {&out, 1});
  return out;
}

double reddit_of(double up, double down, double created_s) {
  double out = 0;
  const double created_us = created_s * 1e6;
  reddit_hot({{&up, 1}, {&down, 1}}, {&created_us, 1}, {&out, 1});
  return out;
}

double hn_of(double up, double down, double hours) {
  double out = 0;
  const double age_us = hours * kHour;
  hacker_news({{&up, 1}, {&down, 1}}, {&age_us, 1}, {&out, 1});
  return out;
}

TEST(Wilson, EqualsTheClosedForm) {
  EXPECT_NEAR(wilson_lower_bound(1, 1), 0.20654329147389293, 1e-15);
  EXPECT_NEAR(wilson_lower_bound(10, 10), 0.72245983123338342, 1e-15);
  EXPECT_NEAR(wilson_lower_bound(161, 175), 0.87020622236277908, 1e-15);
  EXPECT_NEAR(wilson_lower_bound(100, 1000), 0.082909156463232021, 1e-15);
  EXPECT_NEAR(wilson_lower_bound(1, 1e6), 1.7652003609356771e-7, 1e-15);
}

TEST(Wilson, IsZeroWithoutASample) {
  EXPECT_EQ(wilson_lower_bound(0, 0), 0);
  EXPECT_EQ(wilson_lower_bound(5, -1), 0);
  EXPECT_EQ(wilson_lower_bound(0, 5), 0);
}

RC_GTEST_PROP(Wilson, LiesBetweenZeroAndTheShare, ()) {
  const double total = *rc::gen::inRange(1, 1'000'000);
  const double positive = *rc::gen::inRange(0, static_cast<int>(total) + 1);
  const double bound = wilson_lower_bound(positive, total);
  RC_ASSERT(bound >= 0);
  RC_ASSERT(bound <= positive / total);
}

TEST(Hot, EqualsTheFormula) {
  EXPECT_NEAR(hot_of(161, 14, 0), 0.62239846429544703, 1e-14);
  EXPECT_NEAR(hot_of(161, 14, 24 * kHour), 0.0061513505666283466, 1e-15);
  EXPECT_NEAR(hot_of(3, 103, 5 * kHour), -0.060235639248757227, 1e-15);
  EXPECT_NEAR(hot_of(1000, 0, 0.5 * kHour), 0.57653972831108699, 1e-14);
}

TEST(Hot, IgnoresTheDifferenceOfOneVote) {
  EXPECT_EQ(hot_of(1, 0, 0), 0);
  EXPECT_EQ(hot_of(0, 1, 0), 0);
}

TEST(Hot, GravityWeighsAge) { EXPECT_GT(hot_of(100, 0, 5 * kHour, 1.0), hot_of(100, 0, 5 * kHour, 1.8)); }

// Posts of the site itself (r/cpp, 2011 and 2013), with the published formula evaluated in decimal arithmetic.
TEST(RedditHot, EqualsThePublishedFormula) {
  EXPECT_DOUBLE_EQ(reddit_of(161, 14, 1313217913.0), 3984.1653173);
  EXPECT_DOUBLE_EQ(reddit_of(152, 18, 1366393551.0), 5165.8059492);
  EXPECT_DOUBLE_EQ(reddit_of(3, 10, 1300000000.5), 3687.4215131);
  EXPECT_EQ(reddit_of(0, 0, 1134028003), 0);
}

TEST(HackerNews, EqualsThePublishedFormula) {
  EXPECT_NEAR(hn_of(161, 14, 0), 41.927489957391777, 1e-12);
  EXPECT_NEAR(hn_of(100, 0, 12), 0.85625817400087302, 1e-14);
  EXPECT_NEAR(hn_of(0, 0, 1), -0.13841454884616918, 1e-15);
  EXPECT_EQ(hn_of(1, 0, 3), 0);
}

TEST(Trending, WeighsSharesAboveViews) {
  const double share = 2;
  const double view = 10;
  double out = 0;
  trending({&share, 1}, {&view, 1}, {&out, 1});
  EXPECT_DOUBLE_EQ(out, 4.0);
}

TEST(Rising, ComparesTheHourWithTheWeekAndBoostsTheYoung) {
  const std::vector<double> acceleration = {1.0 / 60, 1.0 / 60, -1.0 / 60};
  const std::vector<double> week = {1.0 / 3600, 1.0 / 3600, 0};
  const std::vector<double> age = {25 * kHour, 23 * kHour, 25 * kHour};
  std::vector<double> out(3);
  rising(acceleration, week, age, out);
  EXPECT_DOUBLE_EQ(out[0], 57.6);  // (1/60) / (1/3600 + 1/86400)
  EXPECT_DOUBLE_EQ(out[1], 86.4);
  EXPECT_DOUBLE_EQ(out[2], -1440);
}

TEST(Controversial, PeaksWhenBothSidesAreEqual) {
  EXPECT_DOUBLE_EQ(one(controversial, 50, 50), 0.25);
  EXPECT_DOUBLE_EQ(one(controversial, 90, 10), 0.09);
  EXPECT_EQ(one(controversial, 100, 0), 0);
  EXPECT_EQ(one(controversial, 0, 0), 0);
  EXPECT_TRUE(std::isfinite(one(controversial, 1e200, 1e200)));
}

TEST(HiddenGems, PrefersTheUnseenOfEqualQuality) {
  const double q = wilson_lower_bound(40, 50);
  const std::vector<double> qualities = {q, q};
  const std::vector<double> views = {1000, 0};
  std::vector<double> out(2);
  hidden_gems(qualities, views, out);
  EXPECT_NEAR(out[0], 0.22288769929830879, 1e-15);
  EXPECT_NEAR(out[1], 0.66962627895514760, 1e-15);
}

TEST(Uniform, DependsOnSeedAndKeyAlone) {
  EXPECT_EQ(uniform(1, "a"), uniform(1, "a"));
  EXPECT_NE(uniform(1, "a"), uniform(2, "a"));
  EXPECT_NE(uniform(1, "a"), uniform(1, "b"));
}

TEST(Uniform, CoversTheUnitIntervalEvenly) {
  std::vector<int> tenths(10);
  for (int i = 0; i < 10'000; ++i) {
    const double u = uniform(42, "i" + std::to_string(i));
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++tenths[static_cast<std::size_t>(u * 10)];
  }
  for (const int n : tenths) EXPECT_NEAR(n, 1000, 150);
}

TEST(Recency, HalvesEachHalfLife) {
  EXPECT_EQ(recency(0, kHour), 1);
  EXPECT_DOUBLE_EQ(recency(2 * kHour, kHour), 0.25);
  EXPECT_EQ(recency(kHour, 0), 0);
}

// R1
RC_GTEST_PROP(Formulas, AreFiniteWhateverTheVotes, ()) {
  const double up = *rc::gen::inRange(0, 1'000'000'000);
  const double down = *rc::gen::inRange(0, 1'000'000'000);
  const double age = static_cast<double>(*rc::gen::inRange<std::int64_t>(-1'000'000'000'000, 70'000'000'000'000'000));
  RC_ASSERT(std::isfinite(hot_of(up, down, age)));
  RC_ASSERT(std::isfinite(reddit_of(up, down, age / 1e6)));
  RC_ASSERT(std::isfinite(hn_of(up, down, age / kHour)));
  RC_ASSERT(std::isfinite(one(controversial, up, down)));
  RC_ASSERT(std::isfinite(one(quality, up, down)));
}

}  // namespace
}  // namespace tidal::ranking
