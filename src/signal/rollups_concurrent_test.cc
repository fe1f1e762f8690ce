// Readers beside the applier and a thread that flushes: counts only grow, and are those of one moment.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/file_system.h"
#include "base/mutex.h"
#include "signal/rollups.h"

namespace tidal::signal {
namespace {

constexpr std::uint64_t kRoundsMin = 6000;
constexpr std::uint64_t kLooksMin = 40'000;
constexpr Timestamp kStart{days(100).us};

/// Three hours of one day.
std::vector<Bucket> read(const Rollups& rollups, std::uint16_t signal, RollupStep step) {
  const Duration span = step == RollupStep::Hour ? hours(3) : days(1);
  auto buckets = rollups.series({.kind = EntityKind::Item,
                                 .entity = to_ordinal(0),
                                 .signal = signal,
                                 .step = step,
                                 .from = kStart,
                                 .to = kStart + span});
  EXPECT_TRUE(buckets.ok());
  return *buckets;
}

/// The applier's rounds, what readers hold of them, and a thread that writes captures out.
class Contest {
 public:
  void run() {
    std::vector<std::jthread> threads;
    threads.emplace_back([this] { look(); });
    threads.emplace_back([this] { look(); });
    threads.emplace_back([this] { look_at_deleted(); });
    std::jthread flusher([this] { flush(); });
    while (round_ < kRoundsMin || looks_.load(std::memory_order_relaxed) < kLooksMin) play_round();
    done_.store(true, std::memory_order_relaxed);
  }
  [[nodiscard]] int wrong() const { return wrong_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rounds() const { return round_; }
  [[nodiscard]] const Rollups& rollups() const { return rollups_; }

 private:
  void record(std::uint32_t item, std::uint16_t signal, std::int64_t hour) {
    const RollupEvent event{.signal = signal,
                            .entity = to_ordinal(item),
                            .creator = to_ordinal(item),
                            .at = kStart + hours(hour),
                            .weight = 0.5,
                            .value = 2.0};
    rollups_.prefetch({&event, 1});
    rollups_.record(event, SeqNo{++seqno_});
  }
  void play_round() {
    ++round_;
    for (std::int64_t hour = 0; hour < 3; ++hour) {
      record(0, 0, hour);
      record(1, 1, hour);
    }
    finished_.store(round_, std::memory_order_release);
    if (round_ % kRoundsALife == 0) rollups_.erase(EntityKind::Item, to_ordinal(1), SeqNo{++seqno_});
    if (round_ % 5 != 0 || flushing_.load(std::memory_order_acquire)) return;
    auto capture = rollups_.capture(SeqNo{seqno_});
    const base::MutexLock lock(handing_);
    captured_ = std::move(capture);
    flushing_.store(true, std::memory_order_relaxed);
  }
  void look() {
    std::vector<Bucket> before(3);
    std::uint64_t day_before = 0;
    while (!done_.load(std::memory_order_relaxed)) {
      const std::uint64_t least = finished_.load(std::memory_order_acquire);
      const std::vector<Bucket> now = read(rollups_, 0, RollupStep::Hour);
      const bool falls = now[0].count >= now[1].count && now[1].count >= now[2].count;
      bool fits = falls && now[0].count - now[2].count <= 1 && now[2].count >= least;
      for (std::size_t i = 0; i < now.size(); ++i) {
        fits = fits && now[i].count >= before[i].count && now[i].weight == 0.5 * static_cast<double>(now[i].count) &&
               now[i].value_sum == 2 * now[i].weight;
      }
      const std::uint64_t day = read(rollups_, 0, RollupStep::Day)[0].count;
      fits = fits && day >= day_before && day >= now[0].count + now[1].count + now[2].count;
      if (!fits) wrong_.fetch_add(1, std::memory_order_relaxed);
      before = now;
      day_before = day;
      looks_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void look_at_deleted() {
    while (!done_.load(std::memory_order_relaxed)) {
      const auto buckets = rollups_.series({.kind = EntityKind::Item,
                                            .entity = to_ordinal(1),
                                            .signal = 1,
                                            .step = RollupStep::Hour,
                                            .from = kStart,
                                            .to = kStart + hours(3)});
      const bool fits = buckets.ok() && (*buckets)[0].count >= (*buckets)[2].count &&
                        (*buckets)[0].count - (*buckets)[2].count <= 1 && (*buckets)[0].count <= kRoundsALife;
      if (!fits || rollups_.memory_bytes() == 0) wrong_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void flush() {
    for (bool last = false; !last;) {
      last = done_.load(std::memory_order_relaxed);
      std::unique_ptr<Rollups::Capture> mine;
      {
        const base::MutexLock lock(handing_);
        mine = std::move(captured_);
      }
      std::string image;
      if (mine && !mine->write(image).ok()) wrong_.fetch_add(1, std::memory_order_relaxed);
      if (mine) flushing_.store(false, std::memory_order_release);
      std::this_thread::yield();
    }
  }

  static constexpr std::uint64_t kRoundsALife = 500;

  std::unique_ptr<storage::KeyValueStore> store_ =
      storage::open_store(storage::Backend::Memory, base::posix_file_system(), "").value();
  Rollups rollups_{*store_};
  std::uint64_t seqno_ = 0;
  std::uint64_t round_ = 0;
  std::atomic<std::uint64_t> finished_{0};  // release and acquire: a reader sees at least what is promised
  std::atomic<bool> done_{false};           // relaxed: only a flag
  std::atomic<bool> flushing_{false};       // release and acquire: one at a time, as checkpoints are
  std::atomic<int> wrong_{0};               // relaxed: a count, read after the threads have ended
  std::atomic<std::uint64_t> looks_{0};     // relaxed: only a count
  base::Mutex handing_;                     // from the applier to who flushes, as a checkpoint is
  std::unique_ptr<Rollups::Capture> captured_ TIDAL_GUARDED_BY(handing_);
};

// Each round adds one event to the hours 0, 1, 2 in this order, so at every moment they fall by at most one. Signal 1
// is on an item that is deleted at times, after which its hours begin at nothing.
TEST(RollupsBesideReaders, CountsGrowAndAreOfOneMoment) {
  Contest contest;
  contest.run();
  EXPECT_EQ(contest.wrong(), 0);
  for (const Bucket& bucket : read(contest.rollups(), 0, RollupStep::Hour)) EXPECT_EQ(bucket.count, contest.rounds());
  EXPECT_EQ(read(contest.rollups(), 0, RollupStep::Day)[0].count, 3 * contest.rounds());
}

}  // namespace
}  // namespace tidal::signal
