// Recovery: the chain of segments, then the frames of the newest one; and what is written once that is accepted.
#include "wal/recovery.h"

#include <algorithm>
#include <deque>

#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

Error damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return Error(Code::Corruption, path + " offset " + std::to_string(offset) + ": " + what);
}

Result<std::vector<SegmentEntry>> read_headers(base::FileSystem& fs, const std::string& dir) {
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, list_segments(fs, dir));
  std::vector<SegmentEntry> segments;
  for (const std::string& name : names) {
    SegmentEntry entry{.path = dir + "/" + name, .header = {}};
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(entry.path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(entry.header, read_segment_header(*file, entry.path));
    if (segment_file_name(entry.header.first_seqno) != name) {
      return damage(entry.path, 0, "header is of " + segment_file_name(entry.header.first_seqno));
    }
    if (entry.header.format_version > kFormatVersion) {
      return Error(Code::FailedPrecondition, entry.path + " has log format " +
                                                 std::to_string(entry.header.format_version) +
                                                 "; this program writes format " + std::to_string(kFormatVersion));
    }
    segments.push_back(std::move(entry));
  }
  return segments;
}

/// G3: every segment but the newest has a footer, and the next one begins where it ends.
Status check_chain(base::FileSystem& fs, const std::vector<SegmentEntry>& segments) {
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const SegmentEntry& entry = segments[i];
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(entry.path, base::OpenMode::Read));
    TIDAL_TRY_ASSIGN(const std::optional<SegmentFooter> footer, read_segment_footer(*file, entry.header, entry.path));
    if (!footer) return damage(entry.path, entry.header.frames_end(), "footer is missing or damaged");
    const SegmentEntry& successor = segments[i + 1];
    if (footer->last_seqno.next() != successor.header.first_seqno) {
      return damage(
          entry.path, entry.header.frames_end(),
          "ends with seqno " + std::to_string(footer->last_seqno.value) + ", but " + successor.path + " follows");
    }
  }
  return {};
}

/// V1. `bad_seqno` is the seqno expected at `offset`.
Status refuse_if_synced(SegmentReader& reader, const std::string& path, std::uint64_t offset, SeqNo bad_seqno,
                        const std::string& reason) {
  TIDAL_TRY_ASSIGN(const std::optional<std::uint64_t> proof,
                   reader.find_proof_of_sync(offset + kFrameAlignment, bad_seqno));
  if (!proof) return {};
  return damage(path, offset,
                reason + "; it was synced: the frame at offset " + std::to_string(*proof) + " knows seqno " +
                    std::to_string(reader.header().synced_through.value) + " to be on disk");
}

/// Frames that no later frame knows to be on disk.
class UnprovenFrames {
 public:
  /// The next frame and its place.
  void add(const FrameHeader& frame, std::uint64_t offset) {
    while (!frames_.empty() && frames_.front().proof <= frame.synced_through) frames_.pop_front();
    // Of a close mark nobody knows: only a sync of what came behind it tells that it is there.
    frames_.push_back({offset, frame.record_count == 0 ? frame.first_seqno : frame.last_seqno()});
  }
  [[nodiscard]] std::uint64_t first_offset(std::uint64_t otherwise) const {
    return frames_.empty() ? otherwise : frames_.front().offset;
  }

 private:
  struct Unproven {
    std::uint64_t offset;
    SeqNo proof;  // the seqno that must be known to be synced
  };
  std::deque<Unproven> frames_;
};

/// V3.
Status write_again(base::File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;
  std::vector<std::byte> bytes(std::min(kChunkBytes, end - begin));
  for (std::uint64_t at = begin; at < end; at += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(bytes.size(), end - at));
    TIDAL_TRY_ASSIGN(const std::size_t n, file.read_at(at, bytes));
    TIDAL_TRY(file.write_at(at, base::Bytes(bytes).first(n)));
  }
  return {};
}

/// V2. Something that is no frame stays at the front until the zeros behind it are durable: when their sync fails, the
/// next open in the same life of the system reads zeros that the disk may not have, and must know that there is a tail.
/// The zeros of the front need no such care: its page is written again with the next frame.
Status cut_tail(base::File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::string_view kNoFrame = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
  const std::uint64_t front_end = std::min(end, begin + kPageBytes - begin % kPageBytes);
  TIDAL_TRY(file.write_at(begin, base::as_bytes(kNoFrame)));
  TIDAL_TRY(file.sync());
  TIDAL_TRY(write_zeros(file, front_end, end));
  TIDAL_TRY(file.sync());
  return write_zeros(file, begin, front_end);
}

