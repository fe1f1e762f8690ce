// Text to typed values; numbers by from_chars, times and durations as the language writes them.
#include "cli/import/cell_value.h"

#include <charconv>
#include <cmath>

#include "base/time_text.h"
#include "cli/import/json_value.h"

namespace tidal::cli {
namespace {

constexpr double kSecondsMax = 1e11;  // beyond it a number is milliseconds by mistake

Error expected(std::string_view what, std::string_view got) {
  std::string shown(got.substr(0, 40));
  if (shown.size() < got.size()) shown += "…";
  return Error(Code::InvalidArgument, "expected " + std::string(what) + ", got '" + shown + "'");
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    if (end != 0 && !text.empty()) parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<Value> read_bool(std::string_view text) {
  if (text == "true" || text == "1" || text == "yes") return Value(true);
  if (text == "false" || text == "0" || text == "no") return Value(false);
  return expected("BOOL (true or false)", text);
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Timestamp> time_of_seconds(double value) {
  if (std::fabs(value) > kSecondsMax) {
    return Error(Code::InvalidArgument, "expected unix seconds, got a number above 1e11 (milliseconds?)");
  }
  return Timestamp{std::llround(value * 1e6)};
}

Result<Timestamp> read_time(std::string_view text, Reader reader) {
  switch (reader.kind) {
    case Reader::Kind::UnixMs: {
      const std::optional<std::int64_t> ms = parse_integer(text);
      if (!ms) return expected("unix milliseconds", text);
      if (std::llabs(*ms) > static_cast<std::int64_t>(kSecondsMax) * 1000) return expected("unix milliseconds", text);
      return Timestamp{*ms * 1000};
    }
    case Reader::Kind::Unix: {
      const std::optional<double> number = parse_number(text);
      if (!number) return expected("unix seconds", text);
      return time_of_seconds(*number);
    }
    case Reader::Kind::Iso: return base::parse_time(text);
    case Reader::Kind::None: {
      // Four digits alone would be a year to a person and seconds to a program: only longer numbers are taken.
      const std::optional<double> number = parse_number(text);
      if (number && text.size() > 4) return time_of_seconds(*number);
      return base::parse_time(text);
    }
    case Reader::Kind::Split:
    case Reader::Kind::Json: break;
  }
  return Error(Code::InvalidArgument, "split and json do not read times");
}

Result<Value> read_cell(std::string_view text, FieldType type, Reader reader) {
  if (text.empty()) return Value();
  if (reader.kind == Reader::Kind::Json) return read_json_cell(text, type);
  if (reader.kind == Reader::Kind::Split && type != FieldType::KeywordList) {
    return Error(Code::InvalidArgument,
                 "split reads KEYWORD[] only, the field is " + std::string(field_type_name(type)));
  }
  switch (type) {
    case FieldType::Keyword:
    case FieldType::Text: return Value(std::string(text));
    case FieldType::KeywordList:
      if (reader.kind == Reader::Kind::Split) return Value(split(text, reader.separator));
      return Value(std::vector<std::string>{std::string(text)});
    case FieldType::Int: {
      const std::optional<std::int64_t> number = parse_integer(text);
      return number ? Result<Value>(Value(*number)) : expected("INT", text);
    }
    case FieldType::Float: {
      const std::optional<double> number = parse_number(text);
      return number ? Result<Value>(Value(*number)) : expected("FLOAT", text);
    }
    case FieldType::Bool: return read_bool(text);
    case FieldType::Timestamp: {
      TIDAL_TRY_ASSIGN(const Timestamp time, read_time(text, reader));
      return Value(time);
    }
    case FieldType::Duration: {
      TIDAL_TRY_ASSIGN(const Duration span, base::parse_duration(text));
      return Value(span);
    }
  }
  return expected(field_type_name(type), text);
}

}  // namespace tidal::cli
