// Syncs that take long do not hold up appends: files whose syncs wait until the test lets them go.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "wal/commit_queue.h"
#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

/// Opens for syncs; counts those that wait before it.
class Gate {
 public:
  void pass() {
    const base::MutexLock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    while (closed_) changed_.wait(mutex_);
    --arrived_;
  }
  void close() { set(true); }
  void open() { set(false); }
  void await_arrival() {
    const base::MutexLock lock(mutex_);
    while (arrived_ == 0) changed_.wait(mutex_);
  }

 private:
  void set(bool closed) {
    const base::MutexLock lock(mutex_);
    closed_ = closed;
    changed_.notify_all();
  }
  base::Mutex mutex_;
  base::CondVar changed_;
  bool closed_ TIDAL_GUARDED_BY(mutex_) = false;
  int arrived_ TIDAL_GUARDED_BY(mutex_) = 0;
};

class GatedFile final : public base::File {
 public:
  GatedFile(std::unique_ptr<base::File> file, Gate& gate) : file_(std::move(file)), gate_(gate) {}
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    return file_->read_at(offset, out);
  }
  Status write_at(std::uint64_t offset, base::Bytes data) override { return file_->write_at(offset, data); }
  Status reserve(std::uint64_t bytes) override { return file_->reserve(bytes); }
  Status sync() override {
    gate_.pass();
    return file_->sync();
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }

 private:
  std::unique_ptr<base::File> file_;
  Gate& gate_;
};

class GatedFileSystem final : public base::FileSystem {
 public:
  GatedFileSystem(base::FileSystem& fs, Gate& gate) : fs_(fs), gate_(gate) {}
  Result<std::unique_ptr<base::File>> open(const std::string& path, base::OpenMode mode) override {
    TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs_.open(path, mode));
    return std::unique_ptr<base::File>(std::make_unique<GatedFile>(std::move(file), gate_));
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
  Gate& gate_;
};

class Ignore final : public Applier {
 public:
  void apply(std::span<WalEvent> /*events*/) noexcept override {}
};

TEST(SyncBesideAppend, AsyncWritesAreAcknowledgedWhileTheBackgroundSyncs) {
  base::MemoryFileSystem files;
  Gate gate;
  GatedFileSystem fs(files, gate);
  const std::unique_ptr<Log> log = *open_log(fs, 1 << 20);
  base::FixedClock clock(kNow);
  Ignore applier;
  CommitQueue queue(log.get(), applier, clock,
                    {.durability = {.mode = Durability::Mode::Async, .interval = milliseconds(1)}});
  gate.close();
  ASSERT_TRUE(queue.submit(records_of({"a"})).ok());
  gate.await_arrival();
  EXPECT_TRUE(queue.submit(records_of({"b"})).ok());  // ends only because the sync does not hold the log
  EXPECT_EQ(queue.applied(), SeqNo{2});
  EXPECT_EQ(log->synced_through(), SeqNo{0});
  gate.open();
  ASSERT_TRUE(queue.sync().ok());
  EXPECT_EQ(log->synced_through(), SeqNo{2});
  EXPECT_TRUE(queue.close().ok());
}

TEST(SyncBesideAppend, ASyncVouchesForNothingAppendedWhileItRan) {  // W2
  base::MemoryFileSystem files;
  Gate gate;
  GatedFileSystem fs(files, gate);
  const std::unique_ptr<Log> log = *open_log(fs, 1 << 20);
  ASSERT_TRUE(log->append(records_of({"a"}), kNow).ok());
  gate.close();
  std::thread syncing([&log] { EXPECT_TRUE(log->sync().ok()); });
  gate.await_arrival();
  ASSERT_TRUE(log->append(records_of({"b"}), kNow).ok());
  gate.open();
  syncing.join();
  EXPECT_EQ(log->synced_through(), SeqNo{1});
  ASSERT_TRUE(log->sync().ok());
  EXPECT_EQ(log->synced_through(), SeqNo{2});
}

TEST(SyncBesideAppend, RotationBesideSyncsLosesNothing) {
  base::MemoryFileSystem fs;
  const std::unique_ptr<Log> log =
      *Log::open(fs, kDir, {.segment_bytes = kSmallSegmentBytes, .prepares_segments = true}, kNow);
  std::atomic<bool> done{false};
  std::thread syncing([&] {
    while (!done.load(std::memory_order_relaxed)) EXPECT_TRUE(log->sync().ok());  // relaxed: only a flag
  });
  std::vector<std::string> payloads;
  for (int i = 0; i < 500; ++i) {
    payloads.push_back("payload " + std::to_string(i));
    ASSERT_TRUE(log->append(records_of({payloads.back()}), kNow).ok());
    EXPECT_LE(log->synced_through(), log->last_seqno());
  }
  done.store(true, std::memory_order_relaxed);
  syncing.join();
  EXPECT_GT(log->segments().size(), 3U);
  ASSERT_TRUE(log->sync().ok());
  fs.crash();
  EXPECT_EQ(*recovered_payloads(fs), payloads);
}

}  // namespace
}  // namespace tidal::wal
