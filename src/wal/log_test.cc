// The log: order and numbering across reopening and rotation, faults, damage.
#include "wal/log.h"

#include <gtest/gtest.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "wal/log_fixture.h"
#include "wal/repair.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;

std::vector<std::string> numbered(int begin, int end) {
  std::vector<std::string> payloads;
  for (int i = begin; i < end; ++i) payloads.push_back("payload " + std::to_string(i));
  return payloads;
}

/// Appends each payload in a frame of its own, and syncs.
void append_all(Log& log, const std::vector<std::string>& payloads) {
  for (const std::string& payload : payloads) {
    ASSERT_TRUE(log.append(records_of({payload}), kNow).ok());
    ASSERT_TRUE(log.sync().ok());
  }
}

TEST(Log, NumbersFromOneAndGoesOnAfterReopening) {  // W1
  MemoryFileSystem fs;
  for (int round = 0; round < 4; ++round) {
    const std::unique_ptr<Log> log = *open_log(fs);
    EXPECT_EQ(log->last_seqno().value, 3U * static_cast<unsigned>(round));
    const SeqNo next = log->last_seqno().next();
    EXPECT_EQ(*log->append(records_of({"a", "b"}), kNow), next);
    EXPECT_EQ(*log->append(records_of({"c"}), kNow), SeqNo{next.value + 2});
    EXPECT_EQ(log->last_seqno(), SeqNo{next.value + 2});
    if (round % 2 == 0) {
      ASSERT_TRUE(log->close(kNow).ok());
    } else {
      ASSERT_TRUE(log->sync().ok());
    }
  }
  EXPECT_EQ(recovered_payloads(fs)->size(), 12U);
}

TEST(Log, KeepsOrderOverManySegments) {  // W2, G3
  MemoryFileSystem fs;
  const std::vector<std::string> payloads = numbered(0, 500);
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    append_all(*log, payloads);
    EXPECT_GT(log->segments().size(), 3U);
    EXPECT_EQ(*payloads_of(*log), payloads);
  }
  const std::unique_ptr<Log> log = *open_log(fs);
  EXPECT_EQ(*payloads_of(*log), payloads);
  EXPECT_EQ(payloads_of(*log, SeqNo{400})->front(), payloads[399]);
  EXPECT_TRUE(payloads_of(*log, SeqNo{501})->empty());
}

TEST(Log, KeepsRecordsWholeWithAllTheirParts) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  Record record = record_of("payload");
  record.flags = kFlagTimeGiven;
  record.extensions = {{static_cast<std::uint8_t>(Tag::IdempotencyKey), "key"}, {200, "of a later version"}};
  ASSERT_TRUE(log->append(std::span(&record, 1), kNow + seconds(5)).ok());
  int seen = 0;
  ASSERT_TRUE(log->replay(SeqNo{1},
                          [&](std::span<WalEvent> events) -> Status {
                            ++seen;
                            const WalEvent& event = events.front();
                            EXPECT_EQ(event.append_time, kNow + seconds(5));
                            EXPECT_EQ(event.record.event_time, kNow);
                            EXPECT_EQ(event.record.flags, kFlagTimeGiven);
                            EXPECT_EQ(event.record.extensions.at(1).tag, 200);
                            EXPECT_EQ(event.record.extensions.at(1).bytes, "of a later version");
                            return {};
                          })
                  .ok());
  EXPECT_EQ(seen, 1);
}

TEST(Log, RefusesABatchThatFitsNoFrameBeforeWriting) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  const std::uint64_t before = fs.operations();
  EXPECT_EQ(log->append(records_of({std::string(kFrameBytesMax, 'x')}), kNow).error().code, Code::InvalidArgument);
  EXPECT_EQ(log->append({}, kNow).error().code, Code::InvalidArgument);
  EXPECT_EQ(fs.operations(), before);
  EXPECT_TRUE(log->append(records_of({"small"}), kNow).ok());
}

TEST(Log, MakesALargerSegmentForALargeFrame) {
  MemoryFileSystem fs;
  const std::string large(10 * kSmallSegmentBytes, 'x');
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    append_all(*log, {"before", large, "after"});
  }
  EXPECT_EQ(*recovered_payloads(fs), (std::vector<std::string>{"before", large, "after"}));
}

TEST(Log, BelongsToOneShard) {
  MemoryFileSystem fs;
  { ASSERT_TRUE(open_log(fs).ok()); }
  EXPECT_EQ(Log::open(fs, kDir, {.shard_id = 1}, kNow).error().code, Code::FailedPrecondition);
}

