// Crashes at random operations: everything acknowledged is there, once and in order; and the same histories must notice
// when syncs are turned off.
#include <gtest/gtest.h>

#include <map>

#include "base/random.h"
#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;
using base::Random;

/// What was handed to the log and what of it was acknowledged, over all crashes of one history.
class Ledger {
 public:
  /// The batch got the seqnos from `first` on; it is acknowledged when the sync behind it succeeded.
  void wrote(SeqNo first, std::vector<std::string> payloads) { written_[first.value] = std::move(payloads); }
  void acknowledged_through(SeqNo seqno) { acknowledged_ = std::max(acknowledged_, seqno); }

  /// Empty when the recovered log agrees; else what is wrong. Batches that were lost are forgotten.
  std::string judge(const Result<std::vector<std::string>>& recovered) {
    if (!recovered.ok()) return recovered.error().to_string();
    if (recovered->size() < acknowledged_.value) {
      return "acknowledged " + std::to_string(acknowledged_.value) + ", found " + std::to_string(recovered->size());
    }
    std::uint64_t next = 1;
    for (auto batch = written_.begin(); batch != written_.end();) {
      const auto& [first, payloads] = *batch;
      if (first > recovered->size()) {
        batch = written_.erase(batch);
        continue;
      }
      if (first != next || first + payloads.size() - 1 > recovered->size()) {
        return "batch at " + std::to_string(first) + " is there by half, or misplaced";
      }
      for (const std::string& payload : payloads) {
        if ((*recovered)[next - 1] != payload) return "wrong record at seqno " + std::to_string(next);
        ++next;
      }
      ++batch;
    }
    return next == recovered->size() + 1 ? "" : "records nobody wrote after seqno " + std::to_string(next - 1);
  }

 private:
  std::map<std::uint64_t, std::vector<std::string>> written_;
  SeqNo acknowledged_;
};

/// Appends and syncs until the power goes.
void write_until_stopped(Log& log, Random& random, int& counter, Ledger& ledger) {
  while (true) {
    if (random.below(8) == 0) static_cast<void>(log.prepare_next_segment());
    const std::vector<std::string> payloads = random_batch(random, counter);
    const SeqNo next = log.last_seqno().next();
    const Result<SeqNo> first = log.append(records_of(payloads), kNow);
    ledger.wrote(next, payloads);  // even a failed write may survive
    if (!first.ok()) return;
    if (random.below(3) != 0) continue;
    if (!log.sync().ok()) return;
    ledger.acknowledged_through(log.synced_through());
  }
}

using Sabotage = std::function<void(MemoryFileSystem&)>;

/// One history of several crashes; says what went wrong, if anything.
std::string run_history(std::uint64_t seed, const Sabotage& sabotage) {
  MemoryFileSystem fs(seed);
  if (sabotage) sabotage(fs);
  Random random(seed ^ 0x5EED);
  Ledger ledger;
  int counter = 0;
  for (int crash = 0; crash < 4; ++crash) {
    fs.stop_at(1 + random.below(120));
    if (const Result<std::unique_ptr<Log>> log = open_log(fs); log.ok()) {
      write_until_stopped(**log, random, counter, ledger);
    }
    fs.crash();
    if (std::string wrong = ledger.judge(recovered_payloads(fs)); !wrong.empty()) return wrong;
    fs.crash();  // what recovery kept must not depend on luck either
    if (std::string wrong = ledger.judge(recovered_payloads(fs)); !wrong.empty()) return "second crash: " + wrong;
  }
  return "";
}

/// After a sync that failed nobody writes again what the system forgot to write, unless recovery does.
TEST(FailedSyncTest, WhatTheNextOpenKeepsSurvivesTheNextCrash) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    MemoryFileSystem fs(seed);
    int counter = 0;
    Random random(seed);
    std::vector<std::string> kept;
    {
      const auto log = open_log(fs).value();
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(log->append(records_of(random_batch(random, counter)), kNow).ok());
      fs.fail_operation(1, MemoryFileSystem::Fault::IoError);
      ASSERT_FALSE(log->sync().ok());
    }
    {
      const auto log = open_log(fs).value();
      kept = payloads_of(*log).value();
      kept.emplace_back("later");
      ASSERT_TRUE(log->append(records_of({"later"}), kNow).ok());
      ASSERT_TRUE(log->sync().ok());
    }
    fs.crash();
    const Result<std::vector<std::string>> recovered = recovered_payloads(fs);
    ASSERT_TRUE(recovered.ok()) << "seed " << seed << ": " << recovered.error().to_string();
    EXPECT_EQ(*recovered, kept) << "seed " << seed;
  }
}

