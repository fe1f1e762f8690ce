// From frames to records, and from defects to lines.
#include "db/offline/log_walk.h"

#include <utility>

namespace tidal::db {

wal::FrameVisitor each_record(RecordVisitor visit) {
  return [visit = std::move(visit)](const wal::FrameView& frame) -> Status {
    wal::RecordCursor cursor(frame.header, frame.body);
    wal::WalEvent event;
    event.append_time = frame.header.append_time;
    while (cursor.next(event)) TIDAL_TRY(visit(event));
    return {};  // a body that does not decode is a defect of the summary
  };
}

std::string archive_folder(const std::string& directory) { return directory + "/archive"; }

Result<wal::LogSummary> walk_log(base::FileSystem& fs, const std::string& directory, const RecordVisitor& visit) {
  const std::string folder = directory + "/wal";
  if (!fs.is_directory(folder)) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  return wal::read_log(fs, folder, each_record(visit), archive_folder(directory));
}

std::string to_text(const wal::Defect& defect) {
  return defect.segment + " offset " + std::to_string(defect.offset) + ": " + defect.message;
}

std::string to_text(const wal::Gap& gap) {
  return "the records with seqnos " + std::to_string(gap.first_seqno.value) + " to " +
         std::to_string(gap.last_seqno.value) + " are in no file; " + gap.segment + " goes on behind them";
}

std::vector<wal::Gap> missing_records(const wal::LogSummary& log) {
  std::vector<wal::Gap> missing;
  if (!log.segments.empty() && log.segments.front().header && log.first_seqno > SeqNo{1}) {
    missing.push_back({.segment = log.segments.front().path,
                       .first_seqno = SeqNo{1},
                       .last_seqno = SeqNo{log.first_seqno.value - 1}});
  }
  missing.insert(missing.end(), log.gaps.begin(), log.gaps.end());
  return missing;
}

std::vector<std::string> notes_on(const wal::LogSummary& log) {
  std::vector<std::string> notes;
  for (const wal::SegmentSummary& segment : log.segments) {
    if (!segment.torn_offset) continue;
    notes.push_back(segment.path + " offset " + std::to_string(*segment.torn_offset) +
                    ": an unfinished write; the next open cuts it off");
  }
  for (const std::string& twin : log.twins) {
    notes.push_back(twin + ": its segment is still in the log, which is read instead; the next archiving removes it");
  }
  return notes;
}

}  // namespace tidal::db
