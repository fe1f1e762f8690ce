// Any text through the language: a value that prints as text of the same meaning, or an error with a place inside the
// text. JSON objects, times and durations likewise.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/time_text.h"
#include "query/define.h"
#include "query/json.h"
#include "query/parser.h"
#include "query/printer.h"
#include "query/syntax_error.h"

namespace tidal {
namespace {

void check_statements(std::string_view text) {
  static_cast<void>(query::is_complete(text));
  const Result<query::Script> script = query::parse(text);
  if (!script.ok()) {
    const auto& detail = script.error().detail;
    TIDAL_ASSERT(detail != nullptr && detail->line >= 1 && detail->column >= 1);
    TIDAL_ASSERT(!query::render(script.error()).empty());
    return;
  }
  const Result<query::Script> again = query::parse(query::print(*script));
  TIDAL_ASSERT(again.ok() && *again == *script);
  const auto validated = query::validate_definitions({}, script->statements);
  TIDAL_ASSERT(validated.ok() || !query::render(validated.error()).empty());
}

void check_values(std::string_view text) {
  if (const auto json = query::parse_json_object(text); json.ok()) {
    const auto canonical = query::to_text(*json);
    const auto again = query::parse_json_object(canonical);
    TIDAL_ASSERT(again.ok() && query::to_text(*again) == canonical);
  }
  if (const auto time = base::parse_time(text); time.ok()) {
    const auto again = base::parse_time(to_string(*time));
    TIDAL_ASSERT(again.ok() && *again == *time);
  }
  if (const auto duration = base::parse_duration(text); duration.ok()) {
    const auto again = base::parse_duration(to_string(*duration));
    TIDAL_ASSERT(again.ok() && *again == *duration);
  }
}

}  // namespace
}  // namespace tidal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  tidal::check_statements(text);
  tidal::check_values(text);
  return 0;
}
