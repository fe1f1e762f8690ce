// Copying frames as they are, and the last one as far as it is wanted.
#include "wal/segment_copy.h"

#include <memory>
#include <string_view>

#include "wal/archive.h"
#include "wal/frame.h"
#include "wal/record_layout.h"
#include "wal/segment.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

constexpr std::size_t kHeaderBlockBytes = 64;

/// Frames on their way to the same offsets of a copy.
class CopyWriter {
 public:
  CopyWriter(base::File& file, const SegmentHeader& segment) : file_(file), segment_(segment) {}

  Status add_frame(FrameHeader header, std::string_view body) {
    frame_.assign(header.frame_bytes(), '\0');
    body.copy(frame_.data() + kFrameHeaderBytes, header.body_bytes);
    header.body_crc = body_checksum(std::string_view(frame_).substr(kFrameHeaderBytes));
    encode_frame_header(header, frame_.data());
    TIDAL_TRY(file_.write_at(header.offset, base::as_bytes(frame_)));
    end_ = header.offset + header.frame_bytes();
    if (header.record_count > 0) done_ = {.last_seqno = header.last_seqno(), .last_append = header.append_time};
    last_append_ = header.append_time;
    return {};
  }

  /// What a clean close leaves (K2).
  Status add_mark() {
    if (end_ == kFramesBegin || end_ + kFrameHeaderBytes > segment_.frames_end()) return {};
    return add_frame({.first_seqno = done_.last_seqno.next(),
                      .append_time = last_append_,
                      .synced_through = done_.last_seqno,
                      .offset = end_,
                      .segment_check = segment_.check},
                     {});
  }

  [[nodiscard]] const SegmentCopy& done() const { return done_; }

 private:
  base::File& file_;
  const SegmentHeader& segment_;
  std::string frame_;
  std::uint64_t end_ = kFramesBegin;
  Timestamp last_append_{};
  SegmentCopy done_{.last_seqno = SeqNo{segment_.first_seqno.value - 1}, .last_append = {}};
};

/// The header of the same frame with only its records up to `through`. Corruption when they do not decode.
Result<FrameHeader> cut_frame(const FrameHeader& whole, std::string_view body, SeqNo through) {
  RecordCursor cursor(whole, body);
  WalEvent event;
  FrameHeader cut = whole;
  cut.record_count = 0;
  cut.body_bytes = 0;
  while (cursor.next(event)) {
    if (event.seqno > through) continue;  // the rest is still judged
    ++cut.record_count;
    cut.body_bytes += static_cast<std::uint32_t>(sizeof(std::uint32_t)) +
                      load<std::uint32_t>(body.data() + cut.body_bytes + kRecordLengthAt);
  }
  TIDAL_TRY(cursor.status());
  return cut;
}

Error damage(const std::string& path, std::uint64_t offset, const std::string& what) {
  return Error(Code::Corruption, path + " offset " + std::to_string(offset) + ": " + what);
}

Status copy_frames(SegmentReader& reader, const std::string& from, SeqNo through, CopyWriter& copy) {
  while (reader.next_seqno() <= through) {
    const SeqNo expected = reader.next_seqno();
    TIDAL_TRY_ASSIGN(const SegmentReader::Step step, reader.next());
    if (step == SegmentReader::Step::Bad) return damage(from, reader.offset(), reader.problem());
    if (step == SegmentReader::Step::End) {
      return damage(from, reader.offset(),
                    "ends before seqno " + std::to_string(expected.value) + ", expected records up to " +
                        std::to_string(through.value));
    }
    Result<FrameHeader> cut = cut_frame(reader.header(), reader.body(), through);
    if (!cut.ok()) return damage(from, reader.offset(), cut.error().message);
    TIDAL_TRY(copy.add_frame(*cut, reader.body()));
  }
  return copy.add_mark();
}

}  // namespace

Result<SegmentCopy> copy_segment_through(base::FileSystem& fs, const std::string& from, const std::string& to,
                                         SeqNo through, SegmentSpace space) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> source, open_segment(fs, from));
  TIDAL_TRY_ASSIGN(const SegmentHeader header, read_segment_header(*source, from));
  std::unique_ptr<base::File> file;
  if (space == SegmentSpace::Zeroed) {
    TIDAL_TRY_ASSIGN(file, create_zeros(fs, to, header.segment_bytes));
  } else {
    TIDAL_TRY_ASSIGN(file, fs.open(to, base::OpenMode::Create));
    TIDAL_TRY(file->truncate(header.segment_bytes));
  }
  // As it is: frames repeat its checksum.
  std::string header_block(kHeaderBlockBytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t header_bytes, source->read_at(0, std::as_writable_bytes(std::span(header_block))));
  header_block.resize(header_bytes);
  TIDAL_TRY(file->write_at(0, base::as_bytes(header_block)));
  SegmentReader reader(*source, header);
  CopyWriter copy(*file, header);
  TIDAL_TRY(copy_frames(reader, from, through, copy));
  TIDAL_TRY(file->sync());
  return copy.done();
}

}  // namespace tidal::wal
