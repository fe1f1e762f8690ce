// A repair in a folder of its own: first what is damaged beside the log goes aside, then a checkpoint becomes the base,
// if one must, then the log is repaired, then the folder gets its name.
//
// The order matters: a base is there before the log gives up what it holds; and a checkpoint proves how far the log was
// synced. Once it is aside, its copy in the unfinished folder goes on proving it, until the log is repaired and the
// folder loses ".unfinished".
#include "db/offline/repairing.h"

#include <algorithm>
#include <charconv>

#include "db/base_state.h"
#include "db/format_check.h"
#include "db/offline/log_walk.h"
#include "db/offline/replayed.h"
#include "db/unfinished_directory.h"
#include "materializer/checkpoint.h"
#include "storage/kv.h"
#include "storage/lmdb_file.h"
#include "wal/history.h"

namespace tidal::db {
namespace {

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::string_view kCheckpoints = "checkpoints";
constexpr std::string_view kStore = "stores/entities";
constexpr std::string_view kHoldsTheLost = "it holds what the log lost";

std::string four_digits(std::uint64_t n) {
  const std::string digits = std::to_string(n);
  return std::string(digits.size() < 4 ? 4 - digits.size() : 0, '0') + digits;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// A file, or a directory with all below it; durable on return.
Status copy_tree(base::FileSystem& fs, const std::string& from, const std::string& to) {
  if (!fs.is_directory(from)) return wal::copy_aside(fs, from, parent_of(to), name_of(to));
  TIDAL_TRY(fs.create_directories(to));
  TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs.list(from));
  for (const std::string& name : names) TIDAL_TRY(copy_tree(fs, from + "/" + name, to + "/" + name));
  return {};
}

/// The seqno of a store, whatever its backend; nothing for one that cannot tell without being opened for writing.
Result<std::optional<SeqNo>> seqno_of_store(base::FileSystem& fs, const std::string& path) {
  if (!fs.is_directory(path)) {
    TIDAL_TRY_ASSIGN(const auto store, storage::open_store(storage::Backend::Memory, fs, path));
    return std::optional(store->seqno());
  }
  if (!fs.exists(path + "/data.mdb")) return std::optional<SeqNo>();
  TIDAL_TRY_ASSIGN(const storage::LmdbFileSummary store, storage::check_lmdb_file(fs, path + "/data.mdb"));
  return std::optional(store.seqno);
}

}  // namespace

std::vector<SeqNo> checkpoints_contradicting(const wal::RepairPlan& plan, std::span<const SeqNo> checkpoints,
                                             SeqNo base) {
  std::vector<SeqNo> found;
  const std::optional<SeqNo> first_lost = plan.first_lost(base);
  if (!first_lost) return found;
  std::ranges::copy_if(checkpoints, std::back_inserter(found), [&](SeqNo seqno) { return seqno >= *first_lost; });
  return found;
}

Result<std::unique_ptr<DirectoryRepair>> DirectoryRepair::plan(base::FileSystem& fs, const std::string& directory) {
  if (!fs.is_directory(directory + "/wal") && !fs.is_directory(directory + "/checkpoints")) {
    return Error(Code::NotFound, "no database at '" + directory + "' (create one: tidal init " + directory + ")");
  }
  TIDAL_TRY(check_may_be_opened(fs, directory));
  std::unique_ptr<DirectoryRepair> repair(new DirectoryRepair(fs, directory));
  TIDAL_TRY_ASSIGN(repair->lock_, lock_to_read(fs, directory));
  TIDAL_TRY(check_formats(fs, directory));
  TIDAL_TRY(repair->look());
  return repair;
}

Status DirectoryRepair::look() {
  aside_.clear();
  notes_.clear();
  unfinished_.clear();
  synced_through_ = base_ = promoted_ = SeqNo{};
  const materializer::CheckpointDirectory checkpoints(fs_, directory_ + "/" + std::string(kCheckpoints));
  TIDAL_TRY_ASSIGN(synced_through_, checkpoints.newest());
  TIDAL_TRY(look_at_damaged_folder());
  TIDAL_TRY(look_at_bases());
  TIDAL_TRY(look_at_log());
  notes_.insert(notes_.end(), log_.notes.begin(), log_.notes.end());
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  TIDAL_TRY(look_at_checkpoints(seqnos));
  return look_at_store();
}

Status DirectoryRepair::look_at_damaged_folder() {
  const std::string folder = directory_ + "/damaged";
  std::uint64_t highest = 0;
  if (fs_.is_directory(folder)) {
    TIDAL_TRY_ASSIGN(const std::vector<std::string> names, fs_.list(folder));
    for (const std::string& name : names) {
      std::uint64_t number = 0;
      static_cast<void>(std::from_chars(name.data(), name.data() + name.size(), number));  // 0: none of ours
      highest = std::max(highest, number);
      if (!name.ends_with(kUnfinished)) continue;
      unfinished_.push_back(folder + "/" + name);
      notes_.push_back("damaged/" + name + " is of a repair that stopped on its way; this one finishes it");
      const materializer::CheckpointDirectory aside(fs_, folder + "/" + name + "/" + std::string(kCheckpoints));
      TIDAL_TRY_ASSIGN(const SeqNo seqno, aside.newest());
      synced_through_ = std::max(synced_through_, seqno);
    }
  }
  next_folder_ = folder + "/" + four_digits(highest + 1) + std::string(kUnfinished);
  return {};
}

Status DirectoryRepair::look_at_bases() {
  const materializer::CheckpointDirectory bases = base_directory(fs_, directory_);
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, bases.list());
  for (const SeqNo seqno : seqnos) {
    const Result<materializer::Manifest> manifest = bases.manifest(seqno);
    if (!manifest.ok() && manifest.error().code == Code::FailedPrecondition) return manifest.error();
    if (manifest.ok()) synced_through_ = std::max(synced_through_, seqno);
    const std::vector<std::string> defects = bases.verify(seqno);
    if (defects.empty()) {
      base_ = std::max(base_, seqno);
    } else {
      aside_.push_back({.path = bases.directory_of(seqno).substr(directory_.size() + 1), .why = defects.front()});
    }
  }
  return {};
}

