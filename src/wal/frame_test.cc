// Frames and segment headers: sound ones are accepted in their place only.
#include "wal/frame.h"

#include <gtest/gtest.h>

#include "base/memory_file_system.h"
#include "wal/log_fixture.h"
#include "wal/record_layout.h"
#include "wal/segment.h"

namespace tidal::wal {
namespace {

Frame sealed_frame(const std::vector<std::string>& payloads, const FrameHeader& place) {
  Frame frame;
  for (const std::string& payload : payloads) {
    RecordBatch batch;
    batch.add(record_of(payload));
    frame.append(batch);
  }
  frame.seal(place);
  return frame;
}

TEST(Frame, NumbersItsRecordsFromItsFirstSeqno) {  // R2
  const Frame frame = sealed_frame({"a", "b", "c"}, {.first_seqno = SeqNo{41}, .append_time = kNow});
  const Result<FrameHeader> header = decode_frame_header(frame.bytes(), {});
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->record_count, 3U);
  EXPECT_EQ(header->last_seqno(), SeqNo{43});
  ASSERT_TRUE(check_frame_body(*header, frame.bytes().substr(kFrameHeaderBytes)).ok());
  RecordCursor cursor(*header, frame.body());
  WalEvent event;
  std::string read;
  while (cursor.next(event)) read += std::to_string(event.seqno.value) + std::string(event.record.payload);
  EXPECT_TRUE(cursor.status().ok());
  EXPECT_EQ(read, "41a42b43c");
}

TEST(Frame, CanBeSealedAgainInAnotherPlace) {
  Frame frame = sealed_frame({"a"}, {.first_seqno = SeqNo{1}, .offset = 4096});
  RecordBatch more;
  more.add(record_of("b"));
  frame.append(more);
  frame.seal({.first_seqno = SeqNo{7}, .offset = 8192});
  const FrameHeader header = *decode_frame_header(frame.bytes(), {.offset = 8192, .segment_check = 0});
  EXPECT_EQ(decode_frame_header(frame.bytes(), {.offset = 4096}).error().code, Code::Corruption);
  EXPECT_EQ(header.first_seqno, SeqNo{7});
  EXPECT_EQ(header.record_count, 2U);
  EXPECT_EQ(frame.bytes().size() % kFrameAlignment, 0U);
  EXPECT_TRUE(check_frame_body(header, frame.bytes().substr(kFrameHeaderBytes)).ok());
}

TEST(Frame, EveryFlippedBitIsCorruption) {
  const Frame frame = sealed_frame({"payload"}, {.first_seqno = SeqNo{1}});
  for (std::size_t bit = 0; bit < 8 * frame.bytes().size(); ++bit) {
    std::string bytes(frame.bytes());
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    const Result<FrameHeader> header = decode_frame_header(bytes, {});
    const Status status =
        header.ok() ? check_frame_body(*header, std::string_view(bytes).substr(kFrameHeaderBytes)) : header.error();
    ASSERT_FALSE(status.ok()) << bit;
    EXPECT_EQ(status.error().code, Code::Corruption);
  }
}

TEST(Frame, ABatchBeyondTheLimitIsRefused) {
  RecordBatch batch;
  batch.add(record_of(std::string(kFrameBytesMax - 200, 'x')));
  EXPECT_TRUE(batch.check_size().ok());
  batch.add(record_of(std::string(200, 'x')));
  EXPECT_EQ(batch.check_size().error().code, Code::InvalidArgument);
}

TEST(RecordCursor, RefusesABodyThatIsNotWhatTheHeaderSays) {
  const Frame frame = sealed_frame({"a", "b"}, {.first_seqno = SeqNo{5}});
  const auto status_with = [&](const FrameHeader& header) {
    RecordCursor cursor(header, frame.body());
    WalEvent event;
    while (cursor.next(event)) {
    }
    return cursor.status().ok() ? Code::Internal : cursor.status().error().code;
  };
  FrameHeader header = frame.header();
  EXPECT_EQ(status_with(header), Code::Internal);  // fine as it is
  header.record_count = 1;
  EXPECT_EQ(status_with(header), Code::Corruption);
  header.record_count = 3;
  EXPECT_EQ(status_with(header), Code::Corruption);
  header.record_count = 2;
  header.first_seqno = SeqNo{6};
  EXPECT_EQ(status_with(header), Code::Corruption);
}

TEST(Segment, NamesAreTheFirstSeqnoIn20Digits) {
  EXPECT_EQ(segment_file_name(SeqNo{42}), "00000000000000000042.wal");
  EXPECT_EQ(segment_file_name(SeqNo{~std::uint64_t{0}}), "18446744073709551615.wal");
  EXPECT_EQ(parse_segment_file_name("00000000000000000042.wal"), SeqNo{42});
  for (const std::string_view name : {"", "42.wal", "00000000000000000042.wal.tmp", "0000000000000000004x.wal",
                                      "00000000000000000000.wal", "99999999999999999999.wal"}) {
    EXPECT_FALSE(parse_segment_file_name(name)) << name;
  }
}

TEST(Segment, HeaderAndFooterReadBack) {
  SegmentHeader header{.shard_id = 3, .first_seqno = SeqNo{9}, .created_at = kNow, .segment_bytes = 16384};
  const std::string block = encode_segment_header(header);
  const SegmentHeader read = *decode_segment_header(block);
  EXPECT_EQ(read.shard_id, 3U);
  EXPECT_EQ(read.first_seqno, SeqNo{9});
  EXPECT_EQ(read.created_at, kNow);
  EXPECT_EQ(read.segment_bytes, 16384U);
  EXPECT_EQ(read.check, header.check);
  const std::string footer = encode_segment_footer(
      {.record_count = 2, .last_seqno = SeqNo{10}, .end_offset = 5000, .segment_check = header.check});
  EXPECT_EQ(decode_segment_footer(footer, header)->last_seqno, SeqNo{10});
  header.check ^= 1;
  EXPECT_FALSE(decode_segment_footer(footer, header)) << "of another segment";
}

TEST(Segment, ANewerFormatIsRefusedNamingBothVersions) {
  SegmentHeader header{.format_version = 9, .min_reader_version = 7, .first_seqno = SeqNo{1}};
  const Result<SegmentHeader> read = decode_segment_header(encode_segment_header(header));
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::FailedPrecondition);
  EXPECT_NE(read.error().message.find("format 9"), std::string::npos);
  EXPECT_NE(read.error().message.find("format 1"), std::string::npos);
}

