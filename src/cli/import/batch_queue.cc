// The bounded queue.
#include "cli/import/batch_queue.h"

#include <utility>

namespace tidal::cli {

bool BatchQueue::push(Batch batch) {
  base::MutexLock lock(mutex_);
  while (batches_.size() >= kDepth && !given_up_) changed_.wait(mutex_);
  if (given_up_) return false;
  batches_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

void BatchQueue::finish(Status end) {
  base::MutexLock lock(mutex_);
  end_ = std::move(end);
  finished_ = true;
  changed_.notify_all();
}

std::optional<Batch> BatchQueue::pop() {
  base::MutexLock lock(mutex_);
  while (batches_.empty() && !finished_) changed_.wait(mutex_);
  if (batches_.empty()) return std::nullopt;
  Batch batch = std::move(batches_.front());
  batches_.pop_front();
  changed_.notify_all();
  return batch;
}

Status BatchQueue::end() const {
  base::MutexLock lock(mutex_);
  return end_;
}

void BatchQueue::give_up() {
  base::MutexLock lock(mutex_);
  given_up_ = true;
  changed_.notify_all();
}

}  // namespace tidal::cli
