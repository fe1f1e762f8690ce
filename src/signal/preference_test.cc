// Every rule of preferences in cases worked out by hand.
#include "signal/preference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/vector_math.h"

namespace tidal::signal {
namespace {

using Vector = std::vector<float>;

const Ordinal kUser = to_ordinal(1);
const Vector kEast = {1, 0};
const Vector kNorth = {0, 1};
const Vector kWest = {-1, 0};
const Vector kNorthEast = {1, 1};
const float kHalfRoot = std::sqrt(0.5F);

/// Preferences of one user on a plane.
class Plane : public ::testing::Test {
 protected:
  Plane() { state.define(2); }
  void move(double rate, const Vector& e, Duration at = Duration{0}) {
    state.move({.user = kUser, .at = Timestamp{at.us}, .rate = rate}, e);
  }
  void expect_whole(float x, float y) const {
    Vector v(2, -9.0F);
    ASSERT_TRUE(state.vector(kUser, v));
    EXPECT_FLOAT_EQ(v[0], x);
    EXPECT_FLOAT_EQ(v[1], y);
  }
  struct Expected {
    float x;
    float y;
    double weight;
  };
  void expect_interests(const std::vector<Expected>& want, Duration now = Duration{0}) const {
    const Preferences::Interests got = state.interests(kUser, Timestamp{now.us});
    ASSERT_EQ(got.count, want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_FLOAT_EQ(got.vector(i)[0], want[i].x) << i;
      EXPECT_FLOAT_EQ(got.vector(i)[1], want[i].y) << i;
      EXPECT_DOUBLE_EQ(got.weights[i], want[i].weight) << i;
    }
  }
  Preferences state;
};

TEST_F(Plane, TheFirstPositiveMoveIsTheDirectionOfWhatItWasAbout) {  // R1
  move(0.1, {3, 4});
  expect_whole(0.6F, 0.8F);
  expect_interests({{0.6F, 0.8F, 0.1}});
  EXPECT_EQ(state.positives(kUser), 1U);
}

TEST_F(Plane, ANegativeMoveOfNobodyDoesNothing) {  // R1, R3
  move(-1, kEast);
  Vector v = {5, 6};
  EXPECT_FALSE(state.vector(kUser, v));
  EXPECT_EQ(v, (Vector{5, 6}));
  EXPECT_EQ(state.users(), 0U);
  EXPECT_EQ(state.positives(kUser), 0U);
}

TEST_F(Plane, MovesAddTheirShareAndNormalise) {  // R1
  move(1, kEast);
  move(0.75, kNorth);  // (1, 0.75) / 1.25
  expect_whole(0.8F, 0.6F);
  move(-0.5, {1.6F, 0});  // (0, 0.6): e counts at its own length
  expect_whole(0, 1);
  EXPECT_EQ(state.positives(kUser), 2U);
}

TEST_F(Plane, WhatIsFarFoundsAnInterestAndWhatIsNearMovesOne) {  // R2
  move(1, kEast);
  move(0.75, kNorth);
  expect_interests({{1, 0, 1}, {0, 1, 0.75}});
  move(0.5, {2, 1});  // cosines 0.894 and 0.447: (1, 0) + (1, 0.5) = (2, 0.5), of norm sqrt(4.25)
  expect_interests({{2 / std::sqrt(4.25F), 0.5F / std::sqrt(4.25F), 1.5}, {0, 1, 0.75}});
}

TEST(Preferences, ACosineOfOneHalfIsNear) {  // R2
  Preferences state;
  state.define(4);
  const auto count_after = [&](std::uint32_t user, const Vector& e) {
    state.move({.user = to_ordinal(user), .rate = 1}, Vector{1, 0, 0, 0});
    state.move({.user = to_ordinal(user), .rate = 1}, e);
    return state.interests(to_ordinal(user), Timestamp{}).count;
  };
  EXPECT_EQ(count_after(0, {1, 1, 1, 1}), 1U);
  EXPECT_EQ(count_after(1, {1, 1, 1, 1.001F}), 2U);
}

TEST_F(Plane, OfEquallyNearInterestsTheLowerSlotMoves) {  // R5
  move(1, kEast);
  move(1, kNorth);
  move(0.5, {2, 2});  // (1, 0) + (1, 1) = (2, 1)
  expect_interests({{2 / std::sqrt(5.0F), 1 / std::sqrt(5.0F), 1.5}, {0, 1, 1}});
}

TEST_F(Plane, TheWeakestGivesWay) {  // R2
  state.limit_interests(2);
  move(1, kEast);
  move(0.75, kNorth);
  move(0.25, kWest);
  expect_interests({{1, 0, 1}, {-1, 0, 0.25}});
}

TEST_F(Plane, OfEquallyWeakInterestsTheLowerSlotGivesWay) {  // R5
  state.limit_interests(2);
  move(0.5, kEast);
  move(0.5, kNorth);
  move(0.25, kWest);
  expect_interests({{-1, 0, 0.25}, {0, 1, 0.5}});
}

TEST_F(Plane, WeightsAreComparedAtTheNewestEventTimeOfTheUser) {  // R5
  state.limit_interests(2);
  move(1, kEast);
  move(0.625, kNorth, days(30));  // by then the first has 0.5 left
  move(0.25, kWest, days(0));     // late, which does not matter to what gives way
  expect_interests({{-1, 0, 0.25}, {0, 1, 0.625}});
}

TEST_F(Plane, WeightsHalveEveryThirtyDays) {  // R2
  move(0.5, kEast);
  move(0.25, kEast, days(30));  // 0.25 + 0.25
  expect_interests({{1, 0, 0.5}}, days(30));
  expect_interests({{1, 0, 0.25}}, days(60));
  expect_interests({{1, 0, 0.5}}, days(1));  // before the newest event nothing has decayed
}

TEST_F(Plane, ALateEventAddsWhatItWouldHaveLeft) {  // R2, R6
  move(0.5, kEast, days(30));
  move(1, kNorthEast, days(0));  // at full rate (1, 0) + (1, 1); of its weight half is left
  expect_interests({{2 / std::sqrt(5.0F), 1 / std::sqrt(5.0F), 1}}, days(30));
  expect_whole(2 / std::sqrt(5.0F), 1 / std::sqrt(5.0F));
  EXPECT_EQ(state.positives(kUser), 2U);
}

TEST_F(Plane, ANegativeMoveTurnsTheNearestButKeepsItsWeight) {  // R3
  move(1, kEast);
  move(1, kNorth);
  move(-0.5, {1, 1}, days(30));  // (0.5, -0.5)
  expect_interests({{kHalfRoot, -kHalfRoot, 1}, {0, 1, 1}});
  expect_interests({{kHalfRoot, -kHalfRoot, 0.5}, {0, 1, 0.5}}, days(30));
  EXPECT_EQ(state.positives(kUser), 2U);
}

TEST_F(Plane, ANegativeMoveFoundsNothing) {  // R3
  move(1, kEast);
  move(-0.75, kNorth);
  expect_interests({{1, 0, 1}});
  expect_whole(0.8F, -0.6F);
}

TEST_F(Plane, ASumWithoutDirectionLeavesWhatWas) {  // R4
  move(1, kEast);
  move(-1, kEast);  // (0, 0), of the preference and of the interest
  expect_whole(1, 0);
  expect_interests({{1, 0, 1}});
  move(1, kWest);  // (0, 0), but far from the interest
  expect_whole(1, 0);
  expect_interests({{1, 0, 1}, {-1, 0, 1}});
  EXPECT_EQ(state.positives(kUser), 2U);
  move(-1, {0.9999995F, 0});  // of norm 5e-7
  expect_whole(1, 0);
  move(-1, {0.9999F, 0});
  expect_whole(1, 0);  // of norm 1e-4: it has a direction, which is the same
  move(1, {0, 1e30F});
  expect_whole(1e-30F, 1);
}

TEST_F(Plane, WhatHasNoDirectionMovesNobody) {  // R4
  move(1, {0, 0});
  move(1, {5e-7F, 5e-7F});
  move(1, {std::numeric_limits<float>::infinity(), 0});
  move(1, {std::nanf(""), 1});
  move(1, {1, 0, 0});
  EXPECT_EQ(state.users(), 0U);
  move(1, kEast);
  const auto before = state.capture()->encode();
  move(1, {0, 5e-7F});
  EXPECT_EQ(state.capture()->encode(), before);
}

TEST_F(Plane, ALoweredLimitTakesEffectAtTheNextMove) {  // R5
  move(0.25, kEast);
  move(1, kNorth);
  move(0.5, kWest);
  state.limit_interests(2);
  expect_interests({{1, 0, 0.25}, {0, 1, 1}, {-1, 0, 0.5}});
  move(-0.5, {0, -1});  // near none
  expect_interests({{0, 1, 1}, {-1, 0, 0.5}});
  state.limit_interests(3);
  move(0.125, kEast);
  expect_interests({{0, 1, 1}, {-1, 0, 0.5}, {1, 0, 0.125}});
  state.limit_interests(1);
  move(0.75, kEast);  // what was nearest is gone first; then it takes the place of the only one left
  expect_interests({{1, 0, 0.75}});
}

TEST_F(Plane, WithoutInterestsTheWholeIsMatched) {
  state.limit_interests(0);
  move(1, kEast);
  move(0.75, kNorth);
  expect_interests({});
  expect_whole(0.8F, 0.6F);
  EXPECT_FLOAT_EQ(state.matcher(kUser).best(kNorth), 0.6F);
  state.limit_interests(100);  // 8 at most
  for (int i = 0; i < 12; ++i) {
    const auto angle = static_cast<float>(i);  // interests lie at least 60 degrees apart
    move(1, {std::cos(angle), std::sin(angle)});
  }
  EXPECT_LE(state.interests(kUser, Timestamp{}).count, 6U);
}

TEST(Preferences, NeverHasMoreThanEightInterests) {
  Preferences state;
  state.define(20);
  state.limit_interests(100);
  for (std::size_t i = 0; i < 20; ++i) {
    Vector e(20, 0.0F);
    e[i] = 1;
    state.move({.user = kUser, .rate = 1}, e);
  }
  EXPECT_EQ(state.interests(kUser, Timestamp{}).count, 8U);
}

TEST_F(Plane, TheMatcherIsACopyOfOneMoment) {
  EXPECT_TRUE(state.matcher(kUser).empty());
  EXPECT_EQ(state.matcher(kUser).best(kEast), 0.0F);
  EXPECT_EQ(state.matcher(kUser).best_halves(std::vector<std::uint16_t>{0x3C00, 0}), 0.0F);
  move(1, kEast);
  move(1, kNorth);
  const Preferences::Matcher matcher = state.matcher(kUser);
  state.erase_user(kUser);
  EXPECT_FALSE(matcher.empty());
  EXPECT_FLOAT_EQ(matcher.best(Vector{0.6F, 0.8F}), 0.8F);
  EXPECT_FLOAT_EQ(matcher.best(Vector{-0.6F, -0.8F}), -0.6F);
  EXPECT_EQ(matcher.best_halves(std::vector<std::uint16_t>{0xBC00, 0xB800}), -0.5F);  // (-1, -0.5)
  EXPECT_TRUE(state.matcher(kUser).empty());
}

TEST(Preferences, LargeVectorsAreHalves) {  // R6
  for (const std::uint32_t size : {256U, 257U}) {
    Preferences state;
    state.define(size);
    EXPECT_EQ(state.size(), size);
    Vector e(size);
    for (std::size_t i = 0; i < size; ++i) e[i] = static_cast<float>(i % 7) - 3;
    const std::size_t empty = state.memory_bytes();
    state.move({.user = to_ordinal(0), .rate = 1}, e);
    ASSERT_TRUE(base::normalise(e));
    Vector got(size);
    ASSERT_TRUE(state.vector(to_ordinal(0), got));
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_EQ(got[i], size == 256 ? e[i] : base::from_half(base::to_half(e[i])));
    }
    const std::size_t vector_bytes = size == 256 ? 1024 : 520;  // whole words of 514
    EXPECT_GE(state.memory_bytes() - empty, 2 * vector_bytes);  // and the places of the first users
    const std::size_t one = state.memory_bytes();
    state.move({.user = to_ordinal(1), .rate = 1}, e);
    EXPECT_EQ(state.memory_bytes() - one, 192 + 2 * vector_bytes);
    state.erase_user(to_ordinal(1));
    EXPECT_EQ(state.memory_bytes(), one);
  }
}

TEST(Preferences, DimensionsAreFixedOnce) {
  Preferences state;
  state.move({.user = kUser, .rate = 1}, Vector{});
  EXPECT_EQ(state.users(), 0U);
  state.define(0);
  state.define(3);
  state.define(5);
  EXPECT_EQ(state.size(), 3U);
  Vector two(2);
  state.move({.user = kUser, .rate = 1}, Vector{1, 0, 0});
  EXPECT_FALSE(state.vector(kUser, two));
}

}  // namespace
}  // namespace tidal::signal
