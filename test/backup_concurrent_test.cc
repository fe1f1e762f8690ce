// Backups beside threads that write, compact and take checkpoints.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "db/backup_manifest.h"
#include "db/offline/verification.h"
#include "test/backup_fixture.h"

namespace tidal::test {
namespace {

void write_until(db::Core& core, History& history, const std::atomic<bool>& stop) {
  // relaxed: a wish; joining orders everything else.
  while (!stop.load(std::memory_order_relaxed)) write_step(core, history.next());
}

TEST(BackupConcurrent, HoldsWhatTheLogHeldAtItsEnd) {
  BackedUp database(1, "log_bytes:128KiB");
  database.write_segments(3);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  std::vector<History> histories;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) histories.emplace_back(seed, kStart);
  for (History& history : histories) {
    threads.emplace_back([&database, &history, &stop] { write_until(*database.core, history, stop); });
  }
  threads.emplace_back([&database, &stop] {
    // relaxed: as above.
    while (!stop.load(std::memory_order_relaxed)) {
      EXPECT_TRUE(database.core->compact().ok());
      EXPECT_TRUE(database.core->checkpoint().ok());
      std::this_thread::yield();
    }
  });
  constexpr int kBackups = 4;
  std::vector<BackupReport> reports;
  for (int i = 0; i < kBackups; ++i) {
    const SeqNo before = database.core->applied();
    const auto report = database.core->backup(kBackup + std::to_string(i), {});
    EXPECT_TRUE(report.ok()) << report.error().to_string();
    if (!report.ok()) break;
    EXPECT_GE(report->seqno, before);
    reports.push_back(*report);
    while (database.core->applied() < SeqNo{report->seqno.value + 50}) std::this_thread::yield();
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  database.core.reset();
  ASSERT_EQ(reports.size(), static_cast<std::size_t>(kBackups));
  const auto asked_of = [](SeqNo last) { return std::set{last, SeqNo{last.value / 2}, SeqNo{last.value - 1}}; };
  std::set<SeqNo> asked;
  for (const BackupReport& report : reports) asked.merge(asked_of(report.seqno));
  const std::map<std::uint64_t, Moment> moments = moments_of(database.fs, kSource, asked);
  for (int i = 0; i < kBackups; ++i) {
    const std::string path = kBackup + std::to_string(i);
    const SeqNo last = reports[static_cast<std::size_t>(i)].seqno;
    for (const SeqNo seqno : asked_of(last)) {
      const auto restored = db::restore_backup(database.fs, path, kRestored, {.to_seqno = seqno});
      ASSERT_TRUE(restored.ok()) << restored.error().to_string();
      EXPECT_EQ(replayed_digest(database.fs, kRestored), moments.at(seqno.value).digest) << seqno.value;
      ASSERT_TRUE(database.fs.remove_all(kRestored).ok());
    }
  }
}

}  // namespace
}  // namespace tidal::test
