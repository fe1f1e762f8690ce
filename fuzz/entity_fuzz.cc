// Entity contents from arbitrary bytes: what decodes was written by the encoder, byte for byte.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "entity/entity_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace entity = tidal::entity;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto content = entity::decode_content(bytes);
  TIDAL_ASSERT(content.ok() == entity::split_content(bytes).ok());
  if (content.ok()) TIDAL_ASSERT(entity::encode_content(*content) == bytes);
  if (const auto fields = entity::decode_fields(bytes); fields.ok()) {
    TIDAL_ASSERT(entity::encode_fields(*fields) == bytes);
    const auto merged = entity::merge_fields(bytes, bytes, entity::Nulls::Keep);
    TIDAL_ASSERT(merged.ok() && *merged == bytes);
  }
  return 0;
}
