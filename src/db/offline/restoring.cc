// Checking a backup, choosing what of it makes up the database, and writing that.
#include "db/offline/restoring.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_copy.h"
#include "db/backup_manifest.h"
#include "db/base_state.h"
#include "db/format_check.h"
#include "db/offline/backup_history.h"
#include "db/offline/later_erasures.h"
#include "db/offline/verification.h"
#include "db/unfinished_directory.h"
#include "tidal/db.h"
#include "wal/segment.h"
#include "wal/segment_copy.h"

namespace tidal::db {
namespace {

/// The record that the restored log is to end with.
Result<SeqNo> target_of(const BackupHistory& history, const RestoreOptions& options) {
  SeqNo target = history.last();
  if (options.to_seqno) target = *options.to_seqno;
  if (options.to_time) {
    TIDAL_TRY_ASSIGN(target, history.last_appended_by(*options.to_time));
  }
  if (target >= history.first() && target <= history.last()) return target;
  TIDAL_TRY_ASSIGN(const std::string range, history.range_text());
  const std::string asked =
      options.to_time ? "time " + to_string(*options.to_time) : "seqno " + std::to_string(target.value);
  std::string why = "the backup cannot be restored to " + asked + ": it reaches from " + range;
  TIDAL_TRY_ASSIGN(const std::optional<Timestamp> first_time, history.append_time_of(history.first()));
  if (options.to_time && history.first() != SeqNo{} && !first_time) {
    why += "; when seqno " + std::to_string(history.first().value) +
           " was appended nobody knows, since only a base holds it: ask for it by its seqno";
  }
  return Error(Code::InvalidArgument, std::move(why));
}

/// What is to be forgotten again.
Result<std::vector<LaterErasure>> erasures_behind(base::FileSystem& fs, const BackupHistory& history, SeqNo target,
                                                  const RestoreOptions& options) {
  std::vector<LaterErasure> erasures;
  if (!options.erase_again) return erasures;
  RestorePoint point{.seqno = target};
  TIDAL_TRY_ASSIGN(point.append_time, history.append_time_of(target));
  TIDAL_TRY_ASSIGN(erasures, later_erasures_of_backup(fs, history, point));
  if (options.erasures_of.empty()) return erasures;
  TIDAL_TRY_ASSIGN(std::vector<LaterErasure> others, later_erasures_of(fs, options.erasures_of, point));
  std::ranges::move(others, std::back_inserter(erasures));
  return erasures;
}

/// Writes the files of a database that ends with one record.
class Restorer {
 public:
  Restorer(base::FileSystem& fs, std::string backup, std::string dest, const BackupManifest& manifest,
           const BackupHistory& history, CopyProgress progress)
      : fs_(fs),
        backup_(std::move(backup)),
        dest_(std::move(dest)),
        manifest_(manifest),
        history_(history),
        progress_(std::move(progress)) {}

  Result<RestoreReport> run(SeqNo target) {
    report_.seqno = target;
    report_.base = history_.base_before(target);
    if (report_.base != SeqNo{}) TIDAL_TRY(copy_base());
    const std::vector<BackupSegment>& segments = history_.segments();
    const std::size_t last = history_.last_segment_for(target);
    TIDAL_TRY(fs_.create_directories(dest_ + "/wal"));
    for (std::size_t i = 0; i < last; ++i) {
      if (segments[i].is_archived()) TIDAL_TRY(fs_.create_directories(dest_ + "/archive"));
      TIDAL_TRY(copy(segments[i].path));
    }
    TIDAL_TRY(copy_last(segments[last]));
    if (fs_.exists(dest_ + "/archive")) TIDAL_TRY(fs_.sync_directory(dest_ + "/archive"));
    TIDAL_TRY(fs_.sync_directory(dest_ + "/wal"));
    return report_;
  }

 private:
  Status copy_base() {
    const std::string from = base_directory(fs_, backup_).directory_of(report_.base);
    const std::string folder = from.substr(backup_.size() + 1) + "/";
    TIDAL_TRY(fs_.create_directories(dest_ + "/" + folder));
    for (const BackupFile& file : manifest_.files) {
      if (file.path.starts_with(folder)) TIDAL_TRY(copy(file.path));
    }
    TIDAL_TRY(fs_.sync_directory(dest_ + "/" + folder));
    return fs_.sync_directory(dest_ + "/base");
  }

