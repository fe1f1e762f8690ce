// Coding of ascending ordinals.
#include "index/ordinal_list.h"

namespace tidal::index {

void encode_ordinals(std::span<const Ordinal> ascending, base::Encoder& out) {
  out.varint(ascending.size());
  std::uint32_t next = 0;  // the smallest that may come
  for (const Ordinal o : ascending) {
    out.varint(to_index(o) - next);
    next = to_index(o) + 1;
  }
}

std::vector<Ordinal> decode_ordinals(base::Decoder& in, std::uint32_t end) {
  std::vector<Ordinal> out;
  const std::uint64_t count = in.varint();
  if (count > in.rest().size()) in.fail();  // each takes at least one byte
  if (!in.ok()) return out;
  out.reserve(count);
  std::uint64_t next = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t gap = in.varint();
    if (gap >= end || next + gap >= end) in.fail();
    if (!in.ok()) return {};
    out.push_back(to_ordinal(static_cast<std::uint32_t>(next + gap)));
    next += gap + 1;
  }
  return out;
}

}  // namespace tidal::index
