// Retiring segments: history over archive and log, gaps, faults, and crashes at every file operation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wal/archive_fixture.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;
using testing::HasSubstr;

constexpr int kRecords = 300;

/// A log whose records before 150 are archived, closed.
struct ArchivedLog {
  ArchivedLog() {
    const std::unique_ptr<Log> log = *open_archiving_log(fs);
    payloads = append_numbered(*log, kRecords);
    const Status retired = log->retire_segments_before(SeqNo{150}, Retire::Archive);
    EXPECT_TRUE(retired.ok()) << retired.error().to_string();
    wal_first = log->first_seqno();
    EXPECT_GT(log->archived_segments().size(), 1U);
    EXPECT_TRUE(log->close(kNow).ok());
  }
  [[nodiscard]] std::vector<std::string> archives() {
    std::vector<std::string> paths;
    const std::vector<std::string> names = *fs.list(kArchiveDir);
    for (const std::string& name : names) paths.push_back(std::string(kArchiveDir) + "/" + name);
    return paths;
  }
  MemoryFileSystem fs;
  std::vector<std::string> payloads;
  SeqNo wal_first;
};

TEST(Retire, ArchivedRecordsAreReplayedAsBefore) {  // W6
  ArchivedLog sample;
  const std::unique_ptr<Log> log = *open_archiving_log(sample.fs);
  EXPECT_EQ(log->first_seqno(), sample.wal_first);
  EXPECT_GT(log->first_seqno(), SeqNo{1});
  EXPECT_EQ(log->history_first_seqno(), SeqNo{1});
  EXPECT_EQ(log->history_since(), kNow);
  for (std::uint64_t from = 1; from <= kRecords + 1; from += 7) {
    const std::vector<std::string> read = *payloads_of(*log, SeqNo{from});
    ASSERT_EQ(read.size(), kRecords + 1 - from) << from;
    EXPECT_TRUE(std::equal(read.begin(), read.end(), sample.payloads.begin() + static_cast<std::ptrdiff_t>(from) - 1));
  }
}

TEST(Retire, TheNewestSegmentStays) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  const std::vector<std::string> payloads = append_numbered(*log, kRecords);
  const SegmentEntry newest = log->segments().back();
  ASSERT_TRUE(log->retire_segments_before(SeqNo{1'000'000}, Retire::Archive).ok());
  ASSERT_EQ(log->segments().size(), 1U);
  EXPECT_EQ(log->segments().front().path, newest.path);
  EXPECT_EQ(log->first_seqno(), newest.header.first_seqno);
  EXPECT_EQ(*payloads_of(*log), payloads);
  ASSERT_TRUE(log->append(records_of({"more"}), kNow).ok());
  EXPECT_EQ(payloads_of(*log)->back(), "more");
}

TEST(Retire, ASegmentThatWasReplacedUnderItsNameIsNotRetired) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  const std::string large(2 * kSmallSegmentBytes, 'x');  // does not fit the first segment, which holds nothing yet
  ASSERT_TRUE(log->append(records_of({large}), kNow).ok());
  ASSERT_TRUE(log->retire_segments_before(SeqNo{1}, Retire::Remove).ok());
  EXPECT_EQ(*payloads_of(*log), std::vector<std::string>{large});
  std::size_t events_seen = 0;
  ASSERT_TRUE(log->replay(SeqNo{0},
                          [&](std::span<WalEvent> events) -> Status {
                            events_seen += events.size();
                            return {};
                          })
                  .ok());
  EXPECT_EQ(events_seen, 1U);
}

TEST(Retire, WithoutArchiveFolderNothingIsArchived) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_log(fs);
  append_numbered(*log, kRecords);
  const std::size_t before = log->segments().size();
  EXPECT_EQ(log->retire_segments_before(SeqNo{150}, Retire::Archive).error().code, Code::InvalidArgument);
  EXPECT_EQ(log->segments().size(), before);
}

