// What `tidal repair` does: the plan for a whole data directory, and carrying it out.
//
// D1: planning changes nothing. D2: every damaged file is copied to damaged/<number>/ and synced before anything of its
// name changes. D3: after an error or a crash at any operation, planning and applying again ends in the same state.
// D4: afterwards the state of the database equals a replay of the repaired log: a checkpoint or store that holds what
// the log lost is put aside with the damaged ones. They are caches; nothing is lost by that.
// Threads: one at a time; holds the directory's lock from the plan on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/repair.h"

namespace tidal::db {

/// A checkpoint or store that is put aside.
struct CacheAside {
  std::string path;  ///< below the data directory: "checkpoints/00000000000000000042"
  std::string why;
};

/// Of these checkpoints, those that hold what the plan gives up: at or after the first seqno lost.
[[nodiscard]] std::vector<SeqNo> checkpoints_contradicting(const wal::RepairPlan& plan,
                                                           std::span<const SeqNo> checkpoints);

class DirectoryRepair {
 public:
  /// Looks at log, checkpoints and stores (D1). NotFound; AlreadyOpen; FailedPrecondition when any file is of a newer
  /// format; ResourceExhausted when more is lost than a repair fills; IoError. Cost: reads every file once.
  [[nodiscard]] static Result<std::unique_ptr<DirectoryRepair>> plan(base::FileSystem& fs,
                                                                     const std::string& directory);

  [[nodiscard]] const wal::RepairPlan& log() const { return log_; }
  [[nodiscard]] const std::vector<CacheAside>& caches() const { return caches_; }
  /// Unusual and no damage.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  /// There is nothing to do.
  [[nodiscard]] bool empty() const { return log_.empty() && caches_.empty() && unfinished_.empty(); }

  /// Carries the plan out; the folder that has the damaged files, "" when the plan was empty. Once.
  /// FailedPrecondition when the directory changed since the plan was made; IoError; ResourceExhausted.
  [[nodiscard]] Result<std::string> apply();

 private:
  DirectoryRepair(base::FileSystem& fs, std::string directory) : fs_(fs), directory_(std::move(directory)) {}
  [[nodiscard]] Status look();
  [[nodiscard]] Status look_at_damaged_folder();
  [[nodiscard]] Status look_at_checkpoints(std::span<const SeqNo> checkpoints);
  [[nodiscard]] Status look_at_store();
  [[nodiscard]] Status make_sure_of_lock();
  [[nodiscard]] Status put_aside(const CacheAside& cache, const std::string& folder);
  [[nodiscard]] std::string text() const;

  base::FileSystem& fs_;
  const std::string directory_;
  std::unique_ptr<base::FileLock> lock_;  // null while the directory has no lock file
  wal::RepairPlan log_;
  std::vector<CacheAside> caches_;
  std::vector<std::string> notes_;
  std::vector<std::string> unfinished_;  // folders of repairs that stopped on their way
  SeqNo synced_through_;                 // what checkpoints prove
  std::string next_folder_;
};

}  // namespace tidal::db
