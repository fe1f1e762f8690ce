// Which strings may be keys of entities.   Threads: pure functions.
#pragma once

#include <cstddef>
#include <string_view>

#include "tidal/result.h"

namespace tidal::schema {

inline constexpr std::size_t kEntityKeyBytesMax = 128;

/// UTF-8 of 1 to 128 bytes without control characters; InvalidArgument says which rule it breaks.
[[nodiscard]] Status check_entity_key(std::string_view key);

}  // namespace tidal::schema