TEST(Retire, RemovedRecordsEndTheHistory) {
  MemoryFileSystem fs;
  SeqNo first;
  {
    const std::unique_ptr<Log> log = *open_archiving_log(fs);
    append_numbered(*log, kRecords);
    ASSERT_TRUE(log->retire_segments_before(SeqNo{100}, Retire::Archive).ok());
    const SeqNo archived_through{log->first_seqno().value - 1};
    ASSERT_TRUE(log->retire_segments_before(SeqNo{250}, Retire::Remove).ok());
    first = log->first_seqno();
    EXPECT_GT(first, archived_through.next());
    EXPECT_EQ(log->history_first_seqno(), first);
    EXPECT_EQ(log->history_since(), log->segments().front().header.created_at);
    const Error error = payloads_of(*log).error();
    EXPECT_EQ(error.code, Code::Corruption);
    EXPECT_THAT(error.message, HasSubstr("seqnos " + std::to_string(archived_through.value + 1) + " to " +
                                         std::to_string(first.value - 1)));
  }
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  EXPECT_EQ(log->history_first_seqno(), first);
  EXPECT_TRUE(payloads_of(*log, first).ok());
  EXPECT_EQ(log->archived_segments().empty(), false);
}

TEST(ArchiveGap, MattersOnlyToWhoAsksForItsRecords) {  // H2
  ArchivedLog sample;
  const std::vector<std::string> archives = sample.archives();
  ASSERT_GE(archives.size(), 2U);
  for (std::size_t missing = 0; missing < archives.size(); ++missing) {
    SCOPED_TRACE(archives[missing]);
    const std::string content = *base::read_file(sample.fs, archives[missing]);
    const ArchiveHeader header = *read_archive_header(sample.fs, archives[missing]);
    for (const bool damaged : {false, true}) {
      ASSERT_TRUE(sample.fs.remove(archives[missing]).ok());
      if (damaged) put_file(sample.fs, archives[missing], "no archive");
      const std::unique_ptr<Log> log = *open_archiving_log(sample.fs);
      EXPECT_EQ(log->history_first_seqno(), header.last_seqno.next());
      EXPECT_EQ(payloads_of(*log, header.last_seqno.next())->size(), kRecords - header.last_seqno.value);
      const Error error = payloads_of(*log, header.last_seqno).error();
      EXPECT_EQ(error.code, Code::Corruption);
      EXPECT_THAT(error.message, HasSubstr("seqnos " + std::to_string(header.last_seqno.value) + " to " +
                                           std::to_string(header.last_seqno.value)));
      EXPECT_EQ(payloads_of(*log).error().code, Code::Corruption);
      if (!damaged) put_file(sample.fs, archives[missing], "");
    }
    put_file(sample.fs, archives[missing], content);
  }
  EXPECT_EQ(*archived_payloads(sample.fs), sample.payloads);
}

TEST(ArchiveGap, ALogWithoutItsArchiveOpens) {  // H2
  ArchivedLog sample;
  ASSERT_TRUE(sample.fs.remove_all(kArchiveDir).ok());
  const std::unique_ptr<Log> log = *open_archiving_log(sample.fs);
  EXPECT_EQ(log->history_first_seqno(), sample.wal_first);
  EXPECT_EQ(payloads_of(*log, sample.wal_first)->size(), kRecords + 1 - sample.wal_first.value);
  EXPECT_EQ(payloads_of(*log).error().code, Code::Corruption);
}

TEST(ArchiveGap, AnArchiveThatGoesAwayWhileOpenIsMissedWhenAskedFor) {
  ArchivedLog sample;
  const std::unique_ptr<Log> log = *open_archiving_log(sample.fs);
  ASSERT_TRUE(sample.fs.remove(sample.archives().front()).ok());
  const Error error = payloads_of(*log).error();
  EXPECT_EQ(error.code, Code::Corruption);
  EXPECT_THAT(error.message, HasSubstr(archive_file_name(SeqNo{1})));
  EXPECT_TRUE(payloads_of(*log, sample.wal_first).ok());
}

