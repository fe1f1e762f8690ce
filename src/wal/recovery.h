// What the segments of a log hold after a crash, and where the next frame goes.
//
// V1: nothing that was ever acknowledged as synced is cut: a bad frame with a later sound frame that knows it to be
// synced, or in a sealed segment, is damage and refuses the open.
// V2: what is cut is zeroed and synced before anything is appended, so that no stale frame can follow a new one.
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

/// The newest segment, ready for the next frame.
struct OpenSegment {
  std::unique_ptr<base::File> file;
  SegmentHeader header;
  std::uint64_t end_offset = kFramesBegin;
  SeqNo last_seqno{};
  bool sealed = false;
};

struct RecoveredLog {
  std::vector<SegmentEntry> segments;
  std::optional<OpenSegment> newest;  ///< empty when there are no segments
  RecoveryReport report;
};

/// Names of the segments in `dir`, by seqno.
[[nodiscard]] Result<std::vector<std::string>> list_segments(const base::FileSystem& fs, const std::string& dir);

/// Checks the chain of segments, judges the frames of the newest one, cuts its torn tail (V1, V2) and syncs what it
/// keeps. Removes unfinished segment files. Corruption names segment and offset; FailedPrecondition for a newer format,
/// before anything is written.
[[nodiscard]] Result<RecoveredLog> recover(base::FileSystem& fs, const std::string& dir);

}  // namespace tidal::wal
