// Tests of the array whose elements never move.
#include "base/chunked_array.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace tidal::base {
namespace {

struct alignas(64) Line {
  std::uint64_t words[8];
};

TEST(ChunkedArray, KeepsAddressesWhileItGrows) {
  ChunkedArray<int, 2> array;
  std::vector<int*> addresses;
  for (std::size_t i = 0; i < 1000; ++i) {
    array.at_grown(i) = static_cast<int>(i);
    addresses.push_back(&array[i]);
  }
  for (std::size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(&array[i], addresses[i]);
    EXPECT_EQ(array[i], static_cast<int>(i));
  }
}

TEST(ChunkedArray, StartsElementsAtTheirInitialValue) {
  ChunkedArray<std::uint32_t, 2> plain;
  ChunkedArray<std::string, 2> strings;
  plain.grow(100);
  strings.grow(100);
  for (std::size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(plain[i], 0U);
    EXPECT_EQ(strings[i], "");
  }
}

TEST(ChunkedArray, AlignsElements) {
  ChunkedArray<Line, 2> lines;
  lines.grow(300);
  for (std::size_t i = 0; i < 300; ++i) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&lines[i]) % 64, 0U);
}

TEST(ChunkedArray, FindsNothingWhereItNeverGrew) {
  ChunkedArray<int, 2> array;
  EXPECT_EQ(array.find(0), nullptr);
  array.grow(4);
  EXPECT_NE(array.find(3), nullptr);
  EXPECT_EQ(array.find(4), nullptr);
  array.clear();
  EXPECT_EQ(array.find(0), nullptr);
}

TEST(ChunkedArray, PiecesCoverExactlyWhatIsAsked) {
  ChunkedArray<int, 2> array;
  for (std::size_t i = 0; i < 37; ++i) array.at_grown(i) = static_cast<int>(i);
  for (std::size_t from = 0; from < 37; ++from) {
    std::vector<int> seen;
    array.for_each_piece(from, 37 - from, [&](std::size_t at, const int* piece, std::size_t count) {
      EXPECT_EQ(at, from + seen.size());
      seen.insert(seen.end(), piece, piece + count);
    });
    ASSERT_EQ(seen.size(), 37 - from);
    for (std::size_t i = from; i < 37; ++i) EXPECT_EQ(seen[i - from], static_cast<int>(i));
  }
}

TEST(ChunkedArray, PiecesThatNeverGrewAreNull) {
  ChunkedArray<int, 2> array;
  array.grow(4);
  std::size_t missing = 0;
  array.for_each_piece(2, 10, [&](std::size_t, const int* piece, std::size_t count) {
    if (piece == nullptr) missing += count;
  });
  EXPECT_EQ(missing, 8U);
}

}  // namespace
}  // namespace tidal::base
