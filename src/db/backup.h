// Filling a backup: a closed data directory made of a base and the log, copied while the log is written.
//
// Q1: what is copied of the log was judged frame by frame, in the copy: a damaged log is not backed up.
// Q2: the copy's log ends with a record that was synced, at or behind the newest base in it.
// Threads: one call at a time; meanwhile no segment leaves the log and no archive is removed.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "db/backup_manifest.h"
#include "materializer/checkpoint.h"
#include "tidal/backup.h"
#include "wal/log.h"
#include "wal/reader.h"

namespace tidal::db {

class BackupWriter {
 public:
  /// `source`: the data directory, `dest`: the backup's, which exists.
  BackupWriter(base::FileSystem& fs, std::string source, std::string dest)
      : fs_(fs), source_(std::move(source)), dest_(std::move(dest)) {}

  /// Where the newest base goes before anything is copied.
  [[nodiscard]] materializer::CheckpointDirectory bases();
  /// Names the files of the base that was written to bases().
  [[nodiscard]] Status add_written_base(SeqNo seqno);
  /// Copies that of the source. Corruption when it is damaged.
  [[nodiscard]] Status copy_base(SeqNo seqno);
  /// The log through at least `through`, which is synced. Corruption names segment and offset.
  [[nodiscard]] Status copy_log(const wal::Log& log, const BackupOptions& options);

  [[nodiscard]] const BackupManifest& manifest() const { return manifest_; }
  /// The earliest seqno that it can be restored to; 0 when it holds no record.
  [[nodiscard]] SeqNo first_seqno() const;
  /// Its content; everything else is durable.
  [[nodiscard]] std::string finish(Timestamp now);

 private:
  [[nodiscard]] Status copy_segment(const std::string& path, SeqNo expected_end);
  [[nodiscard]] Status copy_archive(const wal::ArchivedSegment& segment);
  [[nodiscard]] Status copy_newest(const std::string& path, SeqNo through);
  [[nodiscard]] Status look_for_anonymous(const wal::FrameView& frame);
  [[nodiscard]] Status add_file(const std::string& path);
  [[nodiscard]] Status add_file(const std::string& path, const base::FileSum& sum);

  base::FileSystem& fs_;
  const std::string source_;
  const std::string dest_;
  BackupManifest manifest_;
  SeqNo oldest_base_{};
  SeqNo history_first_{};
  bool is_anonymous_ = false;    // an erasure emptied records of the log
  std::uint64_t bytes_all_ = 0;  // of the log
  std::uint64_t bytes_done_ = 0;
  CopyProgress progress_;
};

/// What tells how far back a log and bases can be restored.
struct Reach {
  SeqNo history_first;        ///< of the log
  bool is_anonymous = false;  ///< an erasure emptied records before the oldest base: none of them can be replayed
  SeqNo oldest_base;          ///< that the log can stand on; 0: none
  SeqNo last;                 ///< of the log
};
/// The earliest seqno that they can be restored to.
[[nodiscard]] SeqNo first_restorable(const Reach& reach);

}  // namespace tidal::db
