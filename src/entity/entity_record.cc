// Reading and writing of entity content, and merging of encoded fields without decoding their values.
#include "entity/entity_record.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/coding.h"

namespace tidal::entity {
namespace {

constexpr std::uint8_t kHasCreator = 1;
constexpr std::uint8_t kHasCreatedAt = 2;
constexpr std::uint8_t kHasEmbeddings = 4;

enum class Type : std::uint8_t { Null, Bool, Int, Float, String, Strings, Timestamp, Duration };
static_assert(std::variant_size_v<Value> == 8);

struct ValueWriter {
  base::Encoder& out;
  void operator()(std::monostate) const {}
  void operator()(bool v) const { out.u8(v ? 1 : 0); }
  void operator()(std::int64_t v) const { out.zigzag(v); }
  void operator()(double v) const { out.f64(v); }
  void operator()(const std::string& v) const { out.string(v); }
  void operator()(const std::vector<std::string>& v) const {
    out.varint(v.size());
    for (const auto& s : v) out.string(s);
  }
  void operator()(Timestamp v) const { out.zigzag(v.us); }
  void operator()(Duration v) const { out.zigzag(v.us); }
};

/// Fails on a varint longer than it need be: R2 wants one encoding for one value.
std::uint64_t shortest_varint(base::Decoder& in) {
  const std::size_t before = in.rest().size();
  const std::uint64_t v = in.varint();
  const std::size_t shortest = v == 0 ? 1 : (std::bit_width(v) + 6) / 7;
  if (in.ok() && before - in.rest().size() != shortest) in.fail();
  return v;
}

std::int64_t shortest_zigzag(base::Decoder& in) {
  const std::uint64_t v = shortest_varint(in);
  return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
}

std::string_view shortest_string(base::Decoder& in) { return in.raw(shortest_varint(in)); }

/// Moves past one value; a failed decoder says that there was none.
void skip_value(base::Decoder& in) {
  const auto type = static_cast<Type>(in.u8());
  switch (type) {
    case Type::Null: return;
    case Type::Bool:
      if (in.u8() > 1) in.fail();
      return;
    case Type::Float: in.raw(sizeof(double)); return;
    case Type::Int:
    case Type::Timestamp:
    case Type::Duration: shortest_varint(in); return;
    case Type::String: shortest_string(in); return;
    case Type::Strings: {
      const std::uint64_t count = shortest_varint(in);
      for (std::uint64_t i = 0; i < count && in.ok(); ++i) shortest_string(in);
      return;
    }
  }
  in.fail();
}

/// `bytes` passed skip_value.
Value decode_value(std::string_view bytes) {
  base::Decoder in(bytes);
  switch (static_cast<Type>(in.u8())) {
    case Type::Null: break;
    case Type::Bool: return in.u8() == 1;
    case Type::Int: return in.zigzag();
    case Type::Float: return in.f64();
    case Type::String: return std::string(in.string());
    case Type::Strings: {
      std::vector<std::string> list;
      const std::uint64_t count = in.varint();
      for (std::uint64_t i = 0; i < count; ++i) list.emplace_back(in.string());
      return list;
    }
    case Type::Timestamp: return Timestamp{in.zigzag()};
    case Type::Duration: return Duration{in.zigzag()};
  }
  return std::monostate{};
}

Error bad_fields(std::string_view bytes, std::size_t offset) {
  return Error(Code::Corruption, "entity fields of " + std::to_string(bytes.size()) +
                                     " bytes: no valid field at offset " + std::to_string(offset));
}

/// All of the bytes are those of finite floats.
bool all_finite(std::string_view floats) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  bool finite = true;
  for (std::size_t at = 0; at < floats.size(); at += sizeof(float)) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, floats.data() + at, sizeof bits);
    finite = finite && (bits & kExponent) != kExponent;
  }
  return finite;
}

/// Moves past an embeddings section and calls visit(slot, bytes of its floats); a failed decoder says that it is none.
template <class Visit>
void walk_embeddings(base::Decoder& in, Visit visit) {
  const std::uint64_t count = shortest_varint(in);
  if (count == 0) in.fail();
  std::string_view before;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view slot = shortest_string(in);
    const std::uint64_t size = shortest_varint(in);
    if (size > kEmbeddingSizeMax || (i > 0 && slot <= before)) in.fail();
    const std::string_view floats = in.raw(size * sizeof(float));
    if (!all_finite(floats)) in.fail();
    if (!in.ok()) return;
    visit(slot, floats);
    before = slot;
  }
}

void write_embeddings(const Embeddings& embeddings, base::Encoder& out) {
  out.varint(embeddings.size());
  for (const auto& [slot, vector] : embeddings) {
    out.string(slot);
    out.varint(vector.size());
    for (const float v : vector) out.f32(v);
  }
}

/// Walks encoded fields and checks them on the way.
class FieldReader {
 public:
  explicit FieldReader(std::string_view bytes) : bytes_(bytes), in_(bytes) { next(); }
  [[nodiscard]] bool valid() const { return valid_; }
  [[nodiscard]] const EncodedField& field() const { return field_; }
  void next() {
    valid_ = false;
    if (in_.at_end()) return;
    const std::string_view before = in_.rest();
    const bool first = before.size() == bytes_.size();
    const std::string_view name = shortest_string(in_);
    const char* const value = in_.rest().data();
    skip_value(in_);
    if (!in_.ok() || (!first && name <= field_.name)) {
      bad_offset_ = bytes_.size() - before.size();
      return;
    }
    field_ = {name, std::string_view(value, static_cast<std::size_t>(in_.rest().data() - value))};
    valid_ = true;
  }
  /// Once no longer valid(): whether it stopped at the end.
  [[nodiscard]] Status status() const {
    if (bad_offset_ != std::string_view::npos) return bad_fields(bytes_, bad_offset_);
    return {};
  }

