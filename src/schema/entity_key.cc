// Which strings may be keys of entities.
#include "schema/entity_key.h"

#include <string>

#include "base/utf8.h"

namespace tidal::schema {

Status check_entity_key(std::string_view key) {
  if (key.empty()) return Error(Code::InvalidArgument, "a key has at least one character");
  if (key.size() > kEntityKeyBytesMax) {
    return Error(Code::InvalidArgument, "a key has at most 128 bytes, got " + std::to_string(key.size()));
  }
  for (std::size_t i = 0; i < key.size();) {
    const std::size_t n = base::utf8_sequence(key.substr(i));
    const auto lead = static_cast<unsigned char>(key[i]);
    if (n == 0) return Error(Code::InvalidArgument, "a key is UTF-8; byte " + std::to_string(i + 1) + " is not");
    // C0, DEL, and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F).
    const bool control = lead < 0x20 || lead == 0x7F || (lead == 0xC2 && static_cast<unsigned char>(key[i + 1]) < 0xA0);
    if (control) return Error(Code::InvalidArgument, "a key has no control characters");
    i += n;
  }
  return {};
}

}  // namespace tidal::schema
