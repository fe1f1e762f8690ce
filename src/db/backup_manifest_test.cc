// The manifest of a backup: what is written is read again, and nothing else is.
#include "db/backup_manifest.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/memory_file_system.h"

namespace tidal::db {
namespace {

BackupManifest example() {
  return {.seqno = SeqNo{},
          .last_append = Timestamp{},
          .created_at = Timestamp{1'795'348'800'000'000},
          .files = {{.path = "wal/00000000000000000001.wal", .sum = {.bytes = 16384, .checksum = 0x01020304}}}};
}

/// The bytes of the worked example: rows of an offset, up to 16 bytes in hex, and text.
std::string documented_example() {
  const std::string page =
      base::read_file(base::posix_file_system(), TIDAL_SOURCE_DIR "/docs/formats/backup.md").value();
  const std::size_t begin = page.find("```hex\n") + 7;
  std::istringstream rows(page.substr(begin, page.find("```", begin) - begin));
  std::string bytes;
  for (std::string row; std::getline(rows, row);) {
    std::istringstream hex(row.substr(8, 3 * 16));
    for (std::string byte; hex >> byte;) bytes.push_back(static_cast<char>(std::stoul(byte, nullptr, 16)));
  }
  return bytes;
}

/// With the checksum that it should have.
std::string sealed(std::string content) {
  base::Encoder out;
  out.raw(content);
  out.u32(base::crc32c(content));
  return out.take();
}

TEST(BackupManifest, IsWrittenAsThePageShows) {
  EXPECT_EQ(encode_backup_manifest(example()), documented_example());
  const BackupManifest read = decode_backup_manifest(documented_example()).value();
  EXPECT_EQ(read.created_at, example().created_at);
  ASSERT_EQ(read.files.size(), 1U);
  EXPECT_EQ(read.files.front().path, example().files.front().path);
  EXPECT_EQ(read.files.front().sum, example().files.front().sum);
  EXPECT_EQ(read.bytes(), 16384U);
}

TEST(BackupManifest, WithAnyBitFlippedOrCutOffIsRefused) {
  const std::string sound = encode_backup_manifest(example());
  for (std::size_t bit = 0; bit < 8 * sound.size(); ++bit) {
    std::string damaged = sound;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(decode_backup_manifest(damaged).error().code, Code::Corruption) << bit;
  }
  const std::string content = sound.substr(0, sound.size() - 4);
  for (std::size_t n = 0; n < content.size(); ++n) {
    EXPECT_EQ(decode_backup_manifest(sound.substr(0, n)).error().code, Code::Corruption) << n;
    EXPECT_EQ(decode_backup_manifest(sealed(content.substr(0, n))).error().code, Code::Corruption) << n;
  }
  EXPECT_EQ(decode_backup_manifest(sealed(content + 'x')).error().code, Code::Corruption);
  EXPECT_TRUE(decode_backup_manifest(sealed(content)).ok());
}

TEST(BackupManifest, OfANewerFormatIsRefusedNamingBoth) {
  std::string content = encode_backup_manifest(example());
  content.resize(content.size() - 4);
  content[8] = 3;
  EXPECT_TRUE(decode_backup_manifest(sealed(content)).ok()) << "a newer format that we may read";
  content[12] = 2;
  const auto read = decode_backup_manifest(sealed(content));
  EXPECT_EQ(read.error().code, Code::FailedPrecondition);
  EXPECT_NE(read.error().message.find("format 3 needs a reader of format 2, this one reads up to 1"), std::string::npos)
      << read.error().message;
}

TEST(BackupManifest, ThatNamesAFileElsewhereIsRefused) {
  for (const char* const path : {"", "wal", "wal/", "/wal/a", "wal/../a", "../wal/a", "wal/a/b", "base/a", "base/a/b/c",
                                 "base//a", "wal/.a", "LOCK", "stores/a", "wal/a b", "wal/a\"", "archive/a\n"}) {
    BackupManifest manifest = example();
    manifest.files.front().path = path;
    const auto read = decode_backup_manifest(encode_backup_manifest(manifest));
    ASSERT_FALSE(read.ok()) << path;
    EXPECT_EQ(read.error().code, Code::Corruption);
  }
  for (const char* const path : {"wal/a", "archive/a.wal.zst", "base/1/MANIFEST"}) {
    BackupManifest manifest = example();
    manifest.files.front().path = path;
    EXPECT_TRUE(decode_backup_manifest(encode_backup_manifest(manifest)).ok()) << path;
  }
}

}  // namespace
}  // namespace tidal::db
