// Epoch-based reclamation: a reader walks shared structures without locks, and what a writer unlinks is freed only when
// no reader can still hold it.
//
// A reader holds an EpochGuard while it uses pointers loaded from shared atomics. A writer first unlinks an object (so
// that new readers cannot find it), then retires it.
// P1: a retired object is freed only after every guard that was held when it was retired has ended.
// P2: while a thread holds a guard at epoch e the global epoch is at most e + 1.
// One domain serves the process, since readers are the callers' threads and know nothing of any particular structure.
// Threads: everything here is thread-safe; a guard belongs to the thread that made it. Guards nest.
#pragma once

#include <cstddef>

namespace tidal::base {

class EpochGuard {
 public:
  EpochGuard() noexcept;
  ~EpochGuard();
  EpochGuard(const EpochGuard&) = delete;
  EpochGuard& operator=(const EpochGuard&) = delete;
};

/// A guard of no thread: what could be reached when it was made stays until it goes, on whichever thread. For images
/// that a background thread writes; meanwhile nothing retired is freed.
class EpochPin {
 public:
  EpochPin();
  ~EpochPin();
  EpochPin(const EpochPin&) = delete;
  EpochPin& operator=(const EpochPin&) = delete;

 private:
  void* slot_;
};

/// Hands over an unlinked object; `deleter(object)` runs later, on some thread that retires or reclaims. The deleter
/// may retire further objects. Cost: a short lock among writers; now and then a look at every reader's slot.
void retire(void* object, void (*deleter)(void*));

template <class T>
void retire(const T* object) {
  retire(const_cast<T*>(object), [](void* p) { delete static_cast<T*>(p); });
}

/// Frees whatever is free to go now; returns how many retired objects are left. Without readers inside, 0.
std::size_t reclaim();

}  // namespace tidal::base
