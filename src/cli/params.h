// Values given on the command line: --param name=value.
#pragma once

#include <string>
#include <vector>

#include "tidal/query.h"
#include "tidal/result.h"

namespace tidal::cli {

/// A value is true, false, a number, a duration (30d), a time (2026-11-22), a "string" in quotes, a list ["a","b"] of
/// strings, or else the text itself, so that user=u1 works; user="42" keeps a number that is a key. InvalidArgument
/// without a name.
[[nodiscard]] Result<Params> parse_params(const std::vector<std::string>& texts);

}  // namespace tidal::cli
