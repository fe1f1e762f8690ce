// Copying an open database's base and log.
#include "db/backup.h"

#include <algorithm>
#include <utility>

#include "db/anonymiser.h"
#include "db/base_state.h"
#include "db/core.h"
#include "db/unfinished_directory.h"
#include "wal/reader.h"
#include "wal/segment_copy.h"

namespace tidal::db {
namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Corruption unless the copy at `copy` is a whole segment; says so of `path`, which it was copied from.
Status judge_copy(base::FileSystem& fs, const std::string& copy, const std::string& path, SeqNo expected_end,
                  const wal::FrameVisitor& look) {
  TIDAL_TRY_ASSIGN(const wal::SegmentSummary summary, wal::read_segment(fs, copy, false, look));
  if (!summary.defects.empty()) {
    const wal::Defect& defect = summary.defects.front();
    return Error(Code::Corruption, path + " offset " + std::to_string(defect.offset) + ": " + defect.message);
  }
  if (!summary.footer) {
    return Error(Code::Corruption, path + " offset " + std::to_string(summary.header->frames_end()) +
                                       ": footer is missing or damaged, though a segment follows");
  }
  if (summary.last_seqno == expected_end) return {};
  return Error(Code::Corruption, path + " offset " + std::to_string(summary.end_offset) + ": ends with seqno " +
                                     std::to_string(summary.last_seqno.value) + ", expected " +
                                     std::to_string(expected_end.value));
}

}  // namespace

SeqNo first_restorable(const Reach& reach) {
  const bool is_whole = reach.history_first == SeqNo{1} && !reach.is_anonymous;
  return is_whole ? std::min(SeqNo{1}, reach.last) : reach.oldest_base;
}

materializer::CheckpointDirectory BackupWriter::bases() {
  return {fs_, dest_ + "/base", {.kept = 2, .read_back = true}};
}

Status BackupWriter::add_written_base(SeqNo seqno) {
  const std::string directory = bases().directory_of(seqno);
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(directory));
  for (const std::string& name : names) TIDAL_TRY(add_file("base/" + name_of(directory) + "/" + name));
  if (oldest_base_ == SeqNo{} || seqno < oldest_base_) oldest_base_ = seqno;
  return {};
}

Status BackupWriter::copy_base(SeqNo seqno) {
  const std::string from = base_directory(fs_, source_).directory_of(seqno);
  const std::string directory = bases().directory_of(seqno);
  TIDAL_TRY(fs_.create_directories(directory));
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(from));
  for (const std::string& name : names) TIDAL_TRY(base::copy_file(fs_, from + "/" + name, directory + "/" + name));
  TIDAL_TRY(fs_.sync_directory(directory));
  if (const std::vector<std::string> defects = bases().verify(seqno); !defects.empty()) {
    return Error(Code::Corruption, from + " is damaged: " + defects.front());
  }
  return add_written_base(seqno);
}

Status BackupWriter::copy_log(const wal::Log& log, const BackupOptions& options) {
  progress_ = options.progress;
  // The end first: what is appended from here on, to this segment or to later ones, stays out.
  const SeqNo through = log.synced_through();
  std::vector<wal::SegmentEntry> segments = log.segments();
  while (segments.size() > 1 && segments.back().header.first_seqno > through) segments.pop_back();
  history_first_ = segments.front().header.first_seqno;
  std::vector<wal::ArchivedSegment> archived;
  if (options.archive) archived = log.archived_segments();
  // One whose segment is still in the log is no more than a copy of that.
  std::erase_if(archived, [this](const wal::ArchivedSegment& s) { return s.first_seqno >= history_first_; });
  for (const wal::SegmentEntry& segment : segments) bytes_all_ += segment.header.segment_bytes;
  for (const wal::ArchivedSegment& segment : archived) {
    if (segment.problem) return *segment.problem;
    bytes_all_ += segment.header->segment_bytes;
  }
  const wal::JoinedArchive joined = wal::join_archive(archived, history_first_);
  if (joined.begin < joined.end) history_first_ = archived[joined.begin].first_seqno;
  if (!archived.empty()) {
    TIDAL_TRY(fs_.create_directories(dest_ + "/archive"));
    for (const wal::ArchivedSegment& segment : archived) TIDAL_TRY(copy_archive(segment));
    TIDAL_TRY(fs_.sync_directory(dest_ + "/archive"));
  }
  TIDAL_TRY(fs_.create_directories(dest_ + "/wal"));
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    TIDAL_TRY(copy_segment("wal/" + name_of(segments[i].path), SeqNo{segments[i + 1].header.first_seqno.value - 1}));
  }
  TIDAL_TRY(copy_newest("wal/" + name_of(segments.back().path), through));
  return fs_.sync_directory(dest_ + "/wal");
}

