// Threads of ours: each has a name, and leaves the process's signals to the program's own threads.
#pragma once

#include <pthread.h>

#include <csignal>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "tidal/result.h"

namespace tidal::base {

/// Called at the top of a background thread. `name`: at most 15 characters. A signal that such a thread took would not
/// interrupt the read it was meant for.
inline void begin_background_thread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

/// Runs `body` on a thread of its own. ResourceExhausted when the system has no room for one.
template <class Body>
[[nodiscard]] Result<std::thread> start_background_thread(const char* name, Body body) {
  try {
    return std::thread([name, body = std::move(body)]() mutable {
      begin_background_thread(name);
      body();
    });
  } catch (const std::system_error& failure) {
    return Error(Code::ResourceExhausted, "start of thread " + std::string(name) + ": " + failure.what());
  }
}

}  // namespace tidal::base
