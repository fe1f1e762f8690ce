// Judging one segment file that may be damaged in any way: what of it is sound, and what is missing between.
//
// J1: a frame counts as sound when its checksums hold, it lies where it says, its records can be read, and its
// seqnos can be true: not before what was read already, not past what the segment can hold, and not further on than the
// bytes skipped could have carried. So no seqno in a file makes a repair write more than the file could have held.
// Never writes. Threads: pure functions over a file that nobody writes meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/repair.h"
#include "wal/segment.h"

namespace tidal::wal {

/// What an Empty record takes: the fixed part and three strings of length 0. No record takes less.
inline constexpr std::uint64_t kEmptyRecordBytes = 31;

/// What header and footer say, or what stands in for them.
struct SegmentHead {
  std::string name;
  std::uint64_t file_bytes = 0;
  SegmentHeader header;           ///< made up from name, size and frames when it is not sound
  std::string header_problem;     ///< "" when it is sound
  std::uint32_t frame_check = 0;  ///< what its frames repeat
  std::optional<SegmentFooter> footer{};
  std::uint64_t frames_end = 0;  ///< no frame reaches past this
  bool is_cut_off = false;       ///< the file is shorter than it was
};

/// Reads the head of the segment `name` in `dir`. FailedPrecondition for a newer format; IoError.
[[nodiscard]] Result<SegmentHead> read_segment_head(base::FileSystem& fs, const std::string& dir,
                                                    const std::string& name);

/// What the rest of the log says of a segment.
struct SegmentLimits {
  SeqNo last_possible;  ///< no record has a higher seqno
  SeqNo last_certain;   ///< it held records up to this one at least
  bool may_be_torn = false;
  /// Nothing tells where it ended.
  [[nodiscard]] bool may_end_anywhere() const;
};

/// A part of a segment and, when it is lost, why.
struct JudgedPart {
  SegmentPart part;
  std::string expected;  ///< of a lost part
  std::string found;
  std::optional<Timestamp> append_time{};  ///< of a lost part whose frame header is sound
};

struct JudgedSegment {
  SegmentHead head;
  std::vector<JudgedPart> parts;
  SeqNo last_seqno;              ///< after repair
  std::uint64_t end_offset = 0;  ///< after the last sound frame
  SeqNo last_anonymous;          ///< of the last record that an erasure made anonymous; 0: none
  bool open_ended = false;       ///< cut off where more may have been
  std::string torn;              ///< what an open cuts off, as a line for people; "" nothing
};

/// Walks the frames of the segment. FailedPrecondition for a frame of a newer format; IoError.
[[nodiscard]] Result<JudgedSegment> judge_segment(base::FileSystem& fs, const std::string& dir, SegmentHead head,
                                                  const SegmentLimits& limits);

}  // namespace tidal::wal
