// A JSON value as written in a statement: with places for errors, and parameters where values may stand.
//
// J1: nesting is at most 64, so walking it recursively is safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "query/expression.h"
#include "tidal/result.h"

namespace tidal::query {

struct Json {
  enum class Kind : std::uint8_t { Null, Bool, Integer, Real, String, Array, Object, Param };
  Kind kind = Kind::Null;
  bool boolean = false;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;                ///< String: decoded, valid UTF-8; Param: its name
  std::vector<Json> items;         ///< Array: elements; Object: member values
  std::vector<Name> member_names;  ///< Object: parallel to `items`, as written, without duplicates
  Span span;
  bool operator==(const Json&) const = default;

  /// The member's value, or nullptr.
  [[nodiscard]] const Json* member(std::string_view name) const;
};

/// One JSON object (with `$name` allowed as a value), and nothing after it. InvalidArgument with a position.
[[nodiscard]] Result<Json> parse_json_object(std::string_view text);

/// Compact canonical text.
[[nodiscard]] std::string to_text(const Json& json);

}  // namespace tidal::query
