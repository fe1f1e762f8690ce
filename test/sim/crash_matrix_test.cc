// Every crash point with a few histories; tidal_sim --matrix runs many.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file_system.h"
#include "test/sim/matrix.h"

namespace tidal::sim {
namespace {

class CrashMatrix : public testing::TestWithParam<std::size_t> {};

TEST_P(CrashMatrix, LosesNothingAndDoublesNothing) {
  const MatrixRow row = run_row(crash_points()[GetParam()], {.in_memory = 8, .by_signal = 1});
  for (const std::string& line : row.bad) ADD_FAILURE() << line;
  EXPECT_GE(row.in_memory, 8U);
  EXPECT_GE(row.by_signal, row.point->by_signal ? 1U : 0U);
}

INSTANTIATE_TEST_SUITE_P(EachPoint, CrashMatrix, testing::Range(std::size_t{0}, crash_points().size()));

TEST(ReliabilityPage, NamesEveryPoint) {
  const Result<std::string> page =
      base::read_file(base::posix_file_system(), std::string(TIDAL_SOURCE_DIR) + "/docs/reliability.md");
  ASSERT_TRUE(page.ok()) << page.error().to_string();
  for (const CrashPoint& point : crash_points()) {
    std::string row = "| ";
    row += point.name;
    row += " |";
    EXPECT_NE(page->find(row), std::string::npos) << row << " tidal_sim --matrix --write docs/reliability.md";
  }
}

}  // namespace
}  // namespace tidal::sim
