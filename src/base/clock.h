// The one source of "now": the system's clock, a fixed moment, or one that a test moves.
#pragma once

#include <atomic>

#include "tidal/types.h"

namespace tidal::base {

/// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
};

/// Stands still until set.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(Timestamp t) : us_(t.us) {}
  // relaxed: the value stands alone, nothing else is published through it.
  [[nodiscard]] Timestamp now() const override { return Timestamp{us_.load(std::memory_order_relaxed)}; }
  void set(Timestamp t) { us_.store(t.us, std::memory_order_relaxed); }
  void advance(Duration d) { us_.fetch_add(d.us, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> us_;
};

}  // namespace tidal::base
