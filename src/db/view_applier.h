// The end of a write: durable events go to the views, and how far readers can see is published.
//
// Threads: apply() from one thread at a time; the const reads from any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>

#include "db/views.h"
#include "wal/commit_queue.h"

namespace tidal::db {

class ViewApplier final : public wal::Applier {
 public:
  explicit ViewApplier(Views& views) : views_(views) {}

  void apply(std::span<wal::WalEvent> events) noexcept override {
    views_.registry().apply(events);
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

  [[nodiscard]] SeqNo applied() const { return SeqNo{applied_.load(std::memory_order_acquire)}; }
  void set_applied(SeqNo seqno) { applied_.store(seqno.value, std::memory_order_release); }
  void reset_statistics() {
    signals_.store(0, std::memory_order_relaxed);
    void_records_.store(0, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t signals() const { return signals_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t void_records() const { return void_records_.load(std::memory_order_relaxed); }

 private:
  Views& views_;
  std::atomic<std::uint64_t> applied_{0};
  std::atomic<std::uint64_t> signals_{0};
  std::atomic<std::uint64_t> void_records_{0};
};

}  // namespace tidal::db
