// Looks at log files without opening them as a log: for dumping, statistics and verification. Never writes.
//
// Reads on behind damage as far as it can: what is reported is everything that can still be told. Of an archived
// segment with a damaged chunk that is what lies before the chunk. Threads: pure functions over files that nobody
// writes meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/frame.h"
#include "wal/record.h"
#include "wal/segment.h"

namespace tidal::wal {

/// Whether an erasure took something out of the record: it tells less than it did, so no state is replayed from it.
[[nodiscard]] inline bool is_anonymous(const Record& record) {
  return (record.flags & kFlagErased) != 0 && record.type != RecordType::Erase;
}

/// One thing that is not as it was written.
struct Defect {
  std::string segment;  ///< path
  std::uint64_t offset = 0;
  std::string message;           ///< names neither of the two
  Code code = Code::Corruption;  ///< FailedPrecondition: of a newer format
};

/// A sound frame; `body` lives until the visitor returns.
struct FrameView {
  std::uint64_t offset = 0;
  FrameHeader header;
  std::string_view body;
};

struct SegmentSummary {
  std::string path;
  bool archived = false;
  std::optional<SegmentHeader> header;  ///< empty: unreadable, and so is all that follows
  std::optional<SegmentFooter> footer;  ///< empty: the segment is not sealed
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  std::uint64_t bytes_used = 0;  ///< of sound frames
  SeqNo last_seqno;              ///< of the last sound frame; first_seqno - 1 when there is none
  Timestamp first_append_time;
  Timestamp last_append_time;
  std::uint64_t end_offset = 0;                   ///< after the last sound frame
  SeqNo last_anonymous = {};                      ///< of the last record that an erasure made anonymous; 0: none
  std::optional<std::uint64_t> torn_offset = {};  ///< an open would cut here; nothing synced is lost by it
  std::vector<Defect> defects;
};

/// Seqnos that no file holds, in front of a segment: archived segments that were moved away, or removed ones.
struct Gap {
  std::string segment;  ///< path of the one behind it
  SeqNo first_seqno;
  SeqNo last_seqno;
};

struct LogSummary {
  std::vector<SegmentSummary> segments;  ///< archived ones first; of one that is in both folders, that in the log's own
  std::vector<Defect> defects;           ///< of all segments, and of the chain between them
  std::vector<Gap> gaps;                 ///< within the archive and behind it; within the log's own folder: a defect
  std::vector<std::string> twins;        ///< paths of archives whose segment is still in the log's own folder
  std::uint64_t frames = 0;
  std::uint64_t records = 0;
  SeqNo first_seqno;
  SeqNo last_seqno;
  SeqNo last_anonymous;  ///< no state can be replayed from before this record
};

using FrameVisitor = std::function<Status(const FrameView&)>;

/// Walks one segment file, archived or not, calling `visit` (may be empty) for every sound frame. `is_newest`: a bad
/// end may be a torn write. NotFound, IoError, the visitor's error; damage is in the summary, a newer format is too.
[[nodiscard]] Result<SegmentSummary> read_segment(base::FileSystem& fs, const std::string& path, bool is_newest,
                                                  const FrameVisitor& visit);

/// Checks every checksum, every record's coding and the chain of seqnos of the log in `dir` and, unless that is "", of
/// the segments in `archive_dir`.
[[nodiscard]] Result<LogSummary> verify_log(base::FileSystem& fs, const std::string& dir,
                                            const std::string& archive_dir = {});

/// Walks all segments of the log in `dir` in order, those in `archive_dir` first. No record is visited twice.
[[nodiscard]] Result<LogSummary> read_log(base::FileSystem& fs, const std::string& dir, const FrameVisitor& visit,
                                          const std::string& archive_dir = {});

}  // namespace tidal::wal
