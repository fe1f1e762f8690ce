// Asking log, archive, bases and checkpoints for their formats.
#include "db/format_check.h"

#include <memory>
#include <vector>

#include "db/base_state.h"
#include "db/stores.h"
#include "materializer/checkpoint.h"
#include "storage/store_dump.h"
#include "wal/history.h"
#include "wal/recovery.h"
#include "wal/segment.h"

namespace tidal::db {
namespace {

/// `result` when it is the refusal of a newer format.
template <class T>
Status refusal_in(const T& result) {
  if (result.ok() || result.error().code != Code::FailedPrecondition) return {};
  return result.error();
}

Status check_log(base::FileSystem& fs, const std::string& wal) {
  const Result<std::vector<std::string>> names = wal::list_segments(fs, wal);
  if (!names.ok()) return {};
  for (const std::string& name : *names) {
    const Result<std::unique_ptr<base::File>> file = fs.open(wal + "/" + name, base::OpenMode::Read);
    if (!file.ok()) continue;
    const Result<wal::SegmentHeader> header = wal::read_segment_header(**file, wal + "/" + name);
    TIDAL_TRY(refusal_in(header));
    if (header.ok()) TIDAL_TRY(refusal_in(wal::read_segment_footer(**file, *header, wal + "/" + name)));
  }
  return {};
}

Status check_archive(base::FileSystem& fs, const std::string& archive) {
  for (const wal::ArchivedSegment& segment : wal::list_archive(fs, archive)) {
    if (segment.problem && segment.problem->code == Code::FailedPrecondition) return *segment.problem;
  }
  return {};
}

/// Of the stores that bases hold; a newer opening counts only in a file whose checksum holds.
Status check_dumps(base::FileSystem& fs, const materializer::CheckpointDirectory& bases) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, bases.list());
  for (const SeqNo seqno : seqnos) {
    for (const StorePlace& place : kStores) {
      const std::string path = bases.directory_of(seqno) + "/" + std::string(place.dump);
      const Status refused = refusal_in(storage::read_dump_format(fs, path));
      if (!refused.ok() && bases.verify(seqno).empty()) return refused;
    }
  }
  return {};
}

}  // namespace

Status check_formats(base::FileSystem& fs, const std::string& directory) {
  TIDAL_TRY(check_log(fs, directory + "/wal"));
  TIDAL_TRY(check_archive(fs, directory + "/archive"));
  const materializer::CheckpointDirectory bases = base_directory(fs, directory);
  TIDAL_TRY(bases.check_formats());
  TIDAL_TRY(check_dumps(fs, bases));
  return materializer::CheckpointDirectory(fs, directory + "/checkpoints").check_formats();
}

}  // namespace tidal::db
