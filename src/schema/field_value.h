// Whether a value fits a declared field, and what it becomes there.   Threads: pure functions.
//
// Times may be given as text or as unix seconds, durations as text: so values from JSON, from parameters and from the
// C++ API are treated alike.
#pragma once

#include <cstddef>
#include <string>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::schema {

inline constexpr std::size_t kFieldBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kEntityBytesMax = std::size_t{4} << 20;

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
