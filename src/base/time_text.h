// Times and durations as people write them.
//
// T1: parse_time(to_string(t)) == t for every t in the years 0000 to 9999.
#pragma once

#include <string_view>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::base {

/// "2026-11-22", "2026-11-22T12:00Z", "2026-11-22T12:00:00.5+01:00". No zone means UTC; digits beyond microseconds must
/// be zeros. InvalidArgument names the text and what was expected.
[[nodiscard]] Result<Timestamp> parse_time(std::string_view text);

/// A whole number and a unit: "50ms", "90s", "5m", "24h", "7d", "2w". InvalidArgument.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

}  // namespace tidal::base
