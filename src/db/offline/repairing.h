// What `tidal repair` does: the plan for a whole data directory, and carrying it out.
//
// D1: planning changes nothing. D2: every damaged file is copied to damaged/<number>/ and synced before anything of its
// name changes. D3: after an error or a crash at any operation, planning and applying again ends in the same state.
// D4: afterwards the state of the database equals a replay of base and repaired log. So the newest sound checkpoint
// that holds what log and archive lost, or can no longer be replayed, becomes the base, which keeps its state; any
// other one is put aside with the damaged ones. D5: what only keeps a file from being read (no right, no descriptor, a
// disk that fails) ends the plan: no sound file is put aside for it. D6: no plan leaves a database that cannot be
// opened. Threads: one at a time; holds the directory's lock from the plan on.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "db/stores.h"
#include "tidal/result.h"
#include "wal/repair.h"
#include "wal/repair_archive.h"

namespace tidal::db {

/// A checkpoint, base, store or archived segment that is put aside.
struct PutAside {
  std::string path;  ///< below the data directory: "checkpoints/00000000000000000042"
  std::string why;
  wal::SeqnoRange records{};  ///< of an archived segment: what goes with it
};

class DirectoryRepair {
 public:
  /// Looks at log, archive, base, checkpoints and stores (D1). NotFound; AlreadyOpen; FailedPrecondition when any file
  /// is of a newer format; ResourceExhausted when more is lost than a repair fills; Corruption when no state is left
  /// that log and archive could be replayed from (D6); PermissionDenied, IoError (D5). Cost: reads every file once, the
  /// log twice when a checkpoint is promoted.
  [[nodiscard]] static Result<std::unique_ptr<DirectoryRepair>> plan(base::FileSystem& fs,
                                                                     const std::string& directory);

  [[nodiscard]] const wal::RepairPlan& log() const { return log_; }
  [[nodiscard]] const std::vector<PutAside>& aside() const { return aside_; }
  /// All state up to here is kept, by the base or by promoted(): of what is lost up to it, only the history is.
  [[nodiscard]] SeqNo state_kept_through() const { return std::max(base_, promoted_); }
  /// The checkpoint that becomes the base; 0: none.
  [[nodiscard]] SeqNo promoted() const { return promoted_; }
  /// Sound bases that it takes the place of; they are kept with what is put aside.
  [[nodiscard]] const std::vector<std::string>& superseded() const { return superseded_; }
  /// Holes in the archive that nothing stands for: empty records fill them.
  [[nodiscard]] const std::vector<wal::SeqnoRange>& archive_fills() const { return fills_; }
  /// Records that neither log nor archive has (any more) though the state has them: history that is gone.
  [[nodiscard]] const std::vector<wal::SeqnoRange>& history_gone() const { return history_gone_; }
  /// Of log and archive, without the history that is gone.
  [[nodiscard]] std::uint64_t lost_records() const;
  /// Unusual and no damage.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  /// There is nothing to do.
  [[nodiscard]] bool empty() const { return !has_changes() && unfinished_.empty(); }

  /// Carries the plan out; the folder that has the damaged files, "" when the plan was empty. Once.
  /// FailedPrecondition when the directory changed since the plan was made; IoError; ResourceExhausted.
  [[nodiscard]] Result<std::string> apply();

 private:
  DirectoryRepair(base::FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}
  [[nodiscard]] bool has_changes() const {
    return !log_.empty() || !aside_.empty() || !fills_.empty() || promoted_ != SeqNo{};
  }
  [[nodiscard]] Status look();
  [[nodiscard]] Status look_at_damaged_folder();
  [[nodiscard]] Status look_at_bases();
  [[nodiscard]] Status look_at_log();
  [[nodiscard]] Status plan_log(std::optional<SeqNo> log_first, SeqNo state);
  [[nodiscard]] std::optional<SeqNo> first_lost(SeqNo after) const;
  [[nodiscard]] SeqNo last_anonymous() const { return std::max(log_.last_anonymous, archive_.last_anonymous); }
  [[nodiscard]] Result<std::optional<SeqNo>> stores_beside(const materializer::Manifest& checkpoint) const;
  [[nodiscard]] Status note_lost_stores();
  [[nodiscard]] Status choose_promoted();
  [[nodiscard]] Error no_state_error() const;
  [[nodiscard]] Status look_at_checkpoints();
  [[nodiscard]] Status look_at_store(const StorePlace& place);
  [[nodiscard]] Status make_sure_of_lock();
  [[nodiscard]] Status put_aside(const PutAside& cache, const std::string& folder);
  [[nodiscard]] Status change(const std::string& folder);
  [[nodiscard]] std::string text() const;

  base::FileSystem& fs_;
  const std::string directory_;
  std::unique_ptr<base::FileLock> lock_;  // null while the directory has no lock file
  wal::RepairPlan log_;
  wal::JudgedArchive archive_;
  std::vector<wal::SeqnoRange> fills_;
  std::vector<wal::SeqnoRange> history_gone_;
  SeqNo base_;                // the newest sound one
  SeqNo promoted_;            // behind it
  std::vector<SeqNo> bases_;  // the sound ones
  std::vector<std::string> superseded_;
  std::string openable_;  // a sound checkpoint that cannot become the base, and why
  std::vector<PutAside> aside_;
  std::vector<std::string> notes_;
  std::vector<std::string> unfinished_;  // folders of repairs that stopped on their way
  SeqNo synced_through_;                 // what checkpoints prove
  std::string next_folder_;
};

}  // namespace tidal::db
