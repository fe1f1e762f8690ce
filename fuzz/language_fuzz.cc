// Statements, JSON objects, times and durations from arbitrary text: a value or an error with a place inside the text.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/time_text.h"
#include "query/json.h"
#include "query/parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto script = tidal::query::parse(text);
  if (!script.ok()) {
    const auto& detail = script.error().detail;
    TIDAL_ASSERT(detail != nullptr && detail->line >= 1 && detail->column >= 1);
  }
  static_cast<void>(tidal::query::is_complete(text));
  if (const auto json = tidal::query::parse_json_object(text); json.ok()) {
    const auto canonical = tidal::query::to_text(*json);
    const auto again = tidal::query::parse_json_object(canonical);
    TIDAL_ASSERT(again.ok() && tidal::query::to_text(*again) == canonical);
  }
  if (const auto time = tidal::base::parse_time(text); time.ok()) {
    const auto again = tidal::base::parse_time(tidal::to_string(*time));
    TIDAL_ASSERT(again.ok() && *again == *time);
  }
  if (const auto duration = tidal::base::parse_duration(text); duration.ok()) {
    const auto again = tidal::base::parse_duration(tidal::to_string(*duration));
    TIDAL_ASSERT(again.ok() && *again == *duration);
  }
  return 0;
}
