// From the farthest place that did not fit to an error that helps: what was found, what would have been right, and
// what somebody who wrote that probably wanted.   Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "query/expression.h"
#include "query/grammar.h"
#include "tidal/result.h"

namespace tidal::query {

/// `statement` is where in `source` the text stood that did not match; `misfit` counts from its start.
[[nodiscard]] Error diagnose(std::string_view source, std::uint32_t number, Span statement, const Misfit& misfit);

}  // namespace tidal::query
