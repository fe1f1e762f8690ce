// Carrying out a repair: the new segment whole and synced, the damaged one copied aside and synced, then the rename.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>

#include "wal/archive.h"
#include "wal/frame.h"
#include "wal/repair.h"
#include "wal/repair_archive.h"
#include "wal/repair_segment.h"
#include "wal/segment_reader.h"

namespace tidal::wal {
namespace {

/// Empty records of one frame: 3 MiB of them.
constexpr std::uint64_t kEmptyRecordsInFrame = 100'000;

std::uint64_t bytes_of_empty_frame(std::uint64_t records) {
  return FrameHeader{.body_bytes = static_cast<std::uint32_t>(records * kEmptyRecordBytes)}.frame_bytes();
}

std::uint64_t bytes_of(const SegmentPart& part) {
  if (part.is_kept()) return part.end - part.begin;
  const std::uint64_t rest = part.seqnos.count() % kEmptyRecordsInFrame;
  return part.seqnos.count() / kEmptyRecordsInFrame * bytes_of_empty_frame(kEmptyRecordsInFrame) +
         (rest == 0 ? 0 : bytes_of_empty_frame(rest));
}

/// Writes one segment under another name.
class SegmentWriter {
 public:
  SegmentWriter(base::FileSystem& fs, const std::string& dir, const SegmentRewrite& rewrite)
      : fs_(fs), dir_(dir), rewrite_(rewrite), header_(rewrite.header) {
    std::uint64_t bytes = 0;
    for (const SegmentPart& part : rewrite.parts) bytes += bytes_of(part);
    header_.segment_bytes = segment_bytes_for(header_.segment_bytes, bytes);
    block_ = encode_segment_header(header_);
  }

  /// Synced on return; ResourceExhausted leaves nothing behind.
  Status write(const std::string& path) {
    TIDAL_TRY_ASSIGN(file_, create_zeros(fs_, path, header_.segment_bytes));
    Status written = fill();
    if (!written.ok()) {
      file_.reset();
      static_cast<void>(fs_.remove(path));  // best effort: the first error is the one to report
    }
    return written;
  }

 private:
  Status fill() {
    TIDAL_TRY(file_->write_at(0, base::as_bytes(block_)));
    for (const SegmentPart& part : rewrite_.parts) TIDAL_TRY(part.is_kept() ? copy_frames(part) : fill_place(part));
    if (rewrite_.sealed) {
      const SegmentFooter footer{.record_count = next_seqno().value - header_.first_seqno.value,
                                 .last_seqno = SeqNo{next_seqno().value - 1},
                                 .end_offset = end_,
                                 .segment_check = header_.check};
      TIDAL_TRY(file_->write_at(header_.frames_end(), base::as_bytes(encode_segment_footer(footer))));
    }
    return file_->sync();
  }

  [[nodiscard]] SeqNo next_seqno() const {
    for (auto part = rewrite_.parts.rbegin(); part != rewrite_.parts.rend(); ++part) return part->seqnos.last.next();
    return header_.first_seqno;
  }

  /// The same records under the same seqnos; the frame's header says where it lies now.
  Status copy_frames(const SegmentPart& part) {
    const std::string path = dir_ + "/" + rewrite_.source;
    TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> source, fs_.open(path, base::OpenMode::Read));
    SegmentHeader reading = rewrite_.header;
    reading.check = rewrite_.frame_check;
    reading.segment_bytes = rewrite_.frames_end + kPageBytes;
    SegmentReader reader(*source, reading);
    for (std::uint64_t at = part.begin; at < part.end;) {
      reader.resume_at(at);
      TIDAL_TRY_ASSIGN(const SegmentReader::Step step, reader.next());
      if (step != SegmentReader::Step::Frame) {
        return Error(Code::Corruption,
                     path + " offset " + std::to_string(at) + " changed since the repair was planned");
      }
      FrameHeader header = reader.header();
      at += header.frame_bytes();
      header.offset = end_;
      header.segment_check = header_.check;
      frame_.assign(header.frame_bytes(), '\0');
      encode_frame_header(header, frame_.data());
      reader.body().copy(frame_.data() + kFrameHeaderBytes, header.body_bytes);
      TIDAL_TRY(append(frame_));
    }
    return {};
  }

  Status fill_place(const SegmentPart& part) {
    const Record empty{.type = RecordType::Empty,
                       .flags = kFlagLost,
                       .event_time = part.first_append,
                       .subject_key = {},
                       .user_key = {},
                       .payload = {},
                       .extensions = {}};
    for (std::uint64_t done = 0; done < part.seqnos.count();) {
      const std::uint64_t n = std::min(part.seqnos.count() - done, kEmptyRecordsInFrame);
      RecordBatch batch;
      for (std::uint64_t i = 0; i < n; ++i) batch.add(empty);
      Frame frame;
      frame.append(batch);
      const SeqNo first{part.seqnos.first.value + done};
      frame.seal({.first_seqno = first,
                  .append_time = part.first_append,
                  .synced_through = SeqNo{first.value - 1},
                  .offset = end_,
                  .segment_check = header_.check});
      TIDAL_TRY(append(frame.bytes()));
      done += n;
    }
    return {};
  }

