// A database as its log alone tells it, in memory: for a directory that can be read but not written.
//
// Nothing here writes. Threads: one at a time.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "db/views.h"
#include "storage/kv.h"
#include "tidal/db.h"

namespace tidal::db {

/// Keeps others from opening `directory` while it lives; null when the directory has no lock file, as a copy may not.
/// AlreadyOpen.
[[nodiscard]] Result<std::unique_ptr<base::FileLock>> lock_to_read(base::FileSystem& fs, const std::string& directory);

class ReplayedDatabase {
 public:
  /// NotFound; AlreadyOpen; Corruption, also when the log ends before a checkpoint. Cost: replays the whole log.
  [[nodiscard]] static Result<std::unique_ptr<ReplayedDatabase>> open(base::FileSystem& fs,
                                                                      const std::string& directory);

  /// As Database::digest().
  [[nodiscard]] DigestReport digest() const;

 private:
  ReplayedDatabase() = default;

  std::unique_ptr<base::FileLock> lock_;
  Stores stores_;
  std::unique_ptr<Views> views_;
};

/// The statements that define the schema in force at the end of the log: what Database::schema_text() gives. The same
/// errors; reads the log once, applying nothing else.
[[nodiscard]] Result<std::string> logged_schema(base::FileSystem& fs, const std::string& directory);

}  // namespace tidal::db
