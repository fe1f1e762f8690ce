// Copying files, and what identifies the content of one: its size and checksum.
//
// Threads: pure functions over files that nobody writes meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_system.h"

namespace tidal::base {

struct FileSum {
  std::uint64_t bytes = 0;
  std::uint32_t checksum = 0;  ///< CRC-32C of the whole file

  friend bool operator==(const FileSum&, const FileSum&) = default;
};

/// Reads the file in pieces: it may be larger than memory. NotFound, IoError.
[[nodiscard]] Result<FileSum> sum_file(FileSystem& fs, const std::string& path);

/// Copies `from` into the new file `to` and syncs it; its name is durable once the directory is synced. Long runs of
/// zeros become holes. Answers what was read. A failure may leave a part of `to`. NotFound, AlreadyExists, IoError,
/// ResourceExhausted.
[[nodiscard]] Result<FileSum> copy_file(FileSystem& fs, const std::string& from, const std::string& to);

}  // namespace tidal::base
