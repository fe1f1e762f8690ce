// Checking a directory with the readers that the database itself uses.
#include "db/offline/verification.h"

#include <memory>

#include "db/backup_manifest.h"
#include "db/base_state.h"
#include "db/format_check.h"
#include "db/log_lines.h"
#include "db/offline/log_walk.h"
#include "db/offline/replayed.h"
#include "db/unfinished_directory.h"
#include "materializer/checkpoint.h"
#include "storage/lmdb_file.h"

namespace tidal::db {
namespace {

Result<SeqNo> verify_log(base::FileSystem& fs, const std::string& directory, Verification& result) {
  const auto each = [&result](const wal::WalEvent& event) -> Status {
    if (const auto line = import_line(event.record); !line.ok()) {
      result.defects.push_back("seqno " + std::to_string(event.seqno.value) + ": " + line.error().message);
    }
    return {};
  };
  TIDAL_TRY_ASSIGN(const wal::LogSummary log, walk_log(fs, directory, each));
  for (const wal::Defect& defect : log.defects) result.defects.push_back(to_text(defect));
  result.notes = notes_on(log);
  for (const wal::Gap& gap : log.gaps) result.notes.push_back(to_text(gap));
  std::uint64_t archived = 0;
  std::uint64_t archived_records = 0;
  for (const wal::SegmentSummary& segment : log.segments) {
    archived += segment.archived ? 1 : 0;
    archived_records += segment.archived ? segment.records : 0;
  }
  result.facts.push_back("log: " + std::to_string(log.segments.size() - archived) + " segments, " +
                         std::to_string(log.records - archived_records) + " records");
  if (archived == 0) {
    result.facts.push_back("archive: none");
  } else {
    result.facts.push_back("archive: " + std::to_string(archived) + " segments, " + std::to_string(archived_records) +
                           " records");
  }
  return log.last_seqno;
}

/// Of the checkpoints or the bases, which `what` names.
Status verify_states(const materializer::CheckpointDirectory& checkpoints, const std::string& what, SeqNo last,
                     Verification& result) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, checkpoints.verify());
  result.defects.insert(result.defects.end(), defects.begin(), defects.end());
  for (const SeqNo seqno : seqnos) {
    if (seqno > last) {
      result.defects.push_back("the " + what + " at seqno " + std::to_string(seqno.value) +
                               " is ahead of the log, which ends at " + std::to_string(last.value));
    }
  }
  result.facts.push_back(what + "s: " + (seqnos.empty() ? "none" : std::to_string(seqnos.size())));
  return {};
}

Status verify_store(base::FileSystem& fs, const std::string& directory, SeqNo last, Verification& result) {
  const std::string path = directory + "/stores/entities/data.mdb";
  if (!fs.exists(path)) {
    result.facts.push_back("entity store: none");
    return {};
  }
  // Not through LMDB, which writes its table of readers even where it only reads.
  const Result<storage::LmdbFileSummary> store = storage::check_lmdb_file(fs, path);
  if (!store.ok()) {
    if (store.error().code != Code::Corruption) return store.error();
    result.defects.push_back("entity store: " + store.error().message);
    return {};
  }
  if (store->seqno > last) {
    result.notes.push_back("the entity store is ahead of the log; the next open rebuilds it");
  }
  result.facts.push_back("entity store: at seqno " + std::to_string(store->seqno.value));
  return {};
}

/// That the files are those that the manifest of a backup names.
Status verify_backup(base::FileSystem& fs, const std::string& directory, Verification& result) {
  const Result<BackupManifest> manifest = read_backup_manifest(fs, directory);
  if (!manifest.ok()) {
    if (manifest.error().code != Code::Corruption) return manifest.error();
    result.defects.push_back(manifest.error().message);
    return {};
  }
  TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, check_backup_files(fs, directory, *manifest, {}));
  result.defects.insert(result.defects.end(), defects.begin(), defects.end());
  result.facts.push_back("backup: " + std::to_string(manifest->files.size()) + " files, up to seqno " +
                         std::to_string(manifest->seqno.value));
  return {};
}

}  // namespace

Result<Verification> verify_directory(base::FileSystem& fs, const std::string& directory) {
  TIDAL_TRY(check_is_finished(fs, directory));
  if (!fs.is_directory(directory + "/wal")) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::FileLock> lock, lock_to_read(fs, directory));
  TIDAL_TRY(check_formats(fs, directory));  // it would be called damaged
  TIDAL_TRY_ASSIGN(Verification result, verify_content(fs, directory));
  if (fs.exists(directory + "/" + std::string(kBackupManifestName))) TIDAL_TRY(verify_backup(fs, directory, result));
  return result;
}

Result<Verification> verify_content(base::FileSystem& fs, const std::string& directory) {
  Verification result;
  TIDAL_TRY_ASSIGN(const SeqNo last, verify_log(fs, directory, result));
  TIDAL_TRY(verify_states({fs, directory + "/checkpoints"}, "checkpoint", last, result));
  TIDAL_TRY(verify_states(base_directory(fs, directory), "base", last, result));
  TIDAL_TRY(verify_store(fs, directory, last, result));
  return result;
}

}  // namespace tidal::db
