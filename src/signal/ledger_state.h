// What a Ledger consists of: one table a signal, reachable without locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "base/chunked_array.h"
#include "signal/ledger.h"
#include "signal/signal_table.h"

namespace tidal::signal {

struct Ledger::State {
  static constexpr std::int64_t kNoEvents = std::numeric_limits<std::int64_t>::min();

  /// nullptr when the signal was never configured.
  [[nodiscard]] SignalTable* find(SignalIndex signal) const {
    const auto* pointer = tables.find(signal);
    return pointer == nullptr ? nullptr : pointer->load(std::memory_order_acquire);  // pairs with configure()
  }

  std::vector<std::unique_ptr<SignalTable>> owned;          // writer only
  base::ChunkedArray<std::atomic<SignalTable*>, 4> tables;  // by SignalIndex
  std::atomic<std::int64_t> newest_us{kNoEvents};
};

}  // namespace tidal::signal
