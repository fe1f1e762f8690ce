// Holds what the views keep in memory against Options::memory_limit, so that writes are refused before the system
// refuses memory.
//
// Adding up what the views hold visits every user, so it is done now and then: the less is left, the sooner, and never
// for less than a 64th of the limit. Whatever is in the log is applied, so the limit is passed by that, and by the
// queue. Threads: note() and measure() where the applier runs or is paused; the const reads from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "materializer/registry.h"
#include "tidal/result.h"
#include "wal/record.h"

namespace tidal::db {

class MemoryBudget {
 public:
  /// `limit` in bytes; 0: none, and nothing is ever added up.
  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}

  /// After `events` were applied to `views`.
  void note(std::span<const wal::WalEvent> events, const materializer::Registry& views) {
    if (limit_ == 0) return;
    for (const wal::WalEvent& event : events) grown_ += kEventBytes + 2 * event.record.payload.size();
    const std::size_t held = held_.load(std::memory_order_relaxed);
    const std::size_t left = limit_ - std::min(held, limit_);
    if (grown_ >= std::max(left / 2, limit_ / 64)) measure(views);
  }

  /// Cost: O(users + creators and their items / 100 + values of keyword fields).
  void measure(const materializer::Registry& views) {
    if (limit_ == 0) return;
    std::size_t held = 0;
    for (const auto& view : views.views()) held += view->memory_bytes();
    grown_ = 0;
    // relaxed, here and below: a figure that nothing is published through.
    held_.store(held, std::memory_order_relaxed);
  }

  [[nodiscard]] bool is_exceeded() const { return limit_ != 0 && held_.load(std::memory_order_relaxed) > limit_; }

  [[nodiscard]] Error error() const {
    return Error(Code::ResourceExhausted,
                 "memory_limit: the views hold " + std::to_string(held_.load(std::memory_order_relaxed)) +
                     " bytes and may hold " + std::to_string(limit_) +
                     "; reads, DELETE, FORGET USER and schema changes go on. Open with a higher memory_limit to write");
  }

 private:
  /// What an event may add, roughly: a line and a ring for each of its three entities.
  static constexpr std::size_t kEventBytes = 1024;

  const std::size_t limit_;
  std::size_t grown_ = 0;  // since the last measurement, at most, roughly
  std::atomic<std::size_t> held_{0};
};

}  // namespace tidal::db
