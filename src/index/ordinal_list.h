// Ascending ordinals as differences: how images of the index keep sets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/coding.h"
#include "tidal/types.h"

namespace tidal::index {

/// `ascending`: strictly.
void encode_ordinals(std::span<const Ordinal> ascending, base::Encoder& out);
/// Strictly ascending and below `end`, or `in` fails. Allocates no more than the bytes at hand allow.
[[nodiscard]] std::vector<Ordinal> decode_ordinals(base::Decoder& in, std::uint32_t end);

}  // namespace tidal::index
