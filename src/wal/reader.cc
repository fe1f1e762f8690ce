// Tolerant reading of segments, and the verification of a log.
#include "wal/reader.h"

#include "wal/recovery.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

/// Every record decodes, numbers itself rightly, and encodes to the bytes it was read from.
Status check_records(const FrameHeader& header, std::string_view body) {
  RecordCursor cursor(header, body);
  WalEvent event;
  std::string again;
  while (cursor.next(event)) encode_record(event.record, event.seqno, again);
  TIDAL_TRY(cursor.status());
  if (again != body) return Error(Code::Corruption, "a record is not coded as its fields demand");
  return {};
}

/// One walk over one segment.
class Walk {
 public:
  Walk(const base::File& file, SegmentSummary& summary, bool is_newest, const FrameVisitor& visit)
      : reader_(file, *summary.header), summary_(summary), may_be_torn_(is_newest && !summary.footer), visit_(visit) {}

  Status run() {
    while (true) {
      TIDAL_TRY_ASSIGN(const SegmentReader::Step step, reader_.next());
      if (step == SegmentReader::Step::Frame) {
        TIDAL_TRY(take_frame());
        continue;
      }
      TIDAL_TRY_ASSIGN(const bool resumed, step_over_bad_place(step));
      if (!resumed) break;
    }
    check_footer();
    return {};
  }

 private:
  void defect(std::uint64_t offset, std::string message) {
    summary_.defects.push_back({.segment = summary_.path, .offset = offset, .message = std::move(message)});
  }

  Status take_frame() {
    const FrameHeader& header = reader_.header();
    if (Status records = check_records(header, reader_.body()); !records.ok()) {
      defect(reader_.offset(), records.error().message);
    }
    if (summary_.frames == 0) summary_.first_append_time = header.append_time;
    summary_.last_append_time = header.append_time;
    ++summary_.frames;
    summary_.records += header.record_count;
    summary_.bytes_used += header.frame_bytes();
    summary_.last_seqno = header.last_seqno();
    summary_.end_offset = reader_.offset() + header.frame_bytes();
    if (!visit_) return {};
    return visit_(FrameView{.offset = reader_.offset(), .header = header, .body = reader_.body()});
  }

  /// Says what is wrong here, if anything is, and goes on at the next sound frame. False: there is none.
  Result<bool> step_over_bad_place(SegmentReader::Step step) {
    const std::uint64_t at = reader_.offset();
    const SeqNo expected = reader_.next_seqno();
    TIDAL_TRY_ASSIGN(const std::uint64_t content_end, reader_.find_content_end(at));
    if (content_end == at) return false;
    const std::string what =
        step == SegmentReader::Step::Bad ? reader_.problem() : std::string("zeros where a frame was expected");
    bool torn = may_be_torn_;
    if (torn) {
      TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> proof,
                       reader_.find_proof_of_sync(at + kFrameAlignment, expected));
      torn = !proof;
    }
    if (torn) {
      summary_.torn_offset = at;
      return false;
    }
    defect(at, what + "; expected seqno " + std::to_string(expected.value));
    TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> later, reader_.find_frame(at + kFrameAlignment));
    if (later) reader_.resume_at(*later);
    return later.has_value();
  }

  void check_footer() {
    if (!summary_.footer) return;
    const SegmentFooter& footer = *summary_.footer;
    if (footer.record_count != summary_.records || footer.last_seqno != summary_.last_seqno ||
        footer.end_offset != summary_.end_offset) {
      defect(summary_.header->frames_end(), "footer says " + std::to_string(footer.record_count) +
                                                " records up to seqno " + std::to_string(footer.last_seqno.value) +
                                                ", found " + std::to_string(summary_.records) + " up to seqno " +
                                                std::to_string(summary_.last_seqno.value));
    }
  }

  SegmentReader reader_;
  SegmentSummary& summary_;
  const bool may_be_torn_;
  const FrameVisitor& visit_;
};

void check_link(LogSummary& log, const SegmentSummary& before, const SegmentSummary& after) {
  if (!before.header || !after.header) return;  // said already
  if (!before.footer) {
    log.defects.push_back({.segment = before.path,
                           .offset = before.header->frames_end(),
                           .message = "footer is missing or damaged, though a segment follows"});
  }
  if (before.last_seqno.next() != after.header->first_seqno) {
    log.defects.push_back({.segment = after.path,
                           .offset = 0,
                           .message = "does not follow on: expected seqno " +
                                      std::to_string(before.last_seqno.value + 1) + ", got " +
                                      std::to_string(after.header->first_seqno.value)});
  }
}

}  // namespace

Result<SegmentSummary> read_segment(base::FileSystem& fs, const std::string& path, bool is_newest,
                                    const FrameVisitor& visit) {
  SegmentSummary summary;
  summary.path = path;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  Result<SegmentHeader> header = read_segment_header(*file, path);
  if (!header.ok()) {
    if (header.error().code == Code::IoError) return std::move(header).error();
    summary.defects.push_back({.segment = path, .offset = 0, .message = header.error().message});
    return summary;
  }
  summary.header = *header;
  summary.last_seqno = SeqNo{header->first_seqno.value - 1};
  summary.end_offset = kFramesBegin;
  TIDAL_TRY_ASSIGN(summary.footer, read_segment_footer(*file, *header));
  Status walked = Walk(*file, summary, is_newest, visit).run();
  if (!walked.ok() && walked.error().code != Code::FailedPrecondition) return std::move(walked).error();
  if (!walked.ok()) {
    summary.defects.push_back({.segment = path, .offset = summary.end_offset, .message = walked.error().message});
  }
  return summary;
}

Result<LogSummary> read_log(base::FileSystem& fs, const std::string& dir, const FrameVisitor& visit) {
  LogSummary log;
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, list_segments(fs, dir));
  for (const std::string& name : names) {
    TIDAL_TRY_ASSIGN(SegmentSummary segment, read_segment(fs, dir + "/" + name, name == names.back(), visit));
    if (!log.segments.empty()) check_link(log, log.segments.back(), segment);
    log.defects.insert(log.defects.end(), segment.defects.begin(), segment.defects.end());
    log.frames += segment.frames;
    log.records += segment.records;
    if (segment.header) {
      if (log.segments.empty()) log.first_seqno = segment.header->first_seqno;
      log.last_seqno = segment.last_seqno;
    }
    log.segments.push_back(std::move(segment));
  }
  return log;
}

Result<LogSummary> verify_log(base::FileSystem& fs, const std::string& dir) { return read_log(fs, dir, {}); }

}  // namespace tidal::wal
