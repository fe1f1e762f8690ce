// Bitmaps: set algebra against std::set, and a reader that damage cannot harm.
#include "index/bitmap.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

namespace tidal::index {
namespace {

using Members = std::set<std::uint32_t>;

/// Clustered, so that arrays, bitsets and runs all occur, in several blocks of 2^16.
rc::Gen<Members> members() {
  return rc::gen::exec([] {
    Members out;
    const int clusters = *rc::gen::inRange(0, 6);
    for (int c = 0; c < clusters; ++c) {
      const std::uint32_t start = *rc::gen::inRange(0U, 5U) * 65536U + *rc::gen::inRange(0U, 65536U);
      const std::uint32_t length = *rc::gen::element(1U, 3U, 100U, 6000U);
      const std::uint32_t step = *rc::gen::element(1U, 2U, 7U);
      for (std::uint32_t i = 0; i < length; ++i) out.insert(start + i * step);
    }
    return out;
  });
}

Bitmap bitmap_of(const Members& set) {
  std::vector<Ordinal> ordinals;
  for (const std::uint32_t m : set) ordinals.push_back(to_ordinal(m));
  return Bitmap::of(ordinals);
}

Members members_of(const Bitmap& b) {
  Members out;
  for (const Ordinal o : b.to_vector()) out.insert(to_index(o));
  return out;
}

RC_GTEST_PROP(Bitmap, AlgebraEqualsThatOfSets, ()) {
  const Members a = *members();
  const Members b = *members();
  Members both, either, left, one;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::inserter(either, either.end()));
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(left, left.end()));
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(one, one.end()));
  const auto with = [&](auto op) {
    Bitmap x = bitmap_of(a);
    op(x, bitmap_of(b));
    return members_of(x);
  };
  RC_ASSERT(with([](Bitmap& x, const Bitmap& y) { x &= y; }) == both);
  RC_ASSERT(with([](Bitmap& x, const Bitmap& y) { x |= y; }) == either);
  RC_ASSERT(with([](Bitmap& x, const Bitmap& y) { x -= y; }) == left);
  RC_ASSERT(with([](Bitmap& x, const Bitmap& y) { x ^= y; }) == one);
  RC_ASSERT(bitmap_of(a).cardinality() == a.size());
  RC_ASSERT((bitmap_of(a) == bitmap_of(b)) == (a == b));
}

RC_GTEST_PROP(Bitmap, WordsMeanTheirOneBits, ()) {
  const Members a = *members();
  std::vector<std::uint64_t> words(a.empty() ? 0 : *a.rbegin() / 64 + 1);
  for (const std::uint32_t m : a) words[m / 64] |= std::uint64_t{1} << (m % 64);
  RC_ASSERT(members_of(Bitmap::of_words(words)) == a);
}

RC_GTEST_PROP(Bitmap, ReadsWhatItWrote, ()) {
  const Members a = *members();
  Bitmap b = bitmap_of(a);
  if (*rc::gen::arbitrary<bool>()) b.optimize();
  std::string bytes;
  b.serialize(bytes);
  const Result<Bitmap> back = Bitmap::deserialize(bytes);
  RC_ASSERT(back.ok());
  RC_ASSERT(members_of(*back) == a);
}

// Whatever is accepted must be a set that can be walked: ASan and UBSan watch.
RC_GTEST_PROP(Bitmap, DamageIsCorruptionOrAnotherSet, ()) {
  Bitmap b = bitmap_of(*members());
  if (*rc::gen::arbitrary<bool>()) b.optimize();
  std::string bytes;
  b.serialize(bytes);
  const int edits = *rc::gen::inRange(1, 4);
  for (int i = 0; i < edits; ++i) {
    const std::size_t in_header = std::min<std::size_t>(bytes.size(), 64);
    bytes[*rc::gen::inRange<std::size_t>(0, in_header)] = *rc::gen::arbitrary<char>();
  }
  bytes.resize(bytes.size() - *rc::gen::inRange<std::size_t>(0, 3));
  const Result<Bitmap> read = Bitmap::deserialize(bytes);
  if (read.ok()) {
    RC_ASSERT(read->to_vector().size() == read->cardinality());
    std::string again;
    read->serialize(again);
    RC_ASSERT(Bitmap::deserialize(again).ok());
  } else {
    RC_ASSERT(read.error().code == Code::Corruption);
  }
}

TEST(Bitmap, StopsWhenTheVisitorHasEnough) {
  const Bitmap b = Bitmap::range(1000);
  std::uint32_t visited = 0;
  b.for_each([&](Ordinal o) {
    EXPECT_EQ(to_index(o), visited);
    return ++visited < 10;
  });
  EXPECT_EQ(visited, 10U);
}

TEST(Bitmap, IsItsOwnOperand) {
  Bitmap b = Bitmap::range(10);
  const Bitmap& same = b;  // by another name: compilers warn about the plain form
  b &= same;
  b |= same;
  EXPECT_EQ(b.cardinality(), 10U);
  Bitmap c = b;
  const Bitmap& same_c = c;
  c -= same_c;
  EXPECT_TRUE(c.empty());
  b ^= same;
  EXPECT_TRUE(b.empty());
}

TEST(Bitmap, EmptyBytesAreCorruption) { EXPECT_EQ(Bitmap::deserialize("").error().code, Code::Corruption); }

/// Folder of shared test data: named by the environment, else beside the source tree.
std::filesystem::path shared_data() {
  if (const char* named = std::getenv("TIDAL_SHARED_DATA")) return named;
  return std::filesystem::path(__FILE__).parent_path() / "../../../shared/data";
}

TEST(Bitmap, PublishedFilesReadOrAreRefused) {
  const auto folder = shared_data() / "test-vectors/croaring";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no Roaring test files: set TIDAL_SHARED_DATA";
  int good = 0;
  int bad = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const Result<Bitmap> read = Bitmap::deserialize(bytes);
    const std::string name = entry.path().filename();
    if (name == "bitmapwithruns.bin" || name == "bitmapwithoutruns.bin") {
      ASSERT_TRUE(read.ok()) << name << ": " << read.error().to_string();
      EXPECT_EQ(read->cardinality(), 200'100U) << name;
      ++good;
    } else if (name.starts_with("crashprone")) {
      ASSERT_FALSE(read.ok()) << name;
      EXPECT_EQ(read.error().code, Code::Corruption);
      ++bad;
    } else if (read.ok()) {
      EXPECT_EQ(read->to_vector().size(), read->cardinality()) << name;
    }
  }
  EXPECT_EQ(good, 2);
  EXPECT_EQ(bad, 7);
}

}  // namespace
}  // namespace tidal::index
