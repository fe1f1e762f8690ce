// Checksums of stored values.
#include "storage/sealed_value.h"

#include <cstdint>
#include <cstring>

#include "base/hash.h"
#include "storage/kv.h"

namespace tidal::storage {
namespace {

// The key's hash seeds the value's, which binds the two without copying them together.
std::uint64_t checksum(std::string_view key, std::string_view value) {
  return base::xxh3_64(value, base::xxh3_64(key));
}

}  // namespace

std::string seal_value(std::string_view key, std::string_view value) {
  const std::uint64_t sum = checksum(key, value);
  std::string sealed;
  sealed.reserve(value.size() + kSealBytes);
  sealed.append(value);
  sealed.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return sealed;
}

Result<std::string_view> unseal_value(std::string_view store, std::string_view key, std::string_view sealed) {
  if (sealed.size() >= kSealBytes) {
    const std::string_view value = sealed.substr(0, sealed.size() - kSealBytes);
    std::uint64_t stored = 0;
    std::memcpy(&stored, sealed.data() + value.size(), sizeof stored);
    if (stored == checksum(key, value)) return value;
  }
  return Error(Code::Corruption, "checksum mismatch: store " + std::string(store) + " key " + printable_key(key) +
                                     ", " + std::to_string(sealed.size()) + " bytes");
}

std::string printable_key(std::string_view key) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * key.size());
  for (const char c : key) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 0xF]);
  }
  return out;
}

Status check_key(std::string_view key) {
  if (!key.empty() && key.size() <= kKeyBytesMax) return {};
  return Error(Code::InvalidArgument,
               "store key of " + std::to_string(key.size()) + " bytes: expected 1 to " + std::to_string(kKeyBytesMax));
}

}  // namespace tidal::storage
