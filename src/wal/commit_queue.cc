// The protocol of leaders and followers. See the header for who does what when.
#include "wal/commit_queue.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/background_thread.h"
#include "wal/commit_group.h"

namespace tidal::wal {
namespace {

// One group is applied while the next is written; more would only make groups smaller and syncs more.
constexpr std::size_t kGroupsInFlightMax = 2;
constexpr std::int64_t kRetryAfter_ms = 50;

Error no_room() {
  ErrorDetail detail;
  detail.retry_after_ms = kRetryAfter_ms;
  return Error(Code::Unavailable, "write queue is full", std::move(detail));
}

Error is_closed() { return Error(Code::Unavailable, "write queue is closed"); }

std::size_t frame_share(const RecordBatch& batch) { return batch.bytes().size(); }

}  // namespace

CommitQueue::CommitQueue(Log* log, Applier& applier, const base::Clock& clock, const CommitQueueOptions& options)
    : log_(log),
      applier_(applier),
      clock_(clock),
      options_(options),
      applied_(options.applied.value),
      last_(log != nullptr ? log->last_seqno() : options.applied),
      last_append_time_(options.last_append_time) {
  if (options.applied_ids != nullptr) pending_ids_.emplace(*options.applied_ids);
  {
    const base::MutexLock lock(mutex_);
    while (free_groups_.size() < kGroupsInFlightMax) free_groups_.push_back(std::make_unique<Group>());
  }
}

CommitQueue::~CommitQueue() { static_cast<void>(close()); }

CommitQueue::Pause::~Pause() {
  if (queue_ == nullptr) return;
  Request* leader = nullptr;
  {
    const base::MutexLock lock(queue_->mutex_);
    leader = queue_->release_role();
  }
  wake(leader);
}

CommitQueue::Request* CommitQueue::acquire_request(std::span<const Record> records) {
  Request* request = nullptr;
  {
    const base::MutexLock lock(pool_mutex_);
    if (free_.empty()) {
      requests_.push_back(std::make_unique<Request>());
      request = requests_.back().get();
    } else {
      request = free_.back();
      free_.pop_back();
    }
  }
  request->batch.clear();
  for (const Record& record : records) request->batch.add(record);
  request->result.reset();
  // relaxed: not shared with another thread before it is enqueued under the mutex.
  request->state.store(kWaiting, std::memory_order_relaxed);
  return request;
}

void CommitQueue::release_request(Request* request) {
  request->done = nullptr;
  const base::MutexLock lock(pool_mutex_);
  free_.push_back(request);
}

Status CommitQueue::start_background() {
  const base::MutexLock lock(mutex_);
  if (background_.joinable() || closed_) return {};
  TIDAL_TRY_ASSIGN(background_, base::start_background_thread("tidal-commit", [this] { run_background(); }));
  return {};
}

Result<CommitResult> CommitQueue::submit(std::span<const Record> records, Deadline deadline) {
  if (options_.durability.mode == Durability::Mode::Async) TIDAL_TRY(start_background());
  Request* const request = acquire_request(records);
  bool leads = false;
  if (Status queued = enqueue(request, deadline, leads); !queued.ok()) {
    release_request(request);
    return std::move(queued).error();
  }
  if (!leads) {
    request->wakeup.wait();
    // acquire: pairs with the release in wake() and tell(), which publishes the result.
    leads = request->state.load(std::memory_order_acquire) == kLeads;
    if (!leads) tell(request->heirs);
  }
  if (leads) lead();
  Result<CommitResult> result = std::move(*request->result);
  release_request(request);
  return result;
}

Status CommitQueue::submit_async(std::span<const Record> records, Callback done, Deadline deadline) {
  TIDAL_TRY(start_background());
  Request* const request = acquire_request(records);
  request->done = std::move(done);
  bool leads = false;
  Status queued = enqueue(request, deadline, leads);
  if (!queued.ok()) release_request(request);
  return queued;
}

Status CommitQueue::enqueue(Request* request, Deadline deadline, bool& leads) {
  const std::size_t bytes = frame_share(request->batch);
  if (request->batch.empty()) return Error(Code::InvalidArgument, "batch holds no records");
  TIDAL_TRY(request->batch.check_size());
  Request* leader = nullptr;
  {
    const base::MutexLock lock(mutex_);
    while (!closed_ && !waiting_.empty() &&
           (waiting_bytes_ + bytes > options_.queue_bytes || waiting_.size() >= options_.queue_batches)) {
      ++room_waiters_;
      const bool in_time =
          deadline == Deadline::max() ? (room_.wait(mutex_), true) : room_.wait_until(mutex_, deadline);
      --room_waiters_;
      if (!in_time) return no_room();
    }
    if (closed_) return is_closed();
    if (options_.durability.mode == Durability::Mode::Batched) request->arrived = std::chrono::steady_clock::now();
    waiting_.push_back(request);
    waiting_bytes_ += bytes;
    waiting_records_ += request->batch.count();
    if (lonely_) company_.notify_one();
    leader = elect();
  }
  leads = leader == request;
  if (!leads) {
    wake(leader);
  } else {
    // relaxed: nobody reads it but finish(), which this thread itself is going to call.
    request->state.store(kLeads, std::memory_order_relaxed);
  }
  return {};
}

/// Gives the append role to the front of the queue, if it is free. The caller wakes the answer after unlocking.
CommitQueue::Request* CommitQueue::elect() {
  if (appending_ || role_waiters_ > 0 || in_flight_ >= kGroupsInFlightMax || waiting_.empty()) return nullptr;
  appending_ = true;
  Request* const front = waiting_.front();
  if (!front->done) return front;
  background_leads_ = true;
  background_wakeup_.notify_one();
  return nullptr;
}

void CommitQueue::wake(Request* leader) {
  if (leader == nullptr) return;
  // release: pairs with the acquire in submit().
  leader->state.store(kLeads, std::memory_order_release);
  leader->wakeup.wake();
}

void CommitQueue::acquire_role() {
  ++role_waiters_;
  if (lonely_) company_.notify_all();
  while (appending_) role_.wait(mutex_);
  --role_waiters_;
  appending_ = true;
}

CommitQueue::Request* CommitQueue::release_role() {
  appending_ = false;
  if (role_waiters_ > 0) role_.notify_one();
  idle_.notify_all();
  return elect();
}

bool CommitQueue::is_idle() const {
  return waiting_.empty() && !appending_ && in_flight_ == 0 && acknowledgements_.empty() && !background_busy_;
}

/// Durability::Batched: waits until a frame is worth its sync.
void CommitQueue::wait_for_company() {
  const auto until = waiting_.front()->arrived + std::chrono::microseconds(options_.durability.max_delay.us);
  lonely_ = true;
  // Whoever wants the role, to look at the views or to close, is not kept waiting for a frame to fill up.
  while (waiting_records_ < options_.durability.max_events && !hastened_ && role_waiters_ == 0) {
    if (!company_.wait_until(mutex_, until)) break;
  }
  lonely_ = false;
}

/// Takes from the front of the queue what fits into a frame.
std::unique_ptr<CommitQueue::Group> CommitQueue::gather() {
  std::unique_ptr<Group> group = std::move(free_groups_.back());
  free_groups_.pop_back();
  ++in_flight_;
  std::size_t bytes = kFrameHeaderBytes + kFrameAlignment;
  while (!waiting_.empty() && bytes + frame_share(waiting_.front()->batch) <= kFrameBytesMax) {
    Request* const request = waiting_.front();
    waiting_.pop_front();
    bytes += frame_share(request->batch);
    waiting_bytes_ -= frame_share(request->batch);
    waiting_records_ -= request->batch.count();
    group->requests.push_back(request);
  }
  if (room_waiters_ > 0) room_.notify_all();
  return group;
}

/// Leads one group from the queue to its acknowledgement. The calling thread holds the append role.
void CommitQueue::lead() {
  std::unique_ptr<Group> group;
  {
    const base::MutexLock lock(mutex_);
    if (options_.durability.mode == Durability::Mode::Batched) wait_for_company();
    group = gather();
  }
  const Status written = write(*group);
  Request* successor = nullptr;
  {
    const base::MutexLock lock(mutex_);
    if (written.ok()) group->ticket = next_ticket_++;
    successor = release_role();
  }
  wake(successor);
  if (written.ok()) apply_in_turn(*group);
  const std::array<Request*, 2> first = finish(*group, written);
  {
    const base::MutexLock lock(mutex_);
    free_groups_.push_back(std::move(group));
    --in_flight_;
    idle_.notify_all();
    successor = elect();
  }
  wake(successor);
  tell(first);
}

Status CommitQueue::write(Group& group) {
  // Q6. The log may be ahead of the last frame: a frame that was refused can have begun a segment.
  Timestamp now = std::max(clock_.now(), last_append_time_);
  if (log_ != nullptr) now = std::max(now, log_->last_append_time());
  fill_frame(group, now);
  if (Status written = append(group, now); !written.ok()) {
    if (pending_ids_) pending_ids_->release(group.event_ids);
    return written;
  }
  last_append_time_ = now;
  last_ = SeqNo{last_.value + group.frame.count()};
  if (log_ == nullptr || options_.durability.mode != Durability::Mode::Async) return {};
  const base::MutexLock lock(mutex_);
  if (!unsynced_since_) {
    unsynced_since_ = std::chrono::steady_clock::now();
    background_wakeup_.notify_one();
  }
  return {};
}

/// All records but the duplicates; each request learns the seqnos its records will have.
void CommitQueue::fill_frame(Group& group, Timestamp now) {
  group.frame.clear();
  group.event_ids.clear();
  SeqNo next = last_.next();
  for (Request* request : group.requests) {
    const RecordBatch& batch = request->batch;
    std::vector<Duplicate> duplicates;
    if (pending_ids_) {
      duplicates = pending_ids_->claim(batch, next, now);
      auto duplicate = duplicates.begin();
      for (std::uint32_t position = 0; position < batch.count(); ++position) {
        if (duplicate != duplicates.end() && duplicate->position == position) {
          ++duplicate;
        } else {
          group.event_ids.push_back(batch.event_ids()[position]);
        }
      }
    }
    group.frame.append(batch, duplicates);
    const std::uint64_t written = batch.count() - duplicates.size();
    request->result = CommitResult{.first_seqno = next,
                                   .last_seqno = SeqNo{next.value + written - 1},
                                   .void_records = {},
                                   .duplicates = std::move(duplicates)};
    next = SeqNo{next.value + written};
  }
}

Status CommitQueue::append(Group& group, Timestamp now) {
  if (log_ == nullptr) {
    group.frame.seal(FrameHeader{.first_seqno = last_.next(), .append_time = now});
    return {};
  }
  // A frame without records means something else, and the first of the duplicates is durable already.
  if (group.frame.count() == 0) return log_->health();
  TIDAL_TRY(log_->append_frame(group.frame, now));
  return options_.durability.mode == Durability::Mode::Async ? Status{} : log_->sync();
}

void CommitQueue::apply_in_turn(Group& group) {
  {
    const base::MutexLock lock(mutex_);
    while (apply_turn_ != group.ticket) turn_.wait(mutex_);
  }
  settle_duplicates(group, false);
  const FrameHeader& header = group.frame.header();
  RecordCursor cursor(header, group.frame.count() == 0 ? std::string_view{} : group.frame.body());
  for (WalEvent& event : group.events) event.append_time = header.append_time;
  auto request = group.requests.begin();
  auto event_id = group.event_ids.begin();
  while (const std::size_t n = cursor.next(group.events)) {
    const std::span<WalEvent> events(group.events.data(), n);
    if (pending_ids_) {
      for (WalEvent& event : events) event.record.event_id = *event_id++;
    }
    applier_.apply(events);
    for (const WalEvent& event : events) {
      if (!event.ids.is_void) continue;
      while ((**request).result->value().last_seqno < event.seqno) ++request;
      CommitResult& result = (**request).result->value();
      result.void_records.push_back(result.position_of(event.seqno));
    }
  }
  TIDAL_ASSERT(cursor.status().ok());  // these are the bytes we have just encoded
  if (pending_ids_) {
    pending_ids_->release(group.event_ids);
    settle_duplicates(group, true);
  }
  // release: pairs with the acquire in applied(); what the events changed is visible before their seqno.
  if (header.record_count > 0) applied_.store(header.last_seqno().value, std::memory_order_release);
  const base::MutexLock lock(mutex_);
  ++apply_turn_;
  turn_.notify_all();
}

/// What repeats a record that was void when applied counts nowhere either. Before the group is applied its duplicates
/// of earlier groups can be told, afterwards those of its own records.
void CommitQueue::settle_duplicates(Group& group, bool in_group) {
  if (!pending_ids_) return;
  const SeqNo first_of_group{group.requests.front()->result->value().first_seqno};
  for (Request* request : group.requests) {
    CommitResult& result = request->result->value();
    const std::size_t known = result.void_records.size();
    for (Duplicate& duplicate : result.duplicates) {
      if (!duplicate.was_pending || (duplicate.last >= first_of_group) != in_group) continue;
      const EventId& id = request->batch.event_ids()[duplicate.position];
      if (!options_.applied_ids->holds(id)) result.void_records.push_back(duplicate.position);
      // The first that was in flight may have been void, and a copy that was kept not.
      SeqNo first;
      options_.applied_ids->find_first({&id, 1}, group.frame.header().append_time, {&first, 1});
      if (first != SeqNo{}) duplicate.first = first;
    }
    if (result.void_records.size() > known) std::ranges::sort(result.void_records);
  }
}

/// Hands every request of the group its result. Waking a thread takes longer than most of what a leader does for an
/// event, so the callers wake each other, each two more: the answer are the first two. Callbacks run on the background
/// thread.
std::array<CommitQueue::Request*, 2> CommitQueue::finish(Group& group, const Status& written) {
  std::vector<Request*> callbacks;
  std::vector<Request*>& waiting = group.requests;
  std::size_t waits = 0;
  for (Request* request : group.requests) {
    if (!written.ok()) request->result = written.error();
    if (request->done) {
      callbacks.push_back(request);
      // relaxed: all but kWaiting are of this thread's own request.
    } else if (request->state.load(std::memory_order_relaxed) == kWaiting) {
      waiting[waits++] = request;
    }
  }
  const auto nth = [&](std::size_t i) { return i < waits ? waiting[i] : nullptr; };
  for (std::size_t i = 0; i < waits; ++i) waiting[i]->heirs = {nth(2 * i + 2), nth(2 * i + 3)};
  const std::array<Request*, 2> first = {nth(0), nth(1)};
  group.requests.clear();
  if (!callbacks.empty()) {
    const base::MutexLock lock(mutex_);
    acknowledgements_.insert(acknowledgements_.end(), callbacks.begin(), callbacks.end());
    background_wakeup_.notify_one();
  }
  return first;
}

/// From here on the requests are their owners'.
void CommitQueue::tell(std::array<Request*, 2> requests) {
  for (Request* request : requests) {
    if (request == nullptr) continue;
    // release: pairs with the acquire in submit().
    request->state.store(kDone, std::memory_order_release);
    request->wakeup.wake();
  }
}

CommitQueue::Pause CommitQueue::pause() {
  const base::MutexLock lock(mutex_);
  acquire_role();
  while (in_flight_ > 0) idle_.wait(mutex_);
  return Pause(this);
}

Status CommitQueue::sync() {
  if (log_ == nullptr) return {};
  {
    const base::MutexLock lock(mutex_);
    unsynced_since_.reset();
  }
  return log_->sync();
}

void CommitQueue::hasten() {
  const base::MutexLock lock(mutex_);
  hastened_ = true;
  company_.notify_all();
}

Status CommitQueue::close() {
  const base::MutexLock closing(close_mutex_);
  if (close_status_) return *close_status_;
  hasten();
  {
    const base::MutexLock lock(mutex_);
    closed_ = true;
    room_.notify_all();
    while (!is_idle()) idle_.wait(mutex_);
    stop_ = true;
    background_wakeup_.notify_one();
  }
  if (background_.joinable()) background_.join();
  close_status_ = log_ == nullptr ? Status{} : log_->close(clock_.now());
  return *close_status_;
}

/// Durability::Async: syncs when the oldest unsynced event has waited for the interval; appends go on meanwhile. The
/// error, if any, stays in the log and meets the next batch.
bool CommitQueue::sync_if_due() {
  if (!unsynced_since_) return false;
  const auto due = *unsynced_since_ + std::chrono::microseconds(options_.durability.interval.us);
  if (std::chrono::steady_clock::now() < due) return false;
  background_busy_ = true;
  // Before the sync: what is appended from here on starts the clock anew, whether or not the sync still covers it.
  unsynced_since_.reset();
  mutex_.unlock();
  static_cast<void>(log_->sync());
  mutex_.lock();
  background_busy_ = false;
  idle_.notify_all();
  return true;
}

void CommitQueue::run_background() {
  const base::MutexLock lock(mutex_);
  while (true) {
    // First, or a steady load of the other two would starve it and break the promise of the interval.
    if (sync_if_due()) continue;
    if (!acknowledgements_.empty()) {
      std::deque<Request*> done;
      done.swap(acknowledgements_);
      background_busy_ = true;
      mutex_.unlock();
      for (Request* request : done) {
        request->done(std::move(*request->result));
        release_request(request);
      }
      mutex_.lock();
      background_busy_ = false;
      idle_.notify_all();
    } else if (background_leads_) {
      background_leads_ = false;
      mutex_.unlock();
      lead();
      mutex_.lock();
    } else if (stop_) {
      return;
    } else if (unsynced_since_) {
      background_wakeup_.wait_until(mutex_,
                                    *unsynced_since_ + std::chrono::microseconds(options_.durability.interval.us));
    } else {
      background_wakeup_.wait(mutex_);
    }
  }
}

}  // namespace tidal::wal
