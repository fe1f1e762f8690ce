// Group commit: order, grouping, waiting, pausing, closing, and every durability policy.
#include "wal/commit_queue.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "base/threadless_for_test.h"
#include "wal/log_fixture.h"

namespace tidal::wal {
namespace {

using base::MemoryFileSystem;

/// Records what it is given, and the ids of what was not void; can be made to wait inside apply.
class Recorder final : public Applier, public AppliedIds {
 public:
  void apply(std::span<WalEvent> events) noexcept override {
    base::MutexLock lock(mutex_);
    ++begun_;
    begins_.notify_all();
    while (held_) released_.wait(mutex_);
    frames_.push_back(static_cast<std::uint32_t>(events.size()));
    for (WalEvent& event : events) {
      in_order_ = in_order_ && event.seqno.value == payloads_.size() + 1;
      payloads_.emplace_back(event.record.payload);
      event.ids.is_void = event.record.payload == "void";
      if (!event.ids.is_void && !event.record.event_id.is_none()) ids_.emplace(event.record.event_id.low, event.seqno);
    }
  }
  void find_first(std::span<const EventId> ids, Timestamp, std::span<SeqNo> first) const override {
    const base::MutexLock lock(mutex_);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const auto found = ids_.find(ids[i].low);
      first[i] = found == ids_.end() ? SeqNo{} : found->second;
    }
  }
  [[nodiscard]] bool holds(const EventId& id) const override {
    SeqNo first;
    find_first({&id, 1}, {}, {&first, 1});
    return first != SeqNo{};
  }
  /// Waits until apply() was called so often.
  void await_apply(int n) {
    const base::MutexLock lock(mutex_);
    while (begun_ < n) begins_.wait(mutex_);
  }
  void hold() {
    const base::MutexLock lock(mutex_);
    held_ = true;
  }
  void release() {
    const base::MutexLock lock(mutex_);
    held_ = false;
    released_.notify_all();
  }
  [[nodiscard]] bool in_order() {
    const base::MutexLock lock(mutex_);
    return in_order_;
  }
  [[nodiscard]] std::vector<std::string> payloads() {
    const base::MutexLock lock(mutex_);
    return payloads_;
  }
  [[nodiscard]] std::vector<std::uint32_t> frames() {
    const base::MutexLock lock(mutex_);
    return frames_;
  }

 private:
  mutable base::Mutex mutex_;
  base::CondVar released_;
  base::CondVar begins_;
  int begun_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, SeqNo> ids_ TIDAL_GUARDED_BY(mutex_);
  bool held_ TIDAL_GUARDED_BY(mutex_) = false;
  bool in_order_ TIDAL_GUARDED_BY(mutex_) = true;
  std::vector<std::string> payloads_ TIDAL_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> frames_ TIDAL_GUARDED_BY(mutex_);
};

class CommitQueueTest : public testing::Test {
 protected:
  CommitQueue& start(const CommitQueueOptions& options = {}) {
    if (log_ == nullptr) log_ = *open_log(fs_, 1 << 20);
    queue_ = std::make_unique<CommitQueue>(log_.get(), recorder_, clock_, options);
    return *queue_;
  }
  CommitQueue& start_in_memory(SeqNo applied) {
    queue_ = std::make_unique<CommitQueue>(nullptr, recorder_, clock_, CommitQueueOptions{.applied = applied});
    return *queue_;
  }
  /// Records of those payloads, all with the same id.
  static std::vector<Record> same_events(const std::vector<std::string>& payloads) {
    std::vector<Record> records = records_of(payloads);
    for (Record& record : records) record.event_id = {.low = 1, .high = 1};
    return records;
  }
  /// Submits the first, and the others while it is being applied: what became of those.
  Result<CommitResult> submit_behind_the_first(std::span<const Record> records) {
    recorder_.hold();
    auto first = std::async(std::launch::async, [&] { return queue_->submit(records.first(1)); });
    recorder_.await_apply(1);
    auto second = std::async(std::launch::async, [&] { return queue_->submit(records.subspan(1)); });
    while (log_->last_seqno() < SeqNo{2}) std::this_thread::yield();  // judged, and waiting for its turn
    recorder_.release();
    EXPECT_TRUE(first.get().ok());
    return second.get();
  }
  /// Repeats a record while it is being applied.
  void expect_shared_fate(const std::string& payload) {
    CommitQueue& queue = start({.applied_ids = &recorder_});
    const std::vector<std::string> payloads = {payload, "repeated", "repeated", "other"};
    std::vector<Record> records = same_events(payloads);
    records.back().event_id = {};
    const Result<CommitResult> result = submit_behind_the_first(records);
    ASSERT_TRUE(result.ok());
    const bool is_void = payload == "void";
    for (const std::size_t position : {0U, 1U}) {
      EXPECT_TRUE(result->is_duplicate(position));
      EXPECT_EQ(result->seqno_of(position), SeqNo{1});
      EXPECT_EQ(result->is_void(position), is_void);
    }
    EXPECT_EQ(result->seqno_of(2), SeqNo{2});
    EXPECT_FALSE(result->is_void(2));
    const Result<CommitResult> retried = queue.submit(same_events({"again"}));
    EXPECT_EQ(retried->is_duplicate(0), !is_void) << "the id of a void record is free again";
  }
  /// Submits from another thread.
  std::future<Result<CommitResult>> submit_elsewhere(std::vector<std::string> payloads) {
    return std::async(std::launch::async,
                      [this, payloads = std::move(payloads)] { return queue_->submit(records_of(payloads)); });
  }

