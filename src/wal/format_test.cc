// The worked example in docs/formats/wal.md is what we write, and what it shows is still read.
#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>

#include "wal/log_fixture.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

constexpr std::size_t kRowBytes = 16;

/// Rows of 16 bytes; rows of zeros are left out.
std::string dump(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += kRowBytes) {
    const std::string_view row = bytes.substr(at, kRowBytes);
    if (row.find_first_not_of('\0') == std::string_view::npos) continue;
    char field[32];
    std::snprintf(field, sizeof field, "%06zx ", at);
    out += field;
    std::string text;
    for (const char c : row) {
      std::snprintf(field, sizeof field, " %02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += field;
      text += c >= ' ' && c <= '~' ? c : '.';
    }
    out += "  " + text + "\n";
  }
  return out;
}

/// Back from a dump to the bytes.
std::string undump(const std::string& text, std::size_t size) {
  std::string bytes(size, '\0');
  std::istringstream rows(text);
  for (std::string row; std::getline(rows, row);) {
    const std::size_t at = std::stoul(row.substr(0, 6), nullptr, 16);
    for (std::size_t i = 0; i < kRowBytes; ++i) {
      bytes.at(at + i) = static_cast<char>(std::stoul(row.substr(8 + 3 * i, 2), nullptr, 16));
    }
  }
  return bytes;
}

/// The block of the page that begins with ```hex.
std::string documented_dump() {
  const Result<std::string> page = base::read_file(base::posix_file_system(), TIDAL_SOURCE_DIR "/docs/formats/wal.md");
  EXPECT_TRUE(page.ok());
  if (!page.ok()) return {};
  const std::size_t begin = page->find("```hex\n") + 7;
  return page->substr(begin, page->find("```", begin) - begin);
}

Record example_record() {
  Record record = record_of("like");
  record.flags = kFlagTimeGiven;
  record.subject_key = "song:42";
  record.user_key = "ann";
  record.event_time = kNow - seconds(1);
  record.extensions = {{static_cast<std::uint8_t>(Tag::IdempotencyKey), "k1"}};
  return record;
}

TEST(Format, TheDocumentedExampleIsWhatIsWritten) {
  base::MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  const Record record = example_record();
  ASSERT_TRUE(log->append(std::span(&record, 1), kNow).ok());
  ASSERT_TRUE(log->close(kNow).ok());
  EXPECT_EQ(dump(image_of(fs).begin()->second), documented_dump());
}

TEST(Format, TheDocumentedExampleIsStillRead) {
  const std::unique_ptr<base::MemoryFileSystem> fs =
      files_of({{segment_file_name(SeqNo{1}), undump(documented_dump(), kSmallSegmentBytes)}});
  EXPECT_TRUE(verify_log(*fs, kDir)->defects.empty());
  const std::unique_ptr<Log> log = *open_log(*fs);
  const Record expected = example_record();
  int seen = 0;
  ASSERT_TRUE(log->replay(SeqNo{1},
                          [&](std::span<WalEvent> events) -> Status {
                            ++seen;
                            const WalEvent& event = events.front();
                            EXPECT_EQ(event.append_time, kNow);
                            EXPECT_EQ(event.record.subject_key, expected.subject_key);
                            EXPECT_EQ(event.record.user_key, expected.user_key);
                            EXPECT_EQ(event.record.payload, expected.payload);
                            EXPECT_EQ(event.record.event_time, expected.event_time);
                            EXPECT_EQ(event.record.extensions.at(0).bytes, "k1");
                            return {};
                          })
                  .ok());
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace tidal::wal
