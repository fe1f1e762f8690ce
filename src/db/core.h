// The engine room of one open database: log, views, commit queue, checkpoints and the upkeep thread, wired together.
//
// Everything a test wants to replace comes in through CoreEnvironment: files, clock, stores.
// Order of a write: validate -> append -> durable -> apply in seqno order -> acknowledge.
// Threads: thread-safe after open(); lock order in docs/concurrency.md.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "db/prepare.h"
#include "db/standing_turns.h"
#include "db/stores.h"
#include "db/views.h"
#include "materializer/checkpoint.h"
#include "tidal/db.h"
#include "wal/commit_queue.h"
#include "wal/log.h"

namespace tidal::db {

class ViewApplier;

/// What a database stands on. All references outlive the Core.
struct CoreEnvironment {
  base::FileSystem& fs;
  const base::Clock& clock;
  Stores::Files stores = Stores::Files::Production;
  bool background = true;  ///< run the upkeep thread; tests that want every step in hand turn it off
};

/// What opening found and did, for the log and for `tidal status`.
struct OpenReport {
  SeqNo checkpoint;            ///< 0: none used
  SeqNo base;                  ///< 0: a checkpoint was used, or the whole log
  std::uint64_t replayed = 0;  ///< events applied from the log
  std::uint64_t log_bytes_cut = 0;
  std::vector<std::string> notes;
};

class Core {
 public:
  /// An empty path: in memory only.
  [[nodiscard]] static Result<std::unique_ptr<Core>> open(const std::string& path, const Options& options,
                                                          const CoreEnvironment& environment);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// Waits until the batch is durable and applied; fills in seqnos. An operation whose entity went away meanwhile gets
  /// the status "void"; a batch of one gets NotFound. ResourceExhausted beyond the memory limit, and on a full disk.
  /// Unavailable when the queue had no room within `deadline` (none: the option's).
  /// noexcept, as the next: without memory the process ends here, before or after the record is in the log; it does not
  /// go on with half of a queue.
  [[nodiscard]] Status commit(PreparedBatch& batch, std::optional<Duration> deadline = {}) noexcept;
  /// The same for one record, acknowledged on a thread of the queue's.
  [[nodiscard]] Status commit_async(PreparedRecord record, std::function<void(Result<WriteReply>)> done) noexcept;

  [[nodiscard]] const Views& views() const { return *views_; }
  [[nodiscard]] Timestamp now() const;
  /// A preparer against the schema in force and the entities as they are.
  [[nodiscard]] Preparer preparer() const { return preparer(views_->schema()); }
  /// The same against a schema that is about to come into force.
  [[nodiscard]] Preparer preparer(const schema::Schema& schema) const;
  /// Held while a schema change is validated and committed, so that two cannot pass each other.
  [[nodiscard]] base::Mutex& schema_mutex() { return schema_mutex_; }
  /// Held from the preparation of operations that say what stood until they are applied; taken after schema_mutex(),
  /// and before the preparer is made: its `now` too comes after that of whoever had the turn. Waits as commit() does
  /// for the queue, and gives the same error.
  [[nodiscard]] Result<StandingTurns::Turn> take_turn(std::span<const Operation> operations,
                                                      std::optional<Duration> deadline = {});
  [[nodiscard]] const base::Clock& clock() const { return environment_.clock; }
  /// The last event readers can see.
  [[nodiscard]] SeqNo applied() const;
  /// Key of cursors; 32 bytes, in a file of its own.
  [[nodiscard]] const std::string& cursor_key() const { return cursor_key_; }
  /// Unique within the directory's life: the seqno read and a random number of this open's.
  [[nodiscard]] std::string next_query_id();
  [[nodiscard]] const OpenReport& open_report() const { return report_; }
  /// Null in memory.
  [[nodiscard]] const wal::Log* log() const { return log_.get(); }

  [[nodiscard]] Result<SeqNo> checkpoint();
  [[nodiscard]] Result<CompactionReport> compact();
  [[nodiscard]] Result<RebuildReport> rebuild(std::string_view view,
                                              const std::function<bool(const RebuildProgress&)>& observe);
  /// Of the rebuild that runs, if one does.
  [[nodiscard]] std::optional<RebuildProgress> rebuild_progress() const;
  [[nodiscard]] Result<BackupReport> backup(const std::string& dest, const BackupOptions& options);
  [[nodiscard]] Result<DigestReport> digest();
  [[nodiscard]] DatabaseStats stats() const;
  /// Rolls the read columns to now's buckets, writers waiting meanwhile.
  void settle();
  /// Asks the upkeep thread to settle soon; never blocks. Called by queries that met an unsettled column.
  void want_settle();
  /// Before close(): calls that run do not dally.
  void hasten();
  [[nodiscard]] Status close();
  // relaxed: nothing is published through it; the call gate orders calls and the teardown.
  [[nodiscard]] bool is_closed() const { return closed_.load(std::memory_order_relaxed); }

