// Copies of segments up to a record: a log of the copy holds the records up to there, byte by byte, and goes on.
#include "wal/segment_copy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wal/log_fixture.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

constexpr const char* kCopyDir = "/copy/wal";
const std::string kName = segment_file_name(SeqNo{1});
const std::string kSegment = std::string(kDir) + "/" + kName;

struct Written {
  std::vector<std::string> payloads;
  std::vector<Timestamp> append_times;  // one a record
};

/// One segment of frames with one to four records, each appended at a time of its own.
Written write_log(base::MemoryFileSystem& fs, std::uint64_t seed) {
  base::Random random(seed);
  Written written;
  int counter = 0;
  const auto log = open_log(fs, 32 * kPageBytes).value();
  for (int i = 0; i < 20; ++i) {
    const std::vector<std::string> batch = random_batch(random, counter);
    const Timestamp now = kNow + minutes(i);
    EXPECT_TRUE(log->append(records_of(batch), now).ok());
    for (const std::string& payload : batch) {
      written.payloads.push_back(payload);
      written.append_times.push_back(now);
    }
  }
  EXPECT_TRUE(log->close(kNow + minutes(100)).ok());
  EXPECT_EQ(fs.list(kDir)->size(), 1U);
  return written;
}

Result<SegmentCopy> copy(base::MemoryFileSystem& fs, SeqNo through, SegmentSpace space = SegmentSpace::Zeroed) {
  TIDAL_TRY(fs.remove_all("/copy"));
  TIDAL_TRY(fs.create_directories(kCopyDir));
  return copy_segment_through(fs, kSegment, std::string(kCopyDir) + "/" + kName, through, space);
}

TEST(SegmentCopy, EndsWithTheRecordAskedFor) {
  base::MemoryFileSystem fs;
  const Written written = write_log(fs, 1);
  for (const SegmentSpace space : {SegmentSpace::Zeroed, SegmentSpace::Holes}) {
    for (std::size_t n = 0; n <= written.payloads.size(); ++n) {
      const auto copied = copy(fs, SeqNo{n}, space);
      ASSERT_TRUE(copied.ok()) << copied.error().to_string();
      EXPECT_EQ(copied->last_seqno, SeqNo{n});
      EXPECT_EQ(copied->last_append, n == 0 ? Timestamp{} : written.append_times[n - 1]);
      const auto verified = verify_log(fs, kCopyDir);
      EXPECT_TRUE(verified->defects.empty()) << verified->defects.front().message;
      EXPECT_FALSE(verified->segments.front().torn_offset);
      const auto log = Log::open(fs, kCopyDir, {.segment_bytes = 32 * kPageBytes}, kNow).value();
      EXPECT_EQ(payloads_of(*log).value(),
                std::vector<std::string>(written.payloads.begin(), written.payloads.begin() + static_cast<long>(n)));
      EXPECT_EQ(log->last_record_time(), n == 0 ? std::nullopt : std::optional(written.append_times[n - 1]));
      EXPECT_EQ(log->append(records_of({"later"}), kNow).value(), SeqNo{n + 1});
    }
  }
}

TEST(SegmentCopy, KnowsItsRecordsToBeSynced) {
  base::MemoryFileSystem fs;
  const Written written = write_log(fs, 2);
  ASSERT_TRUE(copy(fs, SeqNo{written.payloads.size() - 1}).ok());
  const std::string path = std::string(kCopyDir) + "/" + kName;
  std::string bytes = base::read_file(fs, path).value();
  const std::string& last = written.payloads[written.payloads.size() - 2];
  bytes[bytes.rfind(last)] ^= 1;
  ASSERT_TRUE(base::write_file_atomically(fs, path, bytes).ok());
  const auto log = Log::read(fs, kCopyDir, {});
  ASSERT_FALSE(log.ok()) << "the last record was taken for unfinished";
  EXPECT_EQ(log.error().code, Code::Corruption);
}

TEST(SegmentCopy, OfADamagedSegmentIsRefusedNamingTheOffset) {
  base::MemoryFileSystem fs;
  const Written written = write_log(fs, 3);
  const SeqNo last{written.payloads.size()};
  std::string bytes = base::read_file(fs, kSegment).value();
  bytes[bytes.find(written.payloads.front())] ^= 1;
  ASSERT_TRUE(base::write_file_atomically(fs, kSegment, bytes).ok());
  const auto copied = copy(fs, last);
  EXPECT_EQ(copied.error().code, Code::Corruption);
  EXPECT_NE(copied.error().message.find(kSegment + " offset 4096"), std::string::npos) << copied.error().message;
}

TEST(SegmentCopy, BeyondTheEndIsRefused) {
  base::MemoryFileSystem fs;
  const Written written = write_log(fs, 4);
  const auto copied = copy(fs, SeqNo{written.payloads.size() + 1});
  EXPECT_EQ(copied.error().code, Code::Corruption);
  EXPECT_NE(copied.error().message.find("expected records up to " + std::to_string(written.payloads.size() + 1)),
            std::string::npos)
      << copied.error().message;
}

}  // namespace
}  // namespace tidal::wal
