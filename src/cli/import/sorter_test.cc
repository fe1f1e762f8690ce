// The external sort beside std::stable_sort.
#include "cli/import/sorter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/memory_file_system.h"

namespace tidal::cli {
namespace {

using Entries = std::vector<std::pair<int, std::string>>;

/// 0 to 9 as sections and times in them.
SortKey key_of(int number) { return {.section = static_cast<std::uint32_t>(number / 3), .time = number % 3 - 1}; }

std::vector<std::string> sorted_by(Sorter& sorter, const Entries& entries) {
  for (const auto& [key, bytes] : entries) EXPECT_TRUE(sorter.add(key_of(key), bytes).ok());
  EXPECT_TRUE(sorter.finish().ok());
  std::vector<std::string> out;
  std::string_view bytes;
  while (true) {
    const Result<bool> more = sorter.next(bytes);
    EXPECT_TRUE(more.ok());
    if (!more.ok() || !*more) return out;
    out.emplace_back(bytes);
  }
}

std::vector<std::string> expected(Entries entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (auto& [key, bytes] : entries) out.push_back(bytes);
  return out;
}

RC_GTEST_PROP(Sorter, IsAStableSortWhateverTheMemory, ()) {  // O1
  Entries entries = *rc::gen::container<Entries>(
      rc::gen::pair(rc::gen::inRange(0, 10), rc::gen::container<std::string>(rc::gen::inRange('a', 'z'))));
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].second += std::to_string(i);
  base::MemoryFileSystem fs;
  Sorter sorter(fs, "spill", *rc::gen::inRange<std::size_t>(1, 400));
  RC_ASSERT(sorted_by(sorter, entries) == expected(entries));
}

TEST(Sorter, SpillsWhatDoesNotFitAndCleansUp) {  // O2
  base::MemoryFileSystem fs;
  Entries entries;
  for (int i = 0; i < 5000; ++i)
    entries.emplace_back(i * 7919 % 1000, std::string(100, static_cast<char>('a' + i % 26)) + std::to_string(i));
  {
    Sorter sorter(fs, "spill", 64 << 10);
    EXPECT_EQ(sorted_by(sorter, entries), expected(entries));
    EXPECT_GT(sorter.runs(), 5U);
    EXPECT_TRUE(fs.is_directory("spill"));
  }
  EXPECT_FALSE(fs.exists("spill"));
}

TEST(Sorter, TouchesNoFileWhileEverythingFits) {
  base::MemoryFileSystem fs;
  Sorter sorter(fs, "spill", 1 << 20);
  EXPECT_EQ(sorted_by(sorter, {{2, "b"}, {1, "a"}}), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(fs.operations(), 0U);
}

TEST(Sorter, ReportsAFullDisk) {
  base::MemoryFileSystem fs;
  fs.set_space(1000);
  Sorter sorter(fs, "spill", 512);
  Status status;
  for (int i = 0; i < 1000 && status.ok(); ++i) status = sorter.add(key_of(i), std::string(100, 'x'));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::ResourceExhausted);
}

}  // namespace
}  // namespace tidal::cli
