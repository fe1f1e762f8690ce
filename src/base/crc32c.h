// CRC-32C (Castagnoli), the checksum of every file format of ours.
//
// Source: RFC 3720, appendix B.4. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string_view>

namespace tidal::base {

/// The checksum of what `crc` covers followed by `bytes`; `crc` 0 starts anew. Uses the CPU's instruction when present.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// The same in plain C++; what crc32c() falls back to.
[[nodiscard]] std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t crc = 0);

}  // namespace tidal::base
