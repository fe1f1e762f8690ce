// Checking a directory with the readers that the database itself uses.
#include "db/offline/verification.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "db/backup_manifest.h"
#include "db/base_state.h"
#include "db/format_check.h"
#include "db/log_lines.h"
#include "db/offline/log_walk.h"
#include "db/offline/replayed.h"
#include "db/stores.h"
#include "db/unfinished_directory.h"
#include "materializer/checkpoint.h"
#include "wal/repair.h"

namespace tidal::db {
namespace {

/// What the log asks of the states beside it.
struct Standing {
  SeqNo last;            ///< no checkpoint or base is behind it
  SeqNo first{1};        ///< of what can be read without a hole up to the end
  SeqNo last_anonymous;  ///< from before it no state can be replayed
};

Standing standing_of(const wal::LogSummary& log) {
  Standing standing{.last = log.last_seqno, .last_anonymous = log.last_anonymous};
  std::optional<SeqNo> first;
  for (auto segment = log.segments.rbegin(); segment != log.segments.rend(); ++segment) {
    const bool is_readable = segment->header && (!segment->archived || segment->defects.empty());
    const bool follows_on = !first || segment->last_seqno.next() >= *first;
    if (!is_readable || !follows_on) break;
    first = segment->header->first_seqno;
  }
  standing.first = first.value_or(SeqNo{1});
  return standing;
}

Result<Standing> verify_log(base::FileSystem& fs, const std::string& directory, Verification& result) {
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
  if (log.first_seqno > SeqNo{1}) {
    const SeqNo last{log.first_seqno.value - 1};
    result.notes.push_back("the records with " + to_text(wal::SeqnoRange{SeqNo{1}, last}) +
                           " are in no file; the log begins behind them");
  }
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
  return standing_of(log);
}

/// Of the checkpoints or the bases, which `what` names. The seqno of the newest sound one.
Result<SeqNo> verify_states(const materializer::CheckpointDirectory& checkpoints, const std::string& what, SeqNo last,
                            Verification& result) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  SeqNo newest;
  for (const SeqNo seqno : seqnos) {
    TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, checkpoints.defects(seqno));
    result.defects.insert(result.defects.end(), defects.begin(), defects.end());
    if (defects.empty()) newest = std::max(newest, seqno);
    if (seqno > last) {
      result.defects.push_back("the " + what + " at seqno " + std::to_string(seqno.value) +
                               " is ahead of the log, which ends at " + std::to_string(last.value));
    }
  }
  result.facts.push_back(what + "s: " + (seqnos.empty() ? "none" : std::to_string(seqnos.size())));
  return newest;
}

/// The log is a replay of the state from its beginning, or from a base; whatever else has that state is a cache.
void verify_beginning(const Standing& log, SeqNo base, Verification& result) {
  if (log.last_anonymous > base) {
    result.defects.push_back("the records up to seqno " + std::to_string(log.last_anonymous.value) +
                             " were made anonymous by an erasure, so no state can be replayed from them, and there is "
                             "no sound base at or after them");
  } else if (log.first > base.next()) {
    result.defects.push_back("what the records with " +
                             to_text(wal::SeqnoRange{base.next(), SeqNo{log.first.value - 1}}) +
                             " did is in no sound base, and they cannot be read");
  }
}

Status verify_store(base::FileSystem& fs, const std::string& directory, const StorePlace& place, SeqNo last,
                    Verification& result) {
  const std::string title(place.title);
  const Result<std::optional<SeqNo>> seqno = read_store_seqno(fs, directory, place);
  if (!seqno.ok()) {
    if (seqno.error().code != Code::Corruption) return seqno.error();
    result.defects.push_back(title + ": " + seqno.error().message);
    return {};
  }
  if (!*seqno) {
    result.facts.push_back(title + ": none");
    return {};
  }
  if (**seqno > last) result.notes.push_back("the " + title + " is ahead of the log; the next open rebuilds it");
  result.facts.push_back(title + ": at seqno " + std::to_string((*seqno)->value));
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
  TIDAL_TRY_ASSIGN(const Standing log, verify_log(fs, directory, result));
  TIDAL_TRY(verify_states({fs, directory + "/checkpoints"}, "checkpoint", log.last, result));
  TIDAL_TRY_ASSIGN(const SeqNo base, verify_states(base_directory(fs, directory), "base", log.last, result));
  verify_beginning(log, base, result);
  for (const StorePlace& place : kStores) TIDAL_TRY(verify_store(fs, directory, place, log.last, result));
  return result;
}

}  // namespace tidal::db
