// Everything the ledger holds for one signal: lines, rings and read columns, and the rules that join them.
//
// Threads: single writer, concurrent readers without locks.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/captures.h"
#include "signal/atomic_access.h"
#include "signal/buckets.h"
#include "signal/columns.h"
#include "signal/hot.h"
#include "signal/ledger.h"
#include "signal/warm.h"

namespace tidal::signal {

/// One pair's state as values: what images and digests carry.
struct PairState {
  Ordinal entity = Ordinal::None;
  std::int64_t newest_us = 0;
  std::uint64_t count = 0;
  double score = 0;
  double weight_sum = 0;
  double value_sum = 0;
  std::array<std::vector<RingEntry>, kRings> rings;  ///< by RingKind, ascending
  bool operator==(const PairState&) const = default;
};

using PairCaptures = base::Captures<PairState>;

class SignalTable {
 public:
  explicit SignalTable(const SignalDef& signal);
  SignalTable(const SignalTable&) = delete;
  SignalTable& operator=(const SignalTable&) = delete;

  // Write side.

  void record(const LedgerEvent& event) noexcept;
  void clear_entity(Ordinal entity) noexcept;
  std::size_t settle(Timestamp now) noexcept;
  void add_column(Window window, Timestamp now, Timestamp newest_event);
  /// Makes a line with this state; the pair must not exist.
  void restore(const PairState& pair);
  /// As Ledger::prefetch.
  void prefetch(Ordinal entity, PrefetchStage stage) const;

  // Read side.

  [[nodiscard]] const HotLine* find(Ordinal entity) const { return hot_.find(entity); }
  /// Count over buckets [first, last] of a ring.
  [[nodiscard]] std::uint64_t count(const HotLine& line, RingKind ring, std::int64_t first, std::int64_t last) const;
  [[nodiscard]] RingSum sum(const HotLine& line, RingKind ring, std::int64_t first, std::int64_t last) const;
  /// Counts over [first, last] and over the as many buckets before, of one version.
  [[nodiscard]] std::array<std::uint64_t, 2> count_twice(const HotLine& line, RingKind ring, std::int64_t first,
                                                         std::int64_t last) const;
  [[nodiscard]] double linear_score(const HotLine& line, Timestamp now) const;
  /// True when the signal keeps this window.
  [[nodiscard]] bool has_window(Window window) const;
  [[nodiscard]] const ColumnGroup& group(RingKind ring) const { return groups_[index_of(ring)]; }
  [[nodiscard]] const Column* all_column() const {
    return all_column_.load(std::memory_order_acquire);  // pairs with add_column()
  }

  [[nodiscard]] const RingShapes& shapes() const { return shapes_; }
  [[nodiscard]] const RingShape& shape(RingKind ring) const { return shapes_[index_of(ring)]; }
  [[nodiscard]] const RingStore& rings(RingKind ring) const { return rings_[index_of(ring)]; }
  [[nodiscard]] const HotTable& hot() const { return hot_; }
  [[nodiscard]] const Decay& decay() const { return decay_; }
  /// lambda of an exponential decay, else 0.
  [[nodiscard]] double rate() const { return rate_; }
  [[nodiscard]] bool has_value() const { return has_value_; }
  /// A pair's state, count 0 when it never fired, into `pair`, whose memory is reused.
  void read_pair(const HotLine& line, PairState& pair) const;
  /// Writer only: the pairs as of now, by ordinal.
  [[nodiscard]] PairCaptures::Capture capture_pairs() const { return captures_.begin(); }
  void add_memory(LedgerMemory& memory) const;

 private:
  [[nodiscard]] std::int64_t bucket(RingKind ring, std::int64_t at_us) const {
    return bucket_of(ring, shapes_[index_of(ring)].width_us, at_us);
  }
  /// Reader of counts for columns: the writer's own look at its rings.
  [[nodiscard]] ColumnGroup::CountOf counter(RingKind ring) const;
  [[nodiscard]] std::span<const RingKind> rings_in_use() const { return {used_.data(), used_count_}; }
  void make_room_for(std::int64_t at_us);
  void prefetch_columns(std::uint32_t entity) const;
  void save_for_captures(const HotLine& line);
  void update_columns(RingKind ring, std::uint32_t entity, std::int64_t bucket, bool opened);

  const Decay decay_;
  const double rate_;
  const bool has_value_;
  const RingShapes shapes_;
  std::array<RingKind, kRings> used_{};
  std::size_t used_count_ = 0;
  bool has_columns_ = false;       // over any ring
  mutable PairCaptures captures_;  // capturing is a read
  HotTable hot_;
  std::array<RingStore, kRings> rings_;
  std::array<ColumnGroup, kRings> groups_{ColumnGroup(RingKind::Minute), ColumnGroup(RingKind::Hour),
                                          ColumnGroup(RingKind::Day), ColumnGroup(RingKind::Linear)};
  std::array<ColumnGroup::CountOf, kRings> counters_;
  std::unique_ptr<Column> owned_all_column_;
  std::atomic<Column*> all_column_{nullptr};
};

}  // namespace tidal::signal
