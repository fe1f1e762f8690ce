// The write side of the log. Reading it back and retiring segments: log_history.cc.
#include "wal/log.h"

#include <algorithm>

#include "base/assert.h"
#include "wal/archive.h"

namespace tidal::wal {
Log::Log(base::FileSystem& fs, std::string dir, const LogOptions& options)
    : fs_(fs), dir_(std::move(dir)), options_(options), next_(fs, dir_, segment_bytes_for(options.segment_bytes, 0)) {}

Log::~Log() = default;

Result<std::unique_ptr<Log>> Log::read(base::FileSystem& fs, const std::string& dir, const LogOptions& options) {
  TIDAL_TRY_ASSIGN(RecoveredLog recovered, survey(fs, dir));
  for (const SegmentEntry& entry : recovered.segments) {
    if (entry.header.shard_id != options.shard_id) {
      return Error(Code::FailedPrecondition, entry.path + " belongs to shard " + std::to_string(entry.header.shard_id) +
                                                 ", expected shard " + std::to_string(options.shard_id));
    }
  }
  std::vector<ArchivedSegment> archived = list_archive(fs, options.archive_dir);
  for (ArchivedSegment& segment : archived) {
    if (!segment.header || segment.header->shard_id == options.shard_id) continue;
    segment.problem =
        Error(Code::FailedPrecondition, segment.path + " belongs to shard " + std::to_string(segment.header->shard_id) +
                                            ", expected shard " + std::to_string(options.shard_id));
    segment.header.reset();
  }
  std::unique_ptr<Log> log(new Log(fs, dir, options));
  log->recovery_ = std::move(recovered.report);
  if (recovered.newest) {
    log->newest_ = std::move(*recovered.newest);
  } else {
    log->newest_.last_seqno = SeqNo{options.first_seqno.value - 1};
  }
  TIDAL_TRY(check_archive_end(archived, dir, log->newest_.last_seqno));
  log->last_.store(log->newest_.last_seqno.value, std::memory_order_release);
  const base::MutexLock lock(log->mutex_);
  log->archived_ = std::move(archived);
  log->segments_ = std::move(recovered.segments);
  return log;
}

Status Log::start(Timestamp now) {
  TIDAL_TRY(fs_.create_directories(dir_));
  const std::vector<SegmentEntry> segments = this->segments();
  if (!segments.empty()) TIDAL_TRY(make_writable(fs_, segments.back().path, recovery_.torn, newest_));
  TIDAL_TRY(next_.adopt());
  TIDAL_TRY(tidy_directory(fs_, dir_));
  if (!options_.archive_dir.empty()) tidy_archive(fs_, options_.archive_dir);
  if (segments.empty()) {
    TIDAL_TRY(start_segment(0, now));
    recovery_.first_seqno = options_.first_seqno;
    recovery_.last_seqno = newest_.last_seqno;
    recovery_.segments = 1;
  }
  // release: pairs with the acquire in synced_through().
  synced_through_.store(newest_.last_seqno.value, std::memory_order_release);
  return {};
}

Result<std::unique_ptr<Log>> Log::open(base::FileSystem& fs, const std::string& dir, const LogOptions& options,
                                       Timestamp now) {
  TIDAL_TRY_ASSIGN(std::unique_ptr<Log> log, read(fs, dir, options));
  TIDAL_TRY(log->start(now));
  return log;
}

Result<SeqNo> Log::append_frame(Frame& frame, Timestamp append_time) {
  TIDAL_TRY(health());
  if (closed_) return Error(Code::Unavailable, "log " + dir_ + " is closed");
  TIDAL_ASSERT(newest_.file != nullptr);                          // started
  append_time = std::max(append_time, newest_.last_append_time);  // W7
  TIDAL_TRY(make_room(frame.sealed_bytes(), append_time));
  const SeqNo first = newest_.last_seqno.next();
  frame.seal(FrameHeader{.first_seqno = first,
                         .append_time = append_time,
                         .synced_through = synced_through(),
                         .offset = newest_.end_offset,
                         .segment_check = newest_.header.check});
  TIDAL_TRY(write_at_end(frame.bytes()));
  appended_ = true;
  newest_.last_append_time = append_time;
  newest_.end_offset += frame.bytes().size();
  newest_.last_seqno = frame.header().last_seqno();
  // release: pairs with the acquire in last_seqno().
  last_.store(newest_.last_seqno.value, std::memory_order_release);
  if (options_.prepares_segments && newest_.end_offset >= newest_.header.segment_bytes / 2) next_.want();
  return first;
}

Result<SeqNo> Log::append(std::span<const Record> records, Timestamp append_time) {
  const RecordBatch batch(records);
  if (batch.empty()) return Error(Code::InvalidArgument, "batch holds no records");
  TIDAL_TRY(batch.check_size());
  scratch_.clear();
  scratch_.append(batch);
  return append_frame(scratch_, append_time);
}

Status Log::sync() {
  const base::MutexLock syncing(sync_mutex_);
  return sync_newest();
}

Status Log::sync_newest() {
  TIDAL_TRY(health());
  // First the seqno, then the file: a rotation in between would have synced all before it.
  const SeqNo through = last_seqno();
  if (synced_through() == through) return {};
  if (Status synced = newest_.file->sync(); !synced.ok()) return poison(synced.error());
  // release: pairs with the acquire in synced_through().
  synced_through_.store(through.value, std::memory_order_release);
  return {};
}

Status Log::close(Timestamp now) {
  if (closed_ || newest_.file == nullptr) return {};
  TIDAL_TRY(sync());
  const bool has_room = newest_.end_offset + kFrameHeaderBytes <= newest_.header.frames_end();
  if (appended_ && !newest_.sealed && has_room) {
    scratch_.clear();
    TIDAL_TRY(append_frame(scratch_, now));
    const base::MutexLock syncing(sync_mutex_);
    if (Status synced = newest_.file->sync(); !synced.ok()) return poison(synced.error());
  }
  closed_ = true;
  return {};
}

Status Log::roll(Timestamp now) {
  TIDAL_TRY(health());
  if (closed_) return Error(Code::Unavailable, "log " + dir_ + " is closed");
  TIDAL_ASSERT(newest_.file != nullptr);  // started
  if (newest_.last_seqno < newest_.header.first_seqno) return {};
  if (!newest_.sealed) TIDAL_TRY(seal());
  return start_segment(0, std::max(now, newest_.last_append_time));  // W7
}

Status Log::make_room(std::uint64_t frame_bytes, Timestamp now) {
  if (!newest_.sealed && newest_.end_offset + frame_bytes <= newest_.header.frames_end()) return {};
  if (!newest_.sealed) TIDAL_TRY(seal());
  return start_segment(frame_bytes, now);
}

Status Log::seal() {
  const base::MutexLock syncing(sync_mutex_);
  TIDAL_TRY(sync_newest());
  const std::string footer =
      encode_segment_footer({.record_count = newest_.last_seqno.value + 1 - newest_.header.first_seqno.value,
                             .last_seqno = newest_.last_seqno,
                             .end_offset = newest_.end_offset,
                             .segment_check = newest_.header.check});
  Status sealed = newest_.file->write_at(newest_.header.frames_end(), base::as_bytes(footer));
  if (sealed.ok()) sealed = newest_.file->sync();
  if (!sealed.ok()) return poison(sealed.error());
  newest_.sealed = true;
  return {};
}

Status Log::start_segment(std::uint64_t frame_bytes, Timestamp now) {
  SegmentHeader header{.shard_id = options_.shard_id,
                       .first_seqno = newest_.last_seqno.next(),
                       .created_at = now,
                       .segment_bytes = segment_bytes_for(options_.segment_bytes, frame_bytes)};
  Result<std::unique_ptr<base::File>> file = new_segment_file(header);
  if (!file.ok()) {
    if (file.error().code == Code::ResourceExhausted) return file.error();
    return poison(file.error());
  }
  const SeqNo last = newest_.last_seqno;
  const base::MutexLock syncing(sync_mutex_);
  newest_ = OpenSegment{.file = std::move(*file), .header = header, .last_seqno = last, .last_append_time = now};
  const base::MutexLock lock(mutex_);
  // A segment that got no record, since its first frame was too large for it, was replaced under the same name.
  if (!segments_.empty() && segments_.back().header.first_seqno == header.first_seqno) segments_.pop_back();
  segments_.push_back({.path = dir_ + "/" + segment_file_name(header.first_seqno), .header = header});
  return {};
}

Result<std::unique_ptr<base::File>> Log::new_segment_file(SegmentHeader& header) {
  std::unique_ptr<base::File> prepared = next_.take(header.segment_bytes);
  if (prepared == nullptr) return create_segment(fs_, dir_, header);
  TIDAL_TRY(name_segment(fs_, dir_, next_.path(), *prepared, header));
  return prepared;
}

Status Log::write_at_end(std::string_view bytes) {
  Status written = newest_.file->write_at(newest_.end_offset, base::as_bytes(bytes));
  if (written.ok()) return {};
  if (written.error().code != Code::ResourceExhausted) return poison(written.error());
  // A part may have been written: the next frame must find zeros behind itself.
  const Status rolled_back = write_zeros(*newest_.file, newest_.end_offset, newest_.end_offset + bytes.size());
  return rolled_back.ok() ? written : poison(rolled_back.error());
}

Status Log::poison(const Error& cause) {
  const base::MutexLock lock(mutex_);
  poison_ = Error(Code::IoError, "log " + dir_ + " takes no more writes until it is reopened: " + cause.message);
  return poison_;
}

Status Log::health() const {
  const base::MutexLock lock(mutex_);
  return poison_;
}

std::vector<SegmentEntry> Log::segments() const {
  const base::MutexLock lock(mutex_);
  return segments_;
}

}  // namespace tidal::wal
