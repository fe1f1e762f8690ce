// The signal handler: one lock-free flag.
#include "cli/interrupt.h"

#include <atomic>
#include <csignal>

namespace tidal::cli {
namespace {

std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void on_signal(int number) {
  // relaxed: the flag stands alone, nothing else is published through it.
  if (asked.exchange(true, std::memory_order_relaxed)) {
    std::signal(number, SIG_DFL);
    std::raise(number);
  }
}

}  // namespace

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a prompt's read must return
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() { return asked.load(std::memory_order_relaxed); }
void clear_interrupt() { asked.store(false, std::memory_order_relaxed); }

}  // namespace tidal::cli
