// Large blocks of zeroed memory straight from the system, on huge pages where it grants them.
//
// Arrays that are read at random spend a third of their waits on address translation with 4 KiB pages. Pages are backed
// when they are first touched, so a block costs no time and no memory before.
// Threads: thread-safe.
#pragma once

#include <cstddef>

namespace tidal::base {

/// Aligned to 64 bytes; from 4 MiB on to 2 MiB, and on huge pages if the system allows. nullptr: no memory.
[[nodiscard]] void* allocate_zeroed(std::size_t bytes);
/// `bytes` as given to allocate_zeroed(); a null pointer is fine.
void free_zeroed(void* memory, std::size_t bytes);

}  // namespace tidal::base
