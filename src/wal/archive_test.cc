// Archived segments: the same bytes again, from us and from zstd; or Corruption.
#include "wal/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "base/crc32c.h"
#include "wal/archive_fixture.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;
using testing::HasSubstr;

std::string archive_path(SeqNo first = SeqNo{1}) { return std::string(kArchiveDir) + "/" + archive_file_name(first); }

/// What `zstd -d` makes of the file.
std::string decompressed(const std::string& file) {
  ZSTD_DCtx* const context = ZSTD_createDCtx();
  std::string out;
  std::string block(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{file.data(), file.size(), 0};
  std::size_t hint = 1;
  while (in.pos < in.size) {
    ZSTD_outBuffer part{block.data(), block.size(), 0};
    hint = ZSTD_decompressStream(context, &part, &in);
    if (ZSTD_isError(hint) != 0) break;
    out.append(block, 0, part.pos);
  }
  ZSTD_freeDCtx(context);
  EXPECT_EQ(hint, 0U) << "the last frame is whole";
  return out;
}

/// All bytes that open_archived() gives, or its error.
Result<std::string> archived_bytes(base::FileSystem& fs, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, open_archived(fs, path));
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file->size());
  std::string bytes(size, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file->read_at(0, std::as_writable_bytes(std::span(bytes))));
  EXPECT_EQ(n, size);
  return bytes;
}

/// A segment of two chunks, half noise, and its archive.
struct Sample {
  explicit Sample(std::uint64_t seed = 7) {
    segment_path = make_sealed_segment(fs, seed, segment_bytes);
    segment = *base::read_file(fs, segment_path);
    const Result<ArchiveHeader> made = archive_segment(fs, segment_path, kArchiveDir);
    EXPECT_TRUE(made.ok()) << made.error().to_string();
    archive = *base::read_file(fs, archive_path());
  }
  static constexpr std::uint64_t segment_bytes = kArchiveChunkBytes + 5 * kPageBytes;
  MemoryFileSystem fs;
  std::string segment_path;
  std::string segment;
  std::string archive;
};

TEST(Archive, GivesBackTheBytesOfRandomSegments) {  // A1, A3
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE(seed);
    MemoryFileSystem fs;
    base::Random random(seed);
    const std::uint64_t bytes = segment_bytes_for(4 * kPageBytes + random.below(4 * kArchiveChunkBytes), 0);
    const std::string path = make_sealed_segment(fs, seed, bytes);
    const std::string segment = *base::read_file(fs, path);
    const Result<ArchiveHeader> made = archive_segment(fs, path, kArchiveDir);
    ASSERT_TRUE(made.ok()) << made.error().to_string();
    EXPECT_EQ(*archived_bytes(fs, archive_path()), segment);
    EXPECT_EQ(*base::read_file(fs, path), segment) << "the segment is left as it was";
    EXPECT_EQ(fs.list(kArchiveDir)->size(), 1U);
    const std::unique_ptr<base::File> file = *open_archived(fs, archive_path());
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t offset = random.below(bytes + 10);
      std::string part(random.below(2 * kArchiveChunkBytes), '\0');
      const std::size_t n = *file->read_at(offset, std::as_writable_bytes(std::span(part)));
      const std::string wanted = offset < bytes ? segment.substr(offset, part.size()) : std::string();
      ASSERT_EQ(n, wanted.size()) << offset;
      part.resize(n);
      ASSERT_TRUE(part == wanted) << offset;
    }
  }
}

TEST(Archive, IsWhatZstdDecompressesToTheSegment) {
  const Sample sample;
  EXPECT_TRUE(decompressed(sample.archive) == sample.segment);
}

