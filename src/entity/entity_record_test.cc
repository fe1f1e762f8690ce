// Content codec and the merging of encoded fields.
#include "entity/entity_record.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <limits>

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

/// A content of nothing but what follows the flags.
std::string with_embeddings(const std::function<void(base::Encoder&)>& write) {
  base::Encoder out;
  out.u8(4);
  write(out);
  return out.take();
}

TEST(EntityEmbeddings, AreWrittenBetweenCreationTimeAndFields) {
  EntityContent content;
  content.creator = "c";
  content.created_at = Timestamp{1};
  content.fields["a"] = true;
  const std::string without = encode_content(content);
  EXPECT_EQ(without, std::string("\x03\x01"
                                 "c\x02\x01"
                                 "a\x01\x01",
                                 8))
      << "as before there were embeddings";
  content.embeddings = {{"v", {1.0F, -0.5F}}, {"w", {}}};
  const std::string bytes = encode_content(content);
  EXPECT_EQ(bytes, std::string("\x07\x01"
                               "c\x02\x02\x01"
                               "v\x02\x00\x00\x80\x3f\x00\x00\x00\xbf\x01"
                               "w\x00\x01"
                               "a\x01\x01",
                               23));
  const auto split = split_content(bytes);
  ASSERT_TRUE(split.ok());
  EXPECT_EQ(split->embeddings, std::string_view(bytes).substr(4, 15));
  EXPECT_EQ(split->fields, std::string_view(bytes).substr(19));
  EXPECT_EQ(split_content(without)->embeddings, "");
}

TEST(EntityEmbeddings, AreVisitedInOrder) {
  EntityContent content;
  content.embeddings = {{"b", {}}, {"a", {1.5F, 2.5F}}};
  const std::string bytes = encode_content(content);
  Embeddings visited;
  ASSERT_TRUE(
      for_each_embedding(split_content(bytes)->embeddings, [&](std::string_view slot, std::span<const float> values) {
        EXPECT_TRUE(visited.empty() ? slot == "a" : slot == "b");
        visited.emplace(slot, std::vector<float>(values.begin(), values.end()));
      }).ok());
  EXPECT_EQ(visited, content.embeddings);
  const auto none = [](std::string_view, std::span<const float>) { FAIL(); };
  EXPECT_TRUE(for_each_embedding("", none).ok());
  EXPECT_EQ(for_each_embedding("\x01", none).error().code, Code::Corruption);
}

TEST(EntityEmbeddings, RefusesWhatEncodeDoesNotWrite) {
  const auto decodes = [](const std::function<void(base::Encoder&)>& write) {
    const std::string bytes = with_embeddings(write);
    EXPECT_EQ(split_content(bytes).ok(), decode_content(bytes).ok());
    return decode_content(bytes).ok();
  };
  const auto one = [](base::Encoder& out, std::string_view slot, float value) {
    out.string(slot);
    out.varint(1);
    out.f32(value);
  };
  const auto many = [](base::Encoder& out, std::uint64_t n) {
    out.varint(1);
    out.string("a");
    out.varint(n);
    for (std::uint64_t i = 0; i < n; ++i) out.f32(1.0F);
  };
  EXPECT_TRUE(decodes([&](base::Encoder& out) { out.varint(1), one(out, "a", 1.0F); }));
  EXPECT_TRUE(decodes([&](base::Encoder& out) { many(out, 4096); }));
  EXPECT_FALSE(decodes([&](base::Encoder& out) { many(out, 4097); })) << "too long";
  EXPECT_FALSE(decodes([&](base::Encoder& out) { out.varint(0); })) << "an empty list with the flag";
  EXPECT_FALSE(decodes([&](base::Encoder&) {})) << "no list at all";
  EXPECT_FALSE(decodes([&](base::Encoder& out) { out.varint(2), one(out, "b", 1.0F), one(out, "a", 1.0F); }));
  EXPECT_FALSE(decodes([&](base::Encoder& out) { out.varint(2), one(out, "a", 1.0F), one(out, "a", 1.0F); }));
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_FALSE(decodes([&](base::Encoder& out) { out.varint(1), one(out, "a", bad); })) << bad;
  }
  EXPECT_FALSE(decodes([&](base::Encoder& out) { out.varint(~std::uint64_t{0}), one(out, "a", 1.0F); }));
  EXPECT_FALSE(decodes([&](base::Encoder& out) { out.u8(0x81), out.u8(0), one(out, "a", 1.0F); })) << "a long varint";
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