TEST(ArchiveGap, AnArchiveOfAnotherShardOrANewerFormatIsRefusedWhenAskedFor) {
  ArchivedLog sample;
  const std::string path = sample.archives().front();
  std::string content = *base::read_file(sample.fs, path);
  const ArchiveHeader header = *decode_archive_header(content);
  ArchiveHeader other = header;
  other.shard_id = 7;
  put_file(sample.fs, path, content.replace(0, kArchiveHeaderBytes, encode_archive_header(other)));
  EXPECT_EQ(archived_payloads(sample.fs).error().code, Code::FailedPrecondition);
  ArchiveHeader newer = header;
  newer.format_version = 4;
  newer.min_reader_version = 4;
  put_file(sample.fs, path, content.replace(0, kArchiveHeaderBytes, encode_archive_header(newer)));
  const Error error = archived_payloads(sample.fs).error();
  EXPECT_EQ(error.code, Code::FailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("format 4"));
  EXPECT_THAT(error.message, HasSubstr("format 1"));
  EXPECT_TRUE(payloads_of(**open_archiving_log(sample.fs), sample.wal_first).ok());
}

TEST(ArchiveGap, AnArchiveBehindTheEndOfTheLogIsDamage) {  // H3
  ArchivedLog sample;
  ASSERT_TRUE(sample.fs.remove_all(kDir).ok());
  const std::uint64_t before = sample.fs.operations();
  const Result<std::unique_ptr<Log>> log = open_archiving_log(sample.fs);
  EXPECT_EQ(log.error().code, Code::Corruption);
  EXPECT_THAT(log.error().message, HasSubstr(kArchiveDir));
  EXPECT_EQ(sample.fs.operations(), before);
  LogOptions options = archiving_options();
  options.first_seqno = sample.wal_first;  // of a log that goes on behind its archive
  EXPECT_EQ(payloads_of(**Log::open(sample.fs, kDir, options, kNow))->size(), sample.wal_first.value - 1);
}

TEST(ArchiveTwin, OfASegmentInTheLogCountsOnce) {  // H1
  ArchivedLog sample;
  const std::unique_ptr<Log> log = *open_archiving_log(sample.fs);
  const std::string oldest = log->segments().front().path;
  ASSERT_TRUE(archive_segment(sample.fs, oldest, kArchiveDir).ok());
  EXPECT_EQ(*payloads_of(*log), sample.payloads);
  EXPECT_EQ(*archived_payloads(sample.fs), sample.payloads);
  const LogSummary summary = *verify_log(sample.fs, kDir, kArchiveDir);
  EXPECT_TRUE(summary.defects.empty());
  EXPECT_EQ(summary.records, static_cast<std::uint64_t>(kRecords));
  ASSERT_EQ(summary.twins.size(), 1U);
  // And the log's own is the one that is read.
  put_file(sample.fs, summary.twins.front(), "damaged");
  EXPECT_EQ(*archived_payloads(sample.fs), sample.payloads);
  const std::unique_ptr<Log> again = *open_archiving_log(sample.fs);
  ASSERT_TRUE(again->retire_segments_before(SeqNo{kRecords}, Retire::Archive).ok());
  EXPECT_EQ(*payloads_of(*again), sample.payloads);
  EXPECT_FALSE(sample.fs.exists(oldest));
}

TEST(ReadLog, SeesArchiveAndLog) {
  ArchivedLog sample;
  std::vector<std::string> read;
  const auto each = [&read](const FrameView& frame) -> Status {
    RecordCursor cursor(frame.header, frame.body);
    WalEvent event;
    while (cursor.next(event)) read.emplace_back(event.record.payload);
    return {};
  };
  const LogSummary log = *read_log(sample.fs, kDir, each, kArchiveDir);
  EXPECT_EQ(read, sample.payloads);
  EXPECT_TRUE(log.defects.empty());
  EXPECT_TRUE(log.gaps.empty());
  EXPECT_TRUE(log.segments.front().archived);
  EXPECT_FALSE(log.segments.back().archived);
  EXPECT_EQ(log.first_seqno, SeqNo{1});
  EXPECT_EQ(log.last_seqno, SeqNo{kRecords});
  EXPECT_EQ(verify_log(sample.fs, kDir)->first_seqno, sample.wal_first) << "and the log alone when told no archive";
}