TEST(Archive, KeepsNoSpaceForTheZerosOfASegment) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *Log::open(fs, kDir, {.segment_bytes = 8 * kArchiveChunkBytes}, kNow);
    ASSERT_TRUE(log->append(records_of({"small"}), kNow).ok());
    ASSERT_TRUE(log->append(records_of({std::string(8 * kArchiveChunkBytes, 'x')}), kNow).ok());
  }
  ASSERT_TRUE(archive_segment(fs, std::string(kDir) + "/" + segment_file_name(SeqNo{1}), kArchiveDir).ok());
  EXPECT_LT(base::read_file(fs, archive_path())->size(), 4096U);
}

TEST(Archive, ItsHeaderTellsWhatTheSegmentHolds) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  append_numbered(*log, 200);
  const std::vector<SegmentEntry> segments = log->segments();
  ASSERT_TRUE(archive_segment(fs, segments[1].path, kArchiveDir).ok());
  const SeqNo first = segments[1].header.first_seqno;
  const ArchiveHeader header = *read_archive_header(fs, archive_path(first));
  EXPECT_EQ(header.first_seqno, first);
  EXPECT_EQ(header.last_seqno.next(), segments[2].header.first_seqno);
  EXPECT_EQ(header.record_count, header.last_seqno.value + 1 - first.value);
  EXPECT_EQ(header.first_append_time, kNow + seconds(static_cast<std::int64_t>(first.value) - 1));
  EXPECT_EQ(header.last_append_time, kNow + seconds(static_cast<std::int64_t>(header.last_seqno.value) - 1));
  EXPECT_EQ(header.created_at, segments[1].header.created_at);
  EXPECT_EQ(header.segment_check, segments[1].header.check);
  EXPECT_EQ(header.segment_bytes, segments[1].header.segment_bytes);
}

TEST(Archive, IsReadOnly) {
  Sample sample;
  const std::unique_ptr<base::File> file = *open_archived(sample.fs, archive_path());
  EXPECT_EQ(file->write_at(0, base::as_bytes("x")).error().code, Code::IoError);
  EXPECT_EQ(file->sync().error().code, Code::IoError);
  EXPECT_EQ(file->truncate(0).error().code, Code::IoError);
  EXPECT_EQ(file->reserve(1).error().code, Code::IoError);
  EXPECT_EQ(*base::read_file(sample.fs, archive_path()), sample.archive);
}

TEST(Archive, AFileIsOpenedWhicheverFormItHas) {
  Sample sample;
  put_file(sample.fs, "/db/renamed", sample.archive);
  for (const std::string& path : {sample.segment_path, archive_path(), std::string("/db/renamed")}) {
    const std::unique_ptr<base::File> file = *open_segment(sample.fs, path);
    EXPECT_EQ(*file->size(), sample.segment.size()) << path;
    EXPECT_EQ(read_segment_header(*file, path)->first_seqno, SeqNo{1}) << path;
  }
}

TEST(Archive, IsMadeOnceAndRepairedWhenDamaged) {
  Sample sample;
  const std::uint64_t before = sample.fs.operations();
  ASSERT_TRUE(archive_segment(sample.fs, sample.segment_path, kArchiveDir).ok());
  EXPECT_EQ(sample.fs.operations(), before + 2) << "it is synced, and its directory";
  for (const std::size_t at : {std::size_t{20}, std::size_t{5000}, sample.archive.size() - 1}) {
    std::string damaged = sample.archive;
    damaged[at] ^= 1;
    put_file(sample.fs, archive_path(), damaged);
    ASSERT_TRUE(archive_segment(sample.fs, sample.segment_path, kArchiveDir).ok());
    EXPECT_TRUE(*base::read_file(sample.fs, archive_path()) == sample.archive) << at;
  }
}

