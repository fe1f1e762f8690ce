// The bytes of a file as they were before gzip or zstd: which of them it is, its first bytes say.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::cli {

class InputStream {
 public:
  virtual ~InputStream() = default;
  /// Fills `out` from the front; fewer bytes than asked only at the end. IoError, Corruption (damaged compression).
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> out) = 0;
  /// Share of the file that has been read, in [0, 1].
  [[nodiscard]] virtual double share() const = 0;
};

/// NotFound, IoError. `path` may hold plain bytes, gzip (several members too) or zstd (several frames too).
[[nodiscard]] Result<std::unique_ptr<InputStream>> open_input(base::FileSystem& fs, const std::string& path);

}  // namespace tidal::cli
