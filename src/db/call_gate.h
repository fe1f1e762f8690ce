// Counts the calls inside a database, so that closing can refuse new ones and wait for those that run.
//
// G1: after close() returned ok, no call is inside and none gets in.  G2: in a forked child no call gets in.
// Threads: thread-safe.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "tidal/result.h"

namespace tidal::db {

class CallGate {
 public:
  /// Held for the length of a call.
  class Pass {
   public:
    explicit Pass(CallGate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    CallGate* gate_;
  };

  /// Unavailable once closing has begun, and in a child of the process that opened the database.
  [[nodiscard]] Result<Pass> enter() {
    if (is_forked()) return forked_error();
    // acquire: pairs with the release of leave(), in case this is a close() that follows.
    const std::uint64_t before = state_.fetch_add(kCall, std::memory_order_acquire);
    if ((before & kClosed) == 0) return Pass(this);
    leave();
    return Error(Code::Unavailable, "the database is closed");
  }

  /// Waits for the calls inside. Called from one of them, it would wait for itself. Unavailable in a forked child.
  [[nodiscard]] Status close() {
    if (is_forked()) return forked_error();
    // acq_rel: who closes after us sees what we saw; and the effects of calls that have left are seen.
    std::uint64_t state = state_.fetch_or(kClosed, std::memory_order_acq_rel) | kClosed;
    while (state != kClosed) {
      state_.wait(state, std::memory_order_acquire);
      state = state_.load(std::memory_order_acquire);  // pairs with the release of leave(): their effects are seen
    }
    return {};
  }

  [[nodiscard]] bool is_forked() const { return getpid() != owner_; }

 private:
  static constexpr std::uint64_t kClosed = 1;
  static constexpr std::uint64_t kCall = 2;

  [[nodiscard]] static Error forked_error() {
    return Error(Code::Unavailable, "the database was opened by the parent of this process: open it here anew");
  }
  void leave() {
    const std::uint64_t before = state_.fetch_sub(kCall, std::memory_order_release);
    if ((before & kClosed) != 0) state_.notify_all();
  }

  const pid_t owner_ = getpid();
  std::atomic<std::uint64_t> state_{0};
};

}  // namespace tidal::db
