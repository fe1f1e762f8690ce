// Errors that point into a statement: their making, and their picture with a caret.   Threads: pure functions.
//
// E1: `column` and `length` of a detail count characters, and `source_line` holds the line they count in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/ast.h"
#include "tidal/result.h"

namespace tidal::query {

/// What to say about a place.
struct Complaint {
  std::string message;
  std::vector<std::string> expected = {};  ///< what would have been right there
  std::string nearest = "";                ///< the known name that was probably meant
  std::string hint = "";                   ///< when empty and there is a nearest: "did you mean '…'?"
  Code code = Code::InvalidArgument;
};

/// `span` counts from the start of `source`. Cost: a scan of the source.
[[nodiscard]] Error error_at(std::string_view source, std::uint32_t statement, Span span, Complaint complaint);
/// The same for a place in a parsed statement; without a position when the statement was built in C++.
[[nodiscard]] Error error_at(const Statement& statement, Span span, Complaint complaint);

/// Several lines, each ended by a line break: the error with its code, the source line, the caret with what was
/// expected, the hint, then the errors of `others` likewise. Fit for a terminal: no control characters.
[[nodiscard]] std::string render(const Error& error);

/// "a, b, or c"
[[nodiscard]] std::string join_alternatives(const std::vector<std::string>& words);

/// `text` with control characters and bytes that are not UTF-8 replaced by "?", cut after `characters_max`.
[[nodiscard]] std::string printable(std::string_view text, std::size_t characters_max);

}  // namespace tidal::query
