// Reading the log of a data directory without opening the database, and without ever writing.
//
// Threads: one at a time; a log that somebody writes meanwhile is read up to where it was.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/frame.h"
#include "wal/segment.h"

namespace tidal::db {

/// A place where the bytes are no valid frame.
struct LogDefect {
  std::uint64_t offset = 0;
  std::string problem;
  bool unfinished = false;  ///< a write that was never acknowledged: opening the database cuts it off
};

struct SegmentSummary {
  std::string path;
  wal::SegmentHeader header;
  std::optional<wal::SegmentFooter> footer;  ///< only of sealed segments
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  std::uint64_t end_offset = wal::kFramesBegin;  ///< after the last sound frame
  SeqNo next_seqno;
  std::optional<LogDefect> defect;  ///< where reading stopped before the end
};

/// Called for each frame and its records' bytes; an error ends the walk with it.
using FrameVisitor = std::function<Status(const wal::FrameHeader& header, std::string_view body)>;
/// Called for each record; an error ends the walk with it.
using RecordVisitor = std::function<Status(const wal::WalEvent& event)>;

/// One segment file, front to back. `newest`: it has no successor, so that its end may be unfinished.
[[nodiscard]] Result<SegmentSummary> walk_segment(base::FileSystem& fs, const std::string& path, bool newest,
                                                  const FrameVisitor& visit);

/// Every record of the log in `directory`/wal, in order, and what each segment was found to be. NotFound when there is
/// no log. Corruption when the segments do not follow on each other; a defect inside one stands in its summary.
[[nodiscard]] Result<std::vector<SegmentSummary>> walk_log(base::FileSystem& fs, const std::string& directory,
                                                           const RecordVisitor& visit);

}  // namespace tidal::db