  MemoryFileSystem fs_;
  base::FixedClock clock_{kNow};
  Recorder recorder_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<CommitQueue> queue_;
};

TEST_F(CommitQueueTest, AcknowledgesWhatIsDurableAndApplied) {  // Q1, Q2
  CommitQueue& queue = start();
  const Result<CommitResult> result = queue.submit(records_of({"a", "void", "c"}));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->first_seqno, SeqNo{1});
  EXPECT_EQ(result->last_seqno, SeqNo{3});
  EXPECT_EQ(result->seqno_of(1), SeqNo{2});
  EXPECT_FALSE(result->is_void(0));
  EXPECT_TRUE(result->is_void(1));
  EXPECT_EQ(recorder_.payloads(), (std::vector<std::string>{"a", "void", "c"}));
  EXPECT_EQ(queue.applied(), SeqNo{3});
  EXPECT_EQ(log_->synced_through(), SeqNo{3});
}

TEST_F(CommitQueueTest, WritesADuplicateNowhereAndAnswersWithTheFirst) {  // Q5
  CommitQueue& queue = start({.applied_ids = &recorder_});
  const std::vector<std::string> payloads = {"a", "b", "b2", "c"};
  std::vector<Record> records = records_of(payloads);
  records[1].event_id = records[2].event_id = {.low = 5};
  const Result<CommitResult> result = queue.submit(records);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->last_seqno, SeqNo{3});
  EXPECT_TRUE(result->is_duplicate(2));
  EXPECT_FALSE(result->is_duplicate(3));
  EXPECT_EQ(result->seqno_of(2), SeqNo{2});
  EXPECT_EQ(result->seqno_of(3), SeqNo{3});
  const Result<CommitResult> again = queue.submit(std::span(records).subspan(1, 2));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->seqno_of(0), SeqNo{2});
  EXPECT_EQ(again->seqno_of(1), SeqNo{2});
  EXPECT_LT(again->last_seqno, again->first_seqno);
  EXPECT_EQ(recorder_.payloads(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(log_->last_seqno(), SeqNo{3});
}

TEST_F(CommitQueueTest, ADuplicateOfARecordInFlightSharesItsFate) {  // Q5
  expect_shared_fate("first");
}

TEST_F(CommitQueueTest, ADuplicateOfAVoidRecordInFlightIsVoid) {  // Q5, D2
  expect_shared_fate("void");
}

TEST_F(CommitQueueTest, ACopyThatIsKeptIsWrittenAndInFlightLikeAnyOther) {  // D1
  CommitQueue& queue = start({.applied_ids = &recorder_});
  const std::vector<std::string> payloads = {"copy", "copy again", "sent by a client"};
  std::vector<Record> records = same_events(payloads);
  records[0].keeps_duplicate = records[1].keeps_duplicate = true;
  const Result<CommitResult> result = submit_behind_the_first(records);
  ASSERT_TRUE(result.ok());
  EXPECT_FALSE(result->is_duplicate(0));
  EXPECT_EQ(result->seqno_of(0), SeqNo{2});
  EXPECT_TRUE(result->is_duplicate(1));
  EXPECT_EQ(result->seqno_of(1), SeqNo{1});
  EXPECT_FALSE(queue.submit(std::span(records).first(1))->is_duplicate(0)) << "nor is one of a record that was applied";
  EXPECT_EQ(recorder_.payloads(), (std::vector<std::string>{"copy", "copy again", "copy"}));
}

TEST_F(CommitQueueTest, ADuplicateOfAVoidRecordAndAKeptCopyCountsAsTheCopyDoes) {  // Q5, D1
  start({.applied_ids = &recorder_});
  const std::vector<std::string> payloads = {"void", "copy", "sent by a client"};
  std::vector<Record> records = same_events(payloads);
  records[1].keeps_duplicate = true;
  const Result<CommitResult> result = submit_behind_the_first(records);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->is_duplicate(1));
  EXPECT_FALSE(result->is_void(1));
}

