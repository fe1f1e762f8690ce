// Opening, committing, checkpointing and closing a database.
#include "db/core.h"

#include <sys/random.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/assert.h"
#include "base/coding.h"
#include "base/hash.h"
#include "db/log.h"

namespace tidal::db {
namespace {

constexpr std::size_t kCursorKeyBytes = 32;

std::string random_key() {
  std::string key(kCursorKeyBytes, '\0');
  TIDAL_ASSERT(getrandom(key.data(), key.size(), 0) == static_cast<ssize_t>(key.size()));
  return key;
}

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

/// Of a directory that cannot be written.
Error with_advice(Error error) {
  if (error.code != Code::PermissionDenied) return error;
  error.message +=
      "; a database is opened for writing: allow it, or copy the directory (tidal verify, inspect, wal, "
      "digest and export are content with reading)";
  return error;
}

/// Its entity or definition went away between validation and application; the record is in the log and counts nowhere.
Error void_error(SeqNo seqno) {
  return Error(Code::NotFound, "the record at seqno " + std::to_string(seqno.value) +
                                   " found its entity or definition gone when it was applied, and counts nowhere");
}

}  // namespace

/// Hands durable events to the views and publishes how far readers can see.
class Core::ViewApplier final : public wal::Applier {
 public:
  explicit ViewApplier(Views& views) : views_(views) {}

  void apply(std::span<wal::WalEvent> events) noexcept override {
    views_.registry().apply(events);
    // release: pairs with the acquire in applied(), so that who sees the seqno sees the views.
    applied_.store(events.back().seqno.value, std::memory_order_release);
    const auto is_void = [](const wal::WalEvent& e) { return e.ids.is_void; };
    const auto is_signal = [](const wal::WalEvent& e) {
      return !e.ids.is_void && e.record.type == wal::RecordType::Signal;
    };
    void_records_.fetch_add(static_cast<std::uint64_t>(std::ranges::count_if(events, is_void)),
                            std::memory_order_relaxed);  // a statistic
    signals_.fetch_add(static_cast<std::uint64_t>(std::ranges::count_if(events, is_signal)),
                       std::memory_order_relaxed);  // a statistic
  }

