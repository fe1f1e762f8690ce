// Implementation of the epochs: one slot a thread, a global counter, and a list of retired objects.
//
// Why P1 holds. An object retired at epoch r is freed when the counter has reached r + 2. By P2 a reader still inside
// entered at an epoch of at least r + 1, so it read the counter after somebody raised it to r + 1. Raising and retiring
// exclude each other by a mutex, hence the unlink happened before that raise, and that reader cannot have found the
// object. Why P2 holds: see EpochGuard below.
#include "base/epoch.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/assert.h"
#include "base/mutex.h"

namespace tidal::base {
namespace {

constexpr std::uint64_t kOutside = 0;
/// Reclaiming looks at every slot; this many retired objects pay for it.
constexpr std::size_t kRetiredBeforeReclaim = 64;

/// One thread's announcement. A cache line of its own, since every guard writes it.
struct alignas(64) Slot {
  std::atomic<std::uint64_t> epoch{kOutside};
  std::atomic<bool> taken{true};
  Slot* next = nullptr;  // constant once published
};

struct Retired {
  void* object;
  void (*deleter)(void*);
  std::uint64_t epoch;
};

class Domain {
 public:
  Slot* acquire_slot() {
    // acquire: pairs with the release in push(), so that `next` and the slot's own fields are initialised.
    for (Slot* s = slots_.load(std::memory_order_acquire); s != nullptr; s = s->next) {
      bool expected = false;
      // acquire: pairs with the release of the thread that gave the slot back.
      if (s->taken.compare_exchange_strong(expected, true, std::memory_order_acquire, std::memory_order_relaxed)) {
        return s;
      }
    }
    auto* slot = new Slot;  // lives for ever: the number of slots is the most threads that were ever alive at once
    slot->next = slots_.load(std::memory_order_relaxed);
    while (!slots_.compare_exchange_weak(slot->next, slot, std::memory_order_release, std::memory_order_relaxed)) {
    }
    return slot;
  }

  void enter(Slot& slot) {
    std::uint64_t seen = epoch_.load(std::memory_order_relaxed);  // only a guess; confirmed below
    for (;;) {
      // seq_cst store, then seq_cst load: in the single total order either the scan of advance() sees this slot, or
      // that scan comes first and the load below reads a counter at most one raise later. Once the load confirms
      // `seen`, the scan before the next raise but one comes after the store and is stopped by it (P2).
      slot.epoch.store(seen, std::memory_order_seq_cst);
      const std::uint64_t now = epoch_.load(std::memory_order_seq_cst);
      if (now == seen) return;
      seen = now;
    }
  }

  void leave(Slot& slot) {
    // release: pairs with the scan in advance(): what this reader read happens before the object is freed.
    slot.epoch.store(kOutside, std::memory_order_release);
  }

  void retire(Retired item) {
    std::vector<Retired> free_now;
    {
      MutexLock lock(mutex_);
      item.epoch = epoch_.load(std::memory_order_relaxed);  // raised only under this mutex
      retired_.push_back(item);
      if (retired_.size() < next_reclaim_) return;
      advance();
      take_free(free_now);
      next_reclaim_ = retired_.size() + kRetiredBeforeReclaim;
    }
    run(free_now);
  }

  std::size_t reclaim() {
    std::size_t left = 0;
    do {
      std::vector<Retired> free_now;
      {
        MutexLock lock(mutex_);
        // Two raises carry an object retired just now past its last possible reader.
        advance();
        advance();
        take_free(free_now);
        left = retired_.size();
        next_reclaim_ = left + kRetiredBeforeReclaim;
      }
      run(free_now);
      if (free_now.empty()) return left;  // deleters may have retired more: go round until nothing moves
    } while (true);
  }

 private:
  /// Raises the counter unless a reader is still in an earlier epoch.
  void advance() TIDAL_REQUIRES(mutex_) {
    const std::uint64_t now = epoch_.load(std::memory_order_relaxed);  // only changed here
    for (Slot* s = slots_.load(std::memory_order_acquire); s != nullptr; s = s->next) {
      // seq_cst: pairs with enter(); as an acquire it also pairs with leave().
      const std::uint64_t e = s->epoch.load(std::memory_order_seq_cst);
      if (e != kOutside && e != now) return;
    }
    // seq_cst: its place in the total order after the scan is what enter() relies on.
    epoch_.store(now + 1, std::memory_order_seq_cst);
  }

  void take_free(std::vector<Retired>& out) TIDAL_REQUIRES(mutex_) {
    const std::uint64_t now = epoch_.load(std::memory_order_relaxed);
    // Oldest first: while a pin holds everything back this is one comparison, however much waits.
    for (; !retired_.empty() && retired_.front().epoch + 2 <= now; retired_.pop_front()) {
      out.push_back(retired_.front());
    }
  }

  static void run(const std::vector<Retired>& items) {
    for (const Retired& r : items) r.deleter(r.object);
  }

  std::atomic<std::uint64_t> epoch_{1};
  std::atomic<Slot*> slots_{nullptr};
  Mutex mutex_;
  std::deque<Retired> retired_ TIDAL_GUARDED_BY(mutex_);  // in order of their epochs
  std::size_t next_reclaim_ TIDAL_GUARDED_BY(mutex_) = kRetiredBeforeReclaim;
};

/// Never destroyed: threads may end, and objects be retired, after the destructors of static objects have begun.
Domain& domain() {
  static auto* const instance = new Domain;
  return *instance;
}

/// This thread's slot, taken at its first guard and given back when it ends.
class ThreadSlot {
 public:
  ~ThreadSlot() {
    // release: pairs with the acquire of the next thread that takes the slot.
    if (slot_ != nullptr) slot_->taken.store(false, std::memory_order_release);
  }
  void enter() {
    if (depth_++ > 0) return;
    if (slot_ == nullptr) slot_ = domain().acquire_slot();
    domain().enter(*slot_);
  }
  void leave() {
    TIDAL_DCHECK(depth_ > 0);
    if (--depth_ == 0) domain().leave(*slot_);
  }

 private:
  Slot* slot_ = nullptr;
  std::size_t depth_ = 0;
};

ThreadSlot& thread_slot() {
  thread_local ThreadSlot slot;
  return slot;
}

}  // namespace

EpochGuard::EpochGuard() noexcept { thread_slot().enter(); }
EpochGuard::~EpochGuard() { thread_slot().leave(); }

EpochPin::EpochPin() {
  Slot* slot = domain().acquire_slot();
  domain().enter(*slot);
  slot_ = slot;
}
EpochPin::~EpochPin() {
  auto* slot = static_cast<Slot*>(slot_);
  domain().leave(*slot);
  slot->taken.store(false, std::memory_order_release);  // pairs with the acquire of the next taker
}

void retire(void* object, void (*deleter)(void*)) { domain().retire(Retired{object, deleter, 0}); }

std::size_t reclaim() { return domain().reclaim(); }

}  // namespace tidal::base
