// Checksums and hashes against published values.
#include "base/hash.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/crc32c.h"
#include "base/file_system.h"
#include "base/random.h"

namespace tidal::base {
namespace {

std::string ascending(std::size_t n) {
  std::string s(n, '\0');
  std::iota(s.begin(), s.end(), char{0});
  return s;
}

Hash256 key_of(std::string_view words) {
  Hash256 key{};
  std::copy_n(words.begin(), std::min(words.size(), key.size()), key.begin());
  return key;
}

/// A file of the shared data folder, decompressed; empty when there is no such folder here.
std::string shared_data(const std::string& name) {
  const char* const given = std::getenv("TIDAL_SHARED_DATA");
  const std::string folder = given != nullptr ? given : TIDAL_SOURCE_DIR "/../shared/data";
  const Result<std::string> compressed = read_file(posix_file_system(), folder + "/" + name);
  if (!compressed.ok()) return {};
  const unsigned long long size = ZSTD_getFrameContentSize(compressed->data(), compressed->size());
  EXPECT_LT(size, 100'000'000U);
  std::string content(static_cast<std::size_t>(size), '\0');
  EXPECT_EQ(ZSTD_decompress(content.data(), content.size(), compressed->data(), compressed->size()), content.size());
  return content;
}

// Values: RFC 3720, appendix B.4.
TEST(Crc32c, MatchesThePublishedVectors) {
  const auto check = [](std::string_view bytes, std::uint32_t expected) {
    EXPECT_EQ(crc32c(bytes), expected);
    EXPECT_EQ(crc32c_portable(bytes), expected);
  };
  check("", 0);
  check("123456789", 0xE3069283);
  check(std::string(32, '\0'), 0x8A9136AA);
  check(std::string(32, '\xFF'), 0x62A8AB43);
  check(ascending(32), 0x46DD794E);
}

TEST(Crc32c, BothWaysAgreeAtEveryLengthAndContinue) {
  Random random(7);
  std::string bytes(300, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    const std::string_view head = std::string_view(bytes).substr(0, n);
    EXPECT_EQ(crc32c(head), crc32c_portable(head));
    EXPECT_EQ(crc32c(std::string_view(bytes).substr(n), crc32c(head)), crc32c(bytes));
  }
}

// Values: the empty input of xxHash 0.8 (xxhsum -H3 and -H2).
TEST(Xxh3, MatchesThePublishedValuesOfTheEmptyInput) {
  EXPECT_EQ(xxh3_64(""), 0x2D06800538D394C2U);
  EXPECT_EQ(to_hex(xxh3_128("")), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(xxh3_64("a", 1), xxh3_64("a", 0));
}

TEST(Blake3, MatchesThePublishedValueOfTheEmptyInput) {
  EXPECT_EQ(to_hex(blake3("")), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

// Two entries of the official test vectors; all of them when their file is at hand.
TEST(Blake3, MatchesTheOfficialVectorsOfShortInputs) {
  EXPECT_EQ(to_hex(blake3(std::string(1, '\0'))), "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
  EXPECT_EQ(to_hex(blake3_keyed(key_of("whats the Elvish word for friend"), "")),
            "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26");
}

TEST(Blake3, IsTheSameOfPiecesAsOfTheWhole) {
  std::string input(5000, '\0');
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i % 251);
  Blake3 pieces;
  EXPECT_EQ(pieces.digest(), blake3(""));
  for (std::size_t at = 0, n = 1; at < input.size(); at += n, n *= 2) {
    pieces.add(std::string_view(input).substr(at, n));
    EXPECT_EQ(pieces.digest(), blake3(std::string_view(input).substr(0, at + n))) << at;
  }
}

TEST(Blake3, MatchesTheOfficialVectors) {
  const std::string file = shared_data("test-vectors/blake3_test_vectors.json.zst");
  if (file.empty()) GTEST_SKIP() << "the file of test vectors is not here; TIDAL_SHARED_DATA names its folder";
  const nlohmann::json vectors = nlohmann::json::parse(file);
  const Hash256 key = key_of(vectors["key"].get<std::string>());
  ASSERT_GT(vectors["cases"].size(), 30U);
  for (const nlohmann::json& c : vectors["cases"]) {
    std::string input(c["input_len"].get<std::size_t>(), '\0');
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<char>(i % 251);
    EXPECT_EQ(to_hex(blake3(input)), c["hash"].get<std::string>().substr(0, 64)) << input.size();
    EXPECT_EQ(to_hex(blake3_keyed(key, input)), c["keyed_hash"].get<std::string>().substr(0, 64)) << input.size();
  }
}

}  // namespace
}  // namespace tidal::base