TEST(FailedSyncTest, AFooterThatTheNextOpenKeepsSurvivesTheNextCrash) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const std::string payload(1500, 'p');
    MemoryFileSystem fs(seed);
    std::size_t count = 0;
    {
      const auto log = open_log(fs).value();
      const auto fits = [&] { return (count + 1) * (payload.size() + 128) < kSmallSegmentBytes - 2 * kPageBytes; };
      for (; fits(); ++count) ASSERT_TRUE(log->append(records_of({payload}), kNow).ok());
      ASSERT_TRUE(log->sync().ok());
      fs.fail_operation(2, MemoryFileSystem::Fault::IoError);  // the footer's write, then its sync
      ASSERT_FALSE(log->append(records_of({std::string(6'000, 'q')}), kNow).ok());
    }
    {
      const auto log = open_log(fs).value();
      for (int i = 0; i < 2; ++i, ++count) ASSERT_TRUE(log->append(records_of({payload}), kNow).ok());
      ASSERT_TRUE(log->sync().ok());
    }
    fs.crash();
    const Result<std::vector<std::string>> recovered = recovered_payloads(fs);
    ASSERT_TRUE(recovered.ok()) << "seed " << seed << ": " << recovered.error().to_string();
    EXPECT_EQ(recovered->size(), count) << "seed " << seed;
  }
}

constexpr std::uint64_t kHistories = 1000;

int count_failures(std::uint64_t histories, const Sabotage& sabotage) {
  int failures = 0;
  for (std::uint64_t seed = 0; seed < histories; ++seed) {
    if (!run_history(seed, sabotage).empty()) ++failures;
  }
  return failures;
}

TEST(Crash, LosesNothingThatWasSynced) {  // W1, W2, W3, V1, V2
  for (std::uint64_t seed = 0; seed < kHistories; ++seed) ASSERT_EQ(run_history(seed, {}), "") << "seed " << seed;
}

TEST(CrashCanary, NoticesThatFilesAreNotSynced) {
  EXPECT_GT(count_failures(20, [](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::File, ".wal"); }),
            0);
}

TEST(CrashCanary, NoticesThatTheDirectoryIsNotSynced) {
  EXPECT_GT(
      count_failures(20, [](MemoryFileSystem& fs) { fs.ignore_syncs(MemoryFileSystem::SyncKind::Directory, kDir); }),
      0);
}

/// Of the payload of a second record whose frame ends with a page, so that writing it touches no page behind it.
std::size_t bytes_up_to_page_end() {
  for (std::size_t bytes = kPageBytes / 2;; ++bytes) {
    MemoryFileSystem fs;
    const auto log = open_log(fs).value();
    EXPECT_TRUE(log->append(records_of({"kept"}), kNow).ok());
    EXPECT_TRUE(log->append(records_of({std::string(bytes, 'a')}), kNow).ok());
    EXPECT_TRUE(log->append(records_of({"next"}), kNow).ok());
    if (image_of(fs).begin()->second.substr(2 * kPageBytes, 4) == "TWFR") return bytes;
  }
}

/// What the tail of a segment holds is cut off by zeros. When making them durable fails, the next open in the same life
/// of the system reads zeros that the disk does not have.
TEST(Crash, WhatWasCutOffOnceDoesNotComeBack) {
  const std::string cut(bytes_up_to_page_end(), 'a');
  const std::string behind(2'000, 'b');
  const std::string later(cut.size(), 'c');
  int failed_opens = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (std::uint64_t n = 1;; ++n) {
      MemoryFileSystem fs(seed);
      {
        const auto log = open_log(fs).value();
        ASSERT_TRUE(log->append(records_of({"kept"}), kNow).ok());
        ASSERT_TRUE(log->sync().ok());
        ASSERT_TRUE(log->append(records_of({cut}), kNow).ok());
        ASSERT_TRUE(log->append(records_of({behind}), kNow).ok());
        fs.crash();
      }
      fs.fail_operation(n, MemoryFileSystem::Fault::IoError);
      Result<std::unique_ptr<Log>> log = open_log(fs);
      const bool failed = !log.ok();
      if (failed) log = open_log(fs);
      ASSERT_TRUE(log.ok()) << "seed " << seed << ": " << log.error().to_string();
      if (!failed || (*log)->last_seqno() != SeqNo{1}) break;
      ++failed_opens;
      ASSERT_TRUE((*log)->append(records_of({later}), kNow).ok());
      ASSERT_TRUE((*log)->sync().ok());
      fs.crash();
      const Result<std::vector<std::string>> found = recovered_payloads(fs);
      ASSERT_TRUE(found.ok()) << "seed " << seed << " operation " << n << ": " << found.error().to_string();
      ASSERT_EQ(found->size(), 2U) << "seed " << seed << " operation " << n;
      EXPECT_EQ(found->back(), later);
    }
  }
  EXPECT_GT(failed_opens, 100);
}

}  // namespace
}  // namespace tidal::wal
