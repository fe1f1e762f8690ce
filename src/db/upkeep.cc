// What an open database does by itself: rolls the read columns when a bucket ends, takes checkpoints as the log grows.
#include <chrono>

#include "base/background_thread.h"
#include "db/core.h"
#include "db/log.h"
#include "db/view_applier.h"

namespace tidal::db {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;  // the shortest bucket of a read column

}  // namespace

Status Core::start_upkeep() {
  if (!environment_.background) return {};
  TIDAL_TRY_ASSIGN(upkeep_, base::start_background_thread("tidal-upkeep", [this] { run_upkeep(); }));
  return {};
}

void Core::stop_upkeep() {
  {
    const base::MutexLock lock(upkeep_mutex_);
    upkeep_stop_ = true;
  }
  upkeep_wakeup_.notify_all();
  if (upkeep_.joinable()) upkeep_.join();
}

void Core::want_settle() {
  {
    const base::MutexLock lock(upkeep_mutex_);
    if (settle_wanted_) return;
    settle_wanted_ = true;
  }
  upkeep_wakeup_.notify_all();
}

void Core::want_checkpoint_after(std::uint64_t log_bytes) {
  // relaxed: a rough count, nothing is published through it.
  const std::uint64_t since = log_bytes_since_checkpoint_.fetch_add(log_bytes, std::memory_order_relaxed) + log_bytes;
  if (options_.checkpoint_every_bytes != 0 && since >= options_.checkpoint_every_bytes) want_checkpoint();
}

void Core::want_checkpoint() {
  if (!checkpoints_) return;
  {
    const base::MutexLock lock(upkeep_mutex_);
    if (checkpoint_wanted_) return;
    checkpoint_wanted_ = true;
  }
  upkeep_wakeup_.notify_all();
}

void Core::settle() {
  const wal::CommitQueue::Pause pause = queue_->pause();
  views_->settle(now());
  // What was given back shows within the minute, and after a checkpoint.
  if (applier_->memory().is_exceeded()) applier_->measure_memory();
}

void Core::run_upkeep() {
  while (true) {
    bool wants_checkpoint = false;
    {
      const base::MutexLock lock(upkeep_mutex_);
      const std::int64_t into_minute = environment_.clock.now().us % kMinuteUs;
      const auto next_bucket = std::chrono::steady_clock::now() + std::chrono::microseconds(kMinuteUs - into_minute);
      bool in_time = true;
      while (!upkeep_stop_ && !settle_wanted_ && !checkpoint_wanted_ && in_time) {
        in_time = upkeep_wakeup_.wait_until(upkeep_mutex_, next_bucket);
      }
      if (upkeep_stop_) return;
      settle_wanted_ = false;
      wants_checkpoint = checkpoint_wanted_;
    }
    settle();
    if (!wants_checkpoint) continue;
    const Result<SeqNo> taken = checkpoint();
    if (!taken.ok()) {
      log_line(options_.log_level, LogLevel::Error, path_ + ": checkpoint failed: " + taken.error().to_string());
    }
    compact_if_due();
    const base::MutexLock lock(upkeep_mutex_);
    checkpoint_wanted_ = false;
  }
}

}  // namespace tidal::db