TEST(ReadLog, TellsGapsAndDamageOfTheArchiveApart) {
  ArchivedLog sample;
  const std::vector<std::string> archives = sample.archives();
  const ArchiveHeader last = *read_archive_header(sample.fs, archives.back());
  const std::string content = *base::read_file(sample.fs, archives.back());
  ASSERT_TRUE(sample.fs.remove(archives.back()).ok());
  LogSummary log = *verify_log(sample.fs, kDir, kArchiveDir);
  EXPECT_TRUE(log.defects.empty());
  ASSERT_EQ(log.gaps.size(), 1U);
  EXPECT_EQ(log.gaps[0].first_seqno, last.first_seqno);
  EXPECT_EQ(log.gaps[0].last_seqno, last.last_seqno);
  for (std::size_t at = 0; at < content.size(); at += 1 + content.size() / 50) {
    std::string damaged = content;
    damaged[at] ^= 4;
    put_file(sample.fs, archives.back(), damaged);
    log = *verify_log(sample.fs, kDir, kArchiveDir);
    ASSERT_FALSE(log.defects.empty()) << at;
    EXPECT_EQ(log.defects.front().segment, archives.back());
    EXPECT_EQ(log.last_seqno, SeqNo{kRecords}) << "what lies behind is read";
  }
}

TEST(ReadLog, AnArchiveThatOverlapsIsTold) {
  ArchivedLog sample;
  const std::vector<std::string> archives = sample.archives();
  std::string content = *base::read_file(sample.fs, archives[0]);
  ArchiveHeader header = *decode_archive_header(content);
  ++header.last_seqno.value;
  ++header.record_count;
  put_file(sample.fs, archives[0], content.replace(0, kArchiveHeaderBytes, encode_archive_header(header)));
  const LogSummary log = *verify_log(sample.fs, kDir, kArchiveDir);
  ASSERT_EQ(log.defects.size(), 1U);
  EXPECT_THAT(log.defects[0].message, HasSubstr("the next segment begins with"));
  EXPECT_EQ(archived_payloads(sample.fs).error().code, Code::Corruption);
}

TEST(ArchivedReplay, OfADamagedByteIsCorruptionOrTheSameRecords) {  // A3
  ArchivedLog sample;
  base::Random random(5);
  const std::vector<std::string> archives = sample.archives();
  for (const std::string& path : archives) {
    const std::string content = *base::read_file(sample.fs, path);
    for (std::size_t at = 0; at < content.size(); at += 1 + random.below(20)) {
      std::string damaged = content;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(8)));
      put_file(sample.fs, path, damaged);
      const Result<std::vector<std::string>> read = archived_payloads(sample.fs);
      ASSERT_FALSE(read.ok()) << path << " byte " << at;
      EXPECT_EQ(read.error().code, Code::Corruption) << at;
      EXPECT_THAT(read.error().message, HasSubstr(path));
    }
    put_file(sample.fs, path, content);
  }
}

