// A directory that counts only when it is whole: while it is filled, a file in it says that it is not.
//
// U1: the file is durable before anything else is in the directory, and goes after everything else is durable. So after
//     a crash at any moment the directory is whole or carries the mark.
// U2: the mark of a backup turns into its manifest by one rename; that of a restored database is removed.
// U3: whoever did not make the mark, or finds something beside it, leaves the directory as it is: it is another's.
// Threads: externally synchronized; several processes may want the same directory.
#pragma once

#include <string>
#include <string_view>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::db {

inline constexpr std::string_view kBackupManifestName = "BACKUP";
inline constexpr std::string_view kUnfinishedBackup = "BACKUP.unfinished";
inline constexpr std::string_view kUnfinishedRestore = "RESTORE.unfinished";

class UnfinishedDirectory {
 public:
  /// Makes the directory, or takes an empty one, and marks it. AlreadyExists when it holds anything or another one is
  /// filling it; IoError, ResourceExhausted.
  [[nodiscard]] static Result<UnfinishedDirectory> create(base::FileSystem& fs, const std::string& path,
                                                          std::string_view mark);

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The mark gets this content and this name (U2). Everything else must be durable.
  [[nodiscard]] Status finish_as(std::string_view name, std::string_view content);
  /// Removes the mark. Everything else must be durable.
  [[nodiscard]] Status finish();
  /// Removes all that was written, the mark last, as far as it can: what stays carries the mark.
  void discard();

 private:
  UnfinishedDirectory(base::FileSystem& fs, std::string path, std::string_view mark, bool was_there)
      : fs_(fs), path_(std::move(path)), mark_(mark), was_there_(was_there) {}
  [[nodiscard]] std::string mark_path() const { return path_ + "/" + mark_; }
  [[nodiscard]] Status own();
  [[nodiscard]] Status sync_mark();
  [[nodiscard]] Status remove_content();

  base::FileSystem& fs_;
  std::string path_;
  std::string mark_;
  bool was_there_;
};

/// InvalidArgument when a copy of `source` at `dest` would lie in what it copies, through links too; `what` is said to
/// lie there: "the backup".
[[nodiscard]] Status check_is_outside(std::string_view what, const std::string& dest, const std::string& source);

/// FailedPrecondition when the directory carries a mark: it was never finished, and holds nothing to rely on.
[[nodiscard]] Status check_is_finished(base::FileSystem& fs, const std::string& path);
/// The same; FailedPrecondition also for a backup, which whoever opens it would change.
[[nodiscard]] Status check_may_be_opened(base::FileSystem& fs, const std::string& path);

}  // namespace tidal::db
