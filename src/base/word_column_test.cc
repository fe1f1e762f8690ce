// A column's past is what it was, however much is set afterwards or meanwhile.
#include "base/word_column.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"

namespace tidal::base {
namespace {

using Column = WordColumn<std::uint64_t>;

TEST(WordColumn, ReadsZeroWhereNothingWasSet) {
  Column column;
  EXPECT_EQ(column.get(7), 0U);
  column.set(1000, 0);  // nothing to remember
  EXPECT_EQ(column.end(), 0U);
  column.set(1000, 5);
  EXPECT_EQ(column.get(1000), 5U);
  EXPECT_EQ(column.get(999), 0U);
  EXPECT_EQ(column.end(), 1001U);
}

TEST(WordColumn, KeepsEachOfSeveralPasts) {
  Column column;
  column.set(0, 1);
  const Column::Past first = column.capture();
  column.set(0, 2);
  column.set(3, 30);
  {
    const Column::Past second = column.capture();
    column.set(0, 3);
    column.set(3, 0);
    EXPECT_EQ(second.copy(), (std::vector<std::uint64_t>{2, 0, 0, 30}));
  }
  column.set(0, 4);
  EXPECT_EQ(first.copy(), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(column.capture().copy(), (std::vector<std::uint64_t>{4, 0, 0, 0}));
}

TEST(WordColumnConcurrency, APastReadBesideTheWriterIsThePast) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    Column column;
    for (int i = 0; i < 2000; ++i) column.set(static_cast<std::uint32_t>(random.below(3000)), 1 + random.below(9));
    std::vector<std::uint64_t> expected(column.end());
    for (std::uint32_t i = 0; i < expected.size(); ++i) expected[i] = column.get(i);
    const Column::Past past = column.capture();
    std::vector<std::uint64_t> seen;
    std::thread reader([&] { seen = past.copy(); });
    for (int i = 0; i < 20'000; ++i) column.set(static_cast<std::uint32_t>(random.below(4000)), random.below(9));
    reader.join();
    ASSERT_EQ(seen, expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tidal::base
