// Rotation into a file that was filled ahead of time, and what becomes of such a file across a reopening.
#include "wal/next_segment.h"

#include <gtest/gtest.h>

#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;

const std::string kReady = std::string(kDir) + "/next.wal.ready";

/// Appends and syncs until the log has rotated once more.
std::vector<std::string> append_until_rotated(Log& log) {
  std::vector<std::string> payloads;
  const std::size_t segments = log.segments().size();
  while (log.segments().size() == segments) {
    payloads.emplace_back(500, static_cast<char>('a' + payloads.size() % 26));
    EXPECT_TRUE(log.append(records_of({payloads.back()}), kNow).ok());
    EXPECT_TRUE(log.sync().ok());
    if (testing::Test::HasFailure()) break;
  }
  return payloads;
}

TEST(NextSegment, RotationTakesThePreparedFileAndFillsNothing) {
  MemoryFileSystem fs;
  std::vector<std::string> payloads;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    ASSERT_TRUE(log->prepare_next_segment().ok());
    ASSERT_TRUE(log->prepare_next_segment().ok()) << "it is there already";
    EXPECT_TRUE(fs.exists(kReady));
    fs.set_space(0);  // enough: nothing grows any more
    payloads = append_until_rotated(*log);
    EXPECT_FALSE(fs.exists(kReady));
  }
  EXPECT_TRUE(*recovered_payloads(fs) == payloads);
}

TEST(NextSegment, IsTakenOverByTheNextOpen) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    ASSERT_TRUE(log->prepare_next_segment().ok());
    ASSERT_TRUE(log->close(kNow).ok());
  }
  const std::unique_ptr<Log> log = *open_log(fs);
  fs.set_space(0);
  const std::vector<std::string> payloads = append_until_rotated(*log);
  EXPECT_TRUE(*payloads_of(*log) == payloads);
}

TEST(NextSegment, IsRemovedWhenItIsOfNoUse) {
  std::string with_header(kSmallSegmentBytes, '\0');
  with_header[0] = 'T';
  for (const std::string& content : {with_header, std::string(kSmallSegmentBytes - 1, '\0'), std::string()}) {
    MemoryFileSystem fs;
    ASSERT_TRUE(fs.create_directories(kDir).ok());
    ASSERT_TRUE(base::write_file_atomically(fs, kReady, content).ok());
    const std::unique_ptr<Log> log = *open_log(fs);
    EXPECT_FALSE(fs.exists(kReady));
    const std::vector<std::string> payloads = append_until_rotated(*log);
    EXPECT_TRUE(*payloads_of(*log) == payloads);
  }
}

TEST(NextSegment, ALargerFrameLeavesItForLater) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  ASSERT_TRUE(log->prepare_next_segment().ok());
  ASSERT_TRUE(log->append(records_of({std::string(2 * kSmallSegmentBytes, 'x')}), kNow).ok());
  ASSERT_EQ(log->segments().size(), 1U) << "it takes the place of the empty one, which has its name";
  EXPECT_GT(log->segments()[0].header.segment_bytes, 2 * kSmallSegmentBytes);
  EXPECT_TRUE(fs.exists(kReady));
}

TEST(NextSegment, AnAttemptThatFailsIsMadeUpForAtRotation) {
  MemoryFileSystem fs;
  std::vector<std::string> payloads;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    fs.set_space(kSmallSegmentBytes - 1);
    EXPECT_EQ(log->prepare_next_segment().error().code, Code::ResourceExhausted);
    EXPECT_EQ(fs.list(kDir)->size(), 1U) << "leaves nothing behind";
    fs.set_space(kSmallSegmentBytes);
    payloads = append_until_rotated(*log);
  }
  EXPECT_TRUE(*recovered_payloads(fs) == payloads);
}

TEST(NextSegment, IsPreparedInTheBackgroundOnceASegmentIsHalfFull) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log =
        *Log::open(fs, kDir, {.segment_bytes = kSmallSegmentBytes, .prepares_segments = true}, kNow);
    ASSERT_TRUE(log->append(records_of({"small"}), kNow).ok());
    EXPECT_EQ(fs.list(kDir)->size(), 1U);
    ASSERT_TRUE(log->append(records_of({std::string(kSmallSegmentBytes / 4 + 500, 'x')}), kNow).ok());
  }
  EXPECT_EQ(fs.list(kDir)->size(), 2U);
  EXPECT_TRUE(fs.exists(kReady));
}

TEST(NextSegment, ACrashAtAnyStepOfARotationIntoItLosesNothing) {
  bool finished = false;
  for (std::uint64_t stop = 1; !finished; ++stop) {
    MemoryFileSystem fs(stop);
    std::vector<std::string> payloads;
    std::size_t acknowledged = 0;
    {
      const std::unique_ptr<Log> log = *open_log(fs);
      fs.stop_at(stop);
      for (int i = 0; i < 60; ++i) {
        if (i % 8 == 0) static_cast<void>(log->prepare_next_segment());
        payloads.emplace_back(500, static_cast<char>('a' + i % 26));
        if (!log->append(records_of({payloads.back()}), kNow).ok() || !log->sync().ok()) break;
        acknowledged = payloads.size();
      }
      finished = acknowledged == 60;
    }
    fs.crash();
    for (int opens = 0; opens < 2; ++opens) {
      const Result<std::unique_ptr<Log>> opened = open_log(fs);
      ASSERT_TRUE(opened.ok()) << stop << ": " << opened.error().to_string();
      const std::unique_ptr<Log>& log = *opened;
      const std::vector<std::string> found = *payloads_of(*log);
      ASSERT_GE(found.size(), acknowledged) << stop;
      ASSERT_TRUE(std::equal(found.begin(), found.end(), payloads.begin())) << stop;
      payloads = found;
      acknowledged = found.size();
      const std::vector<std::string> more = append_until_rotated(*log);
      payloads.insert(payloads.end(), more.begin(), more.end());
    }
  }
}

}  // namespace
}  // namespace tidal::wal
