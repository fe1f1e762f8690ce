// Fixed-point sums, the bytes of blocks and keys, and layers, by hand and on random input.
#include "signal/rollup_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <vector>

#include "base/random.h"
#include "signal/rollup_layer.h"

namespace tidal::signal {
namespace {

constexpr Int128 kOne = Int128{1} << 32;

TEST(FixedSums, RoundToTheNearestUnitAndSaturate) {
  EXPECT_EQ(to_fixed(1.0), kOne);
  EXPECT_EQ(to_fixed(-2.5), -kOne * 5 / 2);
  EXPECT_EQ(to_fixed(0x1p-32), 1);
  EXPECT_EQ(to_fixed(0x1p-33), 1);  // halves away from zero
  EXPECT_EQ(to_fixed(-0x1p-33), -1);
  EXPECT_EQ(to_fixed(0x1.fp-34), 0);
  EXPECT_EQ(to_fixed(0x1.8p-32), 2);
  EXPECT_EQ(to_fixed(5e-324), 0);
  EXPECT_EQ(to_fixed(0x1p40), kOne << 40);
  EXPECT_EQ(to_fixed(-0x1.8p40), -((kOne << 39) * 3));
  EXPECT_EQ(to_fixed(0x1p54), kOne << 54);
  EXPECT_EQ(to_fixed(1e300), kOne << 54);
  EXPECT_EQ(to_fixed(-std::numeric_limits<double>::infinity()), -(kOne << 54));
  EXPECT_EQ(to_fixed(std::numeric_limits<double>::quiet_NaN()), 0);
  EXPECT_EQ(from_fixed(to_fixed(-12'345.0625)), -12'345.0625);
}

TEST(FixedSums, AddUpInAnyOrderToTheSameBits) {  // F1
  base::Random random(3);
  std::vector<double> parts(200);
  for (double& part : parts) part = (random.uniform() - 0.5) * (random.coin() ? 1e-3 : 1e12);
  const auto sum = [&] {
    Int128 total = 0;
    for (const double part : parts) total = add_fixed(total, to_fixed(part));
    return total;
  };
  const Int128 expected = sum();
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = parts.size(); i-- > 1;) std::swap(parts[i], parts[random.below(i + 1)]);
    EXPECT_EQ(sum(), expected);
  }
}

RollupBlock random_block(base::Random& random, RollupStep step) {
  RollupBlock block{};
  for (std::int64_t i = 0; i < buckets_a_block(step); ++i) {
    if (random.coin()) continue;
    RollupSums& sums = block[static_cast<std::size_t>(i)];
    sums.count = 1 + (random.next() >> random.below(64));
    sums.weight = static_cast<Int128>(static_cast<Uint128>(sums.count) << 32);
    if (random.coin()) sums.weight = static_cast<Int128>(static_cast<Uint128>(random.next()) << random.below(65));
    if (random.coin()) sums.value = -static_cast<Int128>(static_cast<Uint128>(random.next()) << random.below(65));
  }
  return block;
}

TEST(RollupBlocks, AreReadAsWrittenAndInOneFormOnly) {  // B1
  base::Random random(1);
  for (int round = 0; round < 3000; ++round) {
    const RollupStep step = random.coin() ? RollupStep::Hour : RollupStep::Day;
    const RollupBlock block = random_block(random, step);
    std::string bytes = encode_block(block);
    if (bytes.empty()) continue;
    const auto read = decode_block(step, bytes);
    ASSERT_TRUE(read.ok()) << read.error().to_string();
    ASSERT_EQ(*read, block);
    bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    bytes.resize(1 + random.below(bytes.size()));
    const auto damaged = decode_block(step, bytes);
    if (damaged.ok()) {
      ASSERT_EQ(encode_block(*damaged), bytes);
    } else {
      ASSERT_EQ(damaged.error().code, Code::Corruption);
    }
  }
}

TEST(RollupBlocks, TakeTheBytesThatTheFormatSays) {
  RollupBlock block{};
  block[3] = {.weight = 5 * kOne, .value = 0, .count = 5};
  EXPECT_EQ(encode_block(block), std::string("\x03\x05", 2));
  block[23] = {.weight = 1, .value = -1, .count = 1};  // weight minus count: 1 - 2^32
  EXPECT_EQ(encode_block(block), std::string("\x03\x05", 2) + std::string("\x77\x01\xFD\xFF\xFF\xFF\x1F\x01", 8));
  for (const char* const bad :
       {"", "\x03", "\x03\x05\x03\x05", "\x05\x01\x03\x01", "\x18\x01", "\x83\x05", "\x03\x85"}) {
    EXPECT_EQ(decode_block(RollupStep::Hour, bad).error().code, Code::Corruption) << bad;
  }
  using namespace std::string_view_literals;
  for (const std::string_view bad : {"\x03\x00"sv, "\x03\x85\x00"sv, "\x23\x01\x00"sv, "\x43\x01\x81\x00"sv}) {
    EXPECT_EQ(decode_block(RollupStep::Hour, bad).error().code, Code::Corruption);
  }
  EXPECT_TRUE(decode_block(RollupStep::Day, "\x18\x01").ok());
}

TEST(RollupBlocks, KeysOrderAsTheirParts) {
  const BlockRef ref{make_series({EntityKind::Creator, to_ordinal(0x01020304), 0x0506}), RollupStep::Day, -1};
  EXPECT_EQ(block_key(ref), std::string("\x02\x01\x02\x03\x04\x05\x06\x01\x7F\xFF\xFF\xFF"));
  EXPECT_EQ(*decode_block_key(block_key(ref)), ref);
  base::Random random(2);
  const auto any = [&] {
    return BlockRef{make_series({random.coin() ? EntityKind::Item : EntityKind::Creator,
                                 to_ordinal(static_cast<std::uint32_t>(random.below(3) * 255)),
                                 static_cast<std::uint16_t>(random.below(2) * 256)}),
                    random.coin() ? RollupStep::Hour : RollupStep::Day,
                    static_cast<std::int32_t>(random.below(600)) - 300};
  };
  for (int round = 0; round < 2000; ++round) {
    const BlockRef a = any();
    const BlockRef b = any();
    ASSERT_EQ(block_key(a) < block_key(b),
              std::tuple(a.series, a.step, a.block) < std::tuple(b.series, b.step, b.block));
    ASSERT_EQ(*decode_block_key(block_key(a)), a);
  }
  std::string user = block_key(ref);
  user[0] = static_cast<char>(EntityKind::User);
  std::string step = block_key(ref);
  step[7] = 2;
  for (const std::string& bad : {user, step, block_key(ref).substr(1), block_key(ref) + "x"}) {
    EXPECT_EQ(decode_block_key(bad).error().code, Code::Corruption);
  }
}

TEST(RollupLayers, HoldWhatAPlainMapHolds) {  // L1
  base::Random random(5);
  RollupLayer layer;
  EXPECT_TRUE(layer.empty());
  std::map<std::pair<SeriesRef, std::int64_t>, RollupSums> plain;
  for (int round = 0; round < 60'000; ++round) {
    const SeriesParts parts{random.coin() ? EntityKind::Item : EntityKind::Creator,
                            to_ordinal(static_cast<std::uint32_t>(random.below(200))),
                            static_cast<std::uint16_t>(random.below(5))};
    if (random.below(300) == 0) {
      layer.erase(parts.kind, parts.entity);
      EXPECT_TRUE(layer.erases(entity_of(make_series(parts))));
      std::erase_if(plain, [&](const auto& p) { return entity_of(p.first.first) == entity_of(make_series(parts)); });
      continue;
    }
    const auto hour = static_cast<std::int64_t>(random.below(40)) - 20;
    const RollupSums sums{.weight = static_cast<Int128>(random.below(9)), .value = -1, .count = 1};
    layer.prefetch_slot(make_series(parts), hour);
    layer.prefetch_line(make_series(parts), hour);
    layer.add(make_series(parts), hour, sums);
    plain[{make_series(parts), hour}].add(sums);
  }
  std::map<std::pair<SeriesRef, std::int64_t>, RollupSums> seen;
  layer.for_each([&](const RollupLine& line) { seen[{line.series, line.hour}].add(line.sums()); });
  EXPECT_EQ(seen, plain);
  seen.clear();
  for (const auto& [key, sums] : plain) {
    if (seen.contains(key)) continue;
    layer.for_each(key.first, [&](const RollupLine& line) { seen[{line.series, line.hour}].add(line.sums()); });
  }
  EXPECT_EQ(seen, plain);
  EXPECT_GE(layer.memory_bytes(), plain.size() * sizeof(RollupLine));
}

}  // namespace
}  // namespace tidal::signal
