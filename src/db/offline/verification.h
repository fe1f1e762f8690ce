// What `tidal verify` reads: every checksum of a closed data directory.
//
// Nothing here writes: no byte, no name and no time of change differs afterwards. Threads: one at a time.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::db {

struct Verification {
  std::vector<std::string> facts;    ///< what was read and found whole, a line each
  std::vector<std::string> notes;    ///< unusual but harmless: an unfinished write that opening cuts off, history gone
  std::vector<std::string> defects;  ///< empty: everything is as it was written
};

/// Reads every segment, base, checkpoint and store of a data directory that no process has open (AlreadyOpen), and
/// compares a backup with its manifest. Whether state can be replayed from base and log alone is judged, too. NotFound;
/// FailedPrecondition for a backup or a restored database that was not finished; PermissionDenied, ResourceExhausted,
/// IoError when a file could not be read, which says nothing about it.
[[nodiscard]] Result<Verification> verify_directory(base::FileSystem& fs, const std::string& directory);

/// The segments, checkpoints and stores alone, of a directory that is the caller's.
[[nodiscard]] Result<Verification> verify_content(base::FileSystem& fs, const std::string& directory);

}  // namespace tidal::db
