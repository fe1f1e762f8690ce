// Walking segments with the log's own reader.
#include "db/offline/log_walk.h"

#include <utility>

#include "wal/recovery.h"
#include "wal/segment_reader.h"

namespace tidal::db {
namespace {

/// True unless a sound frame behind the bad place says that the log was synced beyond it.
Result<bool> was_never_synced(wal::SegmentReader& reader) {
  const SeqNo first_lost = reader.next_seqno();
  TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> later, reader.find_frame(reader.offset() + wal::kFrameAlignment));
  if (!later) return true;
  reader.resume_at(*later);
  TIDAL_TRY_ASSIGN(const wal::SegmentReader::Step step, reader.next());
  return step != wal::SegmentReader::Step::Frame || reader.header().synced_through < first_lost;
}

}  // namespace

Result<SegmentSummary> walk_segment(base::FileSystem& fs, const std::string& path, bool newest,
                                    const FrameVisitor& visit) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  SegmentSummary summary;
  summary.path = path;
  TIDAL_TRY_ASSIGN(summary.header, wal::read_segment_header(*file, path));
  TIDAL_TRY_ASSIGN(summary.footer, wal::read_segment_footer(*file, summary.header));
  wal::SegmentReader reader(*file, summary.header);
  summary.next_seqno = reader.next_seqno();
  while (true) {
    TIDAL_TRY_ASSIGN(const wal::SegmentReader::Step step, reader.next());
    if (step == wal::SegmentReader::Step::Frame) {
      TIDAL_TRY(visit(reader.header(), reader.body()));
      ++summary.frames;
      summary.records += reader.header().record_count;
      summary.end_offset = reader.offset() + reader.header().frame_bytes();
      summary.next_seqno = reader.next_seqno();
      continue;
    }
    if (step == wal::SegmentReader::Step::Bad) {
      LogDefect defect{.offset = reader.offset(), .problem = reader.problem()};
      if (newest && !summary.footer) {
        TIDAL_TRY_ASSIGN(defect.unfinished, was_never_synced(reader));
      }
      summary.defect = std::move(defect);
    } else if (summary.footer && summary.end_offset != summary.footer->end_offset) {
      summary.defect = LogDefect{
          .offset = summary.end_offset,
          .problem = "the footer says that frames go on to offset " + std::to_string(summary.footer->end_offset)};
    }
    return summary;
  }
}

Result<std::vector<SegmentSummary>> walk_log(base::FileSystem& fs, const std::string& directory,
                                             const RecordVisitor& visit) {
  const std::string folder = directory + "/wal";
  if (!fs.is_directory(folder)) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, wal::list_segments(fs, folder));
  std::vector<SegmentSummary> summaries;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto each = [&visit](const wal::FrameHeader& header, std::string_view body) -> Status {
      wal::RecordCursor cursor(header, body);
      wal::WalEvent event;
      event.append_time = header.append_time;
      while (cursor.next(event)) TIDAL_TRY(visit(event));
      return cursor.status();
    };
    TIDAL_TRY_ASSIGN(SegmentSummary summary, walk_segment(fs, folder + "/" + names[i], i + 1 == names.size(), each));
    if (!summaries.empty() && summary.header.first_seqno != summaries.back().next_seqno && !summaries.back().defect) {
      return Error(Code::Corruption, summary.path + " begins at seqno " +
                                         std::to_string(summary.header.first_seqno.value) + ", expected " +
                                         std::to_string(summaries.back().next_seqno.value));
    }
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

}  // namespace tidal::db
