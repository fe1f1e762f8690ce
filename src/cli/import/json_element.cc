// From JSON elements to values.
#include "cli/import/json_element.h"

#include <cmath>
#include <limits>

#include "base/time_text.h"
#include "cli/import/cell_value.h"

namespace tidal::cli {

using simdjson::dom::element;
using simdjson::dom::element_type;

namespace {

std::string_view type_text(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY: return "an array";
    case element_type::OBJECT: return "an object";
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE: return "a number";
    case element_type::STRING: return "a string";
    case element_type::BOOL: return "a bool";
    case element_type::NULL_VALUE: return "null";
  }
  return "something else";
}

}  // namespace

Error expected(std::string_view what, const element& got) {
  return Error(Code::InvalidArgument, "expected " + std::string(what) + ", got " + std::string(type_text(got)));
}

Result<std::string> read_string(const element& value, std::string_view what) {
  if (!value.is_string()) return expected(what, value);
  return std::string(std::string_view(value.get_string().value_unsafe()));
}

Result<double> read_number(const element& value, std::string_view what) {
  if (!value.is_number()) return expected(what, value);
  return value.get_double().value_unsafe();
}

Result<Timestamp> read_json_time(const element& value, std::string_view what) {
  if (value.is_number()) return time_of_seconds(value.get_double().value_unsafe());
  if (!value.is_string()) return expected(what, value);
  return base::parse_time(value.get_string().value_unsafe());
}

Result<Value> read_list(const element& value) {
  if (!value.is_array()) return expected("KEYWORD[]", value);
  std::vector<std::string> list;
  const simdjson::dom::array array = value.get_array().value_unsafe();
  for (const element each : array) {
    if (!each.is_string()) return expected("strings in KEYWORD[]", each);
    list.emplace_back(std::string_view(each.get_string().value_unsafe()));
  }
  return Value(std::move(list));
}

Result<Value> read_typed(const element& value, FieldType type) {
  if (value.is_null()) return Value();
  const std::string_view name = field_type_name(type);
  switch (type) {
    case FieldType::Keyword:
    case FieldType::Text: {
      TIDAL_TRY_ASSIGN(std::string text, read_string(value, name));
      return Value(std::move(text));
    }
    case FieldType::KeywordList: return read_list(value);
    case FieldType::Int:
      if (!value.is_int64()) return expected(value.is_number() ? "INT (a whole number)" : "INT", value);
      return Value(value.get_int64().value_unsafe());
    case FieldType::Float: {
      TIDAL_TRY_ASSIGN(const double number, read_number(value, name));
      return Value(number);
    }
    case FieldType::Bool:
      if (!value.is_bool()) return expected(name, value);
      return Value(value.get_bool().value_unsafe());
    case FieldType::Timestamp: {
      TIDAL_TRY_ASSIGN(const Timestamp time, read_json_time(value, name));
      return Value(time);
    }
    case FieldType::Duration: {
      TIDAL_TRY_ASSIGN(const std::string text, read_string(value, name));
      TIDAL_TRY_ASSIGN(const Duration span, base::parse_duration(text));
      return Value(span);
    }
  }
  return expected(name, value);
}

std::optional<std::vector<float>> vector_of(const element& value) {
  if (!value.is_array()) return std::nullopt;
  std::vector<float> out;
  const simdjson::dom::array array = value.get_array().value_unsafe();
  out.reserve(array.size());
  for (const element each : array) {
    if (!each.is_number()) return std::nullopt;
    const double number = each.get_double().value_unsafe();
    if (std::abs(number) > static_cast<double>(std::numeric_limits<float>::max())) return std::nullopt;
    out.push_back(static_cast<float>(number));
  }
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

std::optional<EntityKind> entity_kind(std::string_view name) {
  for (std::size_t i = 0; i < kEntityKinds; ++i) {
    if (kind_name(static_cast<EntityKind>(i)) == name) return static_cast<EntityKind>(i);
  }
  return std::nullopt;
}

}  // namespace tidal::cli