TEST(Archive, DoesNotReplaceTheArchiveOfAnotherSegmentOrOfANewerFormat) {
  Sample sample;
  ArchiveHeader header = *read_archive_header(sample.fs, archive_path());
  header.segment_check ^= 1;
  std::string other = sample.archive;
  other.replace(0, kArchiveHeaderBytes, encode_archive_header(header));
  put_file(sample.fs, archive_path(), other);
  EXPECT_EQ(archive_segment(sample.fs, sample.segment_path, kArchiveDir).error().code, Code::AlreadyExists);
  header.segment_check ^= 1;
  header.format_version = 3;
  header.min_reader_version = 2;
  std::string newer = sample.archive;
  newer.replace(0, kArchiveHeaderBytes, encode_archive_header(header));
  put_file(sample.fs, archive_path(), newer);
  EXPECT_EQ(archive_segment(sample.fs, sample.segment_path, kArchiveDir).error().code, Code::FailedPrecondition);
  EXPECT_EQ(*base::read_file(sample.fs, archive_path()), newer);
}

TEST(Archive, RefusesANewerFormatNamingBothVersions) {
  Sample sample;
  ArchiveHeader header = *read_archive_header(sample.fs, archive_path());
  header.format_version = 9;
  header.min_reader_version = 8;
  std::string newer = sample.archive;
  newer.replace(0, kArchiveHeaderBytes, encode_archive_header(header));
  put_file(sample.fs, archive_path(), newer);
  const Result<std::unique_ptr<base::File>> opened = open_archived(sample.fs, archive_path());
  EXPECT_EQ(opened.error().code, Code::FailedPrecondition);
  EXPECT_THAT(opened.error().message, HasSubstr(archive_path()));
  EXPECT_THAT(opened.error().message, HasSubstr("format 8"));
  EXPECT_THAT(opened.error().message, HasSubstr("format 1"));
}

TEST(Archive, OfADamagedOrUnsealedSegmentIsNotMade) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  append_numbered(*log, 200);
  const std::vector<SegmentEntry> segments = log->segments();
  EXPECT_EQ(archive_segment(fs, segments.back().path, kArchiveDir).error().code, Code::Corruption) << "not sealed";
  std::string damaged = *base::read_file(fs, segments[0].path);
  damaged[damaged.find("payload 3")] ^= 1;
  put_file(fs, segments[0].path, damaged);
  const Result<ArchiveHeader> made = archive_segment(fs, segments[0].path, kArchiveDir);
  EXPECT_EQ(made.error().code, Code::Corruption);
  EXPECT_THAT(made.error().message, HasSubstr(segments[0].path));
  EXPECT_FALSE(fs.exists(archive_path()));
}

TEST(ArchiveFaults, LeaveNothingBehindAndGoAwayWhenTriedAgain) {  // A2
  for (const MemoryFileSystem::Fault fault :
       {MemoryFileSystem::Fault::IoError, MemoryFileSystem::Fault::ShortWrite, MemoryFileSystem::Fault::NoSpace}) {
    for (std::uint64_t n = 1;; ++n) {
      ASSERT_LT(n, 50U) << "no end of operations";
      MemoryFileSystem fs(n);
      const std::string path = make_sealed_segment(fs, 3, kSmallSegmentBytes);
      ASSERT_TRUE(fs.create_directories(kArchiveDir).ok());
      const std::string segment = *base::read_file(fs, path);
      fs.fail_operation(n, fault);
      const Result<ArchiveHeader> made = archive_segment(fs, path, kArchiveDir);
      if (made.ok()) break;
      EXPECT_EQ(made.error().code, fault == MemoryFileSystem::Fault::NoSpace ? Code::ResourceExhausted : Code::IoError);
      EXPECT_TRUE(fs.list(kArchiveDir)->empty()) << "operation " << n;
      EXPECT_EQ(*base::read_file(fs, path), segment);
      ASSERT_TRUE(archive_segment(fs, path, kArchiveDir).ok());
      EXPECT_EQ(*archived_bytes(fs, archive_path()), segment);
    }
  }
}

/// A file whose writes answer ok and change one bit.
class LyingFile final : public base::File {
 public:
  explicit LyingFile(std::unique_ptr<base::File> file) : file_(std::move(file)) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_->read_at(offset, out);
  }
  Status write_at(std::uint64_t offset, base::Bytes data) override {
    std::vector<std::byte> wrong(data.begin(), data.end());
    wrong[wrong.size() / 2] ^= std::byte{1};
    return file_->write_at(offset, wrong);
  }
  Status reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  Status sync() override { return file_->sync(); }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }

 private:
  std::unique_ptr<base::File> file_;
};