/// Steps over all sound frames, taking over their times; tells what stands behind the last one.
Result<SegmentReader::Step> read_frames(SegmentReader& reader, OpenSegment& segment, UnprovenFrames& unproven) {
  TIDAL_TRY_ASSIGN(SegmentReader::Step step, reader.next());
  while (step == SegmentReader::Step::Frame) {
    const FrameHeader& frame = reader.header();
    unproven.add(frame, reader.offset());
    segment.last_append_time = std::max(segment.last_append_time, frame.append_time);
    if (frame.record_count > 0) segment.last_record_time = segment.last_append_time;
    TIDAL_TRY_ASSIGN(step, reader.next());
  }
  return step;
}

Status judge_frames(const base::File& file, const std::string& path, OpenSegment& segment,
                    std::optional<TornTail>& torn) {
  SegmentReader reader(file, segment.header);
  UnprovenFrames unproven;
  TIDAL_TRY_ASSIGN(const SegmentReader::Step step, read_frames(reader, segment, unproven));
  segment.end_offset = reader.offset();
  segment.unproven_offset = unproven.first_offset(segment.end_offset);
  segment.last_seqno = SeqNo{reader.next_seqno().value - 1};
  TIDAL_TRY_ASSIGN(const std::uint64_t content_end, reader.find_content_end(reader.offset()));
  if (content_end == segment.end_offset) return {};
  const std::string reason = step == SegmentReader::Step::Bad ? reader.problem() : "zeros where a frame was expected";
  TIDAL_TRY(refuse_if_synced(reader, path, segment.end_offset, reader.next_seqno(), reason));
  torn = TornTail{
      .segment = path, .offset = segment.end_offset, .bytes = content_end - segment.end_offset, .reason = reason};
  return {};
}

Result<OpenSegment> judge_newest(base::FileSystem& fs, const SegmentEntry& entry, std::optional<TornTail>& torn) {
  OpenSegment segment{.file = nullptr, .header = entry.header, .last_append_time = entry.header.created_at};
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(entry.path, base::OpenMode::Read));
  TIDAL_TRY_ASSIGN(const std::optional<SegmentFooter> footer, read_segment_footer(*file, entry.header, entry.path));
  if (footer) {
    segment.sealed = true;
    segment.end_offset = footer->end_offset;
    segment.unproven_offset = footer->end_offset;  // all frames are synced before a footer is written
    segment.last_seqno = footer->last_seqno;
    SegmentReader reader(*file, entry.header);
    UnprovenFrames proven_by_footer;
    const auto read = read_frames(reader, segment, proven_by_footer);
    if (!read.ok()) return error_in(entry.path, read.error());
  } else if (const Status judged = judge_frames(*file, entry.path, segment, torn); !judged.ok()) {
    return error_in(entry.path, judged.error());
  }
  return segment;
}

}  // namespace

Result<std::vector<std::string>> list_segments(const base::FileSystem& fs, const std::string& dir) {
  TIDAL_TRY_ASSIGN(std::vector<std::string> names, fs.list(dir));
  std::erase_if(names, [](const std::string& name) { return !parse_segment_file_name(name); });
  return names;
}

Result<RecoveredLog> survey(base::FileSystem& fs, const std::string& dir) {
  RecoveredLog log;
  if (!fs.exists(dir)) return log;
  TIDAL_TRY_ASSIGN(log.segments, read_headers(fs, dir));
  TIDAL_TRY(check_chain(fs, log.segments));
  if (!log.segments.empty()) {
    TIDAL_TRY_ASSIGN(log.newest, judge_newest(fs, log.segments.back(), log.report.torn));
    log.report.first_seqno = log.segments.front().header.first_seqno;
    log.report.last_seqno = log.newest->last_seqno;
  }
  log.report.segments = log.segments.size();
  return log;
}

Status make_writable(base::FileSystem& fs, const std::string& path, const std::optional<TornTail>& torn,
                     OpenSegment& segment) {
  TIDAL_TRY_ASSIGN(segment.file, fs.open(path, base::OpenMode::ReadWrite));
  if (segment.sealed) {
    TIDAL_TRY(write_again(*segment.file, segment.header.frames_end(), segment.header.segment_bytes));
  } else {
    TIDAL_TRY(write_again(*segment.file, segment.unproven_offset, segment.end_offset));
    if (torn) TIDAL_TRY(cut_tail(*segment.file, segment.end_offset, segment.header.frames_end()));
    // A half-written footer must not stay behind frames that are still to come.
    TIDAL_TRY(write_zeros(*segment.file, segment.header.frames_end(), segment.header.segment_bytes));
  }
  return segment.file->sync();
}

Status tidy_directory(base::FileSystem& fs, const std::string& dir) {
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(dir));
  for (const std::string& name : names) {
    if (name.ends_with(".wal.tmp")) TIDAL_TRY(fs.remove(dir + "/" + name));
  }
  return fs.sync_directory(dir);
}

}  // namespace tidal::wal
