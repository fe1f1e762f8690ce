// Reading the log back, over its archive and its segments, and retiring segments from it.
#include <algorithm>

#include "wal/archive.h"
#include "wal/log.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

Error damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return Error(Code::Corruption, path + " offset " + std::to_string(offset) + ": " + what);
}

/// The file of a segment, or its archive when it was retired since `entry` was listed.
Result<std::unique_ptr<base::File>> open_listed(base::FileSystem& fs, const std::string& archive_dir,
                                                const SegmentEntry& entry) {
  Result<std::unique_ptr<base::File>> file = open_segment(fs, entry.path);
  if (!file.ok() && file.error().code == Code::NotFound && !archive_dir.empty()) {
    file = open_archived(fs, archive_dir + "/" + archive_file_name(entry.header.first_seqno));
  }
  if (!file.ok() && file.error().code == Code::NotFound) {
    return Error(Code::Corruption, entry.path + " is gone, and with it the records from seqno " +
                                       std::to_string(entry.header.first_seqno.value) + " on");
  }
  return file;
}

/// Visits the records of one segment within [from, through]; tells where the segment's records end.
Result<SeqNo> replay_segment(const base::File& file, const SegmentEntry& entry, SeqNo from, SeqNo through,
                             const Log::Visitor& visit) {
  TIDAL_TRY_ASSIGN(const SegmentHeader header, read_segment_header(file, entry.path));
  if (header.check != entry.header.check) return damage(entry.path, 0, "header is of another segment");
  SegmentReader reader(file, header);
  std::vector<WalEvent> events(kEventGroup);
  while (reader.next_seqno() <= through) {
    const Result<SegmentReader::Step> next = reader.next();
    if (!next.ok()) return error_in(entry.path, next.error());
    const SegmentReader::Step step = *next;
    if (step == SegmentReader::Step::Bad) return damage(entry.path, reader.offset(), reader.problem());
    if (step == SegmentReader::Step::End) break;
    if (reader.next_seqno() <= from) continue;
    for (WalEvent& event : events) event.append_time = reader.header().append_time;
    RecordCursor cursor(reader.header(), reader.body());
    while (const std::size_t n = cursor.next(events)) {
      const SeqNo first = events.front().seqno;
      const std::size_t skipped = from <= first ? 0 : std::min<std::uint64_t>(n, from.value - first.value);
      const std::size_t end = first > through ? 0 : std::min<std::uint64_t>(n, through.value - first.value + 1);
      if (skipped >= end) continue;
      const Status visited = visit(std::span(events).subspan(skipped, end - skipped));
      if (!visited.ok()) return error_in(entry.path, visited.error());
    }
    if (!cursor.status().ok()) return damage(entry.path, reader.offset(), cursor.status().error().message);
  }
  return reader.next_seqno();
}

}  // namespace

/// While it lives, no segment with records from `from` on is removed without an archive.
class Log::RunningReplay {
 public:
  RunningReplay(const Log& log, SeqNo from) : log_(log) {
    const base::MutexLock lock(log_.mutex_);
    place_ = log_.replays_.insert(from);
  }
  ~RunningReplay() {
    const base::MutexLock lock(log_.mutex_);
    log_.replays_.erase(place_);
  }
  RunningReplay(const RunningReplay&) = delete;
  RunningReplay& operator=(const RunningReplay&) = delete;

 private:
  const Log& log_;
  std::multiset<SeqNo>::iterator place_;
};

Status Log::replay(SeqNo from, SeqNo through, const Visitor& visit) const {
  const RunningReplay running(*this, from);  // before the list is made
  TIDAL_TRY_ASSIGN(const std::vector<SegmentEntry> segments, segments_from(from));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    const SeqNo end = is_last ? through.next() : std::min(through.next(), segments[i + 1].header.first_seqno);
    if (end <= from || end <= segments[i].header.first_seqno) continue;
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, open_listed(fs_, options_.archive_dir, segments[i]));
    TIDAL_TRY_ASSIGN(const SeqNo next, replay_segment(*file, segments[i], from, SeqNo{end.value - 1}, visit));
    if (next < end) {
      return Error(Code::Corruption, segments[i].path + " ends before seqno " + std::to_string(next.value) +
                                         ", expected records up to " + std::to_string(end.value - 1));
    }
  }
  return {};
}

