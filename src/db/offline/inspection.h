// What `tidal inspect` reads: any single file of a data directory, as lines of JSON.
//
// Nothing here writes. Threads: one at a time; a file that somebody writes meanwhile may look damaged.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::db {

using LineVisitor = std::function<void(std::string_view line)>;

/// Decodes one file by its first bytes (log segment, archived or not, checkpoint or backup
/// manifest, view image, LMDB store), or
/// by its name where it has no magic (LOCK, cursor.key, lock.mdb, a segment prepared ahead), and hands over lines.
/// Corruption after the lines that could be told; InvalidArgument for a file that is none of ours.
[[nodiscard]] Status inspect_file(base::FileSystem& fs, const std::string& path, const LineVisitor& line);

}  // namespace tidal::db
