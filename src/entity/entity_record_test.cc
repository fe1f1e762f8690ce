// Content codec and the merging of encoded fields.
#include "entity/entity_record.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/coding.h"
#include "entity/entity_generators_for_test.h"

namespace tidal::entity {
namespace {

/// The plain meaning of merge_fields.
Fields merged(Fields base, const Fields& change, Nulls nulls) {
  for (const auto& [name, value] : change) base[name] = value;
  if (nulls == Nulls::Drop) std::erase_if(base, [](const auto& field) { return field.second.index() == 0; });
  return base;
}

// R1
RC_GTEST_PROP(EntityContent, DecodeReversesEncode, ()) {
  const EntityContent content = *any_content();
  const auto decoded = decode_content(encode_content(content));
  RC_ASSERT(decoded.ok());
  RC_ASSERT(*decoded == content);
}

// R2, from bytes that are nearly right: a few changes, cuts and insertions.
RC_GTEST_PROP(EntityContent, WhatDecodesWasEncodedByteForByte, ()) {
  std::string bytes = encode_content(*any_content());
  const int damages = *rc::gen::inRange(0, 4);
  for (int i = 0; i < damages && !bytes.empty(); ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
    const char byte = *rc::gen::oneOf(rc::gen::arbitrary<char>(), rc::gen::inRange<char>(0, 9));
    switch (*rc::gen::inRange(0, 3)) {
      case 0: bytes[at] = byte; break;
      case 1: bytes.insert(at, 1, byte); break;
      default: bytes.erase(at, *rc::gen::inRange<std::size_t>(1, 4)); break;
    }
  }
  const auto decoded = decode_content(bytes);
  RC_CLASSIFY(decoded.ok(), "still valid");
  if (decoded.ok()) {
    RC_ASSERT(encode_content(*decoded) == bytes);
  } else {
    RC_ASSERT(decoded.error().code == Code::Corruption);
  }
  RC_ASSERT(split_content(bytes).ok() == decoded.ok());
}

RC_GTEST_PROP(EntityContent, RandomBytesNeverCrash, ()) {
  const auto bytes =
      *rc::gen::container<std::string>(rc::gen::oneOf(rc::gen::arbitrary<char>(), rc::gen::inRange<char>(0, 9)));
  const auto decoded = decode_content(bytes);
  if (decoded.ok()) RC_ASSERT(encode_content(*decoded) == bytes);
}

TEST(EntityContent, RefusesASecondEncodingOfTheSameValue) {
  const std::string good = encode_content({{}, {}, {{"a", std::int64_t{0}}}});
  ASSERT_TRUE(decode_content(good).ok());
  std::string long_zero = good;
  long_zero.back() = '\x80';
  long_zero.push_back('\0');
  EXPECT_EQ(decode_content(long_zero).error().code, Code::Corruption);
  const std::string field = good.substr(1);
  EXPECT_EQ(decode_content(good + field).error().code, Code::Corruption) << "the same name twice";
}

TEST(EntityContent, AnAbsurdCountIsCorruption) {
  base::Encoder out;
  out.u8(0);
  out.string("tags");
  out.u8(5);
  out.varint(~std::uint64_t{0});
  EXPECT_EQ(decode_content(out.str()).error().code, Code::Corruption);
}

RC_GTEST_PROP(EntityFields, MergeAgreesWithMergingMaps, (bool keep)) {
  const Fields base = *any_fields();
  const Fields change = *any_fields();
  const Nulls nulls = keep ? Nulls::Keep : Nulls::Drop;
  const auto merge = merge_fields(encode_fields(base), encode_fields(change), nulls);
  RC_ASSERT(merge.ok());
  RC_ASSERT(*decode_fields(*merge) == merged(base, change, nulls));
}

// O1
RC_GTEST_PROP(EntityFields, MergingTwiceIsMergingOnce, ()) {
  const std::string change = encode_fields(*any_fields());
  const std::string once = *merge_fields(encode_fields(*any_fields()), change, Nulls::Drop);
  RC_ASSERT(*merge_fields(once, change, Nulls::Drop) == once);
}

TEST(EntityFields, MergeOfDamagedBytesIsCorruption) {
  const std::string good = encode_fields({{"a", true}});
  const std::string bad = good.substr(0, good.size() - 1);
  EXPECT_EQ(merge_fields(bad, good, Nulls::Drop).error().code, Code::Corruption);
  EXPECT_EQ(merge_fields(good, bad, Nulls::Drop).error().code, Code::Corruption);
}

}  // namespace
}  // namespace tidal::entity
