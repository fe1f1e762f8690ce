// Any bytes through the parser: it never crashes, and what it accepts prints as text of the same meaning.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "query/define.h"
#include "query/parser.h"
#include "query/printer.h"
#include "query/syntax_error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tidal::query;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)is_complete(text);
  const tidal::Result<Script> script = parse(text);
  if (!script.ok()) {
    if (render(script.error()).empty()) std::abort();
    return 0;
  }
  const tidal::Result<Script> again = parse(print(*script));
  if (!again.ok() || !(*again == *script)) std::abort();
  const auto validated = validate_definitions({}, script->statements);
  if (!validated.ok() && render(validated.error()).empty()) std::abort();
  return 0;
}
