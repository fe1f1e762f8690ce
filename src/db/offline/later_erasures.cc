// Looking for Erase records, and writing them to another log.
#include "db/offline/later_erasures.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "db/offline/log_walk.h"
#include "db/prepare.h"
#include "wal/log.h"

namespace tidal::db {
namespace {

/// Erase records behind a point, as a walk over a log meets them.
class Finder {
 public:
  explicit Finder(const RestorePoint& point) : point_(point) {}

  Status visit(const wal::WalEvent& event) {
    if (event.record.type == wal::RecordType::Erase && is_behind(event.seqno, event.append_time)) {
      found_.push_back({.append_time = event.append_time,
                        .event_time = event.record.event_time,
                        .payload = std::string(event.record.payload)});
    }
    return {};
  }
  [[nodiscard]] bool is_behind(SeqNo seqno, Timestamp append_time) const {
    if (!point_.append_time || append_time == *point_.append_time) return seqno > point_.seqno;
    return append_time > *point_.append_time;
  }
  std::vector<LaterErasure> take() { return std::move(found_); }

 private:
  const RestorePoint& point_;
  std::vector<LaterErasure> found_;
};

Error unread(const wal::Defect& defect) { return {Code::Corruption, to_text(defect)}; }

/// The records before this segment are in no file: which of them were erasures cannot be told.
Status check_begins_before(const Finder& finder, const wal::SegmentSummary& segment) {
  if (segment.records == 0 || segment.header->first_seqno == SeqNo{1}) return {};
  if (!finder.is_behind(segment.header->first_seqno, segment.first_append_time)) return {};
  return Error(Code::FailedPrecondition, segment.path + ": the records before seqno " +
                                             std::to_string(segment.header->first_seqno.value) +
                                             " have left this log, so erasures between the restored moment and " +
                                             to_string(segment.first_append_time) + " cannot be told from it");
}

}  // namespace

Result<std::vector<LaterErasure>> later_erasures_of_backup(base::FileSystem& fs, const BackupHistory& history,
                                                           const RestorePoint& point) {
  Finder finder(point);
  const std::vector<BackupSegment>& segments = history.segments();
  for (std::size_t i = history.last_segment_for(point.seqno); i < segments.size(); ++i) {
    if (segments[i].last_seqno <= point.seqno) continue;
    TIDAL_TRY_ASSIGN(const wal::SegmentSummary summary,
                     wal::read_segment(fs, history.path_of(segments[i]), false,
                                       each_record([&](const wal::WalEvent& event) { return finder.visit(event); })));
    if (!summary.defects.empty()) return unread(summary.defects.front());
  }
  return finder.take();
}

Result<std::vector<LaterErasure>> later_erasures_of(base::FileSystem& fs, const std::string& directory,
                                                    const RestorePoint& point) {
  Finder finder(point);
  TIDAL_TRY_ASSIGN(const wal::LogSummary log,
                   walk_log(fs, directory, [&](const wal::WalEvent& event) { return finder.visit(event); }));
  if (!log.defects.empty()) return unread(log.defects.front());
  if (!log.segments.empty()) TIDAL_TRY(check_begins_before(finder, log.segments.front()));
  for (const wal::Gap& gap : log.gaps) {
    const auto behind = std::ranges::find(log.segments, gap.segment, &wal::SegmentSummary::path);
    if (behind != log.segments.end()) TIDAL_TRY(check_begins_before(finder, *behind));
  }
  return finder.take();
}

Result<std::uint64_t> append_erasures(base::FileSystem& fs, const std::string& directory,
                                      std::vector<LaterErasure> erasures) {
  if (erasures.empty()) return 0;
  std::ranges::stable_sort(erasures, {}, &LaterErasure::append_time);
  const Timestamp now = erasures.front().append_time;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<wal::Log> log,
                   wal::Log::open(fs, directory + "/wal", {.archive_dir = archive_folder(directory)}, now));
  std::set<std::string> appended;
  for (const LaterErasure& erasure : erasures) {
    if (!appended.insert(erasure.payload).second) continue;
    // Without the mark that a log is done with it: this one is not.
    wal::Record record;
    record.type = wal::RecordType::Erase;
    record.subject_kind = EntityKind::User;
    record.event_time = erasure.event_time;
    record.payload = erasure.payload;
    TIDAL_TRY(log->append(std::span(&record, 1), erasure.append_time));
  }
  TIDAL_TRY(log->close(erasures.back().append_time));
  return appended.size();
}

}  // namespace tidal::db
