// Coding of the keys and blocks of histories.
#include "signal/rollup_block.h"

#include "base/coding.h"

namespace tidal::signal {
namespace {

constexpr std::uint8_t kHasWeight = 32;
constexpr std::uint8_t kHasValue = 64;
constexpr std::uint8_t kIndexMask = 31;
constexpr std::uint32_t kSignBit = std::uint32_t{1} << 31;

Error corrupt(const std::string& what) { return Error(Code::Corruption, "rollups: " + what); }

template <class T>
void big_endian(T v, std::string& out) {
  for (int shift = static_cast<int>(sizeof v) * 8 - 8; shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(v >> shift & 0xFF));
  }
}

template <class T>
T from_big_endian(std::string_view bytes) {
  T v = 0;
  for (const char c : bytes.substr(0, sizeof(T))) v = static_cast<T>(v << 8 | static_cast<std::uint8_t>(c));
  return v;
}

void encode_wide(Int128 v, base::Encoder& out) {
  Uint128 left = static_cast<Uint128>(v) << 1 ^ (v < 0 ? ~Uint128{0} : Uint128{0});
  for (; left >= 0x80; left >>= 7) out.u8(static_cast<std::uint8_t>(left | 0x80));
  out.u8(static_cast<std::uint8_t>(left));
}

/// Fails on more than 128 bits and on a longer form than needed.
Int128 decode_wide(base::Decoder& in) {
  Uint128 v = 0;
  for (unsigned shift = 0; shift < 128 && in.ok(); shift += 7) {
    const std::uint8_t b = in.u8();
    if (shift == 126 && b > 3) break;
    v |= static_cast<Uint128>(b & 0x7F) << shift;
    if ((b & 0x80) != 0) continue;
    if (b == 0 && shift > 0) break;
    return static_cast<Int128>(v >> 1 ^ (~(v & 1) + 1));
  }
  in.fail();
  return 0;
}

/// Of so many events of weight 1.
Int128 plain_weight(std::uint64_t count) { return static_cast<Int128>(static_cast<Uint128>(count) << kFractionBits); }
Int128 subtract(Int128 a, Int128 b) { return static_cast<Int128>(static_cast<Uint128>(a) - static_cast<Uint128>(b)); }

}  // namespace

std::string block_key(const BlockRef& ref) {
  const SeriesParts parts = parts_of(ref.series);
  std::string key;
  key.reserve(kBlockKeyBytes);
  key.push_back(static_cast<char>(parts.kind));
  big_endian(to_index(parts.entity), key);
  big_endian(parts.signal, key);
  key.push_back(static_cast<char>(ref.step));
  big_endian(static_cast<std::uint32_t>(ref.block) ^ kSignBit, key);
  return key;
}

Result<BlockRef> decode_block_key(std::string_view key) {
  if (key.size() != kBlockKeyBytes) return corrupt("a key of " + std::to_string(key.size()) + " bytes in the store");
  const auto kind = static_cast<EntityKind>(key[0]);
  const auto step = static_cast<std::uint8_t>(key[7]);
  if ((kind != EntityKind::Item && kind != EntityKind::Creator) || step >= kRollupSteps) {
    return corrupt("a key of an unknown kind or step in the store");
  }
  return BlockRef{make_series({kind, to_ordinal(from_big_endian<std::uint32_t>(key.substr(1))),
                               from_big_endian<std::uint16_t>(key.substr(5))}),
                  static_cast<RollupStep>(step),
                  static_cast<std::int32_t>(from_big_endian<std::uint32_t>(key.substr(8)) ^ kSignBit)};
}

std::string encode_block(const RollupBlock& block) {
  base::Encoder out;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const RollupSums& sums = block[i];
    if (sums.count == 0) continue;
    const Int128 extra = subtract(sums.weight, plain_weight(sums.count));
    out.u8(static_cast<std::uint8_t>(i | (extra != 0 ? kHasWeight : 0U) | (sums.value != 0 ? kHasValue : 0U)));
    out.varint(sums.count);
    if (extra != 0) encode_wide(extra, out);
    if (sums.value != 0) encode_wide(sums.value, out);
  }
  return out.take();
}

Result<RollupBlock> decode_block(RollupStep step, std::string_view bytes) {
  RollupBlock block{};
  base::Decoder in(bytes);
  int last = -1;
  while (!in.at_end()) {
    const std::uint8_t head = in.u8();
    const int index = head & kIndexMask;
    const std::size_t before = in.rest().size();
    const std::uint64_t count = in.varint();
    const bool is_plain = in.ok() && before - in.rest().size() == base::varint_bytes(count);
    const Int128 extra = (head & kHasWeight) != 0 ? decode_wide(in) : 0;
    const Int128 value = (head & kHasValue) != 0 ? decode_wide(in) : 0;
    if (!in.ok() || !is_plain || count == 0 || index <= last || index >= buckets_a_block(step) || head > 127 ||
        ((head & kHasWeight) != 0 && extra == 0) || ((head & kHasValue) != 0 && value == 0)) {
      return corrupt("a block that is cut short or not as it is written");
    }
    block[static_cast<std::size_t>(index)] = {add_fixed(plain_weight(count), extra), value, count};
    last = index;
  }
  if (bytes.empty()) return corrupt("an empty block");
  return block;
}

}  // namespace tidal::signal
