// Who an Erase record is about, said so that the log alone finds the user again and nobody can read the key from it.
//
// Payload: format u8 = 1, partition u16, salt (16 bytes), hash (32 bytes): BLAKE3 of the key, keyed with the salt and
// 16 zeros. Whoever guesses a key can tell whether it is the one: the hash keeps a key from being read, not from being
// recognised.
// Threads: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "tidal/result.h"

namespace tidal::db {

using ErasureSalt = std::array<std::uint8_t, 16>;

struct ErasedUser {
  std::uint16_t partition = 0;  ///< of the key: spares hashing all others
  ErasureSalt salt{};
  base::Hash256 hash{};
};

/// `salt`: random, one an erasure.
[[nodiscard]] ErasedUser make_erased_user(std::string_view key, const ErasureSalt& salt);
/// Whether the key is the one. Cost: a BLAKE3 hash; compare the partition before.
[[nodiscard]] bool is_key_of(const ErasedUser& user, std::string_view key);

[[nodiscard]] std::string encode_erased_user(const ErasedUser& user);
/// Corruption; FailedPrecondition names both formats of a newer one.
[[nodiscard]] Result<ErasedUser> decode_erased_user(std::string_view payload);

}  // namespace tidal::db
