// What waits in a CommitQueue and what it is gathered into. Private to the queue.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/wakeup.h"
#include "wal/commit_queue.h"

namespace tidal::wal {

enum State : std::uint32_t { kWaiting, kLeads, kDone };

/// One batch on its way. Requests belong to the queue and are reused, never freed before it: whoever
/// wakes one may still be at it when its owner has gone on.
struct CommitQueue::Request {
  RecordBatch batch;
  Callback done;  // empty: its owner waits for `wakeup`
  std::chrono::steady_clock::time_point arrived;
  std::optional<Result<CommitResult>> result;  // set before state becomes kDone
  std::atomic<std::uint32_t> state{kWaiting};
  base::Wakeup wakeup;              // once when state leaves kWaiting, if its owner waits
  std::array<Request*, 2> heirs{};  // those of its group that its owner tells; set before state becomes kDone
};

/// The requests of one frame.
struct CommitQueue::Group {
  std::vector<Request*> requests;
  Frame frame;
  std::vector<EventId> event_ids;                                     // of the frame's records
  std::vector<WalEvent> events = std::vector<WalEvent>(kEventGroup);  // those being applied
  std::uint64_t ticket = 0;
};

}  // namespace tidal::wal
