// What `tidal restore` does: a database made of a backup, as it was at a record or at a time.
//
// X1: nothing is written before the manifest and every file of the backup were found right.
// X2: the restored log ends with exactly the record asked for; neither a base, an archived segment nor a part of a
//     frame behind it is left. Only erasures that came later follow it (db/offline/later_erasures.h).
// X3: after an error or a crash there is no database at the destination, or a whole one (db/unfinished_directory.h).
// Threads: one at a time.
#pragma once

#include <string>

#include "base/file_system.h"
#include "tidal/backup.h"
#include "tidal/result.h"

namespace tidal::db {

/// As Database::restore().
[[nodiscard]] Result<RestoreReport> restore_backup(base::FileSystem& fs, const std::string& backup,
                                                   const std::string& dest, const RestoreOptions& options);

}  // namespace tidal::db
