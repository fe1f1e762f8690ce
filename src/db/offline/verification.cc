// Checking a directory with the readers that the database itself uses.
#include "db/offline/verification.h"

#include <memory>

#include "db/offline/log_lines.h"
#include "db/offline/log_walk.h"
#include "db/offline/replayed.h"
#include "materializer/checkpoint.h"
#include "storage/lmdb_file.h"

namespace tidal::db {
namespace {

void judge_segments(const std::vector<SegmentSummary>& segments, Verification& result) {
  std::uint64_t records = 0;
  for (const SegmentSummary& segment : segments) {
    records += segment.records;
    if (!segment.defect) continue;
    const std::string text =
        segment.path + " offset " + std::to_string(segment.defect->offset) + ": " + segment.defect->problem;
    if (segment.defect->unfinished) {
      result.notes.push_back(text + " (an unfinished write; the next open cuts it off)");
    } else {
      result.defects.push_back(text);
    }
  }
  result.facts.push_back("log: " + std::to_string(segments.size()) + " segments, " + std::to_string(records) +
                         " records");
}

Status verify_checkpoints(base::FileSystem& fs, const std::string& directory, SeqNo last, Verification& result) {
  const std::string folder = directory + "/checkpoints";
  if (!fs.is_directory(folder)) {
    result.facts.push_back("checkpoints: none");
    return {};
  }
  const materializer::CheckpointDirectory checkpoints(fs, folder);
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, checkpoints.verify());
  result.defects.insert(result.defects.end(), defects.begin(), defects.end());
  for (const SeqNo seqno : seqnos) {
    if (seqno > last) {
      result.defects.push_back("the checkpoint at seqno " + std::to_string(seqno.value) +
                               " is ahead of the log, which ends at " + std::to_string(last.value));
    }
  }
  result.facts.push_back("checkpoints: " + std::to_string(seqnos.size()));
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

}  // namespace

Result<Verification> verify_directory(base::FileSystem& fs, const std::string& directory) {
  if (!fs.is_directory(directory + "/wal")) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::FileLock> lock, lock_to_read(fs, directory));
  Verification result;
  const auto ignore = [](const wal::WalEvent& event) -> Status {
    const Result<std::optional<std::string>> line = import_line(event.record);
    return line.ok() ? Status()
                     : Status(Error(Code::Corruption,
                                    "seqno " + std::to_string(event.seqno.value) + ": " + line.error().message));
  };
  const Result<std::vector<SegmentSummary>> segments = walk_log(fs, directory, ignore);
  SeqNo last;
  if (segments.ok()) {
    judge_segments(*segments, result);
    if (!segments->empty()) last = SeqNo{segments->back().next_seqno.value - 1};
  } else if (segments.error().code == Code::Corruption) {
    result.defects.push_back(segments.error().message);
  } else {
    return segments.error();
  }
  TIDAL_TRY(verify_checkpoints(fs, directory, last, result));
  TIDAL_TRY(verify_store(fs, directory, last, result));
  return result;
}

}  // namespace tidal::db
