// What a database is doing, told by its file operations alone: their kind, path and bytes.
//
// Formats and commit protocols: docs/formats/wal.md, checkpoint.md, base.md and archive.md there. Threads: one test's
// own.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/memory_file_system.h"

namespace tidal::sim {

enum class Activity : std::uint8_t {
  Other,
  // The log.
  SegmentFill,    ///< zeros of a segment that has no name yet
  SegmentHeader,  ///< its header
  SegmentHeaderSync,
  SegmentRename,  ///< it gets its name
  LogDirectorySync,
  Frame,       ///< one record
  BatchFrame,  ///< several records
  FrameSync,
  Footer,  ///< a segment is sealed
  FooterSync,
  CloseMark,  ///< the frame without records of a clean close
  CloseMarkSync,
  LogZeroing,      ///< zeros over a torn tail, a half-written footer or a refused frame
  LogZeroingSync,  ///< also the sync that makes durable what recovery keeps
  LogRemoval,
  RewrittenFrame,   ///< of a segment that an erasure makes anonymous, beside the one in the log
  RewrittenRename,  ///< it takes that one's place
  // Checkpoints.
  ViewFile,
  ViewFileSync,
  Manifest,
  ManifestSync,
  CheckpointFilesSync,  ///< of the directory that still has its unfinished name
  CheckpointRename,
  CheckpointDirectorySync,
  CheckpointRemoval,  ///< an old one
  UnfinishedRemoval,
  // Bases.
  BaseFile,  ///< a view's
  BaseDump,  ///< of the store
  BaseManifest,
  BaseRename,
  BaseDirectorySync,
  BaseRemoval,         ///< an old one
  UnnamedBaseRemoval,  ///< of the files of an old base that has lost its name
  // The archive.
  ArchiveFile,
  ArchiveRename,
  ArchiveDirectorySync,
  ArchivedSegmentRemoval,  ///< from the log, after its archive was named
  SegmentRemoval,          ///< from the log, for good
  // The store of entities.
  StoreFile,
  StoreFileSync,
  StoreRename,
  StoreDirectorySync,
  Backup,  ///< anything in or on the folder of one
  Count
};

class ActivityReader {
 public:
  /// Operations in their order.
  Activity observe(const base::FileOperation& operation);

 private:
  std::map<std::string, Activity, std::less<>> last_write_;  // by path
  std::set<std::string, std::less<>> rewritten_;             // segments that have no name yet
  std::string archived_;                                     // name of the segment that was archived last
};

/// Whether an operation is on the log, inside of which nobody else may write.
[[nodiscard]] bool is_of_log(const base::FileOperation& operation);

}  // namespace tidal::sim
