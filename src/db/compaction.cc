// Keeping the log within its limits, and free of users that were forgotten: a base is written, then the segments that
// it covers leave the log, or are rewritten.
#include <optional>

#include "db/anonymiser.h"
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

/// The segment with the Erase record is rewritten after all that may hold its user: the flag on it tells.
Result<bool> Core::is_carried_out(SeqNo erasure) const {
  if (erasure < log_->history_first_seqno()) return true;  // it left the log, and before it all that came before it
  std::optional<bool> flagged;
  const Status read = log_->replay(erasure, [&](std::span<wal::WalEvent> events) -> Status {
    flagged = (events.front().record.flags & wal::kFlagErased) != 0;
    return Error(Code::Unavailable, "one record is enough");
  });
  if (flagged) return *flagged;
  if (!read.ok()) return read.error();
  return Error(Code::Corruption, path_ + "/wal does not hold the erasure at seqno " + std::to_string(erasure.value));
}

/// First a base that the erasure is in, since what came before cannot be replayed afterwards; then whatever holds the
/// user: checkpoints, the store's files, archive and log from the oldest segment on. Each step can be repeated.
Status Core::carry_out_erasures(CompactionReport& report) {
  const SeqNo erased = views_->entities().last_forgotten();
  if (erased <= erasures_done_) return {};
  TIDAL_TRY_ASSIGN(const bool done, is_carried_out(erased));
  if (done) {
    erasures_done_ = erased;
    return {};
  }
  if (report.base < erased) {
    TIDAL_TRY_ASSIGN(report.base, write_base(*bases_));
    // relaxed: only whoever holds compaction_mutex_ writes it; stats may be a little late.
    base_seqno_.store(report.base.value, std::memory_order_relaxed);
  }
  {
    const base::MutexLock no_checkpoint(checkpoint_mutex_);
    TIDAL_TRY(bases_->remove_before(report.base));
    TIDAL_TRY(checkpoints_->remove_before(erased));
    // What an attempt that failed has left is a file like any other.
    TIDAL_TRY(bases_->remove_unfinished());
    TIDAL_TRY(checkpoints_->remove_unfinished());
  }
  {
    const wal::CommitQueue::Pause pause = queue_->pause();
    TIDAL_TRY(log_->roll(environment_.clock.now()));
  }
  TIDAL_TRY(entity_store_->rewrite());
  Anonymiser anonymiser;
  TIDAL_TRY(log_->replay(log_->history_first_seqno(), [&](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) {
      if (event.seqno <= erased) anonymiser.add(std::span(&event, 1));
    }
    return {};
  }));
  const auto edit = [&](wal::WalEvent& event) { return event.seqno <= erased && anonymiser.edit(event); };
  TIDAL_TRY_ASSIGN(const wal::Rewritten rewritten, log_->rewrite_segments_before(erased.next(), edit));
  report.segments_rewritten = rewritten.segments;
  report.records_made_anonymous = rewritten.records - anonymiser.flagged();
  if (rewritten.complete) erasures_done_ = erased;
  return {};
}

Result<CompactionReport> Core::compact() {
  if (!log_) return Error(Code::FailedPrecondition, "a database in memory has no log to compact");
  const base::MutexLock lock(compaction_mutex_);
  CompactionReport report{.base = SeqNo{base_seqno_.load(std::memory_order_relaxed)}};
  TIDAL_TRY(carry_out_erasures(report));
  const Settings settings = views_->schema().settings;
  const std::vector<wal::SegmentEntry> segments = log_->segments();
  const std::size_t expired = count_expired(segments, settings, environment_.clock.now());
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
