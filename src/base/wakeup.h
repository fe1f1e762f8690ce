// One thread sleeps until another wakes it, with no spinning before it does.
//
// std::atomic::wait yields the processor several times before it sleeps, which on a busy machine is as many switches of
// threads for nothing: with 64 producers on two cores, a sixth of all time.
// Threads: one waits, any one wakes; a wake that comes first is kept. What was written before wake() is seen after
// wait() (POSIX.1-2017, 4.12 Memory Synchronization).
#pragma once

#include <semaphore.h>

#include <cerrno>

#include "base/assert.h"

namespace tidal::base {

class Wakeup {
 public:
  Wakeup() { TIDAL_ASSERT(sem_init(&semaphore_, 0, 0) == 0); }
  ~Wakeup() { sem_destroy(&semaphore_); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void wake() { TIDAL_ASSERT(sem_post(&semaphore_) == 0); }
  void wait() {
    while (sem_wait(&semaphore_) != 0) TIDAL_ASSERT(errno == EINTR);
  }

 private:
  sem_t semaphore_;
};

}  // namespace tidal::base
