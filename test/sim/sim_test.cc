// Simulated histories of a whole database, and canaries that show that they can fail.
//
// TIDAL_HISTORIES sets the number of histories, TIDAL_SEED the first seed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "base/case_stride_for_test.h"
#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// So many histories meet everything that can happen.
constexpr std::uint64_t kHistoriesThatMeetAll = 600;

TEST(SimulationTest, LosesNothingDoublesNothingAndAnswersAsTheModelDoes) {
  const std::uint64_t first = number_from("TIDAL_SEED", 1);
  const std::uint64_t histories = number_from("TIDAL_HISTORIES", kHistoriesThatMeetAll);
  Tally tally;
  for (std::uint64_t seed = first; seed < first + histories && !testing::Test::HasFailure(); ++seed) {
    const Failure failure = Simulation({.seed = seed}, tally).run();
    EXPECT_EQ(failure.fault, Fault::None) << "seed " << seed << " step " << failure.step << ": " << failure.what
                                          << "\nmake sim SEED=" << seed << " prints every step";
  }
  std::printf("%llu histories, %llu steps, %llu crashes: %s\n", static_cast<unsigned long long>(tally.histories),
              static_cast<unsigned long long>(tally.steps), static_cast<unsigned long long>(tally.crashes),
              tally.coverage().c_str());
  EXPECT_TRUE(histories < kHistoriesThatMeetAll || tally.rare().empty()) << "hardly occurred: " << tally.rare();
}

TEST(SimulationTest, OfOneSeedRepeatsItself) {
  for (std::uint64_t seed = 1; seed <= 30; seed += base::kCaseStride) {
    Tally once;
    Tally again;
    static_cast<void>(Simulation({.seed = seed}, once).run());
    static_cast<void>(Simulation({.seed = seed}, again).run());
    EXPECT_EQ(once.steps, again.steps) << "seed " << seed;
    EXPECT_EQ(once.crashes, again.crashes) << "seed " << seed;
    EXPECT_EQ(once.happened, again.happened) << "seed " << seed;
  }
}

TEST(Policies, AsyncLosesNothingOlderThanItsInterval) {
  const IntervalLosses losses = run_interval_histories(200);
  EXPECT_EQ(losses.doubled, 0U);
  EXPECT_GT(losses.lost, 0U);
  EXPECT_LE(losses.oldest_lost, kPolicyInterval);
  EXPECT_GT(run_interval_histories(200, minutes(1)).oldest_lost, kPolicyInterval) << "a late sync is not noticed";
}

struct Canary {
  std::string_view name;
  IgnoredSync ignored;
};

class SimulationCanary : public testing::TestWithParam<Canary> {};

/// A build that forgot one of its syncs must not pass: here each is turned off in turn.
TEST_P(SimulationCanary, IsNoticed) {
  constexpr std::uint64_t kHistoriesMax = 400;
  Tally tally;
  for (std::uint64_t seed = 1; seed <= kHistoriesMax; ++seed) {
    const Failure failure = Simulation({.seed = seed, .ignored = GetParam().ignored}, tally).run();
    if (failure.fault == Fault::None) continue;
    std::printf("history %llu: %s: %s\n", static_cast<unsigned long long>(seed),
                std::string(fault_name(failure.fault)).c_str(), failure.what.c_str());
    return;
  }
  FAIL() << kHistoriesMax << " histories did not notice";
}

using SyncKind = base::MemoryFileSystem::SyncKind;
INSTANTIATE_TEST_SUITE_P(EachSync, SimulationCanary,
                         testing::Values(Canary{"log", {SyncKind::File, "/db/wal/"}},
                                         Canary{"log_directory", {SyncKind::Directory, "/db/wal"}},
                                         Canary{"checkpoint_files", {SyncKind::File, "/checkpoints/"}},
                                         Canary{"checkpoint_directory", {SyncKind::Directory, "/checkpoints"}},
                                         Canary{"base_files", {SyncKind::File, "/db/base/"}},
                                         Canary{"base_directory", {SyncKind::Directory, "/db/base"}},
                                         Canary{"archive_files", {SyncKind::File, "/db/archive/"}},
                                         Canary{"archive_directory", {SyncKind::Directory, "/db/archive"}},
                                         Canary{"backup_files", {SyncKind::File, "/backup/"}},
                                         Canary{"backup_directory", {SyncKind::Directory, "/backup"}}),
                         [](const auto& canary) { return std::string(canary.param.name); });

}  // namespace
}  // namespace tidal::sim