TEST_F(CommitQueueTest, AnIdIsFreeAgainWhenItsFrameCouldNotBeWritten) {  // D2
  CommitQueue& queue = start({.applied_ids = &recorder_});
  ASSERT_TRUE(queue.submit(records_of({"before"})).ok());
  fs_.fail_operation(1, MemoryFileSystem::Fault::NoSpace);
  EXPECT_EQ(queue.submit(same_events({"no room", "no room"})).error().code, Code::ResourceExhausted);
  const Result<CommitResult> retried = queue.submit(same_events({"room"}));
  ASSERT_TRUE(retried.ok()) << retried.error().to_string();
  EXPECT_FALSE(retried->is_duplicate(0));
  EXPECT_EQ(recorder_.payloads(), (std::vector<std::string>{"before", "room"}));
}

TEST_F(CommitQueueTest, AppendTimesNeverGoBack) {  // Q6, W7
  CommitQueue& queue = start({.last_append_time = kNow});
  ASSERT_TRUE(queue.submit(records_of({"a"})).ok());
  clock_.set(kNow - days(1));
  ASSERT_TRUE(queue.submit(records_of({"b"})).ok());
  clock_.set(kNow + days(1));
  ASSERT_TRUE(queue.submit(records_of({"c"})).ok());
  std::vector<Timestamp> times;
  ASSERT_TRUE(log_->replay(SeqNo{1},
                           [&times](std::span<WalEvent> events) -> Status {
                             for (const WalEvent& event : events) times.push_back(event.append_time);
                             return {};
                           })
                  .ok());
  EXPECT_EQ(times, (std::vector<Timestamp>{kNow, kNow, kNow + days(1)}));
  ASSERT_TRUE(queue.close().ok());
  queue_.reset();
  log_ = *open_log(fs_, 1 << 20);
  EXPECT_EQ(log_->last_append_time(), kNow + days(1));
}

TEST_F(CommitQueueTest, RefusesEmptyAndOversizedBatches) {
  CommitQueue& queue = start();
  EXPECT_EQ(queue.submit({}).error().code, Code::InvalidArgument);
  EXPECT_EQ(queue.submit(records_of({std::string(kFrameBytesMax, 'x')})).error().code, Code::InvalidArgument);
  EXPECT_EQ(queue.submit(records_of({"fits"}))->first_seqno, SeqNo{1});
}

