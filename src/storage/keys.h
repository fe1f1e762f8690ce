// Keys of the stores: [partition 2 BE][kind 1][ordinal 4 BE][tag 1][suffix].
//
// K4: byte order of encoded keys equals the order of the tuples, so that one partition, one kind or one entity is one
// contiguous range. Threads: pure functions.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::storage {

/// The parts of a key, in order of significance. `suffix` points into the bytes it was decoded from.
struct StoreKey {
  std::uint16_t partition = 0;
  std::uint8_t kind = 0;
  Ordinal ordinal = Ordinal::None;
  std::uint8_t tag = 0;
  std::string_view suffix;
  auto operator<=>(const StoreKey&) const = default;
};

inline constexpr std::size_t kStoreKeyPrefixBytes = 8;  ///< all but the suffix

[[nodiscard]] std::string encode_key(const StoreKey& key);
/// Corruption when shorter than the fixed part.
[[nodiscard]] Result<StoreKey> decode_key(std::string_view bytes);

}  // namespace tidal::storage
