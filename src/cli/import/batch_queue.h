// A few batches of operations between the thread that reads and the one that writes.
//
// Threads: thread-safe; one producer, one consumer.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "cli/import/operation.h"
#include "tidal/result.h"

namespace tidal::cli {

struct Batch {
  std::vector<ImportedOperation> operations;
  std::uint64_t position = 0;  ///< of the last operation in the applied order, from 1
  double share = -1;           ///< of the work done when this batch was made; negative: unknown
};

class BatchQueue {
 public:
  /// Waits for room. False once the consumer has given up.
  [[nodiscard]] bool push(Batch batch) TIDAL_EXCLUDES(mutex_);
  /// The producer's last word: how it ended.
  void finish(Status end) TIDAL_EXCLUDES(mutex_);
  /// The next batch; nothing at the end or after an error of the producer, see end().
  [[nodiscard]] std::optional<Batch> pop() TIDAL_EXCLUDES(mutex_);
  [[nodiscard]] Status end() const TIDAL_EXCLUDES(mutex_);
  /// The consumer's last word.
  void give_up() TIDAL_EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kDepth = 4;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Batch> batches_ TIDAL_GUARDED_BY(mutex_);
  Status end_ TIDAL_GUARDED_BY(mutex_);
  bool finished_ TIDAL_GUARDED_BY(mutex_) = false;
  bool given_up_ TIDAL_GUARDED_BY(mutex_) = false;
};

}  // namespace tidal::cli
