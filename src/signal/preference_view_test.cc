// The events that lead to preferences, and their images and digests.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/coding.h"
#include "signal/preference_history_for_test.h"

namespace tidal::signal {
namespace {

using Vector = std::vector<float>;

const Ordinal kUser = to_ordinal(1);
const Vector kEast = {1, 0};
const Vector kNorth = {0, 1};
const Vector kWest = {-1, 0};
const Vector kNorthEast = {1, 1};
const float kHalfRoot = std::sqrt(0.5F);

class PreferenceEvents : public ::testing::Test {
 protected:
  PreferenceEvents() {
    story.define_slot();
    story.put(EntityKind::Item, to_ordinal(0), kEast);
    story.put(EntityKind::Item, to_ordinal(1), kNorth);
    story.put(EntityKind::Creator, to_ordinal(0), kWest);
  }
  void play() {
    for (; played < story.history.events().size(); ++played) world.apply(story.history.events()[played]);
  }
  void feedback(wal::RecordType type, std::uint16_t signal, std::uint32_t subject, bool stood = false) {
    story.feedback({.type = type, .signal = signal, .user = kUser, .subject = to_ordinal(subject), .stood = stood});
    play();
  }
  void expect_whole(float x, float y) {
    Vector v(2, 0.0F);
    ASSERT_TRUE(world.state.vector(kUser, v));
    EXPECT_FLOAT_EQ(v[0], x);
    EXPECT_FLOAT_EQ(v[1], y);
  }
  PreferenceStory story{2};
  PreferenceWorld world;
  std::size_t played = 0;
};

constexpr std::uint16_t kLike = 0;
constexpr std::uint16_t kFollow = 4;
constexpr std::uint16_t kGreet = 7;
using wal::RecordType;

TEST_F(PreferenceEvents, SignalsAreTakenBackWhileTheyStand) {
  feedback(RecordType::Signal, kLike, 0);
  feedback(RecordType::Unsignal, kLike, 1, false);
  expect_whole(1, 0);
  feedback(RecordType::Unsignal, kLike, 1, true);
  expect_whole(kHalfRoot, -kHalfRoot);
  EXPECT_EQ(world.state.positives(kUser), 1U);
}

TEST_F(PreferenceEvents, EdgesToCreatorsMoveByTheirCatalogue) {
  feedback(RecordType::Relate, kFollow, 0, true);
  EXPECT_EQ(world.state.users(), 0U);
  feedback(RecordType::Relate, kFollow, 0, false);
  expect_whole(-1, 0);
  feedback(RecordType::Signal, kLike, 1);
  expect_whole(-kHalfRoot, kHalfRoot);
  feedback(RecordType::Unrelate, kFollow, 0, true);  // (-0.7071 + 0.75, 0.7071)
  const float x = 0.75F - kHalfRoot;
  const float norm = std::sqrt(x * x + 0.5F);
  expect_whole(x / norm, kHalfRoot / norm);
}

TEST_F(PreferenceEvents, WhatHasNoVectorOrNoUserMovesNothing) {
  feedback(RecordType::Signal, kLike, 2);                       // an item without a vector
  feedback(RecordType::Relate, kFollow, 2);                     // a creator without one
  feedback(RecordType::Relate, kGreet, 0);                      // a user
  story.feedback({.signal = kLike, .subject = to_ordinal(0)});  // nobody's
  story.feedback({.signal = kLike, .user = kUser, .subject = to_ordinal(0), .is_void = true});
  play();
  EXPECT_EQ(world.state.users(), 0U);
}

TEST_F(PreferenceEvents, ANewEmbeddingMovesNobody) {
  feedback(RecordType::Signal, kLike, 0);
  story.put(EntityKind::Item, to_ordinal(0), kNorth);
  play();
  expect_whole(1, 0);
  feedback(RecordType::Signal, kLike, 0);
  expect_whole(kHalfRoot, kHalfRoot);
}

TEST_F(PreferenceEvents, DeletingTheUserForgets) {
  for (const RecordType type : {RecordType::DeleteEntity, RecordType::Erase}) {
    feedback(RecordType::Signal, kLike, 0);
    ASSERT_EQ(world.state.users(), 1U);
    story.clear(type, EntityKind::User, kUser);
    play();
    EXPECT_EQ(world.state.users(), 0U);
  }
  feedback(RecordType::Signal, kLike, 0);
  story.clear(RecordType::DeleteEntity, EntityKind::Item, kUser);  // an item of that number
  play();
  EXPECT_EQ(world.state.users(), 1U);
}

TEST_F(PreferenceEvents, TheLimitIsThatOfTheMoment) {
  story.limit(1);
  feedback(RecordType::Signal, kLike, 0);
  feedback(RecordType::Signal, kLike, 1);
  EXPECT_EQ(world.state.interests(kUser, Timestamp{}).count, 1U);
  story.limit(2);
  feedback(RecordType::Signal, kLike, 0);
  EXPECT_EQ(world.state.interests(kUser, Timestamp{}).count, 2U);
}

TEST(PreferenceView, DigestSeesEveryKindOfChange) {
  PreferenceWorld world;
  Preferences& state = world.state;
  std::set<std::string> digests{world.digest()};
  const auto expect_new = [&](const char* what) {
    EXPECT_TRUE(digests.insert(world.digest()).second) << what << " does not reach the digest";
  };
  const auto move = [&](std::uint32_t user, double rate, const Vector& e, std::int64_t at = 0) {
    state.move({.user = to_ordinal(user), .at = Timestamp{at}, .rate = rate}, e);
  };
  state.define(2);
  expect_new("the dimensions");
  state.limit_interests(0);
  expect_new("the limit");
  move(0, 1, kEast);
  expect_new("a preference");
  move(0, 1, kEast);
  expect_new("another positive move");
  move(0, -0.5, kNorth);
  expect_new("the direction");
  move(1, 1, kEast);
  expect_new("another user");
  state.limit_interests(3);
  expect_new("the limit again");
  move(1, 1, kEast);
  expect_new("an interest");
  move(1, -0.5, kNorthEast);
  expect_new("its direction");
  // Whatever else these differ in, weights and times do not change together with it.
  const auto digest_of_founding = [](double rate, std::int64_t at, std::uint32_t user) {
    PreferenceWorld other;
    other.state.define(2);
    other.state.move({.user = to_ordinal(user), .at = Timestamp{at}, .rate = rate}, kEast);
    return other.digest();
  };
  EXPECT_NE(digest_of_founding(1, 0, 0), digest_of_founding(0.5, 0, 0)) << "a weight";
  EXPECT_NE(digest_of_founding(1, 0, 0), digest_of_founding(1, 1, 0)) << "its time";
  EXPECT_NE(digest_of_founding(1, 0, 0), digest_of_founding(1, 0, 1)) << "whose it is";
  EXPECT_EQ(digest_of_founding(1, 0, 0), digest_of_founding(1, 0, 0));
}

TEST(PreferenceView, SlotsAreFacts) {
  const auto digest_of = [](const Vector& first, const Vector& second) {
    PreferenceWorld world;
    world.state.define(2);
    for (const Vector& e : {first, second}) world.state.move({.user = kUser, .rate = 1}, e);
    return world.digest();
  };
  EXPECT_NE(digest_of(kEast, kNorth), digest_of(kNorth, kEast));
}

/// An image of one user with one interest on a plane, at known places.
std::string small_image(std::uint32_t user = 0) {
  Preferences state;
  state.define(2);
  state.move({.user = to_ordinal(user), .at = Timestamp{5}, .rate = 1}, kEast);
  return state.capture()->encode();
}

Status restored(const std::string& image, std::uint32_t slot_size = 2, std::uint32_t users = 4) {
  Preferences state;
  state.define(7);
  const Status status =
      state.restore(image, {.is_known_user = [users](Ordinal u) { return to_index(u) < users; }, .size = slot_size});
  EXPECT_EQ(state.size(), status.ok() ? 2U : 7U) << "a refused image replaced the state";
  return status;
}

TEST(PreferenceImage, RefusesWhatNoStateIs) {
  const std::string good = small_image();
  ASSERT_TRUE(restored(good).ok());
  EXPECT_FALSE(restored(good, 3).ok()) << "a slot of another size";
  EXPECT_FALSE(restored(good, 0).ok()) << "no slot";
  EXPECT_FALSE(restored(small_image(4)).ok()) << "an unknown user";
  EXPECT_FALSE(restored(good + 'x').ok()) << "bytes behind it";
  // From its end: two vectors of 8 bytes, time 8, score 8, interests 1, positives 1.
  const auto with = [&good](std::size_t from_end, const std::string& bytes) {
    std::string image = good;
    return image.replace(image.size() - from_end, bytes.size(), bytes);
  };
  const auto floats = [](float a, float b) {
    base::Encoder out;
    out.f32(a);
    out.f32(b);
    return out.take();
  };
  const auto score = [](double s) {
    base::Encoder out;
    out.f64(s);
    return out.take();
  };
  ASSERT_TRUE(restored(with(16, floats(0.6F, 0.8F))).ok());
  EXPECT_FALSE(restored(with(16, floats(0.6F, 0.9F))).ok()) << "no unit vector";
  EXPECT_FALSE(restored(with(8, floats(0, 0))).ok()) << "a null vector";
  EXPECT_FALSE(restored(with(8, floats(std::nanf(""), 1))).ok()) << "NaN";
  ASSERT_TRUE(restored(with(32, score(2.5))).ok());
  EXPECT_FALSE(restored(with(32, score(-1))).ok()) << "a negative weight";
  EXPECT_FALSE(restored(with(32, score(std::nan("")))).ok()) << "a weight that is none";
  EXPECT_FALSE(restored(with(32, score(std::numeric_limits<double>::infinity()))).ok()) << "an infinite weight";
  EXPECT_FALSE(restored(with(33, std::string(1, '\x09'))).ok()) << "nine interests";
  EXPECT_FALSE(restored(with(34, std::string(1, '\0'))).ok()) << "a preference without a positive move";
  std::string image = good;
  image[1] = '\x09';
  EXPECT_FALSE(restored(image).ok()) << "a limit of nine";
  image = good;
  image[0] = '\x02';
  EXPECT_FALSE(restored(image).ok()) << "another format";
}

TEST(PreferenceImage, CarriesASettingWithoutUsers) {
  Preferences state;
  state.limit_interests(7);
  Preferences other;
  ASSERT_TRUE(other.restore(state.capture()->encode(), {}).ok());
  EXPECT_EQ(other.capture()->encode(), state.capture()->encode());
  EXPECT_NE(other.capture()->encode(), Preferences().capture()->encode());
}

}  // namespace
}  // namespace tidal::signal
