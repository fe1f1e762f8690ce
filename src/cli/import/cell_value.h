// A cell of text as a value of a declared type.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::cli {

/// How a map says that a column is written.
struct Reader {
  enum class Kind { None, Unix, UnixMs, Iso, Split, Json };
  Kind kind = Kind::None;
  char separator = '|';  ///< of Split
};

/// All of the text as a finite number.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);

/// Unix seconds or milliseconds, ISO, or (without a reader) whichever of unix seconds and ISO the text looks like.
/// Seconds above 1e11 are refused, since they are milliseconds.
[[nodiscard]] Result<Timestamp> read_time(std::string_view text, Reader reader);
/// A number of seconds, as JSON writes a time. InvalidArgument above 1e11.
[[nodiscard]] Result<Timestamp> time_of_seconds(double value);

/// null for an empty cell. The error's message is "expected INT, got 'abc'"; a reader that does not fit the type, too.
[[nodiscard]] Result<Value> read_cell(std::string_view text, FieldType type, Reader reader);

}  // namespace tidal::cli
