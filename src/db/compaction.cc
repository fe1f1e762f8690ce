// Keeping the log within its limits, and free of users that were forgotten: a base is written, then the segments that
// it covers leave the log, or are rewritten.
#include <algorithm>
#include <optional>

#include "db/anonymiser.h"
#include "db/base_state.h"
#include "db/core.h"
#include "db/erased_user.h"
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

/// Of an Erase record that the log is not done with.
bool is_pending(const wal::Record& record) {
  return record.type == wal::RecordType::Erase && (record.flags & wal::kFlagErased) == 0 &&
         decode_erased_user(record.payload).ok();  // the others are void
}

/// The next compaction goes on.
Error stopped_by_closing() { return Error(Code::Unavailable, "the database is being closed"); }

}  // namespace

Result<SeqNo> Core::write_base(materializer::CheckpointDirectory& bases) {
  const base::MutexLock one_at_a_time(checkpoint_mutex_);
  SeqNo seqno;
  materializer::Capture taken = capture(seqno);
  TIDAL_TRY(queue_->sync());
  const auto stores = stores_.dumps(environment_.fs, seqno);
  TIDAL_TRY(bases.write(std::move(taken), environment_.clock.now(), stores));
  return seqno;
}

/// The newest base if it is sound, on the disk, and of a logic that this program reads, else 0.
Result<SeqNo> Core::proven_base() {
  TIDAL_TRY_ASSIGN(const SeqNo newest, bases_->newest());
  if (newest == proven_base_) return newest;
  Result<std::vector<std::string>> read = bases_->defects(newest);
  if (!read.ok() && read.error().code != Code::IoError) return std::move(read).error();
  std::string why_not;
  if (!read.ok()) {
    why_not = read.error().message;
  } else if (!read->empty()) {
    why_not = read->front();
  } else if (const Status readable = bases_->check_versions(views_->registry(), newest); !readable.ok()) {
    why_not = readable.error().message;  // the log was whole when it was opened
  }
  if (why_not.empty()) TIDAL_TRY(bases_->sync_names());
  proven_base_ = why_not.empty() ? newest : SeqNo{};
  if (!why_not.empty()) {
    log_line(options_.log_level, LogLevel::Error,
             path_ + ": the base at seqno " + std::to_string(newest.value) + " cannot be relied on: " + why_not);
  }
  return proven_base_;
}

/// What the log cannot give any more, a sound base must hold; one that went bad is replaced while the views are here.
Status Core::stand_on_base(SeqNo at_least, CompactionReport& report) {
  if (at_least == SeqNo{}) return {};
  TIDAL_TRY_ASSIGN(report.base, proven_base());
  if (report.base >= at_least) return {};
  TIDAL_TRY_ASSIGN(report.base, write_base(*bases_));
  proven_base_ = report.base;
  // relaxed: only whoever holds compaction_mutex_ writes it; stats may be a little late.
  base_seqno_.store(report.base.value, std::memory_order_relaxed);
  return {};
}

/// Also what an earlier removal left half-way.
Status Core::drop_states(SeqNo bases_before, SeqNo checkpoints_before) {
  const base::MutexLock one_at_a_time(checkpoint_mutex_);
  TIDAL_TRY(bases_->remove_unfinished());
  TIDAL_TRY(checkpoints_->remove_unfinished());
  TIDAL_TRY(bases_->remove_before(bases_before));
  return checkpoints_->remove_before(checkpoints_before);
}

/// The segment with the Erase record is rewritten after all that may hold its user: the flag on it tells.
Result<bool> Core::is_carried_out(SeqNo erasure) const {
  if (erasure < log_->history_first_seqno()) return true;  // none that is pending leaves the log
  std::optional<bool> done;
  const Status read = log_->replay(erasure, [&](std::span<wal::WalEvent> events) -> Status {
    // A record of another kind: a repair has filled the place, and nobody knows any more whom to look for.
    done = !is_pending(events.front().record);
    return Error(Code::Unavailable, "one record is enough");
  });
  if (done) return *done;
  if (!read.ok()) return read.error();
  return Error(Code::Corruption, path_ + "/wal does not hold the erasure at seqno " + std::to_string(erasure.value));
}

