// Crashes under several producers: what was acknowledged to any of them is there, once and in its place.
#include <gtest/gtest.h>

#include <map>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "wal/commit_queue.h"
#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;
using base::Random;

class Count final : public Applier {
 public:
  void apply(std::span<WalEvent> events) noexcept override {
    for (const WalEvent& event : events) {
      in_order_ = in_order_ && event.seqno.value == last_ + 1;  // Q1
      last_ = event.seqno.value;
    }
  }
  explicit Count(SeqNo applied) : last_(applied.value) {}
  [[nodiscard]] bool in_order() const { return in_order_; }

 private:
  std::uint64_t last_;
  bool in_order_ = true;
};

/// Acknowledged batches of one producer.
using Acknowledged = std::vector<std::pair<SeqNo, std::vector<std::string>>>;

void produce_until_stopped(CommitQueue& queue, std::uint64_t seed, Acknowledged& acknowledged) {
  Random random(seed);
  int counter = 0;
  while (true) {
    std::vector<std::string> payloads = random_batch(random, counter);
    for (std::string& payload : payloads) payload += "#" + std::to_string(seed);
    const Result<CommitResult> result = queue.submit(records_of(payloads));
    if (!result.ok()) return;
    acknowledged.emplace_back(result->first_seqno, std::move(payloads));
  }
}

/// Every acknowledged batch is in its place; no payload is there twice.
void expect_all_there(const std::vector<std::string>& recovered, const std::vector<Acknowledged>& acknowledged) {
  for (const Acknowledged& of_one : acknowledged) {
    SeqNo before;
    for (const auto& [first, payloads] : of_one) {
      EXPECT_GT(first, before);
      before = first;
      ASSERT_LE(first.value - 1 + payloads.size(), recovered.size());
      for (std::size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(recovered[first.value - 1 + i], payloads[i]);
    }
  }
  std::map<std::string, int> times;
  for (const std::string& payload : recovered) EXPECT_EQ(++times[payload], 1) << payload;
}

TEST(CommitQueueCrash, LosesNothingThatWasAcknowledgedToSeveralProducers) {
  constexpr std::size_t kProducers = 4;
  const base::FixedClock clock(kNow);
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    MemoryFileSystem fs(seed);
    std::vector<Acknowledged> acknowledged(kProducers);
    {
      const std::unique_ptr<Log> log = *open_log(fs);
      Count applier(log->last_seqno());
      CommitQueue queue(log.get(), applier, clock, {});
      fs.stop_at(20 + Random(seed).below(200));
      std::vector<std::thread> threads;
      for (std::size_t p = 0; p < kProducers; ++p) {
        threads.emplace_back([&, p] { produce_until_stopped(queue, seed * kProducers + p, acknowledged[p]); });
      }
      for (std::thread& thread : threads) thread.join();
      EXPECT_EQ(queue.close().error().code, Code::IoError);
      EXPECT_TRUE(applier.in_order());
    }
    fs.crash();
    const Result<std::vector<std::string>> recovered = recovered_payloads(fs);
    ASSERT_TRUE(recovered.ok()) << "seed " << seed << ": " << recovered.error().to_string();
    expect_all_there(*recovered, acknowledged);
  }
}

}  // namespace
}  // namespace tidal::wal
