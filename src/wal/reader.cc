// Tolerant reading of segments, and the verification of a log.
#include "wal/reader.h"

#include <algorithm>
#include <charconv>

#include "wal/archive.h"
#include "wal/history.h"
#include "wal/recovery.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

/// Every record decodes, numbers itself rightly, and encodes to the bytes it was read from.
Status check_records(const FrameHeader& header, std::string_view body, SeqNo& last_anonymous) {
  RecordCursor cursor(header, body);
  WalEvent event;
  std::string again;
  while (cursor.next(event)) {
    encode_record(event.record, event.seqno, again);
    if (is_anonymous(event.record)) last_anonymous = event.seqno;
  }
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
  /// Whether run() ended with the visitor's error.
  [[nodiscard]] bool was_ended() const { return ended_; }

 private:
  void defect(std::uint64_t offset, std::string message) {
    summary_.defects.push_back({.segment = summary_.path, .offset = offset, .message = std::move(message)});
  }

  Status take_frame() {
    const FrameHeader& header = reader_.header();
    if (Status records = check_records(header, reader_.body(), summary_.last_anonymous); !records.ok()) {
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
    Status visited = visit_(FrameView{.offset = reader_.offset(), .header = header, .body = reader_.body()});
    ended_ = !visited.ok();
    return visited;
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
  bool ended_ = false;
};

/// Damage and newer formats are told and read past; every other error ends a walk.
bool is_defect(const Error& error) { return error.code == Code::Corruption || error.code == Code::FailedPrecondition; }

/// What reads files names path and offset by itself: a defect says each once.
Defect defect_of(const std::string& path, std::uint64_t offset, const Error& error) {
  Defect defect{.segment = path, .offset = offset, .message = error.message, .code = error.code};
  const std::string named = path + " offset ";
  if (defect.message.starts_with(named)) {
    const char* const end = error.message.data() + error.message.size();
    const auto [rest, problem] = std::from_chars(error.message.data() + named.size(), end, defect.offset);
    const std::string_view what(rest, static_cast<std::size_t>(end - rest));
    if (problem == std::errc{} && what.starts_with(": ")) defect.message = what.substr(2);
  } else if (defect.message.starts_with(path + " ")) {
    defect.message.erase(0, path.size() + 1);
  }
  return defect;
}

/// As read_segment(), of an open file.
Status read_opened(const base::File& file, SegmentSummary& summary, bool is_newest, const FrameVisitor& visit) {
  const auto tell = [&summary](const Error& error) {
    Defect defect = defect_of(summary.path, summary.end_offset, error);
    if (!summary.defects.empty() && summary.defects.back().message == defect.message) return;
    summary.defects.push_back(std::move(defect));
  };
  TIDAL_TRY_ASSIGN(summary.header, read_segment_header(file, summary.path));
  summary.last_seqno = SeqNo{summary.header->first_seqno.value - 1};
  summary.end_offset = kFramesBegin;
  Result<std::optional<SegmentFooter>> footer = read_segment_footer(file, *summary.header, summary.path);
  if (footer.ok()) {
    summary.footer = *footer;
  } else if (is_defect(footer.error())) {  // the chunk of an archive: frames may lie in sound ones
    tell(footer.error());
  } else {
    return footer.error();
  }
  Walk walk(file, summary, is_newest && footer.ok(), visit);
  Status walked = walk.run();
  if (walked.ok() || walk.was_ended() || !is_defect(walked.error())) return walked;
  tell(walked.error());
  return {};
}

void check_link(LogSummary& log, const SegmentSummary& before, const SegmentSummary& after) {
  if (!before.header || !after.header) return;  // said already
  if (!before.footer) {
    log.defects.push_back({.segment = before.path,
                           .offset = before.header->frames_end(),
                           .message = "footer is missing or damaged, though a segment follows"});
  }
  const SeqNo expected = before.last_seqno.next();
  if (expected == after.header->first_seqno) return;
  if (before.archived && before.defects.empty() && expected < after.header->first_seqno) {
    log.gaps.push_back(
        {.segment = after.path, .first_seqno = expected, .last_seqno = SeqNo{after.header->first_seqno.value - 1}});
    return;
  }
  log.defects.push_back({.segment = after.path,
                         .offset = 0,
                         .message = "does not follow on: expected seqno " + std::to_string(expected.value) + ", got " +
                                    std::to_string(after.header->first_seqno.value)});
}

void add_segment(LogSummary& log, SegmentSummary segment) {
  if (!log.segments.empty()) check_link(log, log.segments.back(), segment);
  log.defects.insert(log.defects.end(), segment.defects.begin(), segment.defects.end());
  log.frames += segment.frames;
  log.records += segment.records;
  log.last_anonymous = std::max(log.last_anonymous, segment.last_anonymous);
  if (segment.header) {
    if (log.first_seqno == SeqNo{}) log.first_seqno = segment.header->first_seqno;
    log.last_seqno = segment.last_seqno;
  }
  log.segments.push_back(std::move(segment));
}

/// The archived segments before `wal_first`. One whose seqnos another one has too is told and not read.
Status read_archive(base::FileSystem& fs, const std::vector<ArchivedSegment>& archive, std::optional<SeqNo> wal_first,
                    const FrameVisitor& visit, LogSummary& log) {
  for (std::size_t i = 0; i < archive.size(); ++i) {
    const ArchivedSegment& entry = archive[i];
    if (wal_first && entry.first_seqno >= *wal_first) {
      log.twins.push_back(entry.path);
      continue;
    }
    const std::optional<SeqNo> next = i + 1 < archive.size() ? archive[i + 1].first_seqno : wal_first;
    if (entry.problem && !is_defect(*entry.problem)) return *entry.problem;
    std::optional<Error> problem = entry.problem;
    if (!problem && next && entry.header->last_seqno >= *next) {
      problem = Error(Code::Corruption, "ends with seqno " + std::to_string(entry.header->last_seqno.value) +
                                            ", but the next segment begins with " + std::to_string(next->value));
    }
    SegmentSummary segment;
    if (!problem) {
      TIDAL_TRY_ASSIGN(segment, read_segment(fs, entry.path, false, visit));
    } else {
      segment.path = entry.path;
      segment.defects.push_back(defect_of(entry.path, 0, *problem));
    }
    segment.archived = true;
    add_segment(log, std::move(segment));
  }
  return {};
}

}  // namespace

Result<SegmentSummary> read_segment(base::FileSystem& fs, const std::string& path, bool is_newest,
                                    const FrameVisitor& visit) {
  SegmentSummary summary;
  summary.path = path;
  Result<std::unique_ptr<base::File>> file = open_segment(fs, path);
  const Status read = file.ok() ? read_opened(**file, summary, is_newest, visit) : Status(file.error());
  if (read.ok()) return summary;
  if (summary.header || !is_defect(read.error())) return read.error();
  summary.defects.push_back(defect_of(path, 0, read.error()));
  return summary;
}

Result<LogSummary> read_log(base::FileSystem& fs, const std::string& dir, const FrameVisitor& visit,
                            const std::string& archive_dir) {
  LogSummary log;
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, list_segments(fs, dir));
  std::optional<SeqNo> wal_first;
  if (!names.empty()) wal_first = parse_segment_file_name(names.front());
  const std::vector<ArchivedSegment> archive = list_archive(fs, archive_dir);
  TIDAL_TRY(read_archive(fs, archive, wal_first, visit, log));
  for (const std::string& name : names) {
    TIDAL_TRY_ASSIGN(SegmentSummary segment, read_segment(fs, dir + "/" + name, name == names.back(), visit));
    if (segment.header && segment_file_name(segment.header->first_seqno) != name) {
      const std::string own = segment_file_name(segment.header->first_seqno);
      segment.defects.push_back({.segment = segment.path, .offset = 0, .message = "header is of " + own});
    }
    add_segment(log, std::move(segment));
  }
  if (const Status end = check_archive_end(archive, dir, names.empty() ? SeqNo{} : log.last_seqno); !end.ok()) {
    log.defects.push_back(defect_of(archive.back().path, 0, end.error()));
  }
  return log;
}

Result<LogSummary> verify_log(base::FileSystem& fs, const std::string& dir, const std::string& archive_dir) {
  return read_log(fs, dir, {}, archive_dir);
}

}  // namespace tidal::wal
