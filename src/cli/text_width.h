// How many terminal columns a UTF-8 text takes, and cutting it to fit.
//
// Units: columns (a CJK character takes two, a combining mark none). Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tidal::cli {

/// Columns that printable(text) takes.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// The text fit for one line of a terminal: line breaks and tabs become spaces, other control characters and bytes
/// that are no UTF-8 become U+FFFD (so that stored data cannot send escapes).
[[nodiscard]] std::string printable(std::string_view text);
/// printable(text), cut to at most `columns` (>= 1) with "…" at the end when something went.
[[nodiscard]] std::string fit(std::string_view text, std::size_t columns);

}  // namespace tidal::cli
