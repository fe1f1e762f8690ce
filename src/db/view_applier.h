// The end of a write: durable events go to the views, and how far readers can see is published.
//
// Threads: apply() from one thread at a time; the const reads from any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "db/memory_budget.h"
#include "db/views.h"
#include "wal/commit_queue.h"

namespace tidal::db {

/// Keeps copies of applied events for a view that is being built aside. Thread-safe.
class EventTap {
 public:
  /// Events that own their bytes; all of one append.
  struct Piece {
    Timestamp append_time;
    std::string records;
    std::size_t count = 0;
  };

  void add(std::span<const wal::WalEvent> events) {
    Piece piece{.append_time = events.front().append_time, .records = {}, .count = events.size()};
    for (const wal::WalEvent& event : events) wal::encode_record(event.record, event.seqno, piece.records);
    const base::MutexLock lock(mutex_);
    count_ += piece.count;
    pieces_.push_back(std::move(piece));
  }
  /// Everything added since the last call.
  [[nodiscard]] std::vector<Piece> take() {
    const base::MutexLock lock(mutex_);
    count_ = 0;
    return std::exchange(pieces_, {});
  }
  [[nodiscard]] std::size_t count() const {
    const base::MutexLock lock(mutex_);
    return count_;
  }

 private:
  mutable base::Mutex mutex_;
  std::vector<Piece> pieces_ TIDAL_GUARDED_BY(mutex_);
  std::size_t count_ TIDAL_GUARDED_BY(mutex_) = 0;
};

class ViewApplier final : public wal::Applier {
 public:
  /// `memory_limit` as in Options.
  ViewApplier(Views& views, std::size_t memory_limit) : views_(views), memory_(memory_limit) {}

  void apply(std::span<wal::WalEvent> events) noexcept override {
    views_.registry().apply(events);
    if (tap_ != nullptr) tap_->add(events);
    memory_.note(events, views_.registry());
    // release: pairs with the acquire in applied(), so that who sees the seqno sees the views.
    applied_.store(events.back().seqno.value, std::memory_order_release);
    const auto is_void = [](const wal::WalEvent& e) { return e.ids.is_void; };
    const auto is_signal = [](const wal::WalEvent& e) {
      return !e.ids.is_void && e.record.type == wal::RecordType::Signal;
    };
    void_records_.fetch_add(static_cast<std::uint64_t>(std::ranges::count_if(events, is_void)),
                            std::memory_order_relaxed);  // a statistic
    signals_.fetch_add(static_cast<std::uint64_t>(std::ranges::count_if(events, is_signal)),
                       std::memory_order_relaxed);  // a statistic
  }

  // acquire: pairs with the release in apply().
  [[nodiscard]] SeqNo applied() const { return SeqNo{applied_.load(std::memory_order_acquire)}; }
  /// Hands applied events to `tap` too, from the next one on; null: no more. The applier must not run.
  void set_tap(EventTap* tap) { tap_ = tap; }
  /// Adds up what the views hold. The applier must not run.
  void measure_memory() { memory_.measure(views_.registry()); }
  [[nodiscard]] const MemoryBudget& memory() const { return memory_; }
  /// Before anybody reads. release: as in apply().
  void set_applied(SeqNo seqno) { applied_.store(seqno.value, std::memory_order_release); }
  // relaxed: statistics, nothing is published through them.
  void reset_statistics() {
    signals_.store(0, std::memory_order_relaxed);
    void_records_.store(0, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t signals() const { return signals_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t void_records() const { return void_records_.load(std::memory_order_relaxed); }

 private:
  Views& views_;
  MemoryBudget memory_;
  EventTap* tap_ = nullptr;
  std::atomic<std::uint64_t> applied_{0};
  std::atomic<std::uint64_t> signals_{0};
  std::atomic<std::uint64_t> void_records_{0};
};

}  // namespace tidal::db
