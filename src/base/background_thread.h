// What every thread of ours does first: takes a name, and leaves the process's signals to the program's own threads.
#pragma once

#include <pthread.h>

#include <csignal>

namespace tidal::base {

/// Called at the top of a background thread. `name`: at most 15 characters. A signal that such a thread took would not
/// interrupt the read it was meant for.
inline void begin_background_thread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace tidal::base
