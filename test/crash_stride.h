// At which operations a suite that crashes at every one of them does so.
#pragma once

#include <cstdint>

namespace tidal::test {

/// At each; where a sanitizer makes an operation cost ten times as much and tells little more of it, at some.
#ifdef TIDAL_SANITIZED
inline constexpr std::uint64_t kCrashStride = 7;
#else
inline constexpr std::uint64_t kCrashStride = 1;
#endif

/// Where to begin, from 1 on, so that the last of `operations` is among those it stops at.
constexpr std::uint64_t first_crash(std::uint64_t operations) { return 1 + (operations - 1) % kCrashStride; }

}  // namespace tidal::test
