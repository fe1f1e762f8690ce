// Assertions for our own bugs. User input and bytes from disk never reach them: those get an Error.
#pragma once

#include <cstdio>
#include <cstdlib>

/// Always on; for cheap conditions.
#define TIDAL_ASSERT(condition)                                                              \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)

/// On in development builds only; for costly conditions.
#ifdef NDEBUG
#define TIDAL_DCHECK(condition) static_cast<void>(sizeof(condition))
#else
#define TIDAL_DCHECK(condition) TIDAL_ASSERT(condition)
#endif
