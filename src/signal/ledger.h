// The signal ledger of one entity kind: decayed scores, counts, sums and windows by (entity, signal).
//
// Three tiers (docs/signals.md): hot, one 64-byte line a pair that ever fired; warm, rings of time buckets; and read
// columns, caches of settled window counts for scans. Rings, totals and decay are state; columns are not.
// L1: every read equals what a fresh fold over the pair's events gives (brute-force twin in the tests).
// L2: columns never influence an answer: a read whose bucket is not settled computes from the ring.
// Threads: single writer (the applier), concurrent readers without locks; a pair is read consistently (sequence lock).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::signal {

/// Position of a signal in the schema.
using SignalIndex = std::uint16_t;

/// One event as the ledger counts it.
struct LedgerEvent {
  SignalIndex signal = 0;
  Ordinal entity = Ordinal::None;
  Timestamp at;
  double weight = 1.0;
  double value = 0;
  bool has_value = true;  ///< false: the event came without one, and sums and means pass it over
};

/// Which count a windowed read wants. `ago` shifts the whole window back (a multiple of the window's bucket).
struct WindowQuery {
  SignalIndex signal = 0;
  Window window = Window::Day;
  Timestamp now;
  Duration ago{0};
};

/// Memory by tier, in bytes.
struct LedgerMemory {
  std::size_t pairs = 0;        ///< (entity, signal) that ever fired
  std::size_t index_bytes = 0;  ///< ordinal -> line
  std::size_t hot_bytes = 0;    ///< lines
  std::size_t warm_bytes = 0;   ///< rings
  std::size_t column_bytes = 0;
  std::size_t list_bytes = 0;  ///< what rolls need to know
  [[nodiscard]] std::size_t total() const { return index_bytes + hot_bytes + warm_bytes + column_bytes + list_bytes; }
};

/// What to fetch ahead of an event: its index cell, then its line, then its rings.
enum class PrefetchStage : std::uint8_t { Index, Line, Rings };

class SignalTable;

class Ledger {
 public:
  Ledger();
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Write side. Applier only.

  /// Makes room for signals declared later; keeps what is there. Called when the schema changes and on restore.
  void configure(const std::vector<SignalDef>& signals);
  void record(const LedgerEvent& event) noexcept;
  /// Fetches memory that record() will touch. Each stage reads what the one before fetched: ask for one stage of a
  /// whole group of events, then for the next.
  void prefetch(SignalIndex signal, Ordinal entity, PrefetchStage stage) const noexcept;
  /// Clears every signal of an entity (it was deleted).
  void clear_entity(Ordinal entity) noexcept;
  /// Forgets everything, configuration and columns included. No reader may be inside.
  void clear();
  /// Rolls every read column forwards to now's buckets; an earlier `now` changes nothing. Returns how many cells were
  /// recomputed.
  std::size_t settle(Timestamp now) noexcept;
  /// Declares that scans will want this column; builds it from the rings. Idempotent.
  /// Windows that the signal does not keep are passed over.
  void add_column(SignalIndex signal, Window window, Timestamp now);
  /// The columns that built-in sorts read: all windows, and all time, of signals that view, share, like or dislike.
  void add_default_columns(const std::vector<SignalDef>& signals, Timestamp now);

  // The writer's look at its own state, for images and digests.

  [[nodiscard]] std::size_t signal_count() const;
  /// The signal's state; nullptr when it was never configured.
  [[nodiscard]] SignalTable* table(SignalIndex signal);
  [[nodiscard]] const SignalTable* table(SignalIndex signal) const;
  [[nodiscard]] bool has_events() const;
  /// Sets newest_event() on restore.
  void restore_newest(Timestamp newest);

  // Read side: any thread. out.size() == entities.size(); a pair that never fired reads 0.

  void counts(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;
  /// Sum of weight * value.
  void sums(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;
  /// sum / sum of weights; 0 when empty.
  void means(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;
  /// count / seconds of the window. The window must not be All.
  void velocities(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;
  /// velocity of this window minus velocity of the one before.
  void accelerations(const WindowQuery& query, std::span<const Ordinal> entities, std::span<double> out) const;
  void decay_scores(SignalIndex signal, Timestamp now, std::span<const Ordinal> entities, std::span<double> out) const;
  /// Event time of the newest event in microseconds; of a pair that never fired -infinity.
  void newest_times(SignalIndex signal, std::span<const Ordinal> entities, std::span<double> out) const;
  /// True when scan_column() would answer for this `now`.
  [[nodiscard]] bool has_settled_column(SignalIndex signal, Window window, Timestamp now) const;
  /// Dense scan: out[i] = settled count of ordinal first + i. False when the column is not settled for `now`.
  [[nodiscard]] bool scan_column(SignalIndex signal, Window window, Timestamp now, std::uint32_t first,
                                 std::span<float> out) const;
  /// How far back a shifted window can reach for this signal and window.
  [[nodiscard]] Duration reach(SignalIndex signal, Window window) const;
  /// The newest event time seen; 0 when none.
  [[nodiscard]] Timestamp newest_event() const;

  /// Writer only.
  [[nodiscard]] LedgerMemory memory() const;
  [[nodiscard]] std::size_t memory_bytes() const { return memory().total(); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidal::signal
