// Group commit: many producers, one frame and one sync for all that wait, then the events are applied in seqno order.
//
// There is no writer thread between a caller and the disk: the caller at the front of the queue leads. It takes all
// that waits, appends, syncs, and then applies, while the next leader may already append: a pipeline under load, one
// thread's work otherwise. A background thread, started when first needed, leads only for asynchronous batches, and
// syncs for Durability::Async.
//
// Q1: events are applied in seqno order, one at a time, after they are as durable as the policy asks.
// Q2: a batch is acknowledged after its last event was applied. Q3: one caller's batch lies in one frame.
// Q4: a frame that could not be written or synced is applied nowhere, and all its callers get the error.
// Q5: a duplicate is written nowhere, and acknowledged with the first record's seqno once that one is durable and
//     applied. Q6: append times never go back, whatever the clock does.
// Threads: thread-safe. One mutex; it is never held during a write, a sync, an apply or a callback.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "tidal/options.h"
#include "tidal/result.h"
#include "wal/commit_result.h"
#include "wal/duplicates.h"
#include "wal/frame.h"
#include "wal/log.h"
#include "wal/record.h"

namespace tidal::wal {

/// Takes durable events, one thread at a time, in seqno order.
class Applier {
 public:
  virtual ~Applier() = default;
  /// At most kEventGroup events of one frame. May fill in their ids; is_void is reported to the caller.
  virtual void apply(std::span<WalEvent> events) noexcept = 0;
};

struct CommitQueueOptions {
  Durability durability = {};
  std::size_t queue_bytes = std::size_t{64} << 20;  ///< of encoded records that wait
  std::size_t queue_batches = std::size_t{1} << 16;
  SeqNo applied = {};               ///< the last event already applied; without a log, numbering goes on after it
  Timestamp last_append_time = {};  ///< of that event (Q6)
  const AppliedIds* applied_ids = nullptr;  ///< null: no record is a duplicate. Outlives the queue
};

class CommitQueue {
 public:
  using Deadline = std::chrono::steady_clock::time_point;
  /// Called on the queue's own thread; must not block.
  using Callback = std::function<void(Result<CommitResult>)>;

  /// `log` null: nothing is written, seqnos only (an in-memory database). All references outlive the queue.
  CommitQueue(Log* log, Applier& applier, const base::Clock& clock, const CommitQueueOptions& options);
  /// No caller may still be inside a call.
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  /// Commits the records, all or none, and waits until they are applied. InvalidArgument: none, or too big for a frame.
  /// Unavailable: the queue had no room until `deadline` (with a retry hint), or it is closed. IoError,
  /// ResourceExhausted: as Log, and when no thread can be started.
  [[nodiscard]] Result<CommitResult> submit(std::span<const Record> records, Deadline deadline = Deadline::max());
  /// Copies and enqueues the records, then returns; `done` gets what submit() would have returned. An error here means
  /// that `done` will not be called.
  [[nodiscard]] Status submit_async(std::span<const Record> records, Callback done,
                                    Deadline deadline = Deadline::max());

  /// While it lives, nothing is appended or applied: views can be captured as of applied().
  class Pause {
   public:
    Pause(Pause&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Pause& operator=(Pause&&) = delete;
    ~Pause();
    [[nodiscard]] SeqNo applied() const { return queue_->applied(); }

   private:
    friend class CommitQueue;
    explicit Pause(CommitQueue* queue) : queue_(queue) {}
    CommitQueue* queue_;
  };
  /// Waits for the frame in progress, then holds writers back. Cost: at most the frames in flight.
  [[nodiscard]] Pause pause();

  /// Makes everything acknowledged so far durable, whatever the policy. IoError.
  [[nodiscard]] Status sync();

  /// The last event readers can see.
  // acquire: pairs with the release after the event was applied.
  [[nodiscard]] SeqNo applied() const { return SeqNo{applied_.load(std::memory_order_acquire)}; }