 private:
  std::string_view bytes_;
  base::Decoder in_;
  EncodedField field_;
  bool valid_ = false;
  std::size_t bad_offset_ = std::string_view::npos;
};

}  // namespace

std::string encode_fields(const Fields& fields) {
  base::Encoder out;
  for (const auto& [name, value] : fields) {
    out.string(name);
    out.u8(static_cast<std::uint8_t>(value.index()));
    std::visit(ValueWriter{out}, value);
  }
  return out.take();
}

Result<Fields> decode_fields(std::string_view bytes) {
  Fields fields;
  FieldReader reader(bytes);
  for (; reader.valid(); reader.next()) {
    fields.emplace_hint(fields.end(), reader.field().name, decode_value(reader.field().value));
  }
  TIDAL_TRY(reader.status());
  return fields;
}

Status for_each_field(std::string_view bytes, const std::function<void(const EncodedField&)>& visit) {
  FieldReader reader(bytes);
  for (; reader.valid(); reader.next()) visit(reader.field());
  return reader.status();
}

Status for_each_embedding(std::string_view bytes,
                          const std::function<void(std::string_view slot, std::span<const float> values)>& visit) {
  if (bytes.empty()) return {};
  base::Decoder in(bytes);
  std::array<float, kEmbeddingSizeMax> values;  // in the record they are not aligned
  walk_embeddings(in, [&](std::string_view slot, std::string_view floats) {
    std::memcpy(values.data(), floats.data(), floats.size());
    visit(slot, std::span(values).first(floats.size() / sizeof(float)));
  });
  if (in.ok() && in.at_end()) return {};
  return Error(Code::Corruption, "embeddings of " + std::to_string(bytes.size()) + " bytes do not decode");
}

Result<std::string> merge_fields(std::string_view base, std::string_view change, Nulls nulls) {
  base::Encoder out;
  const auto append = [&](const EncodedField& field) {
    if (nulls == Nulls::Drop && field.is_null()) return;
    out.string(field.name);
    out.raw(field.value);
  };
  FieldReader below(base);
  FieldReader above(change);
  while (below.valid() || above.valid()) {
    if (!above.valid() || (below.valid() && below.field().name < above.field().name)) {
      append(below.field());
      below.next();
      continue;
    }
    if (below.valid() && below.field().name == above.field().name) below.next();
    append(above.field());
    above.next();
  }
  TIDAL_TRY(below.status());
  TIDAL_TRY(above.status());
  return out.take();
}

std::string encode_content(const EntityContent& content) {
  base::Encoder out;
  out.u8(static_cast<std::uint8_t>((content.creator ? kHasCreator : 0) | (content.created_at ? kHasCreatedAt : 0) |
                                   (content.embeddings.empty() ? 0 : kHasEmbeddings)));
  if (content.creator) out.string(*content.creator);
  if (content.created_at) out.zigzag(content.created_at->us);
  if (!content.embeddings.empty()) write_embeddings(content.embeddings, out);
  out.raw(encode_fields(content.fields));
  return out.take();
}

Result<EncodedContent> split_content(std::string_view bytes) {
  base::Decoder in(bytes);
  EncodedContent content;
  const std::uint8_t flags = in.u8();
  if ((flags & ~(kHasCreator | kHasCreatedAt | kHasEmbeddings)) != 0) in.fail();
  if ((flags & kHasCreator) != 0) content.creator = shortest_string(in);
  if ((flags & kHasCreatedAt) != 0) content.created_at = Timestamp{shortest_zigzag(in)};
  if ((flags & kHasEmbeddings) != 0) {
    const std::string_view from = in.rest();
    walk_embeddings(in, [](std::string_view, std::string_view) {});
    if (in.ok()) content.embeddings = from.substr(0, from.size() - in.rest().size());
  }
  if (!in.ok()) {
    return Error(Code::Corruption, "entity content of " + std::to_string(bytes.size()) +
                                       " bytes: flags, creator, created_at or embeddings are bad");
  }
  content.fields = in.rest();
  FieldReader reader(content.fields);
  while (reader.valid()) reader.next();
  TIDAL_TRY(reader.status());
  return content;
}

Result<EntityContent> decode_content(std::string_view bytes) {
  TIDAL_TRY_ASSIGN(const EncodedContent split, split_content(bytes));
  EntityContent content;
  if (split.creator) content.creator = std::string(*split.creator);
  content.created_at = split.created_at;
  TIDAL_TRY_ASSIGN(content.fields, decode_fields(split.fields));
  TIDAL_TRY(for_each_embedding(split.embeddings, [&](std::string_view slot, std::span<const float> values) {
    content.embeddings.emplace_hint(content.embeddings.end(), slot, std::vector<float>(values.begin(), values.end()));
  }));
  return content;
}

}  // namespace tidal::entity