 private:
  Core(std::string path, const Options& options, const CoreEnvironment& environment);

  [[nodiscard]] Status recover();
  [[nodiscard]] Status take_directory();
  [[nodiscard]] Status load_cursor_key();
  [[nodiscard]] Status check_log_is_whole(SeqNo last) const;
  [[nodiscard]] Status restore_state(SeqNo last);
  [[nodiscard]] Status check_records(SeqNo first) const;
  [[nodiscard]] Status replay_log();
  [[nodiscard]] Status shut_down();
  [[nodiscard]] std::chrono::steady_clock::time_point deadline_of(std::optional<Duration> given) const;
  [[nodiscard]] Status check_memory(std::span<const PreparedRecord> records);
  [[nodiscard]] Status write_checkpoint(SeqNo& seqno) TIDAL_REQUIRES(checkpoint_mutex_);
  [[nodiscard]] materializer::Capture capture(SeqNo& seqno);
  [[nodiscard]] Result<SeqNo> write_base(materializer::CheckpointDirectory& bases) TIDAL_REQUIRES(compaction_mutex_);
  // relaxed: a wish, nothing is published through it.
  [[nodiscard]] bool is_being_closed() const { return hastened_.load(std::memory_order_relaxed); }
  [[nodiscard]] Result<SeqNo> proven_base() TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Status stand_on_base(SeqNo at_least, CompactionReport& report) TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Status drop_states(SeqNo bases_before, SeqNo checkpoints_before) TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Status carry_out_erasures(CompactionReport& report) TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Result<bool> is_carried_out(SeqNo erasure) const;
  [[nodiscard]] Result<std::optional<SeqNo>> first_pending_erasure() const TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Status retire_expired(CompactionReport& report) TIDAL_REQUIRES(compaction_mutex_);
  [[nodiscard]] Result<CompactionReport> compact_locked() TIDAL_REQUIRES(compaction_mutex_);
  void compact_if_due();
  class Rebuild;
  void want_checkpoint_after(std::uint64_t log_bytes);
  void want_checkpoint();
  void run_upkeep();
  [[nodiscard]] Status start_upkeep();
  void stop_upkeep();

  const std::string path_;
  const Options options_;
  const CoreEnvironment environment_;

  std::unique_ptr<base::FileLock> lock_;
  Stores stores_;
  std::unique_ptr<Views> views_;
  std::unique_ptr<wal::Log> log_;  ///< null in memory
  std::unique_ptr<ViewApplier> applier_;
  std::unique_ptr<wal::CommitQueue> queue_;
  std::unique_ptr<materializer::CheckpointDirectory> checkpoints_;  ///< null in memory
  std::unique_ptr<materializer::CheckpointDirectory> bases_;        ///< null in memory
  std::string cursor_key_;
  OpenReport report_;

  base::Mutex schema_mutex_;
  StandingTurns standing_turns_;
  base::Mutex compaction_mutex_;  ///< held while segments leave the log, and while they must not
  mutable base::Mutex rebuild_mutex_;
  std::optional<RebuildProgress> rebuild_ TIDAL_GUARDED_BY(rebuild_mutex_);
  /// The log is known to hold nothing of users that were forgotten up to this seqno.
  SeqNo erasures_done_ TIDAL_GUARDED_BY(compaction_mutex_);
  /// A base that was read from end to end, in this process, and is sound.
  SeqNo proven_base_ TIDAL_GUARDED_BY(compaction_mutex_);
  base::Mutex checkpoint_mutex_;  ///< one checkpoint or base at a time
  std::atomic<std::uint64_t> checkpoint_seqno_{0};
  /// A view was built anew since the newest checkpoint, which must be written again.
  bool is_rebuilt_ TIDAL_GUARDED_BY(checkpoint_mutex_) = false;
  std::atomic<std::uint64_t> base_seqno_{0};  ///< written with compaction_mutex_ held
  std::atomic<std::int64_t> checkpoint_pause_us_{0};
  std::atomic<std::uint64_t> log_bytes_since_checkpoint_{0};
  std::atomic<std::int64_t> memory_checkpoint_asked_{0};  ///< by a refused write; steady clock, ns
  std::atomic<bool> hastened_{false};                     ///< somebody is about to close
  std::atomic<bool> closed_{false};
  base::Mutex close_mutex_;
  std::optional<Status> close_status_ TIDAL_GUARDED_BY(close_mutex_);
  std::uint64_t query_salt_ = 0;
  std::atomic<std::uint64_t> queries_{0};

  base::Mutex upkeep_mutex_;
  base::CondVar upkeep_wakeup_;
  bool upkeep_stop_ TIDAL_GUARDED_BY(upkeep_mutex_) = false;
  bool settle_wanted_ TIDAL_GUARDED_BY(upkeep_mutex_) = false;
  bool checkpoint_wanted_ TIDAL_GUARDED_BY(upkeep_mutex_) = false;
  std::thread upkeep_;
};

}  // namespace tidal::db