  [[nodiscard]] SeqNo applied() const { return SeqNo{applied_.load(std::memory_order_acquire)}; }
  void set_applied(SeqNo seqno) { applied_.store(seqno.value, std::memory_order_release); }
  void reset_statistics() {
    signals_.store(0, std::memory_order_relaxed);
    void_records_.store(0, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t signals() const { return signals_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t void_records() const { return void_records_.load(std::memory_order_relaxed); }

 private:
  Views& views_;
  std::atomic<std::uint64_t> applied_{0};
  std::atomic<std::uint64_t> signals_{0};
  std::atomic<std::uint64_t> void_records_{0};
};

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

Status Core::recover() {
  base::FileSystem& fs = environment_.fs;
  const bool on_disk = !path_.empty();
  if (on_disk) {
    if (!fs.exists(path_)) {
      if (!options_.create_if_missing) {
        return Error(Code::NotFound, "no database at '" + path_ + "' (create one: tidal init " + path_ + ")");
      }
      TIDAL_TRY(fs.create_directories(path_));
    } else if (!fs.is_directory(path_)) {
      return Error(Code::InvalidArgument, "'" + path_ + "' is not a directory");
    } else if (!options_.create_if_missing && !fs.exists(path_ + "/wal")) {
      return Error(Code::NotFound, "'" + path_ + "' is not a database: it has no log (create one: tidal init)");
    }
    Result<std::unique_ptr<base::FileLock>> lock = fs.lock(path_ + "/LOCK");
    if (!lock.ok()) return with_advice(std::move(lock).error());
    lock_ = std::move(lock).value();
  }
  const std::string salt = random_key();
  std::memcpy(&query_salt_, salt.data(), sizeof query_salt_);

  if (on_disk) {
    const wal::LogOptions log_options{.segment_bytes = options_.segment_bytes,
                                      .prepares_segments = environment_.background,
                                      .archive_dir = path_ + "/archive"};
    TIDAL_TRY_ASSIGN(log_, wal::Log::read(fs, path_ + "/wal", log_options));
    checkpoints_ = std::make_unique<materializer::CheckpointDirectory>(fs, path_ + "/checkpoints");
    if (const auto& torn = log_->recovery().torn) {
      report_.notes.push_back("cut an unfinished write from " + torn->segment + " at offset " +
                              std::to_string(torn->offset) + ": " + torn->reason);
    }
  }
  const SeqNo last = log_ ? log_->last_seqno() : SeqNo{};
  if (on_disk) TIDAL_TRY(check_log_is_whole(last));
  // Up to here nothing was written, and only caches are before the log has been replayed to its end.
  TIDAL_TRY(open_entity_store());
  if (entity_store_->seqno() > last) {
    report_.notes.push_back("the entity store was ahead of the log and is rebuilt");
    TIDAL_TRY(entity_store_->clear());
  }
  views_ = std::make_unique<Views>(*entity_store_);
  applier_ = std::make_unique<ViewApplier>(*views_);

  if (on_disk) {
    TIDAL_TRY_ASSIGN(report_.checkpoint, checkpoints_->restore(views_->registry(), last, report_.notes));
    if (report_.checkpoint == SeqNo{} && entity_store_->seqno() != SeqNo{}) TIDAL_TRY(entity_store_->clear());
    checkpoint_seqno_.store(report_.checkpoint.value, std::memory_order_relaxed);
    applier_->set_applied(report_.checkpoint);
    TIDAL_TRY(log_->replay(views_->registry().min_applied().next(), [this](std::span<wal::WalEvent> events) -> Status {
      applier_->apply(events);
      report_.replayed += events.size();
      return {};
    }));
    // Every frame that is needed has been judged: from here on the log is taken as it is.
    TIDAL_TRY(log_->start(environment_.clock.now()));
    TIDAL_TRY(checkpoints_->remove_unfinished());
    applier_->reset_statistics();
  }
  TIDAL_TRY(load_cursor_key());
  for (const std::string& note : report_.notes) {
    log_line(options_.log_level, LogLevel::Warn, path_ + ": " + note);
  }
  views_->settle(now());
  queue_ = std::make_unique<wal::CommitQueue>(
      log_.get(), *applier_, environment_.clock,
      wal::CommitQueueOptions{
          .durability = options_.durability, .queue_bytes = options_.queue_bytes, .applied = applied()});
  return {};
}

/// A checkpoint is only named after the log was synced through it (P2): one that is ahead proves that synced log is
/// gone.
Status Core::check_log_is_whole(SeqNo last) const {
  TIDAL_TRY_ASSIGN(const SeqNo checkpoint, checkpoints_->newest());
  if (checkpoint <= last) return {};
  return Error(Code::Corruption, path_ + "/wal ends at seqno " + std::to_string(last.value) +
                                     " but a checkpoint at seqno " + std::to_string(checkpoint.value) +
                                     " was taken: acknowledged records are missing from the log. Put its files back; "
                                     "removing " +
                                     path_ + "/checkpoints accepts the loss");
}

/// The store is a cache: one that is damaged is thrown away and rebuilt.
Status Core::open_entity_store() {
  const std::string path = path_.empty() ? std::string() : path_ + "/stores/entities";
  Result<std::unique_ptr<storage::KeyValueStore>> store =
      storage::open_store(environment_.entity_backend, environment_.fs, path);
  if (!store.ok() && store.error().code == Code::Corruption && !path.empty()) {
    report_.notes.push_back("the entity store is damaged and is rebuilt: " + store.error().message);
    TIDAL_TRY(environment_.fs.remove_all(path_ + "/stores"));
    TIDAL_TRY(environment_.fs.create_directories(path_ + "/stores"));
    store = storage::open_store(environment_.entity_backend, environment_.fs, path);
  }
  if (!store.ok()) return std::move(store).error();
  entity_store_ = std::move(store).value();
  return {};
}

Status Core::load_cursor_key() {
  if (path_.empty()) {
    cursor_key_ = random_key();
    return {};
  }
  const std::string file = path_ + "/cursor.key";
  if (environment_.fs.exists(file)) {
    TIDAL_TRY_ASSIGN(cursor_key_, base::read_file(environment_.fs, file));
    if (cursor_key_.size() == kCursorKeyBytes) return {};
    report_.notes.push_back("cursor.key was damaged and is replaced: cursors given out before are void");
  }
  cursor_key_ = random_key();
  return base::write_file_atomically(environment_.fs, file, cursor_key_);
}

Timestamp Core::now() const {
  switch (options_.clock.kind) {
    case ClockSource::Kind::Fixed: return options_.clock.at;
    case ClockSource::Kind::Events:
      if (const Timestamp newest = views_->newest_event(); newest.us != 0) return newest;
      break;
    case ClockSource::Kind::System: break;
  }
  return environment_.clock.now();
}

Preparer Core::preparer(const schema::Schema& schema) const {
  Preparer::Moments moments{.now = now(), .horizon = now()};
  // Answers that follow old events must not refuse newer ones.
  if (options_.clock.kind == ClockSource::Kind::Events)
    moments.horizon = std::max(moments.now, environment_.clock.now());
  return {schema, views_->entities(), moments};
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

Status Core::commit(PreparedBatch& batch) {
  if (is_closed()) return Error(Code::Unavailable, "the database is closed");
  if (batch.records.empty()) return {};
  std::vector<wal::Record> records;
  records.reserve(batch.records.size());
  for (const PreparedRecord& record : batch.records) records.push_back(record.record());
  TIDAL_TRY_ASSIGN(const wal::CommitResult result, queue_->submit(records, write_deadline()));
  want_checkpoint_after(bytes_of(batch.records));
  for (std::size_t i = 0; i < batch.replies.size(); ++i) {
    const std::size_t record = batch.record_of_reply[i];
    if (record == kNoRecord) continue;
    batch.replies[i].seqno = result.seqno_of(record);
    if (!result.is_void(record)) continue;
    if (batch.replies.size() == 1) return void_error(result.seqno_of(record));
    batch.replies[i].status = "void";
  }
  return {};
}

std::chrono::steady_clock::time_point Core::write_deadline() const {
  return std::chrono::steady_clock::now() + std::chrono::microseconds(options_.write_deadline.us);
}

Status Core::commit_async(PreparedRecord record, std::function<void(Result<WriteReply>)> done) {
  if (is_closed()) return Error(Code::Unavailable, "the database is closed");
  const wal::Record view = record.record();
  const std::uint64_t bytes = bytes_of(std::span(&record, 1));
  return queue_->submit_async(
      std::span(&view, 1),
      [this, bytes, reply = record.reply, done = std::move(done)](Result<wal::CommitResult> result) mutable {
        want_checkpoint_after(bytes);
        if (!result.ok()) return done(std::move(result).error());
        if (result->is_void(0)) return done(void_error(result->first_seqno));
        reply.seqno = result->first_seqno;
        done(std::move(reply));
      },
      write_deadline());
}

Result<SeqNo> Core::checkpoint() {
  const base::MutexLock one_at_a_time(checkpoint_mutex_);
  SeqNo seqno;
  TIDAL_TRY(write_checkpoint(seqno));
  return seqno;
}

Status Core::write_checkpoint(SeqNo& seqno) {
  if (!checkpoints_) return Error(Code::FailedPrecondition, "a database in memory has no checkpoints");
  materializer::Capture taken;
  {
    const auto asked = std::chrono::steady_clock::now();
    const wal::CommitQueue::Pause pause = queue_->pause();
    seqno = pause.applied();
    // relaxed: a wish, not a fact. Also after a failure the next attempt waits for as much log again.
    log_bytes_since_checkpoint_.store(0, std::memory_order_relaxed);
    if (seqno.value == checkpoint_seqno_.load(std::memory_order_relaxed)) return {};
    taken = materializer::capture(views_->registry(), seqno, views_->schema().version);
    const auto waited = std::chrono::steady_clock::now() - asked;
    checkpoint_pause_us_.store(std::chrono::duration_cast<std::chrono::microseconds>(waited).count(),
                               std::memory_order_relaxed);  // read by stats only
  }
  // No store transaction and no checkpoint becomes visible before the log is synced through its seqno.
  TIDAL_TRY(queue_->sync());
  TIDAL_TRY(checkpoints_->write(std::move(taken), environment_.clock.now()));
  checkpoint_seqno_.store(seqno.value, std::memory_order_relaxed);  // read by stats only
  return {};
}

Result<DigestReport> Core::digest() {
  const wal::CommitQueue::Pause pause = queue_->pause();
  const std::vector<materializer::ViewDigest> lines = views_->registry().digest_by_view();
  DigestReport report{.seqno = pause.applied(), .all = materializer::combined_digest(lines), .by_view = {}};
  for (const materializer::ViewDigest& line : lines) report.by_view.emplace_back(line.view, line.hex);
  return report;
}

DatabaseStats Core::stats() const {
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
  if (log_) {
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

Status Core::close() {
  const base::MutexLock closing(close_mutex_);
  if (close_status_) return *close_status_;
  closed_.store(true, std::memory_order_release);
  close_status_ = shut_down();
  return *close_status_;
}

Status Core::shut_down() {
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
  entity_store_.reset();
  lock_.reset();
  return closed;
}

}  // namespace tidal::db