  Status append(std::string_view frame) {
    TIDAL_TRY(file_->write_at(end_, base::as_bytes(frame)));
    end_ += frame.size();
    return {};
  }

  base::FileSystem& fs_;
  const std::string& dir_;
  const SegmentRewrite& rewrite_;
  SegmentHeader header_;
  std::string block_;
  std::unique_ptr<base::File> file_;
  std::uint64_t end_ = kFramesBegin;
  std::string frame_;
};

using NewNames = std::map<std::string, std::string>;  // by the old one

/// Moves misnamed segments out of the places that others are about to take: of two that changed names, the first one
/// repaired would else end the second. The new names are those of segments, too, so that after a crash the next plan
/// finds the files again.
Result<NewNames> make_way(base::FileSystem& fs, const RepairPlan& plan) {
  std::set<std::string> places;
  for (const SegmentRewrite& rewrite : plan.rewrites) places.insert(segment_file_name(rewrite.header.first_seqno));
  NewNames moved;
  SeqNo far{9'999'999'999'999'999'999U};  // no log gets there
  for (const std::string& name : plan.surplus) {
    if (!places.contains(name)) continue;
    while (fs.exists(plan.wal_dir + "/" + segment_file_name(far))) --far.value;
    moved[name] = segment_file_name(far);
    TIDAL_TRY(fs.rename(plan.wal_dir + "/" + name, plan.wal_dir + "/" + moved[name]));
    TIDAL_TRY(fs.sync_directory(plan.wal_dir));
  }
  return moved;
}

Status copy_bytes(base::File& from, base::File& to) {
  std::vector<std::byte> chunk(std::size_t{1} << 20);
  for (std::uint64_t at = 0;;) {
    TIDAL_TRY_ASSIGN(const std::size_t n, from.read_at(at, chunk));
    if (n == 0) return to.sync();
    TIDAL_TRY(to.write_at(at, base::Bytes(chunk).first(n)));
    at += n;
  }
}

}  // namespace

Status copy_aside(base::FileSystem& fs, const std::string& path, const std::string& dir, const std::string& name) {
  TIDAL_TRY(fs.create_directories(dir));
  std::string free = dir + "/" + name;
  for (int n = 2; fs.exists(free); ++n) free = dir + "/" + name + "." + std::to_string(n);
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> from, fs.open(path, base::OpenMode::Read));
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> to, fs.open(free, base::OpenMode::Create));
  if (Status copied = copy_bytes(*from, *to); !copied.ok()) {
    to.reset();
    static_cast<void>(fs.remove(free));  // best effort: the first error is the one to report
    return copied;
  }
  return fs.sync_directory(dir);
}

Status fill_archive(base::FileSystem& fs, const std::string& archive_dir, const SeqnoRange& lost, Timestamp appended) {
  const SegmentRewrite rewrite{.source = "",
                               .header = {.first_seqno = lost.first, .created_at = appended, .segment_bytes = 0},
                               .parts = {{.seqnos = lost, .first_append = appended, .last_append = appended}},
                               .sealed = true};
  // Under this name the next archiving removes what a crash leaves.
  const std::string segment = archive_dir + "/" + segment_file_name(lost.first) + ".tmp";
  TIDAL_TRY(fs.create_directories(archive_dir));
  TIDAL_TRY(SegmentWriter(fs, archive_dir, rewrite).write(segment));
  const Result<ArchiveHeader> archived = archive_segment(fs, segment, archive_dir);
  const Status removed = fs.remove(segment);
  if (!archived.ok()) return archived.error();
  return removed;
}

Status apply_repair(base::FileSystem& fs, const RepairPlan& plan, const std::string& aside_dir) {
  const std::string& dir = plan.wal_dir;
  TIDAL_TRY(fs.create_directories(dir));
  TIDAL_TRY_ASSIGN(const NewNames moved, make_way(fs, plan));
  const auto now_called = [&](const std::string& name) {
    const auto found = moved.find(name);
    return found == moved.end() ? name : found->second;
  };
  for (const SegmentRewrite& planned : plan.rewrites) {
    SegmentRewrite rewrite = planned;
    rewrite.source = now_called(planned.source);
    const std::string name = segment_file_name(rewrite.header.first_seqno);
    const std::string unfinished = dir + "/" + name + ".tmp";
    TIDAL_TRY(SegmentWriter(fs, dir, rewrite).write(unfinished));
    if (!rewrite.source.empty()) TIDAL_TRY(copy_aside(fs, dir + "/" + rewrite.source, aside_dir, planned.source));
    TIDAL_TRY(fs.rename(unfinished, dir + "/" + name));
    TIDAL_TRY(fs.sync_directory(dir));
  }
  for (const std::string& name : plan.surplus) {
    TIDAL_TRY(copy_aside(fs, dir + "/" + now_called(name), aside_dir, name));
    TIDAL_TRY(fs.remove(dir + "/" + now_called(name)));
    TIDAL_TRY(fs.sync_directory(dir));
  }
  return {};
}

}  // namespace tidal::wal
