// Which of many alike cases a suite takes: crashes at every operation, histories of every seed.
#pragma once

#include <cstdint>

namespace tidal::base {

/// All; where a sanitizer makes each cost ten times as much, some: it watches what a case does, which is alike in them.
#ifdef TIDAL_SANITIZED
inline constexpr std::uint64_t kCaseStride = 7;
#else
inline constexpr std::uint64_t kCaseStride = 1;
#endif

/// The first of cases 1 to `count`, so that the last one is taken.
constexpr std::uint64_t first_case(std::uint64_t count) { return 1 + (count - 1) % kCaseStride; }

}  // namespace tidal::base
