// Schema changes from arbitrary JSON: refused, or validated without harm and stable once written again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "materializer/checkpoint.h"
#include "schema/change_codec.h"
#include "schema/validation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace schema = tidal::schema;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(tidal::materializer::decode_manifest(bytes));
  const auto change = schema::decode_change(bytes);
  if (!change.ok()) return 0;
  const auto once = schema::encode_change(*change);
  const auto again = schema::decode_change(once);
  TIDAL_ASSERT(again.ok() && schema::encode_change(*again) == once);
  static_cast<void>(schema::validate(schema::Schema{}, *change));
  return 0;
}
