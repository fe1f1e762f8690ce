// The signal handler: two lock-free flags, and the one place where the program waits for them and for input.
#include "cli/interrupt.h"

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace tidal::cli {
namespace {

std::atomic<bool> asked{false};  // SIGINT
std::atomic<bool> told{false};   // SIGTERM
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void on_signal(int number) {
  const bool is_second = interrupted();
  // relaxed: the flags stand alone, nothing else is published through them.
  (number == SIGTERM ? told : asked).store(true, std::memory_order_relaxed);
  if (!is_second) return;
  std::signal(number, SIG_DFL);
  std::raise(number);
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

void let_signals_end() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool interrupted() { return asked.load(std::memory_order_relaxed) || told.load(std::memory_order_relaxed); }
void clear_interrupt() { asked.store(false, std::memory_order_relaxed); }

bool wait_for_input(int descriptor) {
  // Held back between the look at the flags and the wait, so that no signal falls in between and leaves us waiting.
  sigset_t held;
  sigset_t before;
  sigemptyset(&held);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &held, &before);
  pollfd input{.fd = descriptor, .events = POLLIN, .revents = 0};
  int ready = 0;
  while (ready == 0 && !interrupted()) {
    ready = ::ppoll(&input, 1, nullptr, &before);
    if (ready < 0 && errno == EINTR) ready = 0;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return ready > 0;
}

}  // namespace tidal::cli
