// Looking at log files: all that can be told is told, and nothing is written.
#include "wal/reader.h"

#include <gtest/gtest.h>

#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;

/// Three segments, the last one open, every record synced.
Image three_segments() {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(log->append(records_of({"payload " + std::to_string(i)}), kNow + seconds(i)).ok());
    EXPECT_TRUE(log->sync().ok());
  }
  EXPECT_EQ(log->segments().size(), 3U);
  return image_of(fs);
}

TEST(VerifyLog, FindsNothingInASoundLogAndWritesNothing) {
  const std::unique_ptr<MemoryFileSystem> fs = files_of(three_segments());
  const std::uint64_t before = fs->operations();
  const LogSummary log = *verify_log(*fs, kDir);
  EXPECT_TRUE(log.defects.empty());
  EXPECT_EQ(log.records, 200U);
  EXPECT_EQ(log.frames, 200U);
  EXPECT_EQ(log.first_seqno, SeqNo{1});
  EXPECT_EQ(log.last_seqno, SeqNo{200});
  EXPECT_TRUE(log.segments.front().footer);
  EXPECT_FALSE(log.segments.back().footer);
  EXPECT_EQ(log.segments.front().first_append_time, kNow);
  EXPECT_EQ(log.segments.back().last_append_time, kNow + seconds(199));
  EXPECT_EQ(fs->operations(), before);
}

TEST(VerifyLog, NamesEveryDefectAndReadsOnBehindIt) {
  Image image = three_segments();
  std::string& first = image.begin()->second;
  const std::size_t bad_one = first.find("payload 3");
  const std::size_t bad_two = first.find("payload 20");
  first[bad_one] ^= 1;
  first[bad_two] ^= 1;
  const std::unique_ptr<MemoryFileSystem> fs = files_of(image);
  const LogSummary log = *verify_log(*fs, kDir);
  ASSERT_EQ(log.defects.size(), 3U);  // two frames, and the footer that counts them
  EXPECT_LT(log.defects[0].offset, bad_one);
  EXPECT_GT(log.defects[0].offset + 200, bad_one);
  EXPECT_NE(log.defects[0].message.find("expected seqno 4"), std::string::npos) << log.defects[0].message;
  EXPECT_LT(log.defects[1].offset, bad_two);
  EXPECT_EQ(log.records, 198U);
}

TEST(VerifyLog, NamesAMissingSegment) {
  Image image = three_segments();
  image.erase(std::next(image.begin()));
  const LogSummary log = *verify_log(*files_of(image), kDir);
  ASSERT_EQ(log.defects.size(), 1U);
  EXPECT_EQ(log.defects[0].segment, std::string(kDir) + "/" + image.rbegin()->first);
  EXPECT_NE(log.defects[0].message.find("does not follow on"), std::string::npos);
}

TEST(VerifyLog, NamesABadHeaderAndReadsTheOtherSegments) {
  Image image = three_segments();
  image.begin()->second[0] ^= 1;
  const LogSummary log = *verify_log(*files_of(image), kDir);
  ASSERT_EQ(log.defects.size(), 1U);
  EXPECT_NE(log.defects[0].message.find("header"), std::string::npos);
  EXPECT_EQ(log.last_seqno, SeqNo{200});
}

TEST(VerifyLog, ATornTailIsNoDefect) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    ASSERT_TRUE(log->append(records_of({"synced"}), kNow).ok());
    ASSERT_TRUE(log->sync().ok());
    ASSERT_TRUE(log->append(records_of({"torn"}), kNow).ok());
  }
  Image image = image_of(fs);
  image.begin()->second[image.begin()->second.find("torn")] ^= 1;
  const LogSummary log = *verify_log(*files_of(image), kDir);
  EXPECT_TRUE(log.defects.empty());
  EXPECT_TRUE(log.segments.back().torn_offset.has_value());
  EXPECT_EQ(log.last_seqno, SeqNo{1});
}

TEST(ReadSegment, ShowsFramesWithTheirOffsetsAndRecords) {
  const Image image = three_segments();
  const std::unique_ptr<MemoryFileSystem> fs = files_of(image);
  std::uint64_t next_offset = kFramesBegin;
  std::vector<std::string> payloads;
  const Result<SegmentSummary> summary =
      read_segment(*fs, std::string(kDir) + "/" + image.begin()->first, false, [&](const FrameView& frame) -> Status {
        EXPECT_EQ(frame.offset, next_offset);
        next_offset += frame.header.frame_bytes();
        RecordCursor cursor(frame.header, frame.body);
        WalEvent event;
        while (cursor.next(event)) payloads.emplace_back(event.record.payload);
        return {};
      });
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->end_offset, next_offset);
  EXPECT_EQ(payloads.front(), "payload 0");
  EXPECT_EQ(payloads.size(), summary->records);
}

}  // namespace
}  // namespace tidal::wal
