// Reading --param.
#include "cli/params.h"

#include <optional>
#include <vector>

#include "base/time_text.h"
#include "cli/import/cell_value.h"
#include "cli/import/json_value.h"

namespace tidal::cli {
namespace {

/// `[0.1, -0.2]` is a vector, `["a", "b"]` a list of strings.
Result<ParamValue> parse_list(std::string_view text) {
  if (std::optional<std::vector<float>> vector = read_json_vector(text)) return ParamValue(*std::move(vector));
  TIDAL_TRY_ASSIGN(Value list, read_json_cell(text, FieldType::KeywordList));
  return ParamValue(std::move(list));
}

Result<Value> parse_value(std::string_view text) {
  if (text == "true") return Value(true);
  if (text == "false") return Value(false);
  if (const auto integer = parse_integer(text)) return Value(*integer);
  if (const auto number = parse_number(text)) return Value(*number);
  if (const auto span = base::parse_duration(text); span.ok()) return Value(*span);
  if (const auto time = base::parse_time(text); time.ok()) return Value(*time);
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
    const std::string_view written = std::string_view(text).substr(equals + 1);
    Result<ParamValue> value = ParamValue();
    if (written.starts_with('[')) {
      value = parse_list(written);
    } else if (Result<Value> plain = parse_value(written); plain.ok()) {
      value = ParamValue(*std::move(plain));
    } else {
      value = plain.error();
    }
    if (!value.ok()) return Error(value.error().code, "--param " + name + ": " + value.error().message);
    params[std::move(name)] = *std::move(value);
  }
  return params;
}

}  // namespace tidal::cli
