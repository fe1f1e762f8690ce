// Elements of parsed JSON as values. With json_value.cc the only place that knows simdjson.
//
// Errors are InvalidArgument "expected a number, got a string"; who knows the member puts its name in front.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::cli {

[[nodiscard]] Error expected(std::string_view what, const simdjson::dom::element& got);
[[nodiscard]] Result<std::string> read_string(const simdjson::dom::element& value, std::string_view what = "a string");
[[nodiscard]] Result<double> read_number(const simdjson::dom::element& value, std::string_view what = "a number");
/// Seconds since 1970, or a time as text.
[[nodiscard]] Result<Timestamp> read_json_time(const simdjson::dom::element& value, std::string_view what);
[[nodiscard]] Result<Value> read_list(const simdjson::dom::element& value);
/// null gives the null value.
[[nodiscard]] Result<Value> read_typed(const simdjson::dom::element& value, FieldType type);
/// nullopt: no array of numbers that a float can come near to, or an empty one.
[[nodiscard]] std::optional<std::vector<float>> vector_of(const simdjson::dom::element& value);
/// "item", "user", "creator".
[[nodiscard]] std::optional<EntityKind> entity_kind(std::string_view name);

}  // namespace tidal::cli