TEST_F(CommitQueueTest, WhatWaitsGoesIntoOneFrame) {  // Q3
  CommitQueue& queue = start();
  std::vector<std::future<void>> acknowledged;
  {
    const CommitQueue::Pause pause = queue.pause();
    for (int i = 0; i < 10; ++i) {
      auto done = std::make_shared<std::promise<void>>();  // shared: std::function copies
      acknowledged.push_back(done->get_future());
      ASSERT_TRUE(
          queue.submit_async(records_of({"x", "y"}), [done](const Result<CommitResult>&) { done->set_value(); }).ok());
    }
    EXPECT_EQ(pause.applied(), SeqNo{0});
  }
  for (std::future<void>& each : acknowledged) each.get();
  EXPECT_EQ(recorder_.frames(), std::vector<std::uint32_t>{20});
}

TEST_F(CommitQueueTest, FramesStayWithinTheirLimit) {
  CommitQueue& queue = start();
  const std::string payload(5 << 20, 'x');
  {
    const CommitQueue::Pause pause = queue.pause();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue.submit_async(records_of({payload}), [](const auto&) {}).ok());
  }
  ASSERT_TRUE(queue.close().ok());
  EXPECT_EQ(recorder_.frames(), (std::vector<std::uint32_t>{3, 2}));
}

TEST_F(CommitQueueTest, AFullQueueRefusesAtTheDeadlineAndSaysWhenToRetry) {
  CommitQueue& queue = start({.queue_batches = 1});
  {
    const CommitQueue::Pause pause = queue.pause();
    ASSERT_TRUE(queue.submit_async(records_of({"waits"}), [](const auto&) {}).ok());
    const Result<CommitResult> refused = queue.submit(records_of({"too many"}), CommitQueue::Deadline::min());
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::Unavailable);
    ASSERT_NE(refused.error().detail, nullptr);
    EXPECT_TRUE(refused.error().detail->retry_after_ms.has_value());
  }
  ASSERT_TRUE(queue.submit(records_of({"room again"})).ok());
  EXPECT_EQ(recorder_.payloads(), (std::vector<std::string>{"waits", "room again"}));
}

TEST_F(CommitQueueTest, PauseHoldsWritersAtADefiniteSeqno) {
  CommitQueue& queue = start();
  ASSERT_TRUE(queue.submit(records_of({"before"})).ok());
  std::future<Result<CommitResult>> after;
  {
    const CommitQueue::Pause pause = queue.pause();
    after = submit_elsewhere({"after"});
    EXPECT_EQ(pause.applied(), SeqNo{1});
    EXPECT_EQ(recorder_.payloads().size(), 1U);
  }
  EXPECT_EQ(after.get()->first_seqno, SeqNo{2});
}

TEST_F(CommitQueueTest, AppendsTheNextGroupWhileOneIsApplied) {
  CommitQueue& queue = start();
  recorder_.hold();
  std::future<Result<CommitResult>> first = submit_elsewhere({"first"});
  std::future<Result<CommitResult>> second = submit_elsewhere({"second"});
  while (log_->synced_through() < SeqNo{2}) std::this_thread::yield();  // ends only because of the pipeline
  EXPECT_EQ(queue.applied(), SeqNo{0});
  recorder_.release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(recorder_.in_order());
}

