// Rewriting segments under the log, archived or not, oldest first.
#include "wal/archive.h"
#include "wal/log.h"

namespace tidal::wal {
namespace {

constexpr std::string_view kUnfinished = ".tmp";  // as every other file that is made in these folders

}  // namespace

Result<Rewritten> Log::rewrite_segments_before(SeqNo seqno, const RecordEdit& edit,
                                               const std::function<bool()>& stops) {
  const base::MutexLock retiring(retire_mutex_);
  TIDAL_TRY(health());
  // What an earlier call renamed and failed to sync looks done below, and must be (W8).
  if (fs_.exists(options_.archive_dir)) TIDAL_TRY(fs_.sync_directory(options_.archive_dir));
  TIDAL_TRY(fs_.sync_directory(dir_));
  Rewritten done;
  for (const ArchivedSegment& archived : archived_segments()) {
    if (archived.first_seqno >= seqno) break;
    if (!archived.header) return archived.problem.value_or(Error(Code::Corruption, archived.path + ": no header"));
    done.complete = !stops();
    if (done.complete) TIDAL_TRY(rewrite_archived(archived, first_seqno(), edit, done));
    if (!done.complete) return done;
  }
  const std::vector<SegmentEntry> segments = this->segments();
  for (std::size_t i = 0; i + 1 < segments.size() && segments[i].header.first_seqno < seqno; ++i) {
    done.complete = !stops();
    if (done.complete) TIDAL_TRY(rewrite_listed(segments[i], segments[i + 1].header.first_seqno, edit, done));
    if (!done.complete) return done;
  }
  return done;
}

bool Log::is_replayed_before(SeqNo end) const {
  const base::MutexLock lock(mutex_);
  return !replays_.empty() && *replays_.begin() < end;
}

Status Log::rewrite_listed(const SegmentEntry& entry, SeqNo end, const RecordEdit& edit, Rewritten& done) {
  const std::string aside = entry.path + std::string(kUnfinished);
  std::uint64_t changed = 0;
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs_.open(entry.path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(changed, rewrite_segment(fs_, *file, entry.path, aside, edit));
  }
  if (changed > 0 && is_replayed_before(end)) {
    done.complete = false;
    return fs_.remove(aside);
  }
  done.end = end;
  if (changed == 0) return {};
  // Whoever has the old file open reads on in it; the header is the same, so whoever opens it by the list may too.
  TIDAL_TRY(fs_.rename(aside, entry.path));
  TIDAL_TRY(fs_.sync_directory(dir_));
  done.records += changed;
  ++done.segments;
  return {};
}

Status Log::rewrite_archived(const ArchivedSegment& archived, SeqNo wal_first_seqno, const RecordEdit& edit,
                             Rewritten& done) {
  const std::string aside =
      options_.archive_dir + "/" + segment_file_name(archived.first_seqno) + std::string(kUnfinished);
  std::uint64_t changed = 0;
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, open_archived(fs_, archived.path));
    TIDAL_TRY_ASSIGN(changed, rewrite_segment(fs_, *file, archived.path, aside, edit));
  }
  const SeqNo end = archived.header->last_seqno.next();
  if (changed > 0 && is_replayed_before(end)) {
    done.complete = false;
    return fs_.remove(aside);
  }
  const bool has_twin = end > wal_first_seqno;
  if (!has_twin) done.end = end;
  if (changed == 0) return {};
  Status replaced = replace_archive(fs_, aside, options_.archive_dir);
  static_cast<void>(fs_.remove(aside));  // what stays behind is removed by the next start()
  TIDAL_TRY(std::move(replaced));
  if (!has_twin) done.records += changed;
  ++done.segments;
  return {};
}

}  // namespace tidal::wal
