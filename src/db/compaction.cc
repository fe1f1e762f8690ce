// Keeping the log within its limits: a base is written, then the segments that it covers leave the log.
#include "db/base_state.h"
#include "db/core.h"
#include "db/log.h"
#include "db/view_applier.h"

namespace tidal::db {
namespace {

/// How many of the segments, oldest first, are beyond the limits. Never the newest.
std::size_t count_expired(const std::vector<wal::SegmentEntry>& segments, const Settings& settings, Timestamp now) {
  std::int64_t bytes = 0;
  for (const wal::SegmentEntry& segment : segments) bytes += static_cast<std::int64_t>(segment.header.segment_bytes);
  std::size_t expired = 0;
  while (expired + 1 < segments.size()) {
    const bool is_too_much = settings.log_bytes > 0 && bytes > settings.log_bytes;
    // A segment is begun after the last append to the one before it.
    const Timestamp last_append = segments[expired + 1].header.created_at;
    const bool is_too_old = settings.log_retention.us > 0 && now - last_append > settings.log_retention;
    if (!is_too_much && !is_too_old) break;
    bytes -= static_cast<std::int64_t>(segments[expired].header.segment_bytes);
    ++expired;
  }
  return expired;
}

}  // namespace

Result<SeqNo> Core::write_base(materializer::CheckpointDirectory& bases) {
  const base::MutexLock one_at_a_time(checkpoint_mutex_);
  SeqNo seqno;
  materializer::Capture taken = capture(seqno);
  TIDAL_TRY(queue_->sync());
  const auto stores = base_stores(environment_.fs, *entity_store_, seqno);
  TIDAL_TRY(bases.write(std::move(taken), environment_.clock.now(), stores));
  return seqno;
}

Result<CompactionReport> Core::compact() {
  if (!log_) return Error(Code::FailedPrecondition, "a database in memory has no log to compact");
  const base::MutexLock lock(compaction_mutex_);
  const Settings settings = views_->schema().settings;
  const std::vector<wal::SegmentEntry> segments = log_->segments();
  const std::size_t expired = count_expired(segments, settings, environment_.clock.now());
  CompactionReport report{.base = SeqNo{base_seqno_.load(std::memory_order_relaxed)}};
  if (expired == 0) return report;
  const SeqNo kept_from = segments[expired].header.first_seqno;
  if (report.base.next() < kept_from) {
    TIDAL_TRY_ASSIGN(report.base, write_base(*bases_));
    // relaxed: only whoever holds compaction_mutex_ writes it; stats may be a little late.
    base_seqno_.store(report.base.value, std::memory_order_relaxed);
  }
  // A checkpoint before what is kept could not be replayed from.
  TIDAL_TRY(checkpoints_->remove_before(SeqNo{kept_from.value - 1}));
  TIDAL_TRY(log_->retire_segments_before(kept_from, settings.log_archive ? wal::Retire::Archive : wal::Retire::Remove));
  // A replay that is running may have kept some for the next time.
  const SeqNo first = log_->first_seqno();
  std::uint64_t& gone = settings.log_archive ? report.segments_archived : report.segments_removed;
  for (std::size_t i = 0; i < expired && segments[i].header.first_seqno < first; ++i) {
    report.bytes_freed += segments[i].header.segment_bytes;
    ++gone;
  }
  return report;
}

void Core::compact_if_due() {
  const Result<CompactionReport> done = compact();
  if (done.ok()) return;
  log_line(options_.log_level, LogLevel::Error, path_ + ": compaction failed: " + done.error().to_string());
}

}  // namespace tidal::db
