// The file BACKUP: which files a backup is made of, and where its log ends. Without it a directory is no backup.
//
// Format: docs/formats/backup.md. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_copy.h"
#include "base/file_system.h"
#include "tidal/backup.h"
#include "tidal/result.h"

namespace tidal::db {

inline constexpr std::uint32_t kBackupFormat = 1;
inline constexpr std::uint32_t kBackupMinReader = 1;
inline constexpr std::string_view kBackupMagic = "TDLBCKUP";

struct BackupFile {
  std::string path;  ///< below the backup: wal/NAME, archive/NAME or base/SEQNO/NAME
  base::FileSum sum;
};

struct BackupManifest {
  SeqNo seqno;            ///< of the last record
  Timestamp last_append;  ///< when that was appended; 0 without records
  Timestamp created_at;
  std::vector<BackupFile> files;

  [[nodiscard]] std::uint64_t bytes() const;
};

[[nodiscard]] std::string encode_backup_manifest(const BackupManifest& manifest);
/// Corruption, also for a path that no backup holds; FailedPrecondition for a newer format, naming both.
[[nodiscard]] Result<BackupManifest> decode_backup_manifest(std::string_view bytes);

/// That of the backup in `directory`. NotFound when there is none, FailedPrecondition when it was not finished.
[[nodiscard]] Result<BackupManifest> read_backup_manifest(base::FileSystem& fs, const std::string& directory);

/// Reads every file. Unavailable when `progress` answers false. What differs from the manifest, or is there though the
/// manifest does not name it, gives a line.
[[nodiscard]] Result<std::vector<std::string>> check_backup_files(base::FileSystem& fs, const std::string& directory,
                                                                  const BackupManifest& manifest,
                                                                  const CopyProgress& progress);

}  // namespace tidal::db
