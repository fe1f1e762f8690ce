// The hashes we use: XXH3 for spreading and digests, BLAKE3 for identities and secrets.
//
// Values are part of file formats (partitions, event ids, digests): they are the same on every machine.
// Threads: pure functions.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace tidal::base {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  auto operator<=>(const Hash128&) const = default;
};

using Hash256 = std::array<std::uint8_t, 32>;

[[nodiscard]] std::uint64_t xxh3_64(std::string_view bytes, std::uint64_t seed = 0);
[[nodiscard]] Hash128 xxh3_128(std::string_view bytes);
[[nodiscard]] Hash256 blake3(std::string_view bytes);
/// Keyed mode: a MAC. Different keys give unrelated values.
[[nodiscard]] Hash256 blake3_keyed(const Hash256& key, std::string_view bytes);

/// Lower-case hex digits; of a Hash128 the high half comes first, as the xxHash tools print it.
[[nodiscard]] std::string to_hex(const Hash128& hash);
[[nodiscard]] std::string to_hex(const Hash256& hash);

}  // namespace tidal::base