/// What the log need not hold: what the base holds, or the archive, or a checkpoint that can become the base.
Status DirectoryRepair::look_at_log() {
  const std::string wal = directory_ + "/wal";
  wal::RepairOptions options{.synced_through = synced_through_, .kept_elsewhere = base_};
  if (fs_.exists(wal)) {
    TIDAL_TRY_ASSIGN(const std::vector<std::string> names, wal::list_segments(fs_, wal));
    if (!names.empty()) {
      const SeqNo first = *wal::parse_segment_file_name(names.front());
      const std::vector<wal::ArchivedSegment> archive = wal::list_archive(fs_, archive_folder(directory_));
      const wal::JoinedArchive joined = wal::join_archive(archive, first);
      const bool is_whole = joined.begin < joined.end && archive[joined.begin].first_seqno == SeqNo{1};
      if (is_whole) options.kept_elsewhere = std::max(base_, SeqNo{first.value - 1});
    }
  }
  TIDAL_TRY_ASSIGN(log_, wal::plan_repair(fs_, wal, options));
  if (!log_.first_lost(base_)) return {};
  TIDAL_TRY(choose_promoted());
  if (promoted_ <= options.kept_elsewhere) return {};
  options.kept_elsewhere = promoted_;
  TIDAL_TRY_ASSIGN(log_, wal::plan_repair(fs_, wal, options));
  return {};
}

/// The newest sound checkpoint with a store that is at its seqno, if it holds anything that is lost.
Status DirectoryRepair::choose_promoted() {
  const materializer::CheckpointDirectory checkpoints(fs_, directory_ + "/" + std::string(kCheckpoints));
  const Result<std::optional<SeqNo>> stored = seqno_of_store(fs_, directory_ + "/" + std::string(kStore));
  if (!stored.ok() || !*stored) return {};
  const SeqNo seqno = **stored;
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  const bool is_there = std::ranges::find(seqnos, seqno) != seqnos.end();
  if (is_there && seqno >= *log_.first_lost(base_) && checkpoints.verify(seqno).empty()) promoted_ = seqno;
  return {};
}

