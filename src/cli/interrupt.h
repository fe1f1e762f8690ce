// Ctrl-C as a question that long work asks, so that data stays whole.
//
// Threads: thread-safe. The handler is installed once by main.
#pragma once

namespace tidal::cli {

/// From now on the first SIGINT or SIGTERM only sets a flag; a second SIGINT ends the process.
void catch_interrupts();
/// True once the person asked to stop.
[[nodiscard]] bool interrupted();
/// Forgets an interrupt that has been answered (the shell's Ctrl-C).
void clear_interrupt();

}  // namespace tidal::cli
