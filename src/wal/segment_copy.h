// A copy of the beginning of a segment: what a log held when a certain record was its last.
//
// K1: every copied frame was judged; a segment that is damaged before the end of the copy is not copied.
// K2: the copy is a segment that is not sealed and was closed: a mark behind its frames knows all of them to be synced,
//     when there is room for one. Records keep their bytes, seqnos and append times.
// Threads: pure functions; the segment may be written behind `through` meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::wal {

enum class SegmentSpace : std::uint8_t {
  Holes,   ///< for a file that is kept
  Zeroed,  ///< for a segment that a log goes on in
};

struct SegmentCopy {
  SeqNo last_seqno;       ///< the segment's first seqno - 1 when nothing was copied
  Timestamp last_append;  ///< of that record; 0 when nothing was copied
};

/// Writes the records of the segment at `from`, archived or not, up to seqno `through` into the new file `to`, and
/// syncs it. A frame that goes on behind `through` is written anew with the records before. Corruption names segment
/// and offset, also when the segment ends before `through`; FailedPrecondition for a newer format; NotFound, IoError,
/// ResourceExhausted.
[[nodiscard]] Result<SegmentCopy> copy_segment_through(base::FileSystem& fs, const std::string& from,
                                                       const std::string& to, SeqNo through, SegmentSpace space);

}  // namespace tidal::wal