TEST(Segment, ANewFileIsNeverThereByHalf) {  // G1
  for (std::uint64_t n = 1;; ++n) {
    base::MemoryFileSystem fs(n);
    ASSERT_TRUE(fs.create_directories("/s").ok());
    fs.stop_at(n);
    SegmentHeader header{.first_seqno = SeqNo{1}, .segment_bytes = kSmallSegmentBytes};
    const bool done = create_segment(fs, "/s", header).ok();
    fs.crash();
    const std::string path = "/s/" + segment_file_name(SeqNo{1});
    EXPECT_TRUE(!done || fs.exists(path));
    if (fs.exists(path)) {
      const std::unique_ptr<base::File> file = *fs.open(path, base::OpenMode::Read);
      EXPECT_TRUE(read_segment_header(*file, path).ok());
    }
    if (done) break;
  }
}

TEST(Segment, AFullDiskLeavesNothingBehind) {
  base::MemoryFileSystem fs;
  ASSERT_TRUE(fs.create_directories("/s").ok());
  fs.set_space(kSmallSegmentBytes - 1);
  SegmentHeader header{.first_seqno = SeqNo{1}, .segment_bytes = kSmallSegmentBytes};
  EXPECT_EQ(create_segment(fs, "/s", header).error().code, Code::ResourceExhausted);
  EXPECT_TRUE(fs.list("/s")->empty());
  fs.set_space(kSmallSegmentBytes);
  EXPECT_TRUE(create_segment(fs, "/s", header).ok());
}

}  // namespace
}  // namespace tidal::wal