/// The first Erase record that the log is not done with: it must not leave before it is.
Result<std::optional<SeqNo>> Core::first_pending_erasure() const {
  std::optional<SeqNo> first;
  if (views_->entities().last_forgotten() <= erasures_done_) return first;
  Status read = log_->replay(log_->history_first_seqno(), [&](std::span<wal::WalEvent> events) -> Status {
    const auto found = std::ranges::find_if(events, [](const wal::WalEvent& e) { return is_pending(e.record); });
    if (is_being_closed()) return stopped_by_closing();
    if (found == events.end()) return {};
    first = found->seqno;
    return Error(Code::Unavailable, "one record is enough");
  });
  if (!first && !read.ok()) return std::move(read).error();
  return first;
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
  TIDAL_TRY(stand_on_base(erased, report));
  TIDAL_TRY(drop_states(report.base, erased));
  {
    const wal::CommitQueue::Pause pause = queue_->pause();
    TIDAL_TRY(log_->roll(environment_.clock.now()));
  }
  TIDAL_TRY(stores_.rewrite());
  Anonymiser anonymiser;
  TIDAL_TRY(log_->replay(log_->history_first_seqno(), [&](std::span<wal::WalEvent> events) -> Status {
    if (is_being_closed()) return stopped_by_closing();
    for (const wal::WalEvent& event : events) {
      if (event.seqno <= erased) anonymiser.add(std::span(&event, 1));
    }
    return {};
  }));
  const auto edit = [&](wal::WalEvent& event) { return event.seqno <= erased && anonymiser.edit(event); };
  TIDAL_TRY_ASSIGN(const wal::Rewritten rewritten,
                   log_->rewrite_segments_before(erased.next(), edit, [this] { return is_being_closed(); }));
  report.segments_rewritten = rewritten.segments;
  report.records_made_anonymous = rewritten.records - anonymiser.flagged_before(rewritten.end);
  if (rewritten.complete) erasures_done_ = erased;
  return !rewritten.complete && is_being_closed() ? Status(stopped_by_closing()) : Status();
}

/// A base first; then the segments beyond the limits leave the log, oldest first.
Status Core::retire_expired(CompactionReport& report) {
  const Settings settings = views_->schema().settings;
  const std::vector<wal::SegmentEntry> segments = log_->segments();
  std::size_t expired = count_expired(segments, settings, environment_.clock.now());
  if (expired == 0) return {};
  TIDAL_TRY_ASSIGN(const std::optional<SeqNo> pending, first_pending_erasure());
  while (pending && expired > 0 && segments[expired].header.first_seqno > *pending) --expired;
  if (expired == 0) return {};
  const SeqNo kept_from = segments[expired].header.first_seqno;
  TIDAL_TRY(stand_on_base(SeqNo{kept_from.value - 1}, report));
  // A checkpoint before what is kept could not be replayed from.
  TIDAL_TRY(drop_states(SeqNo{}, SeqNo{kept_from.value - 1}));
  const wal::Retire how = settings.log_archive ? wal::Retire::Archive : wal::Retire::Remove;
  std::uint64_t& gone = settings.log_archive ? report.segments_archived : report.segments_removed;
  for (std::size_t i = 0; i < expired; ++i) {
    if (is_being_closed()) return stopped_by_closing();
    const SeqNo end = segments[i + 1].header.first_seqno;
    TIDAL_TRY(log_->retire_segments_before(end, how));
    if (log_->first_seqno() < end) break;  // a replay that is running keeps it for the next time
    report.bytes_freed += segments[i].header.segment_bytes;
    ++gone;
  }
  return {};
}

Result<CompactionReport> Core::compact_locked() {
  CompactionReport report{.base = SeqNo{base_seqno_.load(std::memory_order_relaxed)}};
  // A disk too full for an erasure needs the segments to go: only those with an erasure in or before them stay.
  Status erased = carry_out_erasures(report);
  const SeqNo lost = SeqNo{log_->history_first_seqno().value - 1};
  Status kept = stand_on_base(std::max(lost, erasures_done_), report);
  if (kept.ok()) kept = retire_expired(report);
  TIDAL_TRY(std::move(erased));
  TIDAL_TRY(std::move(kept));
  return report;
}

Result<CompactionReport> Core::compact() {
  if (!log_) return Error(Code::FailedPrecondition, "a database in memory has no log to compact");
  const base::MutexLock lock(compaction_mutex_);
  return compact_locked();
}

void Core::compact_if_due() {
  // A backup, a rebuild or somebody's own compaction: the next checkpoint asks again.
  if (!compaction_mutex_.try_lock()) return;
  const Result<CompactionReport> done = compact_locked();
  compaction_mutex_.unlock();
  // Unavailable: it gave way to a close, and the next process goes on.
  if (done.ok() || done.error().code == Code::Unavailable) return;
  log_line(options_.log_level, LogLevel::Error, path_ + ": compaction failed: " + done.error().to_string());
}

}  // namespace tidal::db
