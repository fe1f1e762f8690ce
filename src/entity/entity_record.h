// The payload of entity records in the log, and of entities in the store: fields by name, typed, self-contained.
//
// Content: flags u8 (1: creator, 2: created_at, 4: embeddings), [creator string], [created_at zigzag], [embeddings],
// then fields to the end. Fields: (name string, type u8, value)*, names strictly ascending; types are positions in
// Value. Integers, times and durations are zigzag varints, floats their bits, bools one byte, lists a varint count and
// their strings. Embeddings: varint count > 0, (slot name string, varint n, n f32)*, names strictly ascending, n at
// most 4096, the numbers finite. R1: decode(encode(x)) == x.   R2: what decodes was written by encode, byte for byte:
// one content, one encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::entity {

/// Slot name to vector.
using Embeddings = std::map<std::string, std::vector<float>, std::less<>>;
/// Dimensions of a slot are at most so many.
inline constexpr std::size_t kEmbeddingSizeMax = 4096;

/// One entity's content, or a change to it. In an UPDATE: an absent member stays, a null field is removed, and so is an
/// embedding whose vector is empty.
struct EntityContent {
  std::optional<std::string> creator;   ///< key of an item's creator; "" in an UPDATE removes it
  std::optional<Timestamp> created_at;  ///< none in a PUT: open, the earliest signal decides (import)
  Fields fields;
  Embeddings embeddings{};  ///< finite numbers, at most kEmbeddingSizeMax each
  bool operator==(const EntityContent&) const = default;
};

[[nodiscard]] std::string encode_content(const EntityContent& content);
/// Corruption on any byte string that encode_content cannot have written.
[[nodiscard]] Result<EntityContent> decode_content(std::string_view bytes);

/// A content's parts, fields and embeddings still encoded; views point into the bytes it was split from.
struct EncodedContent {
  std::optional<std::string_view> creator;
  std::optional<Timestamp> created_at;
  std::string_view fields;        ///< checked: they decode
  std::string_view embeddings{};  ///< likewise; "" when there are none
};

/// The same check as decode_content without building fields and vectors.
[[nodiscard]] Result<EncodedContent> split_content(std::string_view bytes);

[[nodiscard]] std::string encode_fields(const Fields& fields);
[[nodiscard]] Result<Fields> decode_fields(std::string_view bytes);

/// One encoded field; `value` is its type byte and bytes, which are canonical (R2).
struct EncodedField {
  std::string_view name;
  std::string_view value;
  [[nodiscard]] bool is_null() const { return value.size() == 1 && value[0] == 0; }
};

/// Calls `visit` for every field in name order. Corruption when the bytes do not decode; earlier fields were visited.
[[nodiscard]] Status for_each_field(std::string_view bytes, const std::function<void(const EncodedField&)>& visit);

/// Calls `visit` for every embedding in name order; the values are a copy that lives during the call, an empty one
/// removes. "" is none. Corruption when the bytes do not decode; earlier embeddings were visited.
[[nodiscard]] Status for_each_embedding(
    std::string_view bytes, const std::function<void(std::string_view slot, std::span<const float> values)>& visit);

/// What a null in the newer fields leaves behind: nothing, or itself because older fields may still lie below.
enum class Nulls : std::uint8_t { Drop, Keep };

/// `base` with the fields of `change` put over it. Both must decode; otherwise Corruption.
[[nodiscard]] Result<std::string> merge_fields(std::string_view base, std::string_view change, Nulls nulls);

}  // namespace tidal::entity
