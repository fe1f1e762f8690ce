// Compression by content, and lines of any length.
#include "cli/import/input_stream.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include "base/memory_file_system.h"
#include "cli/import/gzip_text.h"
#include "cli/import/line_reader.h"

namespace tidal::cli {
namespace {

std::string zstd(std::string_view text) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);  // as the zstd program does
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

Result<std::vector<std::string>> lines_of(std::string_view content) {
  base::MemoryFileSystem fs;
  EXPECT_TRUE(base::write_file_atomically(fs, "f", content).ok());
  TIDAL_TRY_ASSIGN(std::unique_ptr<InputStream> stream, open_input(fs, "f"));
  LineReader reader(std::move(stream));
  std::vector<std::string> lines;
  Line line;
  while (true) {
    TIDAL_TRY_ASSIGN(const bool more, reader.next(line));
    if (!more) return lines;
    lines.push_back(line.too_long ? "too long" : std::string(line.text));
  }
}

std::string many_lines() {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

TEST(InputStream, ReadsPlainGzipAndZstdAlike) {
  const std::string text = many_lines();
  const auto plain = lines_of(text);
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->size(), 300'000U);
  EXPECT_EQ(plain->back(), "line 299999");
  EXPECT_EQ(*lines_of(gzip(text)), *plain);
  EXPECT_EQ(*lines_of(zstd(text)), *plain);
}

TEST(InputStream, ReadsSeveralMembersAndFrames) {
  const std::vector<std::string> expected = {"a", "b"};
  EXPECT_EQ(*lines_of(gzip("a\n") + gzip("b\n")), expected);
  EXPECT_EQ(*lines_of(zstd("a\n") + zstd("b\n")), expected);
}

TEST(InputStream, RefusesCompressedDataThatEndsEarly) {
  const std::string text = many_lines();
  for (const std::string& whole : {gzip(text), zstd(text)}) {
    const auto lines = lines_of(std::string_view(whole).substr(0, whole.size() / 2));
    ASSERT_FALSE(lines.ok());
    EXPECT_EQ(lines.error().code, Code::Corruption);
  }
}

TEST(InputStream, RefusesDamagedCompressedData) {
  for (std::string damaged : {gzip(many_lines()), zstd(many_lines())}) {
    for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 64; ++i)
      damaged[i] = static_cast<char>(~damaged[i]);
    const auto lines = lines_of(damaged);
    ASSERT_FALSE(lines.ok());
    EXPECT_EQ(lines.error().code, Code::Corruption);
  }
}

TEST(InputStream, TakesAnEmptyFile) { EXPECT_TRUE(lines_of("")->empty()); }

TEST(LineReader, TakesALineLongerThanItsBuffer) {
  const std::string longest(5 << 20, 'x');
  EXPECT_EQ(*lines_of("a\n" + longest + "\nb\n"), (std::vector<std::string>{"a", longest, "b"}));
}

TEST(LineReader, PassesOverALineAboveTheLimit) {
  const std::string text = "a\n" + std::string(kLineBytesMax + (2 << 20), 'x') + "\nb\n";
  EXPECT_EQ(*lines_of(text), (std::vector<std::string>{"a", "too long", "b"}));
}

}  // namespace
}  // namespace tidal::cli
