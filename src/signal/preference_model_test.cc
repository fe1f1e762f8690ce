// Preferences against a plain fold over the list of events, and the conformance of their view.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <set>

#include "base/case_stride_for_test.h"
#include "base/ordered_math.h"
#include "base/vector_math.h"
#include "base/vector_target_for_test.h"
#include "signal/preference_history_for_test.h"

namespace tidal::signal {
namespace {

using Vector = std::vector<float>;

/// How often each rule was met; a history that meets none proves nothing.
struct Met {
  std::size_t moved = 0, founded = 0, displaced = 0, dropped = 0, refused = 0, negative = 0, late = 0, tied = 0;
};

struct ModelInterest {
  Vector v;
  double weight;
  std::int64_t newest_us;
};

double decayed(const ModelInterest& interest, std::int64_t now_us) {
  constexpr double kRate = 0.69314718055994530942 / (30.0 * 24 * 3600 * 1e6);
  if (now_us <= interest.newest_us) return interest.weight * base::ordered_exp(0.0);
  return interest.weight * base::ordered_exp(-kRate * static_cast<double>(now_us - interest.newest_us));
}

struct ModelUser {
  Vector whole;
  std::vector<ModelInterest> interests;
  std::uint32_t positives = 0;

  [[nodiscard]] std::size_t weakest() const {
    std::int64_t newest_us = interests[0].newest_us;
    for (const ModelInterest& i : interests) newest_us = std::max(newest_us, i.newest_us);
    const auto least = std::ranges::min_element(
        interests, [&](const auto& a, const auto& b) { return decayed(a, newest_us) < decayed(b, newest_us); });
    return static_cast<std::size_t>(least - interests.begin());
  }
};

Vector rounded(Vector v) {
  if (v.size() > 256) {
    for (float& x : v) x = base::from_half(base::to_half(x));
  }
  return v;
}

Vector moved(const Vector& v, double rate, const Vector& e, Met& met) {
  Vector sum = v;
  base::add_scaled(sum, static_cast<float>(rate), e);
  if (!base::normalise(sum)) {
    ++met.refused;
    return v;
  }
  return rounded(sum);
}

/// The interest that the move concerns, or -1.
int nearest(const ModelUser& user, const Vector& unit, Met& met) {
  int found = -1;
  float best = 0.5F;
  for (std::size_t i = 0; i < user.interests.size(); ++i) {
    const float cosine = base::dot(user.interests[i].v, unit);
    if (found >= 0 && cosine == best) ++met.tied;
    if (found < 0 ? cosine >= best : cosine > best) {
      found = static_cast<int>(i);
      best = cosine;
    }
  }
  return found;
}

void add_weight(ModelInterest& interest, const PreferenceStep& step, Met& met) {
  constexpr double kRate = 0.69314718055994530942 / (30.0 * 24 * 3600 * 1e6);
  const double left = base::ordered_exp(-kRate * std::abs(static_cast<double>(step.at_us - interest.newest_us)));
  if (step.at_us < interest.newest_us) {
    ++met.late;
    interest.weight += step.rate * left;
  } else {
    interest.weight = interest.weight * left + step.rate;
    interest.newest_us = step.at_us;
  }
}

std::map<Ordinal, ModelUser> fold(const std::vector<PreferenceStep>& steps, Met& met) {
  std::map<Ordinal, ModelUser> users;
  std::size_t limit = 4;
  for (const PreferenceStep& step : steps) {
    if (step.type == PreferenceStep::Type::Limit) limit = step.limit;
    if (step.type == PreferenceStep::Type::Clear) users.erase(step.user);
    if (step.type != PreferenceStep::Type::Move) continue;
    Vector unit = step.e;
    if (!base::normalise(unit) || (step.rate < 0 && !users.contains(step.user))) continue;
    ModelUser& user = users[step.user];
    user.whole = user.whole.empty() ? rounded(unit) : moved(user.whole, step.rate, step.e, met);
    while (user.interests.size() > limit) {
      user.interests.erase(user.interests.begin() + static_cast<std::ptrdiff_t>(user.weakest()));
      ++met.dropped;
    }
    const int near = nearest(user, unit, met);
    if (near >= 0) {
      ModelInterest& interest = user.interests[static_cast<std::size_t>(near)];
      interest.v = moved(interest.v, step.rate, step.e, met);
      if (step.rate > 0) add_weight(interest, step, met);
      ++(step.rate > 0 ? met.moved : met.negative);
    } else if (step.rate > 0 && limit > 0) {
      const ModelInterest founded{rounded(unit), step.rate, step.at_us};
      if (user.interests.size() < limit) {
        user.interests.push_back(founded);
      } else {
        user.interests[user.weakest()] = founded;
        ++met.displaced;
      }
      ++met.founded;
    }
    if (step.rate > 0) ++user.positives;
  }
  return users;
}

/// "" when the state says what the model says of the user.
std::string difference(const Preferences& state, const ModelUser* user, Ordinal ordinal, std::uint32_t size) {
  Vector whole(size, -7.0F);
  if (state.vector(ordinal, whole) != (user != nullptr)) return "has a preference";
  for (const Timestamp now : {Timestamp{days(-10'000).us}, Timestamp{days(35).us}, Timestamp{days(20'000).us}}) {
    const Preferences::Interests interests = state.interests(ordinal, now);
    if (interests.count != (user == nullptr ? 0 : user->interests.size())) return "count of interests";
    for (std::size_t i = 0; i < interests.count; ++i) {
      const ModelInterest& want = user->interests[i];
      if (!std::ranges::equal(interests.vector(i), want.v)) return "interest " + std::to_string(i);
      if (interests.weights[i] != decayed(want, now.us)) return "weight " + std::to_string(i);
    }
  }
  if (state.positives(ordinal) != (user == nullptr ? 0 : user->positives)) return "positives";
  if (user == nullptr) return {};
  if (whole != user->whole) return "the preference";
  const Preferences::Matcher matcher = state.matcher(ordinal);
  Vector probe(size, 0.25F);
  float best = user->interests.empty() ? base::dot(user->whole, probe) : -1e9F;
  for (const ModelInterest& i : user->interests) best = std::max(best, base::dot(i.v, probe));
  return matcher.best(probe) == best ? "" : "the best match";
}

TEST(Preferences, EqualAPlainFoldOverTheEvents) {  // R1 to R6
  constexpr std::uint64_t kHistories = 12'000;
  Met met;
  for (std::uint64_t seed = base::first_case(kHistories); seed <= kHistories; seed += base::kCaseStride) {
    static constexpr std::uint32_t kSizes[] = {2, 3, 2, 4, 17, 2, 5, 257};
    const std::uint32_t size = kSizes[seed % 8];
    const PreferenceStory story = random_preference_story(seed, size, 1 + seed % 61);
    const auto users = fold(story.steps, met);
    PreferenceWorld world;
    for (const auto& event : story.history.events()) world.apply(event);
    ASSERT_EQ(world.state.users(), users.size()) << "seed " << seed;
    for (std::uint32_t u = 0; u < kTestUsers; ++u) {
      const auto found = users.find(to_ordinal(u));
      ASSERT_EQ(difference(world.state, found == users.end() ? nullptr : &found->second, to_ordinal(u), size), "")
          << "seed " << seed << ", user " << u;
    }
  }
  const std::size_t least = kHistories / base::kCaseStride / 20;
  for (const std::size_t count :
       {met.moved, met.founded, met.displaced, met.dropped, met.refused, met.negative, met.late}) {
    EXPECT_GT(count, least);
  }
  EXPECT_GT(met.tied, 0U);
}

RC_GTEST_PROP(PreferenceView, Conforms, (std::uint64_t seed)) {
  const std::uint32_t size = seed % 5 == 0 ? 257 : static_cast<std::uint32_t>(2 + seed % 3);
  const PreferenceStory story = random_preference_story(seed, size, *rc::gen::inRange<std::size_t>(0, 120));
  RC_ASSERT(materializer::check_view([] { return std::make_unique<PreferenceWorld>(); }, story.history) == "");
}

// The state without a user is the state of the history without that user's events.
RC_GTEST_PROP(PreferenceView, ErasingAUserLeavesNoTrace, (std::uint64_t seed)) {
  const PreferenceStory story = random_preference_story(seed, 3, 120);
  PreferenceWorld erased;
  for (const auto& event : story.history.events()) erased.apply(event);
  erased.view().erase_user(to_ordinal(1));
  PreferenceWorld never;
  for (const wal::WalEvent& event : story.history.events()) {
    if (event.ids.user == to_ordinal(1)) continue;
    never.apply(event);
  }
  RC_ASSERT(erased.digest() == never.digest());
  RC_ASSERT(materializer::image_of(erased.view()) == materializer::image_of(never.view()));
  RC_ASSERT(erased.state.users() == never.state.users());
  // The table in which users have their place stays as large as it was.
  if (never.state.users() > 0) RC_ASSERT(erased.state.memory_bytes() == never.state.memory_bytes());
}

// A catalogue from a later checkpoint knows settings and definitions that the view has yet to come to.
RC_GTEST_PROP(PreferenceView, FollowsRecordsNotTheCatalogue, (std::uint64_t seed)) {
  const PreferenceStory story = random_preference_story(seed, 2, 100);
  PreferenceWorld in_step;
  for (const auto& event : story.history.events()) in_step.apply(event);
  PreferenceWorld behind;
  for (const auto& event : story.history.events()) {
    if (event.record.type == wal::RecordType::SchemaChange) behind.apply_before(event);
  }
  for (const auto& event : story.history.events()) behind.apply(event);
  RC_ASSERT(behind.digest() == in_step.digest());
}

TEST(PreferenceView, GivesOneDigestOnEveryInstructionSet) {
  for (const std::uint32_t size : {2U, 17U, 128U, 257U, 300U}) {
    const PreferenceStory story = random_preference_story(size, size, 400);
    std::set<std::string> digests;
    base::on_every_vector_target([&](const std::string&) {
      PreferenceWorld world;
      for (const auto& event : story.history.events()) world.apply(event);
      EXPECT_GT(world.state.users(), 0U);
      digests.insert(world.digest());
    });
    EXPECT_EQ(digests.size(), 1U) << size;
  }
}

}  // namespace
}  // namespace tidal::signal
