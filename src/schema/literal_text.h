// Values as the language writes them: numbers, strings, default values.   Threads: pure functions.
//
// L1: reading the text back gives the same value, bit by bit.
#pragma once

#include <cstdint>
#include <optional>
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
/// A number of bytes with the largest unit that divides it: "10GiB", "1500B"; "all" for 0, which stands for no limit.
[[nodiscard]] std::string size_text(std::int64_t bytes);
/// The other way; nothing when it is no such text or above 8 EiB - 1.
[[nodiscard]] std::optional<std::int64_t> parse_size(std::string_view text);

}  // namespace tidal::schema
