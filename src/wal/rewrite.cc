// Counting what is to be changed, then writing it.
#include "wal/rewrite.h"

#include <memory>
#include <vector>

#include "wal/reader.h"
#include "wal/segment.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

struct Source {
  const base::File& file;
  const std::string& path;
  SegmentHeader header;
  SegmentFooter footer;
};

Error damage(const Source& source, std::uint64_t offset, const std::string& what) {
  return Error(Code::Corruption, source.path + " offset " + std::to_string(offset) + ": " + what);
}

/// Hands over every frame up to the footer's end.
Status each_frame(const Source& source, const std::function<Status(const FrameHeader&, std::string_view body)>& visit) {
  SegmentReader reader(source.file, source.header);
  while (true) {
    TIDAL_TRY_ASSIGN(const SegmentReader::Step step, reader.next());
    if (step == SegmentReader::Step::Bad) return damage(source, reader.offset(), reader.problem());
    if (step == SegmentReader::Step::End) break;
    TIDAL_TRY(visit(reader.header(), reader.body()));
  }
  if (reader.offset() == source.footer.end_offset && reader.next_seqno() == source.footer.last_seqno.next()) return {};
  return damage(source, reader.offset(),
                "frames end with seqno " + std::to_string(reader.next_seqno().value - 1) + ", expected " +
                    std::to_string(source.footer.last_seqno.value) + " at offset " +
                    std::to_string(source.footer.end_offset));
}

/// The records of a frame, changed where `edit` says; how many were.
Result<std::uint64_t> edit_frame(const Source& source, const FrameHeader& header, std::string_view body,
                                 const RecordEdit& edit, RecordBatch& records) {
  std::uint64_t changed = 0;
  records.clear();
  RecordCursor cursor(header, body);
  WalEvent event;
  event.append_time = header.append_time;
  while (cursor.next(event)) {
    if (edit(event)) ++changed;
    records.add(event.record);
  }
  if (!cursor.status().ok()) return damage(source, header.offset, cursor.status().error().message);
  return changed;
}

Status write_frames(const Source& source, const RecordEdit& edit, base::File& out) {
  std::string head(kPageBytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t got, source.file.read_at(0, std::as_writable_bytes(std::span(head))));
  if (got != head.size()) return damage(source, got, "the file ends inside its header page");
  TIDAL_TRY(out.write_at(0, base::as_bytes(head)));
  std::uint64_t offset = kFramesBegin;
  Frame frame;
  RecordBatch records;
  const auto write_one = [&](const FrameHeader& header, std::string_view body) -> Status {
    TIDAL_TRY(edit_frame(source, header, body, edit, records));
    frame.clear();
    frame.append(records);
    frame.seal({.first_seqno = header.first_seqno,
                .append_time = header.append_time,
                .synced_through = header.synced_through,
                .offset = offset,
                .segment_check = source.header.check});
    if (offset + frame.bytes().size() > source.header.frames_end()) {
      return Error(Code::Internal, source.path + ": rewritten frames do not fit");
    }
    TIDAL_TRY(out.write_at(offset, base::as_bytes(frame.bytes())));
    offset += frame.bytes().size();
    return {};
  };
  TIDAL_TRY(each_frame(source, write_one));
  SegmentFooter footer = source.footer;
  footer.end_offset = offset;
  TIDAL_TRY(out.write_at(source.header.frames_end(), base::as_bytes(encode_segment_footer(footer))));
  return out.sync();
}

Status write_aside(base::FileSystem& fs, const Source& source, const std::string& aside, const RecordEdit& edit) {
  {
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> out, create_zeros(fs, aside, source.header.segment_bytes));
    TIDAL_TRY(write_frames(source, edit, *out));
  }
  TIDAL_TRY_ASSIGN(const SegmentSummary written, read_segment(fs, aside, false, {}));
  if (!written.defects.empty()) {
    return Error(Code::Corruption, aside + ": not what was written: " + written.defects.front().message);
  }
  return {};
}

}  // namespace

Result<std::uint64_t> rewrite_segment(base::FileSystem& fs, const base::File& file, const std::string& path,
                                      const std::string& aside, const RecordEdit& edit) {
  TIDAL_TRY_ASSIGN(const SegmentHeader header, read_segment_header(file, path));
  TIDAL_TRY_ASSIGN(const std::optional<SegmentFooter> footer, read_segment_footer(file, header, path));
  Source source{.file = file, .path = path, .header = header, .footer = footer.value_or(SegmentFooter{})};
  if (!footer) return damage(source, header.frames_end(), "footer is missing or damaged");
  std::uint64_t changed = 0;
  RecordBatch records;
  const auto count_one = [&](const FrameHeader& frame, std::string_view body) -> Status {
    TIDAL_TRY_ASSIGN(const std::uint64_t in_frame, edit_frame(source, frame, body, edit, records));
    changed += in_frame;
    return {};
  };
  TIDAL_TRY(each_frame(source, count_one));
  if (changed == 0) return changed;
  if (Status written = write_aside(fs, source, aside, edit); !written.ok()) {
    static_cast<void>(fs.remove(aside));  // best effort: the first error is the one to report
    return std::move(written).error();
  }
  return changed;
}

}  // namespace tidal::wal