TEST(Log, AFailedWriteOrSyncIsFinalUntilReopening) {  // W4
  for (const std::uint64_t operation : {1U, 2U}) {    // the write, the sync
    MemoryFileSystem fs;
    {
      const std::unique_ptr<Log> log = *open_log(fs);
      append_all(*log, {"safe"});
      fs.fail_operation(operation, MemoryFileSystem::Fault::ShortWrite);
      const bool appended = log->append(records_of({"unsure"}), kNow).ok();
      EXPECT_EQ(appended, operation == 2);
      EXPECT_EQ(log->sync().error().code, Code::IoError);
      const std::uint64_t before = fs.operations();
      EXPECT_EQ(log->append(records_of({"late"}), kNow).error().code, Code::IoError);
      EXPECT_EQ(log->sync().error().code, Code::IoError);
      EXPECT_EQ(log->close(kNow).error().code, Code::IoError);
      EXPECT_EQ(fs.operations(), before) << "nothing is tried again";
      EXPECT_EQ(log->synced_through(), SeqNo{1});
      EXPECT_EQ(payloads_of(*log)->front(), "safe") << "reads go on";
    }
    const std::unique_ptr<Log> log = *open_log(fs);
    EXPECT_EQ(payloads_of(*log)->front(), "safe");
    EXPECT_TRUE(log->append(records_of({"works again"}), kNow).ok());
  }
}

TEST(Log, AFullDiskRefusesOneFrameAndNothingElse) {  // W5
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    append_all(*log, {"one"});
    fs.fail_operation(1, MemoryFileSystem::Fault::NoSpace);
    EXPECT_EQ(log->append(records_of({std::string(5000, 'x')}), kNow).error().code, Code::ResourceExhausted);
    append_all(*log, {"two"});
  }
  EXPECT_EQ(*recovered_payloads(fs), (std::vector<std::string>{"one", "two"}));
}

TEST(Log, GoesOnWhenADiskThatHadNoRoomForASegmentHasRoomAgain) {  // W5
  MemoryFileSystem fs;
  std::vector<std::string> written;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    fs.set_space(kSmallSegmentBytes / 2);
    Status status;
    while (status.ok()) {
      written.push_back("payload " + std::to_string(written.size()));
      const Result<SeqNo> appended = log->append(records_of({written.back()}), kNow);
      status = appended.ok() ? log->sync() : appended.error();
    }
    EXPECT_EQ(status.error().code, Code::ResourceExhausted);
    written.pop_back();
    EXPECT_EQ(log->append(records_of({"still full"}), kNow).error().code, Code::ResourceExhausted);
    EXPECT_EQ(*payloads_of(*log), written);
    fs.set_space(kSmallSegmentBytes);
    written.emplace_back("room again");
    append_all(*log, {written.back()});
  }
  EXPECT_EQ(*recovered_payloads(fs), written);
}

TEST(Log, RemovesOldSegmentsAndSaysWhatItNoLongerHas) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    append_all(*log, numbered(0, 300));
    const std::size_t before = log->segments().size();
    ASSERT_TRUE(log->retire_segments_before(SeqNo{150}, Retire::Remove).ok());
    EXPECT_LT(log->segments().size(), before);
    EXPECT_LE(log->first_seqno(), SeqNo{150});
    EXPECT_EQ(payloads_of(*log).error().code, Code::Corruption);
    EXPECT_EQ(payloads_of(*log, SeqNo{150})->size(), 151U);
  }
  const std::unique_ptr<Log> log = *open_log(fs);
  EXPECT_EQ(log->last_seqno(), SeqNo{300});
  EXPECT_EQ(payloads_of(*log, SeqNo{150})->size(), 151U);
}

/// A log of two segments, closed cleanly.
Image small_log(std::vector<std::string>& payloads) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  payloads = numbered(0, 40);
  payloads.emplace_back(7000, 'f');  // fills the first segment
  payloads.emplace_back("in the second");
  payloads.emplace_back("last");
  append_all(*log, payloads);
  EXPECT_EQ(log->segments().size(), 2U);
  EXPECT_TRUE(log->close(kNow).ok());
  return image_of(fs);
}

/// The damaged log opens with exactly `payloads`, or a prefix that lost no more than `may_lose`, or with Corruption.
void expect_no_wrong_records(const Image& damaged, const std::vector<std::string>& payloads, const std::string& what) {
  const Result<std::vector<std::string>> read = recovered_payloads(*files_of(damaged));
  if (!read.ok()) {
    EXPECT_EQ(read.error().code, Code::Corruption) << what << ": " << read.error().to_string();
    EXPECT_NE(read.error().message.find(".wal"), std::string::npos);
    EXPECT_NE(read.error().message.find("offset"), std::string::npos);
    return;
  }
  // The mark of the clean close proves every record synced: none may be cut.
  EXPECT_EQ(*read, payloads) << what;
}

