// Hashing keys for Erase records, and the payload.
#include "db/erased_user.h"

#include <algorithm>

#include "base/coding.h"
#include "tidal/types.h"
#include "wal/record.h"

namespace tidal::db {
namespace {

constexpr std::uint8_t kFormat = 1;

base::Hash256 hash_of(const ErasureSalt& salt, std::string_view key) {
  base::Hash256 hash_key{};
  std::ranges::copy(salt, hash_key.begin());
  return base::blake3_keyed(hash_key, key);
}

template <std::size_t kBytes>
void take(std::string_view bytes, std::array<std::uint8_t, kBytes>& out) {
  std::transform(bytes.begin(), bytes.begin() + kBytes, out.begin(),
                 [](char c) { return static_cast<std::uint8_t>(c); });
}

}  // namespace

ErasedUser make_erased_user(std::string_view key, const ErasureSalt& salt) {
  return {.partition = wal::partition_of(EntityKind::User, key), .salt = salt, .hash = hash_of(salt, key)};
}

bool is_key_of(const ErasedUser& user, std::string_view key) { return hash_of(user.salt, key) == user.hash; }

std::string encode_erased_user(const ErasedUser& user) {
  base::Encoder out;
  out.u8(kFormat);
  out.u16(user.partition);
  for (const std::uint8_t byte : user.salt) out.u8(byte);
  for (const std::uint8_t byte : user.hash) out.u8(byte);
  return out.take();
}

Result<ErasedUser> decode_erased_user(std::string_view payload) {
  ErasedUser user;
  base::Decoder in(payload);
  const std::uint8_t format = in.u8();
  user.partition = in.u16();
  const std::string_view rest = in.rest();
  if (in.ok() && format > kFormat) {
    return Error(Code::FailedPrecondition, "erase record of format " + std::to_string(format) +
                                               ", this program reads format " + std::to_string(kFormat));
  }
  if (!in.ok() || format != kFormat || rest.size() != user.salt.size() + user.hash.size()) {
    return Error(Code::Corruption, "erase record: expected format 1 and 51 bytes, got format " +
                                       std::to_string(format) + " and " + std::to_string(payload.size()) + " bytes");
  }
  take(rest, user.salt);
  take(rest.substr(user.salt.size()), user.hash);
  return user;
}

}  // namespace tidal::db
