// Text to statements: the whole grammar of docs/language.md. Names are not looked up here.
//
// Threads: pure functions.   P1: no input makes the parser recurse deeper than ParseLimits::nesting allows.
#pragma once

#include <cstddef>
#include <string_view>

#include "query/ast.h"
#include "tidal/result.h"

namespace tidal::query {

/// What a text may ask for. Each refusal is an InvalidArgument that names the limit.
struct ParseLimits {
  std::size_t script_bytes = std::size_t{64} << 20;
  std::size_t statement_bytes = std::size_t{1} << 20;
  std::size_t nesting = 64;  ///< parentheses, JSON, NOT and unary minus; at most 64
  std::size_t within_depth = 4;
  std::int64_t limit_max = 1'000;
  std::size_t exclude_max = 10'000;
};

/// Every statement of the text, in order; empty ones are skipped. The first error ends it: InvalidArgument with an
/// ErrorDetail (statement, line, column, length, source line, expected, nearest, hint).
[[nodiscard]] Result<Script> parse(std::string_view text, const ParseLimits& limits = {});

/// False while a string, a JSON object, a bracket or a statement is still open, so that a prompt asks for another
/// line. True for text that ends with ";" outside of those, for blank text, and for text that no further line can heal.
[[nodiscard]] bool is_complete(std::string_view text);

}  // namespace tidal::query