/// Every file made in it lies.
class LyingFileSystem final : public base::FileSystem {
 public:
  explicit LyingFileSystem(base::FileSystem& fs) : fs_(fs) {}
  Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs_.open(path, mode));
    if (mode != base::OpenMode::Create) return file;
    return std::unique_ptr<base::File>(std::make_unique<LyingFile>(std::move(file)));
  }
  Status create_directories(const std::string& path) override { return fs_.create_directories(path); }
  Status sync_directory(const std::string& path) override { return fs_.sync_directory(path); }
  Result<std::vector<std::string>> list(const std::string& path) const override { return fs_.list(path); }
  bool exists(const std::string& path) const override { return fs_.exists(path); }
  bool is_directory(const std::string& path) const override { return fs_.is_directory(path); }
  Status rename(const std::string& from, const std::string& to) override { return fs_.rename(from, to); }
  Status remove(const std::string& path) override { return fs_.remove(path); }
  Status remove_all(const std::string& path) override { return fs_.remove_all(path); }
  Result<std::unique_ptr<base::FileLock>> lock(const std::string& path) override { return fs_.lock(path); }
  Result<std::unique_ptr<base::FileLock>> lock_existing(const std::string& path) override {
    return fs_.lock_existing(path);
  }

 private:
  base::FileSystem& fs_;
};

TEST(ArchiveFaults, AWriteThatArrivedWrongIsNoticedBeforeTheName) {  // A1
  MemoryFileSystem fs;
  const std::string path = make_sealed_segment(fs, 3, kSmallSegmentBytes);
  LyingFileSystem lying(fs);
  EXPECT_EQ(archive_segment(lying, path, kArchiveDir).error().code, Code::Corruption);
  EXPECT_TRUE(fs.list(kArchiveDir)->empty());
}

TEST(ArchiveFaults, AFullDiskIsResourceExhausted) {
  MemoryFileSystem fs;
  const std::string path = make_sealed_segment(fs, 3, kSmallSegmentBytes);
  fs.set_space(300);
  EXPECT_EQ(archive_segment(fs, path, kArchiveDir).error().code, Code::ResourceExhausted);
  EXPECT_TRUE(fs.list(kArchiveDir)->empty());
  fs.set_space(kSmallSegmentBytes);
  EXPECT_TRUE(archive_segment(fs, path, kArchiveDir).ok());
}

/// The damaged file reads as the segment, or gives Corruption that names it.
void expect_no_wrong_bytes(Sample& sample, const std::string& damaged, const std::string& what) {
  const std::string path = archive_path();
  put_file(sample.fs, path, damaged);
  const Result<std::string> read = archived_bytes(sample.fs, path);
  ASSERT_FALSE(read.ok()) << what;
  EXPECT_EQ(read.error().code, Code::Corruption) << what << ": " << read.error().to_string();
  EXPECT_THAT(read.error().message, HasSubstr(path)) << what;
}

TEST(ArchiveDamage, OfAnyByteIsCorruption) {  // A3
  Sample sample;
  base::Random random(11);
  const std::size_t size = sample.archive.size();
  for (std::size_t at = 0; at < size;) {
    std::string damaged = sample.archive;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    expect_no_wrong_bytes(sample, damaged, "byte " + std::to_string(at));
    const bool ours = at < 2 * kArchiveHeaderBytes || at + 100 >= size;
    at += ours ? 1 : 1 + random.below(size / 60);
    if (!ours && at + 100 > size) at = size - 100;
  }
}

