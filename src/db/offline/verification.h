// What `tidal verify` and `tidal inspect` read: every checksum of a closed data directory, any single file of ours.
//
// Nothing here writes. Threads: one at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::db {

struct Verification {
  std::vector<std::string> facts;    ///< what was read and found whole, a line each
  std::vector<std::string> notes;    ///< unusual but harmless: an unfinished write that opening cuts off
  std::vector<std::string> defects;  ///< empty: everything is as it was written
};

/// Reads every segment, checkpoint and store of a data directory that no process has open (AlreadyOpen). NotFound.
[[nodiscard]] Result<Verification> verify_directory(base::FileSystem& fs, const std::string& directory);

/// Decodes one file by its first bytes (log segment, checkpoint manifest, view image, memory store) and hands over
/// lines. InvalidArgument for a file that is none of ours.
[[nodiscard]] Status inspect_file(base::FileSystem& fs, const std::string& path,
                                  const std::function<void(std::string_view)>& line);

}  // namespace tidal::db
