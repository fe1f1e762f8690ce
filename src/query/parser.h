// Text to statements: the whole grammar of docs/language.md. Names are not looked up here.
//
// Threads: pure functions.   P1: no input makes the parser recurse deeper than ParseLimits::nesting allows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

/// Reads a script statement by statement, going on behind one that is wrong.
/// Not thread-safe. Keeps a copy of the text, which its statements share.
class ScriptReader {
 public:
  explicit ScriptReader(std::string_view text, const ParseLimits& limits = {});
  /// The next statement, or InvalidArgument with an ErrorDetail (statement, line, column, length, source line,
  /// expected, nearest, hint). Nothing at the end. Empty statements are skipped.
  [[nodiscard]] std::optional<Result<Statement>> next();

 private:
  [[nodiscard]] Result<Statement> read(Span span);

  std::shared_ptr<const std::string> source_;
  ParseLimits limits_;
  std::size_t at_ = 0;
  std::uint32_t number_ = 0;
};

/// Every statement of the text, in order. The first error ends it.
[[nodiscard]] Result<Script> parse(std::string_view text, const ParseLimits& limits = {});

/// False while the last statement may go on in another line, so that a prompt asks for one: it has no ";" yet and
/// nothing in it is wrong so far. True for blank text.
[[nodiscard]] bool is_complete(std::string_view text);

}  // namespace tidal::query