TEST(Damage, OfAnySingleBitGivesCorruptionOrTheSameRecords) {  // V1, W3
  std::vector<std::string> payloads;
  const Image image = small_log(payloads);
  for (const auto& [name, content] : image) {
    for (std::size_t i = 0; i < content.size(); ++i) {
      const bool within_frames = content[i] != '\0' && content[i] != 'f';
      if (!within_frames && i % 61 != 0) continue;
      for (int bit = 0; bit < 8; bit += within_frames ? 1 : 5) {
        Image damaged = image;
        damaged[name][i] = static_cast<char>(damaged[name][i] ^ (1 << bit));
        expect_no_wrong_records(damaged, payloads, name + " byte " + std::to_string(i) + " bit " + std::to_string(bit));
      }
    }
  }
}

TEST(Damage, OfAnyTruncationIsCorruption) {
  std::vector<std::string> payloads;
  const Image image = small_log(payloads);
  for (const auto& [name, content] : image) {
    for (std::size_t n = 0; n < content.size(); n += 97) {
      Image damaged = image;
      damaged[name].resize(n);
      const Result<std::vector<std::string>> read = recovered_payloads(*files_of(damaged));
      ASSERT_FALSE(read.ok()) << name << " cut to " << n;
      EXPECT_EQ(read.error().code, Code::Corruption);
    }
  }
}

TEST(Damage, OfAMissingSegmentIsCorruption) {
  std::vector<std::string> payloads;
  Image image = small_log(payloads);
  image.erase(image.begin());
  const Result<std::vector<std::string>> read = recovered_payloads(*files_of(image));
  EXPECT_EQ(read.error().code, Code::Corruption);
}

TEST(Damage, OfAnyByteWhileNothingIsKnownSyncedGivesAPrefix) {  // W3
  MemoryFileSystem fs;
  const std::vector<std::string> payloads = numbered(0, 8);
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    for (std::size_t i = 0; i < payloads.size(); i += 2) {
      ASSERT_TRUE(log->append(records_of({payloads[i], payloads[i + 1]}), kNow).ok());  // never synced
    }
  }
  const Image image = image_of(fs);
  const std::string& content = image.begin()->second;
  for (std::size_t i = kFramesBegin; i < content.find_last_not_of('\0') + 1; ++i) {
    Image damaged = image;
    damaged.begin()->second[i] = static_cast<char>(content[i] ^ 0x10);
    const std::unique_ptr<MemoryFileSystem> files = files_of(damaged);
    const Result<std::unique_ptr<Log>> log = open_log(*files);
    ASSERT_TRUE(log.ok()) << i << ": " << log.error().to_string();
    const std::vector<std::string> read = *payloads_of(**log);
    ASSERT_LT(read.size(), payloads.size());
    EXPECT_EQ(read.size() % 2, 0U) << "a frame is kept whole or not at all";
    EXPECT_TRUE(std::equal(read.begin(), read.end(), payloads.begin()));
    ASSERT_TRUE((*log)->recovery().torn.has_value());
    EXPECT_LE((*log)->recovery().torn->offset, i);
    EXPECT_GT((*log)->recovery().torn->offset + (*log)->recovery().torn->bytes, i);
  }
}

TEST(Recovery, ZeroesWhatItCutsSoThatNoStaleFrameFollowsANewOne) {  // V2
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    for (const char* payload : {"first", "second", "third"}) {
      ASSERT_TRUE(log->append(records_of({payload}), kNow).ok());  // never synced
    }
  }
  Image image = image_of(fs);
  std::string& content = image.begin()->second;
  content[content.find("second")] ^= 1;
  const std::unique_ptr<MemoryFileSystem> files = files_of(image);
  {
    const std::unique_ptr<Log> log = *open_log(*files);
    EXPECT_EQ(log->last_seqno(), SeqNo{1});
    append_all(*log, {"newone"});  // as long as "second": "third" would follow on
  }
  EXPECT_EQ(*recovered_payloads(*files), (std::vector<std::string>{"first", "newone"}));
}

TEST(Recovery, ReadingChangesNothingAndStartingCuts) {
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    append_all(*log, {"kept"});
    ASSERT_TRUE(log->append(records_of({"torn"}), kNow).ok());  // never synced
  }
  Image image = image_of(fs);
  std::string& content = image.begin()->second;
  content[content.find("torn")] ^= 1;
  image["left over.wal.tmp"] = "x";
  const std::unique_ptr<MemoryFileSystem> files = files_of(image);
  const std::unique_ptr<Log> log = *Log::read(*files, kDir, {.segment_bytes = kSmallSegmentBytes});
  EXPECT_EQ(*payloads_of(*log), std::vector<std::string>{"kept"});
  EXPECT_TRUE(log->recovery().torn.has_value());
  EXPECT_EQ(image_of(*files), image);
  ASSERT_TRUE(log->start(kNow).ok());
  EXPECT_EQ(image_of(*files).size(), 1U);
  append_all(*log, {"more"});
  EXPECT_EQ(*recovered_payloads(*files), (std::vector<std::string>{"kept", "more"}));
}

