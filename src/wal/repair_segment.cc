// The head of a damaged segment from what is left of it, and the walk over its frames.
#include "wal/repair_segment.h"

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <span>

#include "wal/reader.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

constexpr std::size_t kBlockBytes = 64;

Result<std::string> read_bytes(const base::File& file, std::uint64_t offset, std::size_t n) {
  std::string bytes(n, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t got, file.read_at(offset, std::as_writable_bytes(std::span(bytes))));
  bytes.resize(got);
  return bytes;
}

/// A header that makes SegmentReader look for frames with `check` before `frames_end`.
SegmentHeader reading_header(const SegmentHeader& header, std::uint32_t check, std::uint64_t frames_end) {
  SegmentHeader reading = header;
  reading.check = check;
  reading.segment_bytes = frames_end + kPageBytes;
  return reading;
}

/// Counts the checks that frames in their place repeat, whatever those are.
Result<std::map<std::uint32_t, std::uint64_t>> votes_on_check(const base::File& file, std::uint64_t frames_end) {
  std::map<std::uint32_t, std::uint64_t> votes;
  std::optional<Error> newer;
  std::string window;
  std::uint64_t window_begin = 0;
  constexpr std::size_t kWindowBytes = std::size_t{1} << 20;
  for (std::uint64_t at = kFramesBegin; at + kFrameHeaderBytes <= frames_end;) {
    if (window.empty() || at < window_begin || at + kFrameHeaderBytes > window_begin + window.size()) {
      const std::uint64_t wanted = std::min<std::uint64_t>(kWindowBytes, frames_end - at);
      TIDAL_TRY_ASSIGN(window, read_bytes(file, at, static_cast<std::size_t>(wanted)));
      window_begin = at;
      if (window.size() < kFrameHeaderBytes) break;
    }
    const std::string_view head = std::string_view(window).substr(at - window_begin, kFrameHeaderBytes);
    const std::uint64_t begin = at;
    at += kFrameAlignment;
    if (!starts_with_frame_magic(head)) continue;
    const Result<FrameHeader> header = decode_frame_header(head, {.offset = begin});
    if (!header.ok() && header.error().code == Code::FailedPrecondition) newer = header.error();
    if (!header.ok()) continue;
    ++votes[header->segment_check];
    at = begin + header->frame_bytes();
  }
  // No segment holds frames of two formats: beside others a newer one is something that a client sent.
  if (votes.empty() && newer) return *newer;
  return votes;
}

/// Makes up what the header page said: the name gives the first seqno, the frames (or the footer) its checksum.
Status replace_header(const base::File& file, SegmentHead& head) {
  SegmentHeader& header = head.header;
  header.first_seqno = *parse_segment_file_name(head.name);
  header.segment_bytes = std::max(2 * kPageBytes, segment_bytes_for(head.file_bytes, 0));
  head.is_cut_off = header.segment_bytes != head.file_bytes;
  TIDAL_TRY_ASSIGN(const auto votes, votes_on_check(file, head.file_bytes));
  const auto most =
      std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  head.frames_end = head.file_bytes;
  if (most == votes.end()) return {};
  head.frame_check = most->first;
  const SegmentHeader reading = reading_header(header, head.frame_check, head.frames_end);
  SegmentReader reader(file, reading);
  TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> first, reader.find_frame(kFramesBegin));
  if (first) header.created_at = reader.header().append_time;
  return {};
}

class Walk {
 public:
  Walk(const base::File& file, JudgedSegment& segment, const SegmentLimits& limits)
      : file_(file),
        segment_(segment),
        limits_(limits),
        reader_(file, reading_header(segment.head.header, segment.head.frame_check, segment.head.frames_end)),
        expected_(segment.head.header.first_seqno) {}

  Status run() {
    segment_.end_offset = kFramesBegin;
    if (segment_.head.frames_end > kFramesBegin) {
      TIDAL_TRY(walk());
    } else {
      note_cut(kFramesBegin);
    }
    if (!ends_badly_ && expected_ <= limits_.last_certain) {
      lose({.begin = segment_.end_offset, .seqnos = {expected_, limits_.last_certain}}, what_ends(segment_.end_offset),
           {});
    }
    segment_.last_seqno = SeqNo{expected_.value - 1};
    return {};
  }

 private:
  struct Place {
    std::uint64_t begin = 0;
    SeqnoRange seqnos{};
  };

