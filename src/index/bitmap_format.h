// Roaring's portable format, checked and written without CRoaring, whose readers trust what a file says about itself.
//
// Layout (https://github.com/RoaringBitmap/RoaringFormatSpec), little-endian:
//   cookie u32: 12346, then the number of containers u32; or 12347 in the low half, containers - 1 in the high half,
//     then one bit a container: is it run-length encoded
//   per container: key u16 (high half of its members), cardinality - 1 u16
//   per container: offset u32 of its data; left out when there are run containers and fewer than 4 containers
//   per container its data: runs (count u16, then start u16 and length - 1 u16 each), or up to 4096 sorted u16,
//     or 8192 bytes of bits.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tidal/result.h"

namespace tidal::index {

/// Corruption unless `bytes` is exactly one well-formed bitmap. Allocates nothing; one pass over the bytes.
[[nodiscard]] Status check_portable(std::string_view bytes);

/// Writes the set of one-bits of `words`: bit i of words[w] is member 64 * w + i.
void write_portable(std::span<const std::uint64_t> words, std::string& out);

}  // namespace tidal::index
