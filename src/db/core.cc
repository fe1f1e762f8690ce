// Opening, committing, checkpointing and closing a database.
#include "db/core.h"

#include <algorithm>
#include <chrono>

#include "base/assert.h"
#include "base/coding.h"
#include "base/epoch.h"
#include "base/hash.h"
#include "db/log.h"
#include "db/view_applier.h"

namespace tidal::db {
namespace {

Status check_options(const Options& options) {
  const auto refuse = [](std::string_view what, std::string_view expected) {
    return Error(Code::InvalidArgument, "option " + std::string(what) + ": expected " + std::string(expected));
  };
  if (options.segment_bytes < (std::size_t{64} << 10) || options.segment_bytes > (std::size_t{1} << 30)) {
    return refuse("segment_bytes", "64 KiB to 1 GiB, got " + std::to_string(options.segment_bytes));
  }
  const Durability& d = options.durability;
  if (d.mode == Durability::Mode::Batched && (d.max_events == 0 || d.max_delay.us <= 0)) {
    return refuse("durability", "max_events > 0 and max_delay > 0");
  }
  if (d.mode == Durability::Mode::Async && d.interval.us <= 0) return refuse("durability", "interval > 0");
  for (const Duration wait : {d.max_delay, d.interval, options.write_deadline}) {
    if (wait.us < 0 || wait > days(1)) return refuse("durability and write_deadline", "waits of 0 to 1 day");
  }
  if (options.clock.kind == ClockSource::Kind::Fixed) TIDAL_TRY(check_time(options.clock.at, "option clock"));
  return {};
}

/// What the records will take in the log, roughly.
std::uint64_t bytes_of(std::span<const PreparedRecord> records) {
  constexpr std::uint64_t kRecordHeadBytes = 40;
  std::uint64_t bytes = 0;
  for (const PreparedRecord& r : records) {
    bytes += kRecordHeadBytes + r.subject_key.size() + r.user_key.size() + r.payload.size() + r.context.size();
  }
  return bytes;
}

/// Whether applying it makes the views hold more.
bool adds(const PreparedRecord& record) {
  switch (record.type) {
    case wal::RecordType::Signal:
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity:
    case wal::RecordType::Relate: return true;
    default: return false;
  }
}

/// Its entity or definition went away between validation and application; the record is in the log and counts nowhere.
Error void_error(SeqNo seqno) {
  return Error(Code::NotFound, "the record at seqno " + std::to_string(seqno.value) +
                                   " found its entity or definition gone when it was applied, and counts nowhere");
}

}  // namespace

Core::Core(std::string path, const Options& options, const CoreEnvironment& environment)
    : path_(std::move(path)), options_(options), environment_(environment) {}

Core::~Core() { static_cast<void>(close()); }

Result<std::unique_ptr<Core>> Core::open(const std::string& path, const Options& options,
                                         const CoreEnvironment& environment) {
  TIDAL_TRY(check_options(options));
  std::unique_ptr<Core> core(new Core(path, options, environment));
  Status opened = core->recover();
  if (!opened.ok()) return std::move(opened).error();
  TIDAL_TRY(core->start_upkeep());
  return core;
}

Timestamp Core::now() const {
  switch (options_.clock.kind) {
    case ClockSource::Kind::Fixed: return options_.clock.at;
    case ClockSource::Kind::Events: {
      const base::EpochGuard guard;
      if (const Timestamp newest = views_->newest_event(); newest.us != 0) return newest;
      break;
    }
    case ClockSource::Kind::System: break;
  }
  return environment_.clock.now();
}

Preparer Core::preparer(const schema::Schema& schema) const {
  Preparer::Moments moments{.now = now(), .horizon = now()};
  // Answers that follow old events must not refuse newer ones.
  if (options_.clock.kind == ClockSource::Kind::Events)
    moments.horizon = std::max(moments.now, environment_.clock.now());
  return {schema, *views_, moments};
}

std::string Core::next_query_id() {
  // relaxed: only uniqueness is asked of it.
  const std::uint64_t number = queries_.fetch_add(1, std::memory_order_relaxed);
  base::Encoder seed;
  seed.u64(query_salt_);
  seed.u64(number);
  return base::to_hex(base::xxh3_128(seed.str())).substr(0, 16);
}

SeqNo Core::applied() const { return applier_->applied(); }

Status Core::commit(PreparedBatch& batch, std::optional<Duration> deadline) noexcept {
  if (is_closed()) return Error(Code::Unavailable, "the database is closed");
  if (batch.records.empty()) return {};
  TIDAL_TRY(check_memory(batch.records));
  std::vector<wal::Record> records;
  records.reserve(batch.records.size());
  for (const PreparedRecord& record : batch.records) records.push_back(record.record());
  TIDAL_TRY_ASSIGN(const wal::CommitResult result, queue_->submit(records, deadline_of(deadline)));
  want_checkpoint_after(bytes_of(batch.records));
  for (std::size_t i = 0; i < batch.replies.size(); ++i) {
    const std::size_t record = batch.record_of_reply[i];
    if (record == kNoRecord) continue;
    batch.replies[i].seqno = result.seqno_of(record);
    if (result.is_void(record)) {
      if (batch.replies.size() == 1) return void_error(result.seqno_of(record));
      batch.replies[i].status = "void";
    } else if (result.is_duplicate(record)) {
      batch.replies[i].status = "deduplicated";
    }
  }
  return {};
}

Result<StandingTurns::Turn> Core::take_turn(std::span<const Operation> operations, std::optional<Duration> deadline) {
  return standing_turns_.take(StandingTurns::lanes_of(operations), deadline_of(deadline));
}

/// Before a record is in the log: what is there is applied, whatever it takes.
Status Core::check_memory(std::span<const PreparedRecord> records) {
  const MemoryBudget& memory = applier_->memory();
  if (!memory.is_exceeded() || std::ranges::none_of(records, adds)) return {};
  // A checkpoint takes fields over into the store. relaxed: wishes; asked for too often or too late, nothing is lost.
  const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
  const auto last = memory_checkpoint_asked_.load(std::memory_order_relaxed);
  const bool has_something = applied().value != checkpoint_seqno_.load(std::memory_order_relaxed);
  if (has_something && (last == 0 || now - last > std::chrono::nanoseconds(std::chrono::seconds(1)).count())) {
    memory_checkpoint_asked_.store(now, std::memory_order_relaxed);
    want_checkpoint();
  }
  return memory.error();
}

std::chrono::steady_clock::time_point Core::deadline_of(std::optional<Duration> given) const {
  return std::chrono::steady_clock::now() + std::chrono::microseconds(given.value_or(options_.write_deadline).us);
}

Status Core::commit_async(PreparedRecord record, std::function<void(Result<WriteReply>)> done) noexcept {
  if (is_closed()) return Error(Code::Unavailable, "the database is closed");
  TIDAL_TRY(check_memory(std::span(&record, 1)));
  const wal::Record view = record.record();
  const std::uint64_t bytes = bytes_of(std::span(&record, 1));
  return queue_->submit_async(
      std::span(&view, 1),
      [this, bytes, reply = record.reply, done = std::move(done)](Result<wal::CommitResult> result) mutable {
        want_checkpoint_after(bytes);
        if (!result.ok()) return done(std::move(result).error());
        reply.seqno = result->seqno_of(0);
        if (result->is_void(0)) return done(void_error(reply.seqno));
        if (result->is_duplicate(0)) reply.status = "deduplicated";
        done(std::move(reply));
      },
      deadline_of({}));
}

Result<SeqNo> Core::checkpoint() {
  const base::MutexLock one_at_a_time(checkpoint_mutex_);
  SeqNo seqno;
  TIDAL_TRY(write_checkpoint(seqno));
  return seqno;
}

Status Core::write_checkpoint(SeqNo& seqno) {
  if (!checkpoints_) return Error(Code::FailedPrecondition, "a database in memory has no checkpoints");
  // relaxed: a wish, not a fact. Also after a failure the next attempt waits for as much log again.
  log_bytes_since_checkpoint_.store(0, std::memory_order_relaxed);
  if (applied().value == checkpoint_seqno_.load(std::memory_order_relaxed) && !is_rebuilt_) {
    seqno = applied();
    return checkpoints_->sync_names();  // the life that wrote it may have failed to
  }
  materializer::Capture taken = capture(seqno);
  // No store transaction and no checkpoint becomes visible before the log is synced through its seqno.
  TIDAL_TRY(queue_->sync());
  using Same = materializer::CheckpointDirectory::Same;
  const Same same = is_rebuilt_ ? Same::Replaced : Same::Stays;
  TIDAL_TRY(checkpoints_->write(std::move(taken), environment_.clock.now(), {}, same));
  is_rebuilt_ = false;
  checkpoint_seqno_.store(seqno.value, std::memory_order_relaxed);  // read by stats only
  if (applier_->memory().is_exceeded()) settle();
  return {};
}

/// All views at one seqno. Writers wait meanwhile.
materializer::Capture Core::capture(SeqNo& seqno) {
  const auto asked = std::chrono::steady_clock::now();
  const wal::CommitQueue::Pause pause = queue_->pause();
  seqno = pause.applied();
  materializer::Capture taken = materializer::capture(views_->registry(), seqno, views_->schema().version);
  const auto waited = std::chrono::steady_clock::now() - asked;
  checkpoint_pause_us_.store(std::chrono::duration_cast<std::chrono::microseconds>(waited).count(),
                             std::memory_order_relaxed);  // read by stats only
  return taken;
}

Result<DigestReport> Core::digest() {
  const wal::CommitQueue::Pause pause = queue_->pause();
  const std::vector<materializer::ViewDigest> lines = views_->registry().digest_by_view();
  DigestReport report{.seqno = pause.applied(), .all = materializer::combined_digest(lines), .by_view = {}};
  for (const materializer::ViewDigest& line : lines) report.by_view.emplace_back(line.view, line.hex);
  return report;
}

DatabaseStats Core::stats() const {
  const base::EpochGuard guard;
  DatabaseStats stats;
  stats.last_seqno = applied();
  stats.checkpoint_seqno.value = checkpoint_seqno_.load(std::memory_order_relaxed);
  stats.checkpoint_pause.us = checkpoint_pause_us_.load(std::memory_order_relaxed);
  stats.schema_version = views_->schema().version;
  stats.items = views_->entities().live_count(EntityKind::Item);
  stats.users = views_->entities().live_count(EntityKind::User);
  stats.creators = views_->entities().live_count(EntityKind::Creator);
  stats.signals_applied = applier_->signals();
  stats.void_records = applier_->void_records();
  if (const Timestamp newest = views_->newest_event(); newest.us != 0) stats.newest_event = newest;
  stats.now = now();
  stats.memory_limit = options_.memory_limit;
  if (log_) {
    stats.base_seqno.value = base_seqno_.load(std::memory_order_relaxed);
    stats.history_first = log_->history_first_seqno();
    stats.history_since = log_->history_since();
    stats.archive_segments = log_->archived_segments().size();
    for (const wal::SegmentEntry& segment : log_->segments()) {
      ++stats.log_segments;
      const Result<std::unique_ptr<base::File>> file = environment_.fs.open(segment.path, base::OpenMode::Read);
      if (!file.ok()) continue;
      if (const Result<std::uint64_t> bytes = (*file)->size(); bytes.ok()) stats.log_bytes += *bytes;
    }
  }
  const wal::CommitQueue::Pause pause = queue_->pause();  // the views' own figures are the applier's to read
  for (const auto& view : views_->registry().views()) {
    stats.views.push_back(
        {.name = std::string(view->name()), .applied = view->applied(), .memory_bytes = view->memory_bytes()});
  }
  return stats;
}

void Core::hasten() {
  hastened_.store(true, std::memory_order_relaxed);  // relaxed: as is_being_closed()
  if (queue_) queue_->hasten();
}

Status Core::close() {
  const base::MutexLock closing(close_mutex_);
  if (close_status_) return *close_status_;
  closed_.store(true, std::memory_order_relaxed);  // a refusal come too late meets the closed queue
  close_status_ = shut_down();
  return *close_status_;
}

Status Core::shut_down() {
  hasten();
  stop_upkeep();
  if (!queue_) return {};
  if (checkpoints_ && options_.checkpoint_on_close) {
    const base::MutexLock one_at_a_time(checkpoint_mutex_);
    SeqNo seqno;
    // No error of the caller's: what was acknowledged is in the log, and the next open replays it.
    if (const Status taken = write_checkpoint(seqno); !taken.ok()) {
      log_line(options_.log_level, LogLevel::Warn, path_ + ": no checkpoint on close: " + taken.error().to_string());
    }
  }
  Status closed = queue_->close();
  // The directory is somebody else's once the lock is gone: nothing of ours may still have it open.
  queue_.reset();
  log_.reset();
  applier_.reset();
  views_.reset();
  stores_ = {};  // closes them
  lock_.reset();
  return closed;
}

}  // namespace tidal::db
