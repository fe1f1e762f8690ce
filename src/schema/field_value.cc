// Whether a value fits a declared field, and what it becomes there.
#include "schema/field_value.h"

#include <algorithm>
#include <cmath>

#include "base/time_text.h"
#include "base/utf8.h"
#include "schema/literal_text.h"

namespace tidal::schema {
namespace {

// 1e11 seconds is the year 5138; as milliseconds it is 1973, which is what such a number means.
constexpr double kUnixSecondsMax = 1e11;
constexpr double kUnixSecondsMin = -62167219200.0;  // 0000-01-01

Error wrong(std::string message, std::string hint = "") {
  ErrorDetail detail;
  detail.hint = std::move(hint);
  return Error(Code::InvalidArgument, std::move(message), std::move(detail));
}

std::string_view how_written(FieldType type) {
  switch (type) {
    case FieldType::Keyword:
    case FieldType::Text: return "a string";
    case FieldType::KeywordList: return "a list of strings";
    case FieldType::Int: return "a whole number";
    case FieldType::Float: return "a number";
    case FieldType::Bool: return "true or false";
    case FieldType::Timestamp: return "a time such as \"2026-11-22T12:00:00Z\", or unix seconds";
    case FieldType::Duration: return "a string such as \"12m\"";
  }
  return "";
}

Error mismatch(FieldType type, const Value& value) {
  std::string expected = std::string(field_type_name(type)) + " (" + std::string(how_written(type)) + ")";
  return wrong("expected " + expected + ", got " + value_kind(value));
}

Result<Value> check_size(Value value) {
  const std::size_t bytes = value_bytes(value);
  if (bytes <= kFieldBytesMax) return value;
  return wrong("expected at most 1 MiB, got " + std::to_string(bytes) + " bytes");
}

bool is_text(const std::string& s) { return base::is_utf8(s); }

Result<Value> fit_int(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    if (is_exact_int(*whole)) return value;
    return wrong(expected_int(std::to_string(*whole)), std::string(kIntHint));
  }
  const auto* real = std::get_if<double>(&value);
  if (real == nullptr || !std::isfinite(*real) || std::floor(*real) != *real) return mismatch(FieldType::Int, value);
  if (std::abs(*real) > static_cast<double>(kIntMax)) {
    return wrong(expected_int(number_text(*real)), std::string(kIntHint));
  }
  return Value(static_cast<std::int64_t>(*real));
}

Result<Value> fit_float(const Value& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return Value(static_cast<double>(*whole));
  const auto* real = std::get_if<double>(&value);
  if (real == nullptr) return mismatch(FieldType::Float, value);
  if (!std::isfinite(*real)) return wrong("expected FLOAT (a finite number), got NaN or an infinity");
  return value;
}

Result<Value> fit_strings(const Value& value) {
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list == nullptr) return mismatch(FieldType::KeywordList, value);
  if (!std::all_of(list->begin(), list->end(), is_text)) return wrong("expected UTF-8");
  return check_size(value);
}

Result<Value> fit_string(FieldType type, const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return mismatch(type, value);
  if (!is_text(*text)) return wrong("expected UTF-8");
  return check_size(value);
}

Result<Value> fit_duration(const Value& value) {
  if (std::holds_alternative<Duration>(value)) return value;
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return mismatch(FieldType::Duration, value);
  TIDAL_TRY_ASSIGN(const Duration d, base::parse_duration(*text));
  return Value(d);
}

}  // namespace

std::string expected_int(std::string_view got) {
  return "expected INT in -" + std::to_string(kIntMax) + ".." + std::to_string(kIntMax) + ", got " + std::string(got);
}

Result<Timestamp> fit_time(const Value& value) {
  if (const auto* t = std::get_if<Timestamp>(&value)) return *t;
  if (const auto* text = std::get_if<std::string>(&value)) return base::parse_time(*text);
  double seconds_since = 0;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    seconds_since = static_cast<double>(*whole);
  } else if (const auto* real = std::get_if<double>(&value)) {
    seconds_since = *real;
  } else {
    return mismatch(FieldType::Timestamp, value);
  }
  if (!(std::abs(seconds_since) <= kUnixSecondsMax)) {
    return wrong("expected unix seconds below 1e11, got a larger number",
                 "milliseconds? divide by 1000, or write the time as a string");
  }
  if (seconds_since < kUnixSecondsMin) return wrong("expected a time in the years 0000 to 9999");
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return Timestamp{*whole * 1'000'000};
  return Timestamp{static_cast<std::int64_t>(std::llround(seconds_since * 1e6))};
}

Result<Value> fit_value(const FieldDef& field, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return value;
  switch (field.type) {
    case FieldType::Keyword:
    case FieldType::Text: return fit_string(field.type, value);
    case FieldType::KeywordList: return fit_strings(value);
    case FieldType::Int: return fit_int(value);
    case FieldType::Float: return fit_float(value);
    case FieldType::Bool:
      if (!std::holds_alternative<bool>(value)) return mismatch(field.type, value);
      return value;
    case FieldType::Timestamp: {
      TIDAL_TRY_ASSIGN(const Timestamp t, fit_time(value));
      return Value(t);
    }
    case FieldType::Duration: return fit_duration(value);
  }
  return mismatch(field.type, value);
}

std::size_t value_bytes(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return text->size();
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    std::size_t bytes = 0;
    for (const std::string& s : *list) bytes += s.size() + 1;
    return bytes;
  }
  return std::holds_alternative<std::monostate>(value) ? 0 : 8;
}

std::string value_kind(const Value& value) {
  struct Name {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return "the number " + std::to_string(v); }
    std::string operator()(double) const { return "a fractional number"; }
    std::string operator()(const std::string&) const { return "a string"; }
    std::string operator()(const std::vector<std::string>&) const { return "a list"; }
    std::string operator()(Timestamp) const { return "a time"; }
    std::string operator()(Duration) const { return "a duration"; }
  };
  return std::visit(Name{}, value);
}

}  // namespace tidal::schema
