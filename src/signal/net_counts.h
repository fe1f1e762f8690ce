// How often each signal stands on each item: by users, and besides by events that no user stands behind.
//
// Threads: single writer, concurrent readers without locks; each count is read whole.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/chunked_array.h"
#include "base/word_column.h"
#include "tidal/types.h"

namespace tidal::signal {

class NetCounts {
 public:
  enum class Part : std::uint8_t { Users = 0, Events = 1 };

  // Write side.

  void add(Part part, std::uint16_t signal, Ordinal item, std::int32_t delta);
  /// Forgets the events on an item; users' part stays.
  void clear_events(Ordinal item);

  // Read side: any thread.

  /// Fetches what add() of either part will touch.
  void prefetch(std::uint16_t signal, Ordinal item) const;
  /// out[i] = both parts together.
  void read(std::uint16_t signal, std::span<const Ordinal> items, std::span<double> out) const;
  [[nodiscard]] std::uint32_t get(Part part, std::uint16_t signal, Ordinal item) const;
  /// Signals with counts are below this.
  [[nodiscard]] std::uint16_t signal_end() const { return signal_end_.load(std::memory_order_acquire); }
  /// The counts by item, as of now. Writer only.
  using Past = base::WordColumn<std::uint32_t>::Past;
  [[nodiscard]] Past capture(Part part, std::uint16_t signal) const {
    return signals_[signal].parts[static_cast<std::size_t>(part)].capture();
  }
  /// Items with a count other than 0, ascending. Writer only.
  [[nodiscard]] std::vector<Ordinal> items(Part part, std::uint16_t signal) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  using Counts = base::WordColumn<std::uint32_t>;
  struct Signal {
    Counts parts[2];
  };

  base::ChunkedArray<Signal, 3> signals_;
  std::atomic<std::uint16_t> signal_end_{0};
};

}  // namespace tidal::signal
