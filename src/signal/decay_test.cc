// Tests of the decay formulas on their own, and of ring and reach by example.
#include "signal/decay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "signal/buckets.h"
#include "signal/ledger.h"

namespace tidal::signal {
namespace {

constexpr Ordinal kItem{3};
constexpr std::array<Ordinal, 1> kOne = {kItem};

SignalDef exponential(Duration half_life) {
  SignalDef s;
  s.name = "view";
  s.decay = {Decay::Kind::Exponential, half_life};
  s.windows = {Window::Hour, Window::Day, Window::Week};
  return s;
}

double score(const Ledger& ledger, Timestamp now) {
  double out = -1;
  ledger.decay_scores(0, now, kOne, std::span(&out, 1));
  return out;
}

double count(const Ledger& ledger, Window w, Timestamp now, Duration ago = {}) {
  double out = -1;
  ledger.counts({.signal = 0, .window = w, .now = now, .ago = ago}, kOne, std::span(&out, 1));
  return out;
}

TEST(ExponentialDecay, HalvesAfterOneHalfLife) {
  Ledger ledger;
  ledger.configure({exponential(hours(6))});
  ledger.record({.signal = 0, .entity = kItem, .at = Timestamp{days(1).us}, .weight = 8});
  EXPECT_EQ(score(ledger, Timestamp{days(1).us}), 8.0);
  EXPECT_NEAR(score(ledger, Timestamp{(days(1).us + hours(6).us)}), 4.0, 1e-14);
  EXPECT_NEAR(score(ledger, Timestamp{(days(1).us + hours(18).us)}), 1.0, 1e-14);
}

TEST(ExponentialDecay, LateEventsCountAsIfTheyHadBeenOnTime) {
  const double rate = decay_rate(hours(1));
  DecayedScore late = add_event({1.0, hours(10).us}, rate, hours(9).us, 1.0);
  EXPECT_NEAR(late.score, 1.5, 1e-15);
  EXPECT_EQ(late.newest_us, hours(10).us);
}

TEST(ExponentialDecay, NeverRisesWithoutEvents) {  // D1
  double before = std::numeric_limits<double>::infinity();
  for (std::int64_t t = 0; t < days(900).us; t += hours(7).us) {
    const double factor = std::exp(read_exponent(decay_rate(days(3)), 0, t));
    EXPECT_LE(factor, before);
    EXPECT_GE(factor, 0);
    before = factor;
  }
  EXPECT_EQ(read_exponent(decay_rate(days(3)), hours(2).us, hours(1).us), 0.0) << "events after now do not grow";
}

TEST(ExponentialDecay, StaysFiniteUnderHugeWeights) {  // D1
  Ledger ledger;
  SignalDef s = exponential(hours(1));
  s.has_value = true;
  ledger.configure({s});
  for (int i = 0; i < 5; ++i) {
    ledger.record({.signal = 0, .entity = kItem, .at = Timestamp{i}, .weight = 1.7e308, .value = 1e300});
  }
  EXPECT_TRUE(std::isfinite(score(ledger, Timestamp{9})));
  EXPECT_EQ(score(ledger, Timestamp{days(90'000).us}), 0.0);
  double mean = 0;
  ledger.means({.signal = 0, .window = Window::Hour, .now = Timestamp{9}}, kOne, std::span(&mean, 1));
  EXPECT_TRUE(std::isfinite(mean));
}

TEST(LinearDecay, FallsInAStraightLineWithinItsBound) {  // D3
  const Duration lifetime = days(7);
  EXPECT_EQ(linear_bucket_us(lifetime), hours(1).us);
  EXPECT_NEAR(linear_error_max(lifetime), 1.0 / 336, 1e-12);
  const std::int64_t bucket = 1000;
  for (std::int64_t age = 0; age <= days(8).us; age += minutes(13).us) {
    const std::int64_t at = bucket * hours(1).us + minutes(59).us;
    const double exact = std::max(0.0, 1.0 - static_cast<double>(age) / static_cast<double>(lifetime.us));
    EXPECT_NEAR(linear_share(bucket, hours(1).us, lifetime, at + age), exact, linear_error_max(lifetime) + 1e-12);
  }
}

TEST(LinearDecay, BucketsOfAnyLifetimeAreAtMostA168th) {
  for (const std::int64_t us :
       {std::int64_t{1}, std::int64_t{167}, std::int64_t{168}, std::int64_t{335}, days(30).us}) {
    EXPECT_LE(linear_bucket_us(Duration{us}), std::max<std::int64_t>(1, us / 168));
    EXPECT_LE(linear_buckets(Duration{us}), 340U);
  }
}

TEST(Buckets, NumberTimesBefore1970Downwards) {
  EXPECT_EQ(bucket_of(RingKind::Minute, 0, 0), 0);
  EXPECT_EQ(bucket_of(RingKind::Minute, 0, -1), -1);
  EXPECT_EQ(bucket_of(RingKind::Minute, 0, -kMinuteUs), -1);
  EXPECT_EQ(bucket_of(RingKind::Minute, 0, -kMinuteUs - 1), -2);
}

TEST(Windows, CoverTheBucketOfNowAndTheOnesBefore) {
  Ledger ledger;
  ledger.configure({exponential(days(1))});
  const Timestamp at{hours(1000).us + minutes(30).us};
  ledger.record({.signal = 0, .entity = kItem, .at = at});
  EXPECT_EQ(count(ledger, Window::Hour, at), 1);
  EXPECT_EQ(count(ledger, Window::Hour, at + minutes(59)), 1);
  EXPECT_EQ(count(ledger, Window::Hour, at + minutes(60)), 0);
  EXPECT_EQ(count(ledger, Window::Day, Timestamp{hours(1024).us - 1}), 1);
  EXPECT_EQ(count(ledger, Window::Day, Timestamp{hours(1024).us}), 0);
  EXPECT_EQ(count(ledger, Window::Hour, at - minutes(1)), 0) << "buckets after now are not counted";
  EXPECT_EQ(count(ledger, Window::All, at - days(3)), 1);
}

TEST(Windows, ShiftBackInWholeBuckets) {
  Ledger ledger;
  ledger.configure({exponential(days(1))});
  const Timestamp at{hours(1000).us};
  ledger.record({.signal = 0, .entity = kItem, .at = at});
  const Timestamp now = at + hours(30);
  EXPECT_EQ(count(ledger, Window::Day, now), 0);
  EXPECT_EQ(count(ledger, Window::Day, now, hours(6)), 0);
  EXPECT_EQ(count(ledger, Window::Day, now, hours(7)), 1);
  EXPECT_EQ(count(ledger, Window::Day, now, hours(30)), 1);
  EXPECT_EQ(count(ledger, Window::Day, now, hours(31)), 0);
}

TEST(Windows, ReachAsFarAsTheirRingAllows) {
  Ledger ledger;
  ledger.configure({exponential(days(1))});
  EXPECT_EQ(ledger.reach(0, Window::Hour), hours(1));
  EXPECT_EQ(ledger.reach(0, Window::Day), hours(336 - 24)) << "the week's ring serves the day too";
  EXPECT_EQ(ledger.reach(0, Window::Week), days(7));
  EXPECT_EQ(ledger.reach(0, Window::Month), Duration{0}) << "not declared";
  EXPECT_EQ(ledger.reach(9, Window::Hour), Duration{0});
}

TEST(Ledger, ReadsZeroForWhatItDoesNotKnow) {
  Ledger ledger;
  EXPECT_EQ(count(ledger, Window::Day, Timestamp{}), 0);
  EXPECT_EQ(score(ledger, Timestamp{}), 0);
  EXPECT_EQ(ledger.newest_event(), Timestamp{});
  ledger.record({.signal = 5, .entity = kItem, .at = Timestamp{5}});
  EXPECT_FALSE(ledger.has_events()) << "an unknown signal counts nowhere";
  ledger.configure({exponential(days(1))});
  ledger.record({.signal = 0, .entity = Ordinal::None, .at = Timestamp{5}});
  EXPECT_FALSE(ledger.has_events());
}

}  // namespace
}  // namespace tidal::signal