Status BackupWriter::copy_archive(const wal::ArchivedSegment& segment) {
  return copy_segment("archive/" + name_of(segment.path), segment.header->last_seqno);
}

/// Whole: nobody writes it any more.
Status BackupWriter::copy_segment(const std::string& path, SeqNo expected_end) {
  TIDAL_TRY_ASSIGN(const base::FileSum sum, base::copy_file(fs_, source_ + "/" + path, dest_ + "/" + path));
  TIDAL_TRY(judge_copy(fs_, dest_ + "/" + path, source_ + "/" + path, expected_end,
                       [this](const wal::FrameView& frame) { return look_for_anonymous(frame); }));
  return add_file(path, sum);
}

Status BackupWriter::copy_newest(const std::string& path, SeqNo through) {
  TIDAL_TRY_ASSIGN(
      const wal::SegmentCopy copied,
      wal::copy_segment_through(fs_, source_ + "/" + path, dest_ + "/" + path, through, wal::SegmentSpace::Holes));
  manifest_.seqno = copied.last_seqno;
  manifest_.last_append = copied.last_append;
  TIDAL_TRY(wal::read_segment(fs_, dest_ + "/" + path, true,
                              [this](const wal::FrameView& frame) { return look_for_anonymous(frame); }));
  return add_file(path);
}

Status BackupWriter::look_for_anonymous(const wal::FrameView& frame) {
  is_anonymous_ = is_anonymous_ || holds_anonymous(frame);
  return {};
}

Status BackupWriter::add_file(const std::string& path) {
  TIDAL_TRY_ASSIGN(const base::FileSum sum, base::sum_file(fs_, dest_ + "/" + path));
  return add_file(path, sum);
}

Status BackupWriter::add_file(const std::string& path, const base::FileSum& sum) {
  manifest_.files.push_back({.path = path, .sum = sum});
  if (bytes_all_ == 0) return {};  // of a base
  bytes_done_ += sum.bytes;
  if (!progress_ || progress_(std::min(bytes_done_, bytes_all_), bytes_all_)) return {};
  return Error(Code::Unavailable, "interrupted");
}

SeqNo BackupWriter::first_seqno() const {
  return first_restorable({.history_first = history_first_,
                           .is_anonymous = is_anonymous_,
                           .oldest_base = oldest_base_,
                           .last = manifest_.seqno});
}

std::string BackupWriter::finish(Timestamp now) {
  manifest_.created_at = now;
  std::ranges::sort(manifest_.files, {}, &BackupFile::path);
  return encode_backup_manifest(manifest_);
}

Result<BackupReport> Core::backup(const std::string& dest, const BackupOptions& options) {
  if (!log_) return Error(Code::FailedPrecondition, "a database in memory has no files to back up");
  TIDAL_TRY(check_is_outside("the backup", dest, path_));
  const base::MutexLock lock(compaction_mutex_);
  TIDAL_TRY_ASSIGN(UnfinishedDirectory directory,
                   UnfinishedDirectory::create(environment_.fs, dest, kUnfinishedBackup));
  BackupWriter writer(environment_.fs, path_, dest);
  const auto fill = [&]() TIDAL_REQUIRES(compaction_mutex_) -> Status {
    materializer::CheckpointDirectory bases = writer.bases();
    TIDAL_TRY_ASSIGN(const SeqNo seqno, write_base(bases));
    TIDAL_TRY(writer.add_written_base(seqno));
    TIDAL_TRY_ASSIGN(const SeqNo own, proven_base());
    if (own != SeqNo{} && own != seqno) TIDAL_TRY(writer.copy_base(own));
    TIDAL_TRY(environment_.fs.sync_directory(dest + "/base"));
    TIDAL_TRY(writer.copy_log(*log_, options));
    return directory.finish_as(kBackupManifestName, writer.finish(environment_.clock.now()));
  };
  if (Status filled = fill(); !filled.ok()) {
    directory.discard();
    return filled.error();
  }
  const BackupManifest& manifest = writer.manifest();
  return BackupReport{.first_seqno = writer.first_seqno(),
                      .seqno = manifest.seqno,
                      .time = manifest.last_append,
                      .files = manifest.files.size(),
                      .bytes = manifest.bytes()};
}

}  // namespace tidal::db