TEST(Recovery, ADirectoryThatIsNotThereReadsAsAnEmptyLog) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *Log::read(fs, kDir, {});
  EXPECT_TRUE(payloads_of(*log)->empty());
  EXPECT_EQ(log->last_seqno(), SeqNo{});
  EXPECT_EQ(fs.operations(), 0U);
}

TEST(Recovery, TakesNoPayloadForAFrame) {  // R1
  MemoryFileSystem fs;
  {  // a payload that holds a whole sealed frame which claims to know everything synced
    const std::unique_ptr<Log> log = *open_log(fs);
    Frame fake;
    RecordBatch batch;
    batch.add(record_of("fake"));
    fake.append(batch);
    fake.seal({.first_seqno = SeqNo{1}, .synced_through = SeqNo{1'000'000}, .offset = 4096});
    std::string payload(400, 'p');
    for (std::size_t shift = 0; shift < 8; ++shift) payload += std::string(shift, 'p') + std::string(fake.bytes());
    ASSERT_TRUE(log->append(records_of({"torn"}), kNow).ok());
    ASSERT_TRUE(log->append(records_of({payload}), kNow).ok());
  }
  Image image = image_of(fs);
  std::string& content = image.begin()->second;
  content[content.find("torn")] ^= 1;
  EXPECT_TRUE(recovered_payloads(*files_of(image))->empty());
}

/// A sound frame header of a later format, as a client may send it in a text.
std::string newer_look_alike() {
  Frame fake;
  RecordBatch batch;
  batch.add(record_of("fake"));
  fake.append(batch);
  fake.seal({.first_seqno = SeqNo{1}, .synced_through = SeqNo{1'000'000}, .offset = 4096});
  std::string head(fake.bytes().substr(0, kFrameHeaderBytes));
  constexpr std::size_t kVersionAt = 4;
  head[kVersionAt] = 2;
  base::Encoder checksum;
  checksum.u32(base::crc32c(std::string_view(head).substr(0, kFrameHeaderBytes - sizeof(std::uint32_t))));
  head.replace(kFrameHeaderBytes - sizeof(std::uint32_t), sizeof(std::uint32_t), checksum.str());
  std::string payload;
  for (std::size_t shift = 0; shift < 8; ++shift) payload += std::string(shift + 1, 'p') + head;
  return payload;
}

TEST(Recovery, TakesNoPayloadForAFrameOfANewerFormat) {  // R1
  MemoryFileSystem fs;
  {
    const std::unique_ptr<Log> log = *open_log(fs);
    ASSERT_TRUE(log->append(records_of({"kept"}), kNow).ok());
    ASSERT_TRUE(log->sync().ok());
    ASSERT_TRUE(log->append(records_of({"torn" + newer_look_alike()}), kNow).ok());
  }
  Image image = image_of(fs);
  std::string& content = image.begin()->second;
  content[content.find("torn")] ^= 1;
  EXPECT_EQ(recovered_payloads(*files_of(image)).value(), (std::vector<std::string>{"kept"}));
  // In front of what was synced it is damage, which repair steps over; also when the header page is gone.
  for (const std::size_t bad_at : {content.find("kept"), std::size_t{5}}) {
    Image damaged = image_of(fs);
    damaged.begin()->second[bad_at] ^= 1;
    const auto files = files_of(damaged);
    const auto plan = plan_repair(*files, kDir);
    ASSERT_TRUE(plan.ok()) << plan.error().to_string();
    EXPECT_FALSE(plan->empty());
  }
}

TEST(Recovery, RefusesANewerFormatBeforeAnyWrite) {
  MemoryFileSystem fs;
  ASSERT_TRUE(fs.create_directories(kDir).ok());
  SegmentHeader header{.format_version = 2, .first_seqno = SeqNo{1}, .segment_bytes = kSmallSegmentBytes};
  ASSERT_TRUE(create_segment(fs, kDir, header).ok());
  const std::uint64_t before = fs.operations();
  const Result<std::unique_ptr<Log>> log = open_log(fs);
  EXPECT_EQ(log.error().code, Code::FailedPrecondition);
  EXPECT_NE(log.error().message.find("format 2"), std::string::npos);
  EXPECT_NE(log.error().message.find("format 1"), std::string::npos);
  EXPECT_EQ(fs.operations(), before);
}

}  // namespace
}  // namespace tidal::wal
