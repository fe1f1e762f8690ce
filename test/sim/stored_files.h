// Files of a directory as values: to copy a database, to lose a part of it, and to put it back.
//
// Threads: as the file system.
#pragma once

#include <map>
#include <string>

#include "base/file_system.h"

namespace tidal::sim {

/// Content by path.
using StoredFiles = std::map<std::string, std::string>;

/// Every file below a directory; none when there is no such directory.
[[nodiscard]] Result<StoredFiles> files_below(base::FileSystem& fs, const std::string& directory);
/// Makes the directory hold these files and no others, durably.
[[nodiscard]] Status put_files(base::FileSystem& fs, const std::string& directory, const StoredFiles& files);

/// What is done to a file.
enum class Loss : std::uint8_t { Removed, Truncated, Flipped };
[[nodiscard]] Status damage_file(base::FileSystem& fs, const std::string& path, Loss loss);

}  // namespace tidal::sim
