// Erasures that came after the moment a database is restored to: a restore forgets those users again.
//
// Threads: one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "db/offline/backup_history.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::db {

/// An Erase record of some log.
struct LaterErasure {
  Timestamp append_time;
  Timestamp event_time;
  std::string payload;  ///< with its salt: equal payloads are one erasure
};

/// A moment in the life of a database.
struct RestorePoint {
  SeqNo seqno;
  std::optional<Timestamp> append_time{};  ///< of that record; none when only a base holds it
};

/// What the backup's own log tells from the point on, oldest first. Corruption; IoError.
[[nodiscard]] Result<std::vector<LaterErasure>> later_erasures_of_backup(base::FileSystem& fs,
                                                                         const BackupHistory& history,
                                                                         const RestorePoint& point);

/// What log and archive of a data directory or backup tell from the point on, oldest first: by append time when it is
/// known, since the directory may have been restored and then count its records anew. NotFound without a log;
/// Corruption when it is damaged; FailedPrecondition when records behind the point have left it; IoError.
[[nodiscard]] Result<std::vector<LaterErasure>> later_erasures_of(base::FileSystem& fs, const std::string& directory,
                                                                  const RestorePoint& point);

/// Appends them to the log in a directory that nobody has open, each once, with the append times they had; returns how
/// many. Corruption; IoError; ResourceExhausted.
[[nodiscard]] Result<std::uint64_t> append_erasures(base::FileSystem& fs, const std::string& directory,
                                                    std::vector<LaterErasure> erasures);

}  // namespace tidal::db
