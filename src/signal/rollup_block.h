// Histories in the store: keys, and the bytes of a block of buckets.
//
// Key: kind u8, ordinal u32 BE, signal u16 BE, step u8 (0 hour, 1 day), block u32 BE with its sign bit flipped, so that
// a series is one contiguous range in order of time. A block is one day's 24 hours or 32 days, both counted from 1970.
// Value: the buckets that hold events, ascending, each: head u8 (index, 32: the weight is not the count, 64: has a
// value sum), count varint, [weight minus count, zigzag varint of up to 128 bits], [value sum, likewise].
// B1: one block has one encoding; anything else is Corruption. Threads: pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "signal/buckets.h"
#include "signal/rollup_sums.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::signal {

enum class RollupStep : std::uint8_t { Hour = 0, Day = 1 };
inline constexpr std::size_t kRollupSteps = 2;
inline constexpr std::int64_t kBlockBucketsMax = 32;

[[nodiscard]] constexpr std::int64_t step_us(RollupStep step) { return step == RollupStep::Hour ? kHourUs : kDayUs; }
[[nodiscard]] constexpr std::int64_t buckets_a_block(RollupStep step) {
  return step == RollupStep::Hour ? 24 : kBlockBucketsMax;
}
/// The bucket of that step in which the hour lies; both counted from 1970.
[[nodiscard]] constexpr std::int64_t bucket_of_hour(RollupStep step, std::int64_t hour) {
  return step == RollupStep::Hour ? hour : floor_div(hour, 24);
}

/// Kind, ordinal and signal in one word, which orders as the keys of the store do.
enum class SeriesRef : std::uint64_t {};
struct SeriesParts {
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  std::uint16_t signal = 0;
};
[[nodiscard]] constexpr SeriesRef make_series(const SeriesParts& parts) {
  return static_cast<SeriesRef>(static_cast<std::uint64_t>(parts.kind) << 48 |
                                static_cast<std::uint64_t>(to_index(parts.entity)) << 16 | parts.signal);
}
[[nodiscard]] constexpr SeriesParts parts_of(SeriesRef series) {
  const auto word = static_cast<std::uint64_t>(series);
  return {static_cast<EntityKind>(word >> 48), to_ordinal(static_cast<std::uint32_t>(word >> 16)),
          static_cast<std::uint16_t>(word)};
}
/// Kind and ordinal alone: what deletions name.
[[nodiscard]] constexpr std::uint64_t entity_of(SeriesRef series) { return static_cast<std::uint64_t>(series) >> 16; }

struct BlockRef {
  SeriesRef series{};
  RollupStep step = RollupStep::Hour;
  std::int32_t block = 0;
  bool operator==(const BlockRef&) const = default;
};
inline constexpr std::size_t kBlockKeyBytes = 12;
inline constexpr std::size_t kEntityPrefixBytes = 5;  ///< of a key: what all of an entity's begin with

[[nodiscard]] std::string block_key(const BlockRef& ref);
/// Corruption when it is the key of no block.
[[nodiscard]] Result<BlockRef> decode_block_key(std::string_view key);

/// By index; a bucket without events has count 0 and no sums.
using RollupBlock = std::array<RollupSums, kBlockBucketsMax>;

/// "" when no bucket holds events.
[[nodiscard]] std::string encode_block(const RollupBlock& block);
[[nodiscard]] Result<RollupBlock> decode_block(RollupStep step, std::string_view bytes);

}  // namespace tidal::signal
