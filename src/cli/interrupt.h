// Ctrl-C as a question that long work asks, so that data stays whole.
//
// Threads: thread-safe. The handler is installed once by main.
#pragma once

namespace tidal::cli {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second signal ends the process.
void catch_interrupts();
/// From now on a signal ends the process at once, as it does by itself: for work that leaves everything whole wherever
/// it stops, and asks nobody.
void let_signals_end();
/// True once the person or the system asked to stop.
[[nodiscard]] bool interrupted();
/// Forgets a SIGINT that has been answered (the shell's Ctrl-C). A SIGTERM stays: its sender wants the process gone.
void clear_interrupt();
/// Waits until the descriptor can be read or is at its end. False when interrupted, or with errno when it cannot wait.
[[nodiscard]] bool wait_for_input(int descriptor);

}  // namespace tidal::cli