  /// From now on no batch waits for others to share its sync, as Durability::Batched has it: somebody wants to close.
  void hasten();

  /// Refuses new batches, finishes those that wait, joins the background thread, syncs and closes the log. The first
  /// call decides the answer.
  [[nodiscard]] Status close();

 private:
  struct Request;
  struct Group;

  Request* acquire_request(std::span<const Record> records);
  void release_request(Request* request);
  Status enqueue(Request* request, Deadline deadline, bool& leads);

  void lead();
  void wait_for_company() TIDAL_REQUIRES(mutex_);
  std::unique_ptr<Group> gather() TIDAL_REQUIRES(mutex_);
  Status write(Group& group);
  void fill_frame(Group& group, Timestamp now);
  Status append(Group& group, Timestamp now);
  void apply_in_turn(Group& group);
  void settle_duplicates(Group& group, bool in_group);
  std::array<Request*, 2> finish(Group& group, const Status& written);
  static void tell(std::array<Request*, 2> requests);

  Request* elect() TIDAL_REQUIRES(mutex_);
  static void wake(Request* leader);
  void acquire_role() TIDAL_REQUIRES(mutex_);
  Request* release_role() TIDAL_REQUIRES(mutex_);
  [[nodiscard]] bool is_idle() const TIDAL_REQUIRES(mutex_);

  Status start_background();
  void run_background();
  bool sync_if_due() TIDAL_REQUIRES(mutex_);

  // Constant after construction.
  Log* const log_;
  Applier& applier_;
  const base::Clock& clock_;
  const CommitQueueOptions options_;

  std::atomic<std::uint64_t> applied_;
  std::optional<PendingIds> pending_ids_;
  // Of whoever holds the append role.
  SeqNo last_;
  Timestamp last_append_time_;

  base::Mutex pool_mutex_;
  std::vector<std::unique_ptr<Request>> requests_ TIDAL_GUARDED_BY(pool_mutex_);
  std::vector<Request*> free_ TIDAL_GUARDED_BY(pool_mutex_);

  base::Mutex mutex_;
  base::CondVar room_;     // waiting_ shrank
  base::CondVar company_;  // waiting_ grew while a batched leader waits
  base::CondVar role_;     // appending_ fell while somebody wants the role
  base::CondVar turn_;     // apply_turn_ rose
  base::CondVar idle_;     // a group was finished
  base::CondVar background_wakeup_;
  std::deque<Request*> waiting_ TIDAL_GUARDED_BY(mutex_);
  std::size_t waiting_bytes_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::size_t waiting_records_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::size_t room_waiters_ TIDAL_GUARDED_BY(mutex_) = 0;
  bool appending_ TIDAL_GUARDED_BY(mutex_) = false;  // the append role is taken
  bool lonely_ TIDAL_GUARDED_BY(mutex_) = false;     // a batched leader waits for company
  std::size_t role_waiters_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::size_t in_flight_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t next_ticket_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t apply_turn_ TIDAL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<Group>> free_groups_ TIDAL_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> unsynced_since_ TIDAL_GUARDED_BY(mutex_);
  std::deque<Request*> acknowledgements_ TIDAL_GUARDED_BY(mutex_);  // callbacks to run
  bool background_leads_ TIDAL_GUARDED_BY(mutex_) = false;
  bool background_busy_ TIDAL_GUARDED_BY(mutex_) = false;
  bool hastened_ TIDAL_GUARDED_BY(mutex_) = false;  // no leader is lonely any more
  bool closed_ TIDAL_GUARDED_BY(mutex_) = false;
  bool stop_ TIDAL_GUARDED_BY(mutex_) = false;

  base::Mutex close_mutex_;
  std::optional<Status> close_status_ TIDAL_GUARDED_BY(close_mutex_);
  std::thread background_;  // started with mutex_ held, joined by close()
};

}  // namespace tidal::wal