  Status walk() {
    while (true) {
      TIDAL_TRY_ASSIGN(const SegmentReader::Step step, reader_.next());
      const std::uint64_t at = reader_.offset();
      std::string problem;
      if (step == SegmentReader::Step::Frame) {
        problem = problem_with_frame(0);
        if (problem.empty()) {
          keep_frame();
          continue;
        }
      } else {
        TIDAL_TRY_ASSIGN(const std::uint64_t content_end, reader_.find_content_end(at));
        if (content_end == at) {
          note_cut(at);
          return {};
        }
        problem = step == SegmentReader::Step::Bad ? reader_.problem() : what_ends(at);
      }
      // A frame whose checksums hold is not cut off by an open, whatever is in it.
      const bool may_be_torn = limits_.may_be_torn && step != SegmentReader::Step::Frame;
      TIDAL_TRY_ASSIGN(const bool resumed, step_over(at, problem, may_be_torn));
      if (!resumed) return {};
    }
  }

  /// Why the sound frame that the reader is at cannot belong here; `skipped` bytes lie before it. J1.
  [[nodiscard]] std::string problem_with_frame(std::uint64_t skipped) {
    const FrameHeader& header = reader_.header();
    anonymous_ = SeqNo{};
    if (header.first_seqno < expected_ || header.first_seqno.value - expected_.value > skipped / kEmptyRecordBytes) {
      return "frame with seqno " + std::to_string(header.first_seqno.value);
    }
    if (!fits(header)) return "frame with seqnos past " + std::to_string(limits_.last_possible.value);
    RecordCursor cursor(header, reader_.body());
    WalEvent event;
    while (cursor.next(event)) {
      if (is_anonymous(event.record)) anonymous_ = event.seqno;
    }
    return cursor.status().ok() ? "" : cursor.status().error().message;
  }

  [[nodiscard]] bool fits(const FrameHeader& header) const {
    const std::uint64_t room = limits_.last_possible.value - (header.first_seqno.value - 1);
    return header.first_seqno.value - 1 <= limits_.last_possible.value && header.record_count <= room;
  }

  void keep_frame() {
    const FrameHeader& header = reader_.header();
    const std::uint64_t begin = reader_.offset();
    const bool goes_on =
        !segment_.parts.empty() && segment_.parts.back().part.is_kept() && segment_.parts.back().part.end == begin;
    if (!goes_on) {
      segment_.parts.push_back({.part = {.begin = begin,
                                         .end = begin,
                                         .seqnos = {header.first_seqno, SeqNo{header.first_seqno.value - 1}},
                                         .first_append = header.append_time,
                                         .last_append = header.append_time},
                                .expected = "",
                                .found = ""});
    }
    SegmentPart& part = segment_.parts.back().part;
    part.end = begin + header.frame_bytes();
    part.seqnos.last = header.last_seqno();
    part.last_append = header.append_time;
    segment_.last_anonymous = std::max(segment_.last_anonymous, anonymous_);
    expected_ = header.last_seqno().next();
    segment_.end_offset = part.end;
  }

  void lose(Place place, std::string found, std::optional<Timestamp> append_time) {
    place.seqnos.last = std::max(place.seqnos.last, SeqNo{expected_.value - 1});
    segment_.parts.push_back(
        {.part =
             {.begin = place.begin, .end = place.begin, .seqnos = place.seqnos, .first_append = {}, .last_append = {}},
         .expected = "a frame with seqno " + std::to_string(expected_.value),
         .found = std::move(found),
         .append_time = append_time});
    expected_ = place.seqnos.last.next();
  }

  /// The header of the frame at `at`, when only its body is bad.
  Result<std::optional<FrameHeader>> sound_header(std::uint64_t at) const {
    TIDAL_TRY_ASSIGN(const std::string bytes, read_bytes(file_, at, kFrameHeaderBytes));
    const Result<FrameHeader> header =
        decode_frame_header(bytes, {.offset = at, .segment_check = segment_.head.frame_check});
    const bool is_sound = header.ok() && header->first_seqno == expected_ && fits(*header) &&
                          header->record_count <= header->body_bytes / kEmptyRecordBytes;
    return is_sound ? std::optional(*header) : std::nullopt;
  }

