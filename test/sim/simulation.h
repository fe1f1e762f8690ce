// One history of a whole database, by one seed: clients that take turns on one thread, over files in memory that fail
// and forget, beside the model.
//
// After every crash and reopen:
// S1: what was acknowledged is there, once. S2: a batch whose commit got no answer is there whole or not at all.
// S3: every answer equals the model's. S4: the state equals a replay of the surviving log, on a base where its first
// records are gone. S5: the newest checkpoint that was taken, or a base behind it, is there and used, unless a
// compaction was removing it. S6: an event counts once however often it was sent. S7: when files were lost, the open
// begins where expected_opening.h says, or is refused. S8: records that went to the archive are there.
// S9: after a compaction that came to its end no file holds the key of a user who was forgotten before it and did not
// come back. S10: a finished backup gives back the state of its end, of any record and any time that it reaches, also
// after a crash; everything refuses an unfinished one.
// A client prepares and commits in two steps, so that others come in between. Operations on files of checkpoints, bases
// and archives let others write and ask, the log's let them ask: inside of those nobody may write.
// Threads: one test's own. Durability::Async starts a thread of the database's, which never has anything to do here.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "db/core.h"
#include "db/erased_user.h"
#include "test/sim/crash_points.h"
#include "test/sim/expected_opening.h"
#include "test/sim/file_activity.h"
#include "test/sim/limited_file_system.h"
#include "test/sim/model.h"
#include "test/sim/stored_files.h"
#include "test/sim/tally.h"
#include "test/sim/workload.h"

namespace tidal::sim {

/// A sync that does nothing: a canary.
struct IgnoredSync {
  base::MemoryFileSystem::SyncKind kind;
  std::string path;
};

struct HistoryOptions {
  std::uint64_t seed = 1;
  bool verbose = false;                  ///< prints every step
  const CrashPoint* point = nullptr;     ///< crash here and only here
  std::optional<IgnoredSync> ignored{};  ///< a canary
};

struct Failure {
  Fault fault = Fault::None;
  std::uint64_t step = 0;
  std::string what;
};

class Simulation {
 public:
  Simulation(const HistoryOptions& options, Tally& tally);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// To its end or to the first thing that is wrong.
  Failure run();
  /// Whether the crash point was met, at each of its stages.
  [[nodiscard]] bool met() const { return options_.point != nullptr && stage_ == options_.point->stages.size(); }

 private:
  /// A batch between prepare and commit.
  struct Pending {
    db::PreparedBatch batch;
    ModelBatch expected;
    std::uint64_t prepared_at = 0;  // seqno
    std::vector<Operation> operations;
    bool is_retry = false;  // sent before, without an answer
  };
  /// What the log gets of a batch: all but the duplicates.
  struct Written {
    std::vector<LogRecord> records;
    Timestamp appended;
    std::vector<Place> places;      // of all
    std::vector<Outcome> outcomes;  // of the records, once they are applied
  };

  // Steps (simulation.cc).
  void step();
  void take_turn(std::size_t client);
  void prepare(std::size_t client);
  void commit(std::size_t client);
  [[nodiscard]] Written as_appended(const std::vector<LogRecord>& records) const;
  void acknowledge(Pending pending, const Status& status, const Written& written);
  void count_repeat(const LogRecord& record, const Place& place, std::uint64_t before);
  void change_schema(const SchemaChange& change);
  std::vector<Outcome> settle_write(const Status& status, const Written& written);
  std::vector<Outcome> apply(const Written& written);
  void ask();
  void checkpoint();
  void note_health();
  void compact();
  void move_clock();
  void send_again(Pending pending);

  // Users who are forgotten (simulation_erasure.cc).
  void forget();
  [[nodiscard]] std::string user_to_forget();
  void prepare_forgetting(std::size_t client);
  [[nodiscard]] db::ErasureSalt next_salt();
  using SeqnoByUser = std::map<std::string, std::uint64_t>;
  [[nodiscard]] SeqnoByUser forgotten_users() const;
  void seek_forgotten(const SeqnoByUser& forgotten);

  // Backups (simulation_backup.cc).
  using ViewDigests = std::vector<std::pair<std::string, std::string>>;
  struct ExpectedRestore {
    RestoreOptions options{};
    std::uint64_t seqno = 0;  // of the last record
    bool is_refused = false;
    bool is_judged = true;
    ViewDigests digest{};  // none: not recorded
  };
  void backup();
  void note_moment();
  void judge_backup();
  void judge_unfinished(base::MemoryFileSystem& copy);
  [[nodiscard]] ExpectedRestore draw_restore(const BackupReport& backup);
  void judge_restore(base::MemoryFileSystem& copy);
  void compare_restored(db::Core& core, const ExpectedRestore& expected);
  [[nodiscard]] Timestamp appended_at(std::uint64_t seqno) const;
  [[nodiscard]] std::uint64_t last_appended_by(Timestamp time) const;
  [[nodiscard]] std::uint64_t last_forgetting(std::uint64_t through) const;
  [[nodiscard]] Model model_at(std::uint64_t seqno) const;