/// Makes the log, retires with the power going at operation `n`, crashes, and tells what reopening finds wrong. Empty
/// when all is there. `done` is set when the retirement got to its end before.
std::string crash_at(std::uint64_t n, std::uint64_t seed, Retire how,
                     const std::function<void(MemoryFileSystem&)>& sabotage, bool& done) {
  MemoryFileSystem fs(seed);
  if (sabotage) sabotage(fs);
  std::vector<std::string> payloads;
  {
    const std::unique_ptr<Log> log = *open_archiving_log(fs);
    payloads = append_numbered(*log, kRecords);
    fs.stop_at(n);
    done = log->retire_segments_before(SeqNo{200}, how).ok();
  }
  fs.crash();
  for (int opening = 0; opening < 2; ++opening) {
    const Result<std::unique_ptr<Log>> log = open_archiving_log(fs);
    if (!log.ok()) return log.error().to_string();
    const SeqNo first = how == Retire::Archive ? SeqNo{1} : (*log)->first_seqno();
    if (first > SeqNo{200}) return "removed too much";
    const Result<std::vector<std::string>> read = payloads_of(**log, first);
    if (!read.ok()) return read.error().to_string();
    const std::span<const std::string> wanted = std::span(payloads).subspan(first.value - 1);
    if (!std::equal(read->begin(), read->end(), wanted.begin(), wanted.end())) return "other records";
    // The rest is made up for, and a second time by what was left of the first.
    if (const Status again = (*log)->retire_segments_before(SeqNo{200}, how); !again.ok()) {
      return again.error().to_string();
    }
    if (how == Retire::Archive && (*log)->history_first_seqno() != SeqNo{1}) return "a hole in the history";
    if (how == Retire::Remove) continue;
    const std::vector<std::string> archive = *fs.list(kArchiveDir);
    for (const std::string& name : archive) {
      if (name.ends_with(".tmp")) return name + " is left";
    }
  }
  return "";
}

TEST(RetireCrash, AtEveryOperationLosesNothing) {  // W6
  for (const Retire how : {Retire::Archive, Retire::Remove}) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      bool done = false;
      std::uint64_t n = 1;
      for (; !done; ++n) ASSERT_EQ(crash_at(n, seed, how, {}, done), "") << "operation " << n << " seed " << seed;
      EXPECT_GT(n, 5U);
    }
  }
}

int count_losses(const std::function<void(MemoryFileSystem&)>& sabotage, Retire how) {
  int losses = 0;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    bool done = false;
    for (std::uint64_t n = 1; !done; ++n) losses += crash_at(n, seed, how, sabotage, done).empty() ? 0 : 1;
  }
  return losses;
}

TEST(RetireCrashCanary, NoticesThatTheArchiveIsNotSynced) {
  EXPECT_GT(count_losses([](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::File, kArchiveDir); },
                         Retire::Archive),
            0);
}

TEST(RetireCrashCanary, NoticesThatTheArchiveFolderIsNotSynced) {
  EXPECT_GT(
      count_losses([](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::Directory, kArchiveDir); },
                   Retire::Archive),
      0);
}

TEST(RetireCrashCanary, NoticesThatRemovalsAreNotSynced) {
  EXPECT_GT(count_losses([](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::Directory, kDir); },
                         Retire::Remove),
            0);
}

TEST(RetireFaults, AFullDiskChangesNothing) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  const std::vector<std::string> payloads = append_numbered(*log, kRecords);
  const std::size_t before = log->segments().size();
  fs.set_space(300);
  EXPECT_EQ(log->retire_segments_before(SeqNo{150}, Retire::Archive).error().code, Code::ResourceExhausted);
  EXPECT_EQ(log->segments().size(), before);
  EXPECT_TRUE(fs.list(kArchiveDir)->empty());
  EXPECT_EQ(*payloads_of(*log), payloads);
  fs.set_space(std::uint64_t{1} << 30);
  EXPECT_TRUE(log->retire_segments_before(SeqNo{150}, Retire::Archive).ok());
  EXPECT_LT(log->segments().size(), before);
  EXPECT_EQ(*payloads_of(*log), payloads);
}

