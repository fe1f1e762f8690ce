// What the segments of a log hold after a crash, and where the next frame goes: first looked at, then repaired, so that
// whoever opens the log may refuse it with nothing changed.
//
// V1: nothing that was ever acknowledged as synced is cut: a bad frame with a later sound frame that knows it to be
// synced, or in a sealed segment, is damage and refuses the open.
// V2: what is cut is zeroed and synced before anything is appended, so that no stale frame can follow a new one.
// V3: what is kept without proof that it was synced is written again before the sync: after a sync that failed, the
// system may hold bytes in its cache that never reached the disk, and takes them for clean.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/segment.h"

namespace tidal::wal {

/// Bytes at the end of the log that were never acknowledged as synced and were cut off.
struct TornTail {
  std::string segment;  ///< path
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;  ///< up to the last one that was not zero
  std::string reason;
};

struct RecoveryReport {
  SeqNo first_seqno;  ///< of the oldest segment
  SeqNo last_seqno;
  std::uint64_t segments = 0;
  std::optional<TornTail> torn;
};

/// A segment of the log, oldest first in every list.
struct SegmentEntry {
  std::string path;
  SegmentHeader header;
};

/// The newest segment and where its next frame goes.
struct OpenSegment {
  std::unique_ptr<base::File> file;  ///< null until it is made ready for writing
  SegmentHeader header;
  std::uint64_t end_offset = kFramesBegin;
  std::uint64_t unproven_offset = kFramesBegin;  ///< of the first frame that no later one knows to be synced
  SeqNo last_seqno{};
  Timestamp last_append_time{};                 ///< of its last frame; when it was made, while it has none
  std::optional<Timestamp> last_record_time{};  ///< of its last frame with records
  bool sealed = false;
};

struct RecoveredLog {
  std::vector<SegmentEntry> segments;
  std::optional<OpenSegment> newest;  ///< empty when there are no segments
  RecoveryReport report;
};

/// Names of the segments in `dir`, by seqno.
[[nodiscard]] Result<std::vector<std::string>> list_segments(const base::FileSystem& fs, const std::string& dir);

/// Checks the chain of segments and judges the frames of the newest one (V1), writing nothing. A directory that does
/// not exist has no segments. Corruption names segment and offset; FailedPrecondition for a newer format.
[[nodiscard]] Result<RecoveredLog> survey(base::FileSystem& fs, const std::string& dir);

/// Opens the newest segment for writing: zeroes what survey() found `torn` (V2), writes again what is kept on trust
/// (V3), and syncs, since a killed process may have left it in the system's cache only.
[[nodiscard]] Status make_writable(base::FileSystem& fs, const std::string& path, const std::optional<TornTail>& torn,
                                   OpenSegment& segment);

/// Removes unfinished segment files and makes the names of the others durable.
[[nodiscard]] Status tidy_directory(base::FileSystem& fs, const std::string& dir);

}  // namespace tidal::wal