TEST(ArchiveDamage, OfAnyTruncationIsCorruption) {  // A3
  Sample sample;
  base::Random random(12);
  const std::size_t size = sample.archive.size();
  for (std::size_t n = 0; n < size; n += n < 150 || n + 110 > size ? 1 : 1 + random.below(size / 40)) {
    expect_no_wrong_bytes(sample, sample.archive.substr(0, n), "cut to " + std::to_string(n));
    if (n < 150) continue;
    std::string shorter = sample.archive;
    shorter.erase(n - 100, 1 + random.below(99));
    expect_no_wrong_bytes(sample, shorter, "a piece is missing before " + std::to_string(n));
  }
  expect_no_wrong_bytes(sample, sample.archive + '\0', "a byte more");
}

TEST(ArchiveDamage, ThatTheTableVouchesForIsFoundByZstd) {  // A3
  Sample sample;
  const std::string_view archive = sample.archive;
  ArchiveHeader header = *decode_archive_header(archive);
  const std::string_view tail = archive.substr(archive.size() - kArchiveTrailerBytes);
  const ArchiveTrailer trailer = *decode_archive_trailer(tail, header, archive.size());
  std::vector<ArchiveChunk> chunks = *decode_archive_table(archive.substr(trailer.table_offset), trailer);
  ASSERT_EQ(chunks.size(), 2U);
  base::Random random(13);
  for (int i = 0; i < 60; ++i) {
    std::string damaged = sample.archive;
    const std::size_t at =
        kArchiveHeaderBytes + (i < 20 ? static_cast<std::size_t>(i) : random.below(chunks[0].compressed_bytes));
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
    chunks[0].crc = base::crc32c(std::string_view(damaged).substr(kArchiveHeaderBytes, chunks[0].compressed_bytes));
    damaged.resize(trailer.table_offset);
    damaged += encode_archive_table(header, chunks);
    put_file(sample.fs, archive_path(), damaged);
    const Result<std::string> read = archived_bytes(sample.fs, archive_path());
    if (read.ok()) {
      EXPECT_TRUE(*read == sample.segment) << at;
    } else {
      EXPECT_EQ(read.error().code, Code::Corruption) << at;
    }
  }
}

TEST(ArchiveFormat, RefusesNumbersThatDoNotAddUp) {
  ArchiveHeader good{
      .first_seqno = SeqNo{5}, .last_seqno = SeqNo{9}, .record_count = 5, .segment_bytes = 4 * kPageBytes};
  EXPECT_TRUE(decode_archive_header(encode_archive_header(good)).ok());
  for (const auto& spoil : std::vector<std::function<void(ArchiveHeader&)>>{
           [](ArchiveHeader& h) { h.first_seqno = SeqNo{0}; }, [](ArchiveHeader& h) { h.last_seqno = SeqNo{3}; },
           [](ArchiveHeader& h) { h.record_count = ~std::uint64_t{0}; },
           [](ArchiveHeader& h) { h.segment_bytes = kPageBytes; }}) {
    ArchiveHeader bad = good;
    spoil(bad);
    EXPECT_EQ(decode_archive_header(encode_archive_header(bad)).error().code, Code::Corruption);
  }
  ArchiveHeader huge = good;
  huge.segment_bytes = ~std::uint64_t{0};
  const std::string block = encode_archive_header(huge);
  const std::string table = encode_archive_table(huge, {});
  const std::string_view tail = std::string_view(table).substr(table.size() - kArchiveTrailerBytes);
  EXPECT_EQ(decode_archive_trailer(tail, huge, block.size() + table.size()).error().code, Code::Corruption);
}

TEST(ArchiveFormat, NamesAreTheSegmentsOwn) {
  EXPECT_EQ(archive_file_name(SeqNo{42}), "00000000000000000042.wal.zst");
  EXPECT_EQ(parse_archive_file_name("00000000000000000042.wal.zst"), SeqNo{42});
  EXPECT_FALSE(parse_archive_file_name("00000000000000000042.wal"));
  EXPECT_FALSE(parse_archive_file_name("00000000000000000042.wal.zst.tmp"));
  EXPECT_FALSE(parse_archive_file_name(".zst"));
}

}  // namespace
}  // namespace tidal::wal
