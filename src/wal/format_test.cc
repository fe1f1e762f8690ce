// The worked examples in docs/formats/ are what we write, and what they show is still read.
#include <gtest/gtest.h>

#include <cstdio>
#include <sstream>

#include "wal/archive_format.h"
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

/// The `number`-th block of the page that begins with ```hex.
std::string documented_dump(const std::string& name, int number = 0) {
  const Result<std::string> page = base::read_file(base::posix_file_system(), TIDAL_SOURCE_DIR "/docs/formats/" + name);
  EXPECT_TRUE(page.ok());
  if (!page.ok()) return {};
  std::size_t begin = 0;
  for (int i = 0; i <= number; ++i) begin = page->find("```hex\n", begin) + 7;
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
  EXPECT_EQ(dump(image_of(fs).begin()->second), documented_dump("wal.md"));
}

TEST(Format, TheDocumentedExampleIsStillRead) {
  const std::unique_ptr<base::MemoryFileSystem> fs =
      files_of({{segment_file_name(SeqNo{1}), undump(documented_dump("wal.md"), kSmallSegmentBytes)}});
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

ArchiveHeader example_archive() {
  return {.segment_check = 0xA2C44CBC,
          .first_seqno = SeqNo{1},
          .last_seqno = SeqNo{7},
          .record_count = 7,
          .first_append_time = kNow,
          .last_append_time = kNow + seconds(60),
          .created_at = kNow,
          .segment_bytes = kSmallSegmentBytes};
}

TEST(Format, TheDocumentedArchiveIsWhatIsWritten) {
  ArchiveHeader header = example_archive();
  EXPECT_EQ(dump(encode_archive_header(header)), documented_dump("archive.md"));
  EXPECT_EQ(dump(encode_archive_table(header, {{.compressed_bytes = 1000, .crc = 0x01020304}})),
            documented_dump("archive.md", 1));
}

TEST(Format, TheDocumentedArchiveIsStillRead) {
  const std::string block = undump(documented_dump("archive.md"), kArchiveHeaderBytes);
  const Result<ArchiveHeader> header = decode_archive_header(block);
  ASSERT_TRUE(header.ok()) << header.error().to_string();
  ArchiveHeader expected = example_archive();
  EXPECT_EQ(encode_archive_header(expected), block);
  EXPECT_EQ(header->last_append_time, expected.last_append_time);
  const std::string table = undump(documented_dump("archive.md", 1), archive_table_bytes(1));
  const std::uint64_t file_bytes = kArchiveHeaderBytes + 1000 + table.size();
  const Result<ArchiveTrailer> trailer =
      decode_archive_trailer(std::string_view(table).substr(table.size() - kArchiveTrailerBytes), *header, file_bytes);
  ASSERT_TRUE(trailer.ok()) << trailer.error().to_string();
  EXPECT_EQ(decode_archive_table(table, *trailer)->at(0).crc, 0x01020304U);
}

}  // namespace
}  // namespace tidal::wal
