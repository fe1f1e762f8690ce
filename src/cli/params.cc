// Reading --param.
#include "cli/params.h"

#include "base/time_text.h"
#include "cli/import/cell_value.h"
#include "cli/import/json_value.h"

namespace tidal::cli {
namespace {

Result<Value> parse_value(std::string_view text) {
  if (text == "true") return Value(true);
  if (text == "false") return Value(false);
  if (const auto integer = parse_integer(text)) return Value(*integer);
  if (const auto number = parse_number(text)) return Value(*number);
  if (const auto span = base::parse_duration(text); span.ok()) return Value(*span);
  if (const auto time = base::parse_time(text); time.ok()) return Value(*time);
  if (!text.empty() && text.front() == '[') return read_json_cell(text, FieldType::KeywordList);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return read_json_cell(text, FieldType::Text);
  return Value(std::string(text));
}

}  // namespace

Result<Params> parse_params(const std::vector<std::string>& texts) {
  Params params;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Error(Code::InvalidArgument, "--param: expected name=value, got '" + text + "'");
    }
    std::string name = text.substr(0, equals);
    if (name.front() == '$') name.erase(0, 1);
    Result<Value> value = parse_value(std::string_view(text).substr(equals + 1));
    if (!value.ok()) return Error(value.error().code, "--param " + name + ": " + value.error().message);
    params[std::move(name)] = *std::move(value);
  }
  return params;
}

}  // namespace tidal::cli