  Status copy(const std::string& path) {
    TIDAL_TRY_ASSIGN(const base::FileSum sum, base::copy_file(fs_, backup_ + "/" + path, dest_ + "/" + path));
    for (const BackupFile& file : manifest_.files) {
      if (file.path == path && file.sum != sum) {
        return Error(Code::Corruption, backup_ + "/" + path + " changed while the backup was restored");
      }
    }
    return count(sum.bytes);
  }

  /// The segment that the log goes on in: in wal/, not sealed, with nothing behind the target.
  Status copy_last(const BackupSegment& segment) {
    const std::string to = dest_ + "/wal/" + wal::segment_file_name(segment.first_seqno);
    TIDAL_TRY_ASSIGN(
        const wal::SegmentCopy copied,
        wal::copy_segment_through(fs_, backup_ + "/" + segment.path, to, report_.seqno, wal::SegmentSpace::Zeroed));
    report_.time = copied.last_append;
    TIDAL_TRY_ASSIGN(const base::FileSum sum, base::sum_file(fs_, to));
    return count(sum.bytes);
  }

  Status count(std::uint64_t bytes) {
    ++report_.files;
    report_.bytes += bytes;
    const std::uint64_t all = std::max(report_.bytes, manifest_.bytes());
    if (!progress_ || progress_(report_.bytes, all)) return {};
    return Error(Code::Unavailable, "interrupted");
  }

  base::FileSystem& fs_;
  const std::string backup_;
  const std::string dest_;
  const BackupManifest& manifest_;
  const BackupHistory& history_;
  const CopyProgress progress_;
  RestoreReport report_;
};

/// The defects of the backup, or of what was restored, as one error.
Status as_error(const std::vector<std::string>& defects) {
  if (defects.empty()) return {};
  Error error(Code::Corruption, defects.front());
  for (std::size_t i = 1; i < defects.size(); ++i) error.others.emplace_back(Code::Corruption, defects[i]);
  return error;
}

}  // namespace

Result<RestoreReport> restore_backup(base::FileSystem& fs, const std::string& backup, const std::string& dest,
                                     const RestoreOptions& options) {
  if (options.to_seqno && options.to_time) {
    return Error(Code::InvalidArgument, "restore: expected a seqno or a time, got both");
  }
  if (!options.erase_again && !options.erasures_of.empty()) {
    return Error(Code::InvalidArgument, "restore: expected either no erasures or a database with some, got both");
  }
  TIDAL_TRY(check_is_outside("the database", dest, backup));
  TIDAL_TRY_ASSIGN(const BackupManifest manifest, read_backup_manifest(fs, backup));
  TIDAL_TRY(check_formats(fs, backup));
  TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, check_backup_files(fs, backup, manifest, options.progress));
  TIDAL_TRY(as_error(defects));
  TIDAL_TRY_ASSIGN(const BackupHistory history, BackupHistory::read(fs, backup, manifest));
  TIDAL_TRY_ASSIGN(const SeqNo target, target_of(history, options));
  TIDAL_TRY_ASSIGN(std::vector<LaterErasure> erasures, erasures_behind(fs, history, target, options));
  TIDAL_TRY_ASSIGN(UnfinishedDirectory directory, UnfinishedDirectory::create(fs, dest, kUnfinishedRestore));
  const auto fill = [&]() -> Result<RestoreReport> {
    TIDAL_TRY_ASSIGN(RestoreReport report, Restorer(fs, backup, dest, manifest, history, options.progress).run(target));
    TIDAL_TRY_ASSIGN(report.erasures, append_erasures(fs, dest, std::move(erasures)));
    TIDAL_TRY_ASSIGN(const Verification verified, verify_content(fs, dest));
    TIDAL_TRY(as_error(verified.defects));
    TIDAL_TRY(directory.finish());
    return report;
  };
  Result<RestoreReport> report = fill();
  if (!report.ok()) directory.discard();
  return report;
}

}  // namespace tidal::db

namespace tidal {

Result<RestoreReport> Database::restore(const std::string& backup, const std::string& dest,
                                        const RestoreOptions& options) {
  return db::restore_backup(base::posix_file_system(), backup, dest, options);
}

}  // namespace tidal