Result<std::vector<SegmentEntry>> Log::segments_from(SeqNo from) const {
  const base::MutexLock lock(mutex_);
  const SeqNo wanted = std::max(from, SeqNo{1});
  if (wanted >= wal_first()) return segments_;
  const JoinedArchive joined = join_archive(archived_, wal_first());
  if (joined.begin == joined.end || wanted < archived_[joined.begin].first_seqno) {
    Error missing = missing_records(archived_, wal_first(), wanted);
    missing.message = "log " + dir_ + ": " + missing.message;
    return missing;
  }
  std::vector<SegmentEntry> segments;
  for (std::size_t i = joined.begin; i < joined.end; ++i) segments.push_back(archived_[i].entry());
  segments.insert(segments.end(), segments_.begin(), segments_.end());
  return segments;
}

SeqNo Log::wal_first() const { return segments_.empty() ? options_.first_seqno : segments_.front().header.first_seqno; }

SeqNo Log::first_seqno() const {
  const base::MutexLock lock(mutex_);
  return wal_first();
}

SeqNo Log::history_first_seqno() const {
  const base::MutexLock lock(mutex_);
  const JoinedArchive joined = join_archive(archived_, wal_first());
  return joined.begin == joined.end ? wal_first() : archived_[joined.begin].first_seqno;
}

Timestamp Log::history_since() const {
  const base::MutexLock lock(mutex_);
  const JoinedArchive joined = join_archive(archived_, wal_first());
  if (joined.begin != joined.end) return archived_[joined.begin].header->created_at;
  return segments_.empty() ? Timestamp{} : segments_.front().header.created_at;
}

std::vector<ArchivedSegment> Log::archived_segments() const {
  const base::MutexLock lock(mutex_);
  return archived_;
}

Status Log::retire_segments_before(SeqNo seqno, Retire how) {
  if (how == Retire::Archive && options_.archive_dir.empty()) {
    return Error(Code::InvalidArgument, "log " + dir_ + " has no archive folder");
  }
  const base::MutexLock retiring(retire_mutex_);
  TIDAL_TRY(health());
  TIDAL_TRY(retire_failure_);
  // Oldest first and one by one: after a crash the rest is still a chain.
  while (const std::optional<SegmentEntry> oldest = oldest_before(seqno)) {
    std::optional<ArchivedSegment> archived;
    if (how == Retire::Archive) {
      TIDAL_TRY_ASSIGN(const ArchiveHeader header, archive_segment(fs_, oldest->path, options_.archive_dir));
      archived = ArchivedSegment{.path = options_.archive_dir + "/" + archive_file_name(header.first_seqno),
                                 .first_seqno = header.first_seqno,
                                 .header = header,
                                 .problem = {}};
    }
    if (!unlist_oldest(archived)) return {};
    TIDAL_TRY(remove_unlisted(*oldest));
  }
  return {};
}

std::optional<SegmentEntry> Log::oldest_before(SeqNo seqno) const {
  const base::MutexLock lock(mutex_);
  if (segments_.size() < 2 || segments_[1].header.first_seqno > seqno) return std::nullopt;
  return segments_.front();
}

bool Log::unlist_oldest(const std::optional<ArchivedSegment>& archived) {
  const base::MutexLock lock(mutex_);
  if (!archived && !replays_.empty() && *replays_.begin() < segments_[1].header.first_seqno) return false;
  segments_.erase(segments_.begin());
  if (!archived) return true;
  std::erase_if(archived_, [&](const ArchivedSegment& s) { return s.first_seqno == archived->first_seqno; });
  const auto place = std::ranges::upper_bound(archived_, archived->first_seqno, {}, &ArchivedSegment::first_seqno);
  archived_.insert(place, *archived);
  return true;
}

Status Log::remove_unlisted(const SegmentEntry& entry) {
  Status removed = fs_.remove(entry.path);
  if (!removed.ok()) {
    // It is there still, and the next one must not go before it.
    const base::MutexLock lock(mutex_);
    segments_.insert(segments_.begin(), entry);
  } else {
    removed = fs_.sync_directory(dir_);
  }
  if (removed.ok()) return {};
  retire_failure_ = Error(removed.error().code,
                          "log " + dir_ + " retires no more segments until it is reopened: " + removed.error().message);
  return retire_failure_;
}

}  // namespace tidal::wal
