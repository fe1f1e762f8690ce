// std::mutex with the annotations that let clang prove which lock guards which member.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define TIDAL_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TIDAL_THREAD_ATTRIBUTE(x)
#endif
#define TIDAL_CAPABILITY(x) TIDAL_THREAD_ATTRIBUTE(capability(x))
#define TIDAL_SCOPED_CAPABILITY TIDAL_THREAD_ATTRIBUTE(scoped_lockable)
#define TIDAL_GUARDED_BY(x) TIDAL_THREAD_ATTRIBUTE(guarded_by(x))
#define TIDAL_REQUIRES(...) TIDAL_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define TIDAL_EXCLUDES(...) TIDAL_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define TIDAL_ACQUIRE(...) TIDAL_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define TIDAL_RELEASE(...) TIDAL_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TIDAL_TRY_ACQUIRE(...) TIDAL_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define TIDAL_NO_THREAD_SAFETY_ANALYSIS TIDAL_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace tidal::base {

class TIDAL_CAPABILITY("mutex") Mutex {
 public:
  void lock() TIDAL_ACQUIRE() { mutex_.lock(); }
  void unlock() TIDAL_RELEASE() { mutex_.unlock(); }
  bool try_lock() TIDAL_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class TIDAL_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TIDAL_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() TIDAL_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits with a Mutex held; wakes spuriously, so wait in a loop.
class CondVar {
 public:
  void wait(Mutex& mutex) TIDAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  /// False when `deadline` passed first.
  template <class TimePoint>
  bool wait_until(Mutex& mutex, TimePoint deadline) TIDAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = cv_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace tidal::base