TEST(RetireFaults, AtEveryOperationLeaveAChain) {  // W6
  for (const Retire how : {Retire::Archive, Retire::Remove}) {
    bool done = false;
    for (std::uint64_t n = 1; !done; ++n) {
      SCOPED_TRACE(n);
      MemoryFileSystem fs(n);
      const std::unique_ptr<Log> log = *open_archiving_log(fs);
      const std::vector<std::string> payloads = append_numbered(*log, kRecords);
      fs.fail_operation(n, MemoryFileSystem::Fault::IoError);
      done = log->retire_segments_before(SeqNo{200}, how).ok();
      const Status again = log->retire_segments_before(SeqNo{200}, how);  // refused after a failed removal
      const SeqNo first = log->history_first_seqno();
      ASSERT_LE(first, SeqNo{200});
      EXPECT_EQ(payloads_of(*log, first)->size(), kRecords + 1 - first.value);
      if (how == Retire::Archive) {
        EXPECT_EQ(first, SeqNo{1});
      }
      if (!again.ok()) {
        EXPECT_THAT(again.error().message, HasSubstr("until it is reopened"));
      }
      fs.crash();
      const Result<std::unique_ptr<Log>> reopened = open_archiving_log(fs);
      ASSERT_TRUE(reopened.ok()) << reopened.error().to_string();
      EXPECT_EQ(payloads_of(**reopened, first)->back(), payloads.back());
      EXPECT_TRUE((*reopened)->retire_segments_before(SeqNo{200}, how).ok());
    }
  }
}

TEST(RetireFaults, AFailedRemovalIsNotFollowedByAnother) {  // W6
  for (const std::uint64_t operation : {1U, 2U}) {          // the removal, the sync of the directory
    MemoryFileSystem fs;
    const std::unique_ptr<Log> log = *open_archiving_log(fs);
    append_numbered(*log, kRecords);
    fs.fail_operation(operation, MemoryFileSystem::Fault::IoError);
    EXPECT_EQ(log->retire_segments_before(SeqNo{200}, Retire::Remove).error().code, Code::IoError);
    const std::uint64_t before = fs.operations();
    const Status again = log->retire_segments_before(SeqNo{200}, Retire::Remove);
    EXPECT_EQ(again.error().code, Code::IoError);
    EXPECT_THAT(again.error().message, HasSubstr("until it is reopened"));
    EXPECT_EQ(fs.operations(), before);
    EXPECT_EQ(log->first_seqno() == SeqNo{1}, operation == 1) << "what could not be removed is still there";
    EXPECT_TRUE(payloads_of(*log, log->first_seqno()).ok());
    EXPECT_TRUE(log->append(records_of({"more"}), kNow).ok());
  }
}

TEST(RetireBesideReplay, WhatIsBeingReplayedIsNotRemoved) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  const std::vector<std::string> payloads = append_numbered(*log, kRecords);
  const std::size_t before = log->segments().size();
  std::uint64_t seen = 0;
  ASSERT_TRUE(log->replay(SeqNo{1},
                          [&](std::span<WalEvent> events) -> Status {
                            if (seen == 0) {
                              EXPECT_TRUE(log->retire_segments_before(SeqNo{200}, Retire::Remove).ok());
                            }
                            seen += events.size();
                            return {};
                          })
                  .ok());
  EXPECT_EQ(seen, payloads.size());
  EXPECT_EQ(log->segments().size(), before);
  EXPECT_TRUE(log->retire_segments_before(SeqNo{200}, Retire::Remove).ok());
  EXPECT_LT(log->segments().size(), before);
}

TEST(RetireBesideReplay, WhatIsArchivedMeanwhileIsFoundInTheArchive) {
  MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  const std::vector<std::string> payloads = append_numbered(*log, kRecords);
  std::vector<std::string> read;
  const Status replayed = log->replay(SeqNo{1}, [&](std::span<WalEvent> events) -> Status {
    if (read.empty()) {
      EXPECT_TRUE(log->retire_segments_before(SeqNo{kRecords}, Retire::Archive).ok());
    }
    for (const WalEvent& event : events) read.emplace_back(event.record.payload);
    return {};
  });
  ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
  EXPECT_EQ(read, payloads);
  EXPECT_EQ(log->segments().size(), 1U);
}

}  // namespace
}  // namespace tidal::wal