Status DirectoryRepair::look_at_checkpoints(std::span<const SeqNo> checkpoints) {
  const materializer::CheckpointDirectory directory(fs_, directory_ + "/" + std::string(kCheckpoints));
  const std::vector<SeqNo> contradicting = checkpoints_contradicting(log_, checkpoints, state_kept_through());
  for (const SeqNo seqno : checkpoints) {
    const Result<materializer::Manifest> manifest = directory.manifest(seqno);
    if (!manifest.ok() && manifest.error().code == Code::FailedPrecondition) return manifest.error();
    const std::vector<std::string> defects = directory.verify(seqno);
    std::string why = defects.empty() ? "" : defects.front();
    if (why.empty() && std::ranges::find(contradicting, seqno) != contradicting.end()) why = kHoldsTheLost;
    if (why.empty()) continue;
    aside_.push_back({.path = directory.directory_of(seqno).substr(directory_.size() + 1), .why = std::move(why)});
  }
  return {};
}

Status DirectoryRepair::look_at_store() {
  const std::string path = directory_ + "/" + std::string(kStore);
  if (!fs_.exists(path)) return {};
  const Result<std::optional<SeqNo>> seqno = seqno_of_store(fs_, path);
  if (!seqno.ok() && seqno.error().code != Code::Corruption) return seqno.error();
  const std::optional<SeqNo> first_lost = log_.first_lost(state_kept_through());
  if (!seqno.ok()) {
    aside_.push_back({.path = std::string(kStore), .why = seqno.error().message});
  } else if (first_lost && (!*seqno || **seqno >= *first_lost)) {
    aside_.push_back({.path = std::string(kStore), .why = std::string(kHoldsTheLost)});
  }
  return {};
}

/// What was planned, to be compared.
std::string DirectoryRepair::text() const {
  std::string text = "promoted " + std::to_string(promoted_.value) + "\n";
  for (const wal::Damage& damage : log_.damages) text += to_text(damage) + "\n";
  for (const PutAside& cache : aside_) text += cache.path + ": " + cache.why + "\n";
  return text;
}

/// A directory without a lock file gets one when it is written; what was planned before must still be so.
Status DirectoryRepair::make_sure_of_lock() {
  if (lock_ != nullptr) return {};
  TIDAL_TRY_ASSIGN(lock_, fs_.lock(directory_ + "/LOCK"));
  const std::string planned = text();
  TIDAL_TRY(look());
  if (planned == text()) return {};
  return Error(Code::FailedPrecondition, directory_ + " changed since the repair was planned: plan it again");
}

Status DirectoryRepair::put_aside(const PutAside& cache, const std::string& folder) {
  const std::string path = directory_ + "/" + cache.path;
  TIDAL_TRY(copy_tree(fs_, path, folder + "/" + cache.path));
  std::string removed = path;
  if (cache.path.starts_with(kCheckpoints)) {
    // Removing may stop half-way: under this name nobody takes the rest for a checkpoint, and the next open removes it.
    removed += ".tmp";
    TIDAL_TRY(fs_.remove_all(removed));
    TIDAL_TRY(fs_.rename(path, removed));
    TIDAL_TRY(fs_.sync_directory(parent_of(path)));
  }
  TIDAL_TRY(fs_.remove_all(removed));
  return fs_.sync_directory(parent_of(path));
}

Result<std::string> DirectoryRepair::apply() {
  if (empty()) return std::string();
  TIDAL_TRY(make_sure_of_lock());
  std::vector<std::string> folders = unfinished_;
  if (!log_.empty() || !aside_.empty() || promoted_ != SeqNo{}) {
    TIDAL_TRY(fs_.create_directories(next_folder_));
    folders.push_back(next_folder_);
    for (const PutAside& cache : aside_) TIDAL_TRY(put_aside(cache, next_folder_));
    if (promoted_ != SeqNo{}) TIDAL_TRY(promote_checkpoint(fs_, directory_, promoted_));
    TIDAL_TRY(wal::apply_repair(fs_, log_, next_folder_));
  }
  std::string named;
  for (const std::string& folder : folders) {
    named = folder.substr(0, folder.size() - kUnfinished.size());
    TIDAL_TRY(fs_.rename(folder, named));
  }
  TIDAL_TRY(fs_.sync_directory(directory_ + "/damaged"));
  return named;
}

}  // namespace tidal::db
