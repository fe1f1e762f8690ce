// Values as the backends hold them: the bytes, then 8 bytes of XXH3-64 over key and bytes.
//
// The key is under the checksum too, so that a value that strayed to another key is found out (K3).
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tidal/result.h"

namespace tidal::storage {

inline constexpr std::size_t kSealBytes = 8;

[[nodiscard]] std::string seal_value(std::string_view key, std::string_view value);
/// The value inside `sealed`. Corruption names the store and the key.
[[nodiscard]] Result<std::string_view> unseal_value(std::string_view store, std::string_view key,
                                                    std::string_view sealed);
/// Hexadecimal, for messages: keys are binary.
[[nodiscard]] std::string printable_key(std::string_view key);
/// InvalidArgument when the key is empty or above kKeyBytesMax.
[[nodiscard]] Status check_key(std::string_view key);

}  // namespace tidal::storage
