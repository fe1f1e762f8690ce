// The archived segments of a log: which there are, and how far back they join the segments in wal/ without a hole.
//
// H1: a segment that is in both folders counts once; wal/ wins.
// H2: what is missing or damaged in the archive matters only to who asks for the records in it.
// H3: an archive with records behind the end of the log proves that the log lost some: that is damage.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/archive_format.h"
#include "wal/recovery.h"

namespace tidal::wal {

struct ArchivedSegment {
  std::string path;
  SeqNo first_seqno;                    ///< as its name says
  std::optional<ArchiveHeader> header;  ///< empty: unreadable, as `problem` says
  std::optional<Error> problem;

  /// As recovery would describe it. Only with a header.
  [[nodiscard]] SegmentEntry entry() const;
};

/// What lies in `archive_dir`, by seqno: nothing when it is "" or does not exist. Reads the headers and never fails
/// (H2): a folder that cannot be listed is one segment with a problem.
[[nodiscard]] std::vector<ArchivedSegment> list_archive(base::FileSystem& fs, const std::string& archive_dir);

/// Of a list by seqno: [begin, end) join each other and a log that begins with `wal_first`.
struct JoinedArchive {
  std::size_t begin = 0;
  std::size_t end = 0;  ///< at and behind it: also in wal/ (H1)
};
[[nodiscard]] JoinedArchive join_archive(const std::vector<ArchivedSegment>& archive, SeqNo wal_first);

/// Why the records from `from` on cannot be had, when the unbroken history begins behind it. Corruption naming the
/// missing seqnos, or what is wrong with the archive that should hold them.
[[nodiscard]] Error missing_records(const std::vector<ArchivedSegment>& archive, SeqNo wal_first, SeqNo from);

/// H3. Corruption naming the archive.
[[nodiscard]] Status check_archive_end(const std::vector<ArchivedSegment>& archive, const std::string& wal_dir,
                                       SeqNo last_seqno);

}  // namespace tidal::wal
