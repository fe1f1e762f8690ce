// What `tidal repair` does: the plan for a whole data directory, and carrying it out.
//
// D1: planning changes nothing. D2: every damaged file is copied to damaged/<number>/ and synced before anything of its
// name changes. D3: after an error or a crash at any operation, planning and applying again ends in the same state.
// D4: afterwards the state of the database equals a replay of base and repaired log. So the newest sound checkpoint
// that holds what the log lost becomes the base, which keeps its state; any other one is put aside with the damaged
// ones. Threads: one at a time; holds the directory's lock from the plan on.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/repair.h"

namespace tidal::db {

/// A checkpoint, base or store that is put aside.
struct PutAside {
  std::string path;  ///< below the data directory: "checkpoints/00000000000000000042"
  std::string why;
};

/// Of these checkpoints, those that hold what the plan gives up behind the base at `base` (0: none): at or after the
/// first seqno lost there.
[[nodiscard]] std::vector<SeqNo> checkpoints_contradicting(const wal::RepairPlan& plan,
                                                           std::span<const SeqNo> checkpoints, SeqNo base);

class DirectoryRepair {
 public:
  /// Looks at log, base, checkpoints and stores (D1). NotFound; AlreadyOpen; FailedPrecondition when any file is of a
  /// newer format; ResourceExhausted when more is lost than a repair fills; IoError. Cost: reads every file once.
  [[nodiscard]] static Result<std::unique_ptr<DirectoryRepair>> plan(base::FileSystem& fs,
                                                                     const std::string& directory);

  [[nodiscard]] const wal::RepairPlan& log() const { return log_; }
  [[nodiscard]] const std::vector<PutAside>& aside() const { return aside_; }
  /// All state up to here is kept, by the base or by promoted(): of what is lost up to it, only the history is.
  [[nodiscard]] SeqNo state_kept_through() const { return std::max(base_, promoted_); }
  /// The checkpoint that becomes the base; 0: none.
  [[nodiscard]] SeqNo promoted() const { return promoted_; }
  /// Unusual and no damage.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  /// There is nothing to do.
  [[nodiscard]] bool empty() const {
    return log_.empty() && aside_.empty() && unfinished_.empty() && promoted_ == SeqNo{};
  }

  /// Carries the plan out; the folder that has the damaged files, "" when the plan was empty. Once.
  /// FailedPrecondition when the directory changed since the plan was made; IoError; ResourceExhausted.
  [[nodiscard]] Result<std::string> apply();

 private:
  DirectoryRepair(base::FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}
  [[nodiscard]] Status look();
  [[nodiscard]] Status look_at_damaged_folder();
  [[nodiscard]] Status look_at_bases();
  [[nodiscard]] Status look_at_log();
  [[nodiscard]] Status choose_promoted();
  [[nodiscard]] Status look_at_checkpoints(std::span<const SeqNo> checkpoints);
  [[nodiscard]] Status look_at_store();
  [[nodiscard]] Status make_sure_of_lock();
  [[nodiscard]] Status put_aside(const PutAside& cache, const std::string& folder);
  [[nodiscard]] std::string text() const;

  base::FileSystem& fs_;
  const std::string directory_;
  std::unique_ptr<base::FileLock> lock_;  // null while the directory has no lock file
  wal::RepairPlan log_;
  SeqNo base_;      // the newest sound one
  SeqNo promoted_;  // behind it
  std::vector<PutAside> aside_;
  std::vector<std::string> notes_;
  std::vector<std::string> unfinished_;  // folders of repairs that stopped on their way
  SeqNo synced_through_;                 // what checkpoints prove
  std::string next_folder_;
};

}  // namespace tidal::db