  // Files (simulation_faults.cc).
  void arm_fault();
  void arm_within(std::uint64_t operations);
  void threaten(std::uint64_t operations);
  void change_limits();
  void lift_limits();
  void before_operation(const base::FileOperation& operation);
  void strike(Activity activity);
  void meet_point(Activity activity);
  void interleave(const base::FileOperation& operation);
  void cut_power();
  [[nodiscard]] bool is_scarce() const { return disk_full_ || few_files_ || read_only_; }
  [[nodiscard]] bool may_fail() const { return power_off_ || poisoned_ || struck_ || is_scarce(); }

  // Lives (simulation_recovery.cc).
  void end_life();
  void crash();
  void close();
  void open();
  void try_to_open(const Options& options);
  [[nodiscard]] Options core_options();
  [[nodiscard]] Result<std::unique_ptr<db::Core>> open_core(base::FileSystem& fs, const Options& options,
                                                            const std::string& path);
  void restart();
  void check_checkpoint();
  void check_history();
  void settle_doubt(std::uint64_t last);
  void forget_after(std::uint64_t last);
  void verify();
  void compare_with_replay();
  void read_last_append();
  void follow_last_append();

  // Files that get lost between two lives (simulation_losses.cc).
  void keep_stores();
  void lose_files();
  void lose_checkpoints();
  void lose_store();
  void lose_base_and_archive();
  void lose_one_of(const StoredFiles& files, Happening what);
  void lose_caches();
  void put_back();
  void check_opening(const ExpectedOpening& expected, const Result<std::unique_ptr<db::Core>>& opened);

  void fail(Fault fault, std::string what);
  [[nodiscard]] bool failed() const { return failure_.fault != Fault::None; }
  void say(const std::string& what) const;
  [[nodiscard]] bool one_in(std::uint64_t n) { return random_.below(n) == 0; }

  const HistoryOptions options_;
  Tally& tally_;
  base::Random random_;
  base::MemoryFileSystem fs_;
  LimitedFileSystem limits_;
  base::FixedClock clock_;
  Workload workload_;
  bool wants_small_log_;
  Model model_;
  std::vector<Written> written_;                    // acknowledged, in the order of the log
  std::optional<Written> in_doubt_;                 // handed to the log; its commit got an error
  std::vector<std::vector<Operation>> unanswered_;  // batches to send again
  Timestamp last_append_;                           // append times never go back
  std::uint64_t durable_ = 0;                       // what a power cut must leave
  std::uint64_t checkpointed_ = 0;                  // the newest checkpoint that was taken
  // From which seqno on log and archive must hold every record; none: segments were being removed for good.
  std::optional<std::uint64_t> history_first_ = 1;
  bool lacks_archive_ = false;  // in this life, files of it were lost
  std::uint64_t import_line_ = 0;
  std::set<std::string> beyond_reach_;            // forgotten while files of the archive were missing
  std::uint64_t anonymous_through_ = 0;           // of the log, when it was opened
  std::map<std::uint64_t, ViewDigests> moments_;  // what was there when that record was the last
  std::optional<BackupReport> backup_;            // the finished one; what is there without was not
  bool backup_waits_ = false;                     // it was not judged yet
  std::unique_ptr<db::Core> core_;
  std::array<std::optional<Pending>, 4> clients_;
  Failure failure_;
  std::uint64_t steps_ = 0;

  // What the files are up to.
  ActivityReader activities_;
  Phase phase_ = Phase::Opening;
  Durability::Mode mode_ = Durability::Mode::Sync;
  Durability::Mode crashed_mode_ = Durability::Mode::Sync;  // of the life that crashed last
  bool quiet_ = false;                                      // the harness itself is at work
  bool inside_checkpoint_ = false;
  bool compacting_ = false;
  bool backing_up_ = false;
  int nesting_ = 0;
  bool power_off_ = false;
  bool cut_next_ = false;  // the power goes before the next operation
  bool poisoned_ = false;
  bool struck_ = false;  // an error was injected in this life
  bool disk_full_ = false;
  bool few_files_ = false;
  bool read_only_ = false;
  std::vector<std::pair<std::string, std::string>> old_stores_;  // path and content at earlier checkpoints
  std::optional<StoredFiles> put_aside_{};  // base and archive, before some of their files were lost
  bool crashed_ = false;                    // since the last open
  std::uint64_t cut_in_ = 0;                // operations until the power goes; 0: not planned
  std::uint64_t fault_in_ = 0;
  base::MemoryFileSystem::Fault fault_ = base::MemoryFileSystem::Fault::IoError;
  std::size_t stage_ = 0;     // of options_.point
  std::uint64_t skip_ = 0;    // operations of the stage to let pass
  std::uint64_t die_in_ = 0;  // steps until the crash that follows an error
};

}  // namespace tidal::sim
