// Big-endian key parts, so that comparing bytes compares numbers.
#include "storage/keys.h"

namespace tidal::storage {
namespace {

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned value) {
  for (std::size_t byte = sizeof value; byte-- > 0;) out.push_back(static_cast<char>((value >> (8 * byte)) & 0xFF));
}

template <class Unsigned>
Unsigned take_big_endian(std::string_view& in) {
  Unsigned value = 0;
  for (std::size_t byte = 0; byte < sizeof value; ++byte) {
    value = static_cast<Unsigned>((value << 8) | static_cast<std::uint8_t>(in[byte]));
  }
  in.remove_prefix(sizeof value);
  return value;
}

}  // namespace

std::string encode_key(const StoreKey& key) {
  std::string out;
  out.reserve(kStoreKeyPrefixBytes + key.suffix.size());
  append_big_endian(out, key.partition);
  out.push_back(static_cast<char>(key.kind));
  append_big_endian(out, to_index(key.ordinal));
  out.push_back(static_cast<char>(key.tag));
  out.append(key.suffix);
  return out;
}

Result<StoreKey> decode_key(std::string_view bytes) {
  if (bytes.size() < kStoreKeyPrefixBytes) {
    return Error(Code::Corruption, "store key of " + std::to_string(bytes.size()) + " bytes: expected at least " +
                                       std::to_string(kStoreKeyPrefixBytes));
  }
  StoreKey key;
  key.partition = take_big_endian<std::uint16_t>(bytes);
  key.kind = static_cast<std::uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  key.ordinal = to_ordinal(take_big_endian<std::uint32_t>(bytes));
  key.tag = static_cast<std::uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  key.suffix = bytes;
  return key;
}

}  // namespace tidal::storage
