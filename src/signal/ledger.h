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
  double value = 0;  ///< 0 when the signal has none
};

/// Which count a windowed read wants. `ago` shifts the whole window back (a multiple of the window's bucket).
struct WindowQuery {
  SignalIndex signal = 0;
  Window window = Window::Day;
  Timestamp now;
  Duration ago{0};
};

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
  /// Clears every signal of an entity (it was deleted).
  void clear_entity(Ordinal entity) noexcept;
  void clear();
  /// Rolls every read column to now's buckets. Returns how many cells changed.
  std::size_t settle(Timestamp now) noexcept;
  /// Declares that scans will want this column; builds it from the rings. Idempotent.
  void add_column(SignalIndex signal, Window window, Timestamp now);

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
  /// The settled count column over ordinals [0, size), or an empty span when there is none for now's bucket.
  /// Values may move while being read (relaxed); valid for the ledger's life up to the size returned.
  [[nodiscard]] bool has_settled_column(SignalIndex signal, Window window, Timestamp now) const;
  /// Dense scan: out[i] = settled count of ordinal first + i. False when the column is not settled for `now`.
  [[nodiscard]] bool scan_column(SignalIndex signal, Window window, Timestamp now, std::uint32_t first,
                                 std::span<float> out) const;
  /// How far back a shifted window can reach for this signal and window.
  [[nodiscard]] Duration reach(SignalIndex signal, Window window) const;
  /// The newest event time seen; 0 when none.
  [[nodiscard]] Timestamp newest_event() const;

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidal::signal
