// Appends, syncs, replays and retirements at the same time: every replay sees every record, once and in order.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "wal/archive_fixture.h"

namespace tidal::wal {
namespace {

TEST(RetireBeside, AppendsSyncsAndReplaysLosesNothing) {  // W6
  base::MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  std::atomic<bool> done{false};
  std::thread retiring([&] {
    while (!done.load(std::memory_order_relaxed)) {  // relaxed: only a flag
      EXPECT_TRUE(log->retire_segments_before(log->synced_through(), Retire::Archive).ok());
    }
  });
  std::thread syncing([&] {
    while (!done.load(std::memory_order_relaxed)) EXPECT_TRUE(log->sync().ok());  // relaxed: only a flag
  });
  std::thread replaying([&] {
    while (!done.load(std::memory_order_relaxed)) {  // relaxed: only a flag
      const SeqNo through = log->last_seqno();
      const Result<std::vector<std::string>> read = payloads_of(*log);
      ASSERT_TRUE(read.ok()) << read.error().to_string();
      EXPECT_GE(read->size(), through.value);
      EXPECT_EQ(log->history_first_seqno(), SeqNo{1});
    }
  });
  std::vector<std::string> payloads;
  for (int i = 0; i < 800; ++i) {
    payloads.push_back("payload " + std::to_string(i));
    ASSERT_TRUE(log->append(records_of({payloads.back()}), kNow).ok());
  }
  done.store(true, std::memory_order_relaxed);  // relaxed: only a flag
  retiring.join();
  syncing.join();
  replaying.join();
  ASSERT_TRUE(log->sync().ok());
  ASSERT_TRUE(log->retire_segments_before(log->last_seqno(), Retire::Archive).ok());
  EXPECT_EQ(log->segments().size(), 1U);
  fs.crash();
  EXPECT_EQ(*archived_payloads(fs), payloads);
}

TEST(RetireBeside, ReplaysOfTheRecordsItRemovesEitherSeeThemAllOrAreToldWhichAreGone) {
  base::MemoryFileSystem fs;
  const std::unique_ptr<Log> log = *open_archiving_log(fs);
  append_numbered(*log, 400);
  std::atomic<std::uint64_t> before{0};
  std::thread retiring([&] {
    for (std::uint64_t seqno = 1; seqno <= 400; ++seqno) {
      EXPECT_TRUE(log->retire_segments_before(SeqNo{seqno}, Retire::Remove).ok());
      before.store(seqno, std::memory_order_relaxed);  // relaxed: only progress
    }
  });
  for (std::uint64_t seen = 0; seen < 400; seen = before.load(std::memory_order_relaxed)) {  // relaxed: only progress
    const SeqNo from = log->first_seqno();
    const Result<std::vector<std::string>> read = payloads_of(*log, from);
    if (read.ok()) {
      EXPECT_EQ(read->size(), 401 - from.value);
    } else {  // removed between the two calls
      EXPECT_NE(read.error().message.find("are missing"), std::string::npos) << read.error().to_string();
    }
  }
  retiring.join();
}

TEST(RetireBeside, ManyThreadsReadOneArchivedFile) {
  base::MemoryFileSystem fs;
  const std::string path = make_sealed_segment(fs, 21, 2 * kArchiveChunkBytes + kPageBytes);
  const std::string segment = *base::read_file(fs, path);
  ASSERT_TRUE(archive_segment(fs, path, kArchiveDir).ok());
  const std::unique_ptr<base::File> file =
      *open_archived(fs, std::string(kArchiveDir) + "/" + archive_file_name(SeqNo{1}));
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(t);
      for (int i = 0; i < 40; ++i) {
        const std::uint64_t offset = random.below(segment.size());
        std::string part(random.below(5000), '\0');
        const Result<std::size_t> n = file->read_at(offset, std::as_writable_bytes(std::span(part)));
        ASSERT_TRUE(n.ok());
        part.resize(*n);
        EXPECT_TRUE(part == segment.substr(offset, part.size()));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tidal::wal
