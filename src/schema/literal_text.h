// Values as the language writes them: numbers, strings, default values.   Threads: pure functions.
//
// L1: reading the text back gives the same value, bit by bit.
#pragma once

#include <string>
#include <string_view>

#include "tidal/types.h"

namespace tidal::schema {

/// The shortest decimal that reads back as `v`: "0.05", "3", "1e+30".
[[nodiscard]] std::string number_text(double v);
/// As number_text, but never mistaken for a whole number: "3.0".
[[nodiscard]] std::string real_text(double v);
/// In double quotes, with JSON escapes; `s` is UTF-8.
[[nodiscard]] std::string string_text(std::string_view s);
/// Any value but a list; "null" for none.
[[nodiscard]] std::string value_text(const Value& value);

}  // namespace tidal::schema
