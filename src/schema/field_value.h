// Whether a value fits a declared field, and what it becomes there.   Threads: pure functions.
//
// Times may be given as text or as unix seconds, durations as text: so values from JSON, from parameters and from the
// C++ API are treated alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::schema {

inline constexpr std::size_t kFieldBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kEntityBytesMax = std::size_t{4} << 20;

/// 2^53. Comparisons and indexes read INT fields as doubles: beyond it two ids become one number, so such values are
/// refused where they enter.
inline constexpr std::int64_t kIntMax = std::int64_t{1} << 53;
inline constexpr std::string_view kIntHint = "use KEYWORD for ids";
[[nodiscard]] constexpr bool is_exact_int(std::int64_t v) { return v >= -kIntMax && v <= kIntMax; }
/// "expected INT in -9007199254740992..9007199254740992, got 9007199254740993".
[[nodiscard]] std::string expected_int(std::string_view got);

/// The value as the field stores it; null stays null. InvalidArgument: "expected KEYWORD (a string), got a number",
/// with the hint in its detail.
[[nodiscard]] Result<Value> fit_value(const FieldDef& field, const Value& value);

/// Text in the form of docs/language.md, or a number of unix seconds below 1e11.
[[nodiscard]] Result<Timestamp> fit_time(const Value& value);

/// Bytes that count against the limits.
[[nodiscard]] std::size_t value_bytes(const Value& value);

/// "a string", "a list" … for messages.
[[nodiscard]] std::string value_kind(const Value& value);

}  // namespace tidal::schema