TEST_F(CommitQueueTest, ManyProducersOfAllKindsStayInOrder) {
  CommitQueue& queue = start({.queue_bytes = 4096});
  std::atomic<int> called{0};
  std::vector<std::thread> threads;
  for (int p = 0; p < 8; ++p) {
    threads.emplace_back([&, p] {
      for (int i = 0; i < 50; ++i) {
        const std::vector<std::string> payloads(static_cast<std::size_t>(1 + (i + p) % 3), std::to_string(p));
        if (p % 2 == 0) {
          EXPECT_TRUE(queue.submit(records_of(payloads)).ok());
        } else {
          EXPECT_TRUE(queue
                          .submit_async(records_of(payloads),
                                        [&called](const Result<CommitResult>& result) {
                                          EXPECT_TRUE(result.ok());
                                          called.fetch_add(1);
                                        })
                          .ok());
        }
        if (i % 16 == 0) {
          const CommitQueue::Pause pause = queue.pause();
          EXPECT_EQ(pause.applied(), queue.applied());
        }
        EXPECT_TRUE(i % 20 != 0 || queue.sync().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(queue.close().ok());
  EXPECT_EQ(called.load(), 200);
  EXPECT_TRUE(recorder_.in_order());
  EXPECT_EQ(*payloads_of(*log_), recorder_.payloads());
}

TEST_F(CommitQueueTest, CloseFinishesWhatWaitsAndRefusesTheRest) {
  CommitQueue& queue = start();
  std::atomic<int> called{0};
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(queue.submit_async(records_of({"x"}), [&called](const auto& result) { called += result.ok(); }).ok());
  }
  ASSERT_TRUE(queue.close().ok());
  EXPECT_EQ(called.load(), 100);
  EXPECT_EQ(queue.submit(records_of({"late"})).error().code, Code::Unavailable);
  EXPECT_EQ(queue.submit_async(records_of({"late"}), [](const auto&) {}).error().code, Code::Unavailable);
  EXPECT_TRUE(queue.close().ok());
}

TEST_F(CommitQueueTest, AFailedSyncReachesEveryCallerAndAppliesNothing) {  // Q4
  CommitQueue& queue = start();
  ASSERT_TRUE(queue.submit(records_of({"safe"})).ok());
  fs_.fail_operation(2, MemoryFileSystem::Fault::IoError);  // the sync after the next write
  EXPECT_EQ(queue.submit(records_of({"unsure"})).error().code, Code::IoError);
  EXPECT_EQ(queue.submit(records_of({"late"})).error().code, Code::IoError);
  EXPECT_EQ(recorder_.payloads(), std::vector<std::string>{"safe"});
  EXPECT_EQ(queue.applied(), SeqNo{1});
  EXPECT_EQ(queue.close().error().code, Code::IoError);
}

TEST_F(CommitQueueTest, AFullDiskRefusesTheGroupItHitsOnly) {
  CommitQueue& queue = start();
  fs_.fail_operation(1, MemoryFileSystem::Fault::NoSpace);
  EXPECT_EQ(queue.submit(records_of({"no room"})).error().code, Code::ResourceExhausted);
  EXPECT_EQ(queue.submit(records_of({"room"}))->first_seqno, SeqNo{1});
  EXPECT_EQ(recorder_.payloads(), std::vector<std::string>{"room"});
}

TEST_F(CommitQueueTest, InMemoryGoesOnNumberingWithoutFiles) {
  CommitQueue& queue = start_in_memory(SeqNo{41});
  EXPECT_EQ(queue.submit(records_of({"a", "b"}))->first_seqno, SeqNo{42});
  EXPECT_EQ(queue.submit(records_of({"c"}))->first_seqno, SeqNo{44});
  EXPECT_EQ(fs_.operations(), 0U);
  EXPECT_TRUE(queue.sync().ok());
  EXPECT_TRUE(queue.close().ok());
}

TEST_F(CommitQueueTest, BatchedSyncsOnceForSoManyEvents) {
  start({.durability = {.mode = Durability::Mode::Batched, .max_events = 4, .max_delay = hours(1)}});
  std::vector<std::future<Result<CommitResult>>> results;
  for (int i = 0; i < 4; ++i) results.push_back(submit_elsewhere({"x"}));
  for (auto& result : results) ASSERT_TRUE(result.get().ok());
  EXPECT_EQ(recorder_.frames(), std::vector<std::uint32_t>{4});
  EXPECT_EQ(log_->synced_through(), SeqNo{4});
}

TEST_F(CommitQueueTest, EveryCallerOfALargeFrameIsToldOnce) {  // Q2, Q4
  constexpr int kCallers = 21;  // callers tell each other, each two more: four rows of them
  CommitQueue& queue =
      start({.durability = {.mode = Durability::Mode::Batched, .max_events = kCallers, .max_delay = hours(1)}});
  const auto answers = [&] {
    std::vector<std::future<Result<CommitResult>>> results;
    for (int i = 0; i < kCallers; ++i) results.push_back(submit_elsewhere({"x"}));
    std::multiset<std::uint64_t> seqnos;  // 0: an error
    for (auto& each : results) {
      const Result<CommitResult> result = each.get();
      seqnos.insert(result.ok() ? result->first_seqno.value : 0);
    }
    return seqnos;
  };
  for (std::uint64_t round = 0; round < 3; ++round) {  // the requests of the first are used again
    std::multiset<std::uint64_t> expected;
    for (std::uint64_t n = 1; n <= kCallers; ++n) expected.insert(round * kCallers + n);
    EXPECT_EQ(answers(), expected);
  }
  EXPECT_EQ(recorder_.frames(), std::vector<std::uint32_t>(3, kCallers));
  fs_.fail_operation(1, MemoryFileSystem::Fault::NoSpace);
  std::multiset<std::uint64_t> refused;
  for (int i = 0; i < kCallers; ++i) refused.insert(0);
  EXPECT_EQ(answers(), refused);
  EXPECT_EQ(queue.applied(), SeqNo{3 * kCallers});
}

TEST_F(CommitQueueTest, BatchedDoesNotWaitBeyondItsDelayNorForACloser) {
  CommitQueue& queue =
      start({.durability = {.mode = Durability::Mode::Batched, .max_events = 1000, .max_delay = milliseconds(1)}});
  EXPECT_TRUE(queue.submit(records_of({"alone"})).ok());
  ASSERT_TRUE(queue.submit_async(records_of({"at close"}), [](const auto&) {}).ok());
  EXPECT_TRUE(queue.close().ok());
  EXPECT_EQ(recorder_.payloads().size(), 2U);
}

/// Each of the waits would last an hour.
TEST_F(CommitQueueTest, BatchedKeepsNobodyWaitingWhoLooksAtTheViewsOrIsAboutToClose) {
  CommitQueue& queue =
      start({.durability = {.mode = Durability::Mode::Batched, .max_events = 1000, .max_delay = hours(1)}});
  auto looked_at = submit_elsewhere({"alone"});
  while (looked_at.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
    const CommitQueue::Pause pause = queue.pause();
  }
  EXPECT_TRUE(looked_at.get().ok());
  auto hastened = submit_elsewhere({"in time"});
  queue.hasten();
  EXPECT_TRUE(hastened.get().ok());
  EXPECT_TRUE(queue.submit(records_of({"later"})).ok());
  EXPECT_EQ(recorder_.payloads().size(), 3U);
}

TEST_F(CommitQueueTest, AsyncAcknowledgesBeforeTheSyncAndSyncsWhenAsked) {
  CommitQueue& queue = start({.durability = {.mode = Durability::Mode::Async, .interval = hours(1)}});
  ASSERT_TRUE(queue.submit(records_of({"a"})).ok());
  EXPECT_EQ(queue.applied(), SeqNo{1});
  EXPECT_EQ(log_->synced_through(), SeqNo{0});
  ASSERT_TRUE(queue.sync().ok());
  EXPECT_EQ(log_->synced_through(), SeqNo{1});
  ASSERT_TRUE(queue.submit(records_of({"b"})).ok());
  ASSERT_TRUE(queue.close().ok());
  EXPECT_EQ(log_->synced_through(), SeqNo{2});
}

TEST_F(CommitQueueTest, WhatNeedsAThreadIsRefusedWhenThereIsNone) {
  CommitQueue& queue = start();
  const base::ThreadlessForTest threadless;
  EXPECT_EQ(queue.submit_async(records_of({"a"}), [](const auto&) {}).error().code, Code::ResourceExhausted);
  EXPECT_TRUE(queue.submit(records_of({"b"})).ok()) << "a caller commits on its own thread";
  EXPECT_TRUE(queue.close().ok());
  EXPECT_EQ(recorder_.payloads(), std::vector<std::string>{"b"});
}

TEST_F(CommitQueueTest, AsyncSyncsInTheBackground) {
  CommitQueue& queue = start({.durability = {.mode = Durability::Mode::Async, .interval = milliseconds(1)}});
  ASSERT_TRUE(queue.submit(records_of({"a"})).ok());
  while (log_->synced_through() < SeqNo{1}) std::this_thread::yield();  // ends only because of the background thread
  EXPECT_TRUE(queue.close().ok());
}

}  // namespace
}  // namespace tidal::wal
