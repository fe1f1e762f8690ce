// Which records and bases a backup holds, and so which moments it can be restored to.
//
// Threads: pure functions over files that nobody writes meanwhile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "db/backup_manifest.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::db {

/// A segment of a backup, archived or not.
struct BackupSegment {
  std::string path;  ///< below the backup
  SeqNo first_seqno;
  SeqNo last_seqno;  ///< first_seqno - 1 when it holds none
  [[nodiscard]] bool is_archived() const { return path.starts_with("archive/"); }
};

class BackupHistory {
 public:
  /// Of a backup whose files were found right. Corruption when they do not make up a log. Cost: reads the log before
  /// the oldest base once.
  [[nodiscard]] static Result<BackupHistory> read(base::FileSystem& fs, const std::string& backup,
                                                  const BackupManifest& manifest);

  /// By seqno; the archived ones come first.
  [[nodiscard]] const std::vector<BackupSegment>& segments() const { return segments_; }
  [[nodiscard]] std::string path_of(const BackupSegment& segment) const { return backup_ + "/" + segment.path; }
  /// The newest base at or before that record; 0: none, the log is whole from its first record.
  [[nodiscard]] SeqNo base_before(SeqNo seqno) const;
  /// Where the log ends that ends with that record: the position of the segment that holds it, or of the one that
  /// begins behind it, when only a base holds it.
  [[nodiscard]] std::size_t last_segment_for(SeqNo seqno) const;
  /// The least and the greatest record it can be restored to; 0 when there is none.
  [[nodiscard]] SeqNo first() const { return first_; }
  [[nodiscard]] SeqNo last() const { return last_; }
  /// The last record appended up to then; 0 when there is none.
  [[nodiscard]] Result<SeqNo> last_appended_by(Timestamp time) const;
  /// When the record was appended; nothing when only a base holds it.
  [[nodiscard]] Result<std::optional<Timestamp>> append_time_of(SeqNo seqno) const;
  /// "seqno 1 (appended 2026-…) to seqno 9 (appended 2026-…)".
  [[nodiscard]] Result<std::string> range_text() const;

 private:
  BackupHistory(base::FileSystem& fs, std::string backup) : fs_(fs), backup_(std::move(backup)) {}
  [[nodiscard]] Status list(const BackupManifest& manifest);
  [[nodiscard]] Status join();
  [[nodiscard]] Result<bool> is_anonymous_before(SeqNo base) const;

  base::FileSystem& fs_;
  std::string backup_;
  std::vector<BackupSegment> segments_;
  std::vector<SeqNo> bases_;      // that the log can follow, oldest first
  std::size_t joined_begin_ = 0;  // from there on segments_ have no hole
  SeqNo first_{};
  SeqNo last_{};
};

}  // namespace tidal::db