  /// Goes on at the next sound frame behind the bad place at `at`; false when there is none.
  Result<bool> step_over(std::uint64_t at, const std::string& problem, bool may_be_torn) {
    if (may_be_torn && limits_.last_certain < expected_) {
      TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> proof,
                       reader_.find_proof_of_sync(at + kFrameAlignment, expected_));
      if (!proof) {
        segment_.torn = segment_.head.name + " offset " + std::to_string(at) +
                        ": an unfinished write; the next open cuts it off (" + problem + ")";
        ends_badly_ = true;
        return false;
      }
    }
    TIDAL_TRY_ASSIGN(const std::optional<FrameHeader> own, sound_header(at));
    const std::optional<Timestamp> time = own ? std::optional(own->append_time) : std::nullopt;
    std::uint64_t from = at + (own ? own->frame_bytes() : kFrameAlignment);
    while (true) {
      TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> next, find_frame(from));
      if (!next) break;
      if (!problem_with_frame(*next - at).empty()) {
        from = *next + kFrameAlignment;
        continue;
      }
      lose({.begin = at, .seqnos = {expected_, SeqNo{reader_.header().first_seqno.value - 1}}}, problem, time);
      reader_.resume_at(*next);
      return true;
    }
    SeqNo last = limits_.last_certain;
    if (own && own->record_count > 0) last = std::max(last, own->last_seqno());
    lose({.begin = at, .seqnos = {expected_, last}}, problem, last == own_last(own) ? time : std::nullopt);
    segment_.open_ended = segment_.head.is_cut_off && limits_.may_end_anywhere();
    ends_badly_ = true;
    return false;
  }

  [[nodiscard]] static SeqNo own_last(const std::optional<FrameHeader>& own) {
    return own && own->record_count > 0 ? own->last_seqno() : SeqNo{};
  }

  Result<std::optional<std::uint64_t>> find_frame(std::uint64_t from) {
    if (from >= segment_.head.frames_end) return std::optional<std::uint64_t>();
    return reader_.find_frame(from);
  }

  /// Frames end where the zeros of a frame's header follow; a file that was cut off before those may have had more.
  void note_cut(std::uint64_t at) {
    if (!segment_.head.is_cut_off || !limits_.may_end_anywhere()) return;
    const bool size_is_known = segment_.head.header_problem.empty();
    const bool had_room = !size_is_known || at + kFrameHeaderBytes <= segment_.head.header.frames_end();
    segment_.open_ended = had_room && at + kFrameHeaderBytes > segment_.head.file_bytes;
  }

  /// What is at `at` when no frame starts there.
  [[nodiscard]] std::string what_ends(std::uint64_t at) const {
    const bool has_room = at + kFrameHeaderBytes <= segment_.head.frames_end;
    return has_room ? "zeros" : segment_.head.is_cut_off ? "the end of the file" : "the end of the segment";
  }

  const base::File& file_;
  JudgedSegment& segment_;
  const SegmentLimits limits_;
  SegmentReader reader_;
  SeqNo expected_;
  SeqNo anonymous_;  // of the last such record in the frame that was looked at
  bool ends_badly_ = false;
};

}  // namespace

bool SegmentLimits::may_end_anywhere() const {
  return last_possible.value == std::numeric_limits<std::uint64_t>::max();
}

Result<SegmentHead> read_segment_head(base::FileSystem& fs, const std::string& dir, const std::string& name) {
  const std::string path = dir + "/" + name;
  SegmentHead head;
  head.name = name;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Read));
  TIDAL_TRY_ASSIGN(head.file_bytes, file->size());
  TIDAL_TRY_ASSIGN(const std::string block, read_bytes(*file, 0, kBlockBytes));
  const Result<SegmentHeader> header = decode_segment_header(block);
  if (!header.ok() && header.error().code == Code::FailedPrecondition) {
    return Error(Code::FailedPrecondition, path + ": " + header.error().message);
  }
  if (header.ok() && header->format_version > kFormatVersion) {
    return Error(Code::FailedPrecondition, path + " has log format " + std::to_string(header->format_version) +
                                               "; this program writes format " + std::to_string(kFormatVersion));
  }
  if (header.ok()) {
    head.header = *header;
    head.frame_check = header->check;
    head.is_cut_off = head.file_bytes < header->segment_bytes;
    head.frames_end = std::min(header->frames_end(), head.file_bytes);
  } else {
    head.header_problem = header.error().message;
    TIDAL_TRY(replace_header(*file, head));
  }
  if (!head.is_cut_off) {
    SegmentHeader reading = head.header;
    reading.check = head.frame_check;
    TIDAL_TRY_ASSIGN(head.footer, read_segment_footer(*file, reading, path));
    if (head.footer) head.frames_end = head.header.frames_end();
  }
  if (!head.footer && !head.header_problem.empty() && !head.is_cut_off) {
    // Frames where the footer page should be: nothing else tells that this is not the size the file had.
    TIDAL_TRY_ASSIGN(const std::string page, read_bytes(*file, head.header.frames_end(), kPageBytes));
    head.is_cut_off = page.find_first_not_of('\0') != std::string::npos;
  }
  return head;
}

Result<JudgedSegment> judge_segment(base::FileSystem& fs, const std::string& dir, SegmentHead head,
                                    const SegmentLimits& limits) {
  JudgedSegment segment;
  segment.head = std::move(head);
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file,
                   fs.open(dir + "/" + segment.head.name, base::OpenMode::Read));
  TIDAL_TRY(Walk(*file, segment, limits).run());
  return segment;
}

}  // namespace tidal::wal
