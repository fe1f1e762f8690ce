// The table of edges against a map, and what a capture of it keeps.
#include "relationship/edge_table.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/epoch.h"
#include "base/random.h"

namespace tidal::relationship {
namespace {

using Kind = EdgeCell::Kind;

std::vector<EdgeCell> cells_of(const std::map<Ordinal, EdgeCell>& model) {
  std::vector<EdgeCell> out;
  for (const auto& [other, cell] : model) out.push_back(cell);
  return out;
}

RC_GTEST_PROP(EdgeTable, EqualsAMap, (std::uint64_t seed)) {  // E1, E2
  base::Random random(seed);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random.below(n)); };
  EdgeTable table;
  std::map<Ordinal, EdgeCell> model;
  const int steps = *rc::gen::element(3, 40, 4000);
  const std::uint32_t ends = *rc::gen::element(3U, 60U, 3000U);
  for (int i = 0; i < steps; ++i) {
    const Ordinal other = to_ordinal(below(ends));
    const std::uint32_t what = below(1000);
    if (what == 0) {
      table.clear();
      model.clear();
    } else if (what < 200) {
      table.remove(other);
      model.erase(other);
    } else {
      const EdgeCell cell{other, what < 400 ? Kind::Fallen : Kind::Standing, i, what / 8.0};
      table.put(cell);
      model[other] = cell;
    }
    const auto known = model.find(other);
    RC_ASSERT(table.find(other) == (known == model.end() ? std::nullopt : std::optional(known->second)));
  }
  RC_ASSERT(table.cells() == cells_of(model));

  std::vector<Ordinal> others(below(400));
  for (Ordinal& other : others) other = to_ordinal(below(ends + 2));
  if (random.coin()) std::sort(others.begin(), others.end());
  std::vector<double> standing(others.size(), -1);
  table.standing(others, standing);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto known = model.find(others[i]);
    RC_ASSERT(standing[i] == (known != model.end() && known->second.kind == Kind::Standing ? 1.0 : 0.0));
  }
}

TEST(EdgeTable, ACaptureKeepsItsMoment) {
  EdgeTable table;
  const auto put = [&](std::uint32_t other, std::int64_t at) {
    table.put({to_ordinal(other), Kind::Standing, at, 1.0});
  };
  for (std::uint32_t i = 0; i < 50; ++i) put(i, 1);
  const std::vector<EdgeCell> then = table.cells();
  const base::EpochPin pin;
  const EdgeTable::Capture capture = table.capture();
  for (std::uint32_t i = 0; i < 200; ++i) put(i, 2);
  table.remove(to_ordinal(3));
  EXPECT_EQ(capture.cells(), then);
  table.clear();
  EXPECT_EQ(capture.cells(), then);
  EXPECT_TRUE(table.cells().empty());
}

TEST(EdgeTable, RemovingEverythingLeavesNothing) {
  EdgeTable table;
  for (std::uint32_t i = 0; i < 100; ++i) table.put({to_ordinal(i), Kind::Standing, 1, 1.0});
  for (std::uint32_t i = 0; i < 100; ++i) table.remove(to_ordinal(i));
  EXPECT_TRUE(table.cells().empty());
  EXPECT_FALSE(table.find(to_ordinal(0)));
}

}  // namespace
}  // namespace tidal::relationship
