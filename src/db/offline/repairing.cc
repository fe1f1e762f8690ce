// A repair in a folder of its own: first what is damaged beside the log goes aside, then holes in the archive are
// filled and a checkpoint becomes the base, if one must, then the log is repaired, then the folder gets its name.
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
#include "db/stores.h"
#include "db/unfinished_directory.h"
#include "materializer/checkpoint.h"
#include "wal/history.h"

namespace tidal::db {
namespace {

constexpr std::string_view kUnfinished = ".unfinished";
constexpr std::string_view kCheckpoints = "checkpoints";
constexpr std::string_view kBases = "base";
constexpr std::string_view kArchive = "archive";
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

/// Of what a file holds, not of whether it can be read (D5).
bool is_damage(const Error& error) { return error.code == Code::Corruption || error.code == Code::NotFound; }

/// What is wrong with one of its files, which need not be named from the root on.
std::string reason_in(const std::string& state, const std::string& defect) {
  if (!defect.starts_with(state)) return defect;
  const std::size_t begin = defect.find_first_not_of("/: ", state.size());
  return begin == std::string::npos ? defect : defect.substr(begin);
}

/// Of the newest checkpoint with a sound manifest, 0 without any.
Result<SeqNo> newest_sound(const materializer::CheckpointDirectory& directory) {
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, directory.list());
  for (const SeqNo seqno : seqnos) {
    const Result<materializer::Manifest> manifest = directory.manifest(seqno);
    if (manifest.ok()) return seqno;
    if (!is_damage(manifest.error())) return manifest.error();
  }
  return SeqNo{};
}

}  // namespace

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
  bases_.clear();
  superseded_.clear();
  openable_.clear();
  base_ = promoted_ = SeqNo{};
  TIDAL_TRY_ASSIGN(synced_through_, newest_sound({fs_, directory_ + "/" + std::string(kCheckpoints)}));
  TIDAL_TRY(look_at_damaged_folder());
  TIDAL_TRY(look_at_bases());
  TIDAL_TRY(look_at_log());
  notes_.insert(notes_.end(), log_.notes.begin(), log_.notes.end());
  TIDAL_TRY(look_at_checkpoints());
  for (const StorePlace& place : kStores) TIDAL_TRY(look_at_store(place));
  return {};
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
      for (const std::string_view what : {kCheckpoints, kBases}) {
        TIDAL_TRY_ASSIGN(const SeqNo seqno, newest_sound({fs_, folder + "/" + name + "/" + std::string(what)}));
        synced_through_ = std::max(synced_through_, seqno);
      }
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
    if (!manifest.ok() && !is_damage(manifest.error())) return manifest.error();
    if (manifest.ok()) synced_through_ = std::max(synced_through_, seqno);
    TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, bases.defects(seqno));
    if (defects.empty()) {
      bases_.push_back(seqno);
      base_ = std::max(base_, seqno);
    } else {
      const std::string path = bases.directory_of(seqno);
      aside_.push_back({.path = path.substr(directory_.size() + 1), .why = reason_in(path, defects.front())});
    }
  }
  return {};
}

/// What log and archive need not hold: what the base holds, or a checkpoint that can become the base.
Status DirectoryRepair::look_at_log() {
  TIDAL_TRY_ASSIGN(const std::optional<SeqNo> log_first, wal::first_in_log(fs_, directory_ + "/wal"));
  TIDAL_TRY_ASSIGN(archive_, wal::judge_archive(fs_, archive_folder(directory_), log_first));
  for (const wal::DamagedArchive& damaged : archive_.damaged) {
    aside_.push_back(
        {.path = std::string(kArchive) + "/" + damaged.name, .why = damaged.reason, .records = damaged.held});
  }
  TIDAL_TRY(plan_log(log_first, base_));
  // State before an anonymous record cannot be replayed, though the records are there.
  const bool has_beginning = last_anonymous() <= base_;
  if (!first_lost(base_) && has_beginning) return {};
  TIDAL_TRY(choose_promoted());
  if (promoted_ != SeqNo{}) return plan_log(log_first, promoted_);
  return has_beginning ? Status() : Status(no_state_error());
}

/// Plans log and archive that need nothing up to `state`.
Status DirectoryRepair::plan_log(std::optional<SeqNo> log_first, SeqNo state) {
  const SeqNo first = log_first.value_or(archive_.last_seqno().next());
  wal::RepairOptions options{.synced_through = std::max(synced_through_, archive_.last_seqno()),
                             .kept_elsewhere = std::max(state, SeqNo{first.value - 1})};
  fills_.clear();
  std::uint64_t filled = 0;
  for (wal::SeqnoRange hole : wal::holes_in(archive_, first)) {
    if (hole.last <= state) continue;
    hole.first = std::max(hole.first, state.next());
    if (hole.last.next() == first) {
      options.kept_elsewhere = SeqNo{hole.first.value - 1};  // the log itself fills it
      continue;
    }
    fills_.push_back(hole);
    filled += hole.count();
  }
  if (filled > wal::kLostRecordsMax) {
    return Error(Code::ResourceExhausted, archive_folder(directory_) + ": " + std::to_string(filled) +
                                              " records are lost; a repair fills at most " +
                                              std::to_string(wal::kLostRecordsMax) + " places");
  }
  TIDAL_TRY_ASSIGN(log_, wal::plan_repair(fs_, directory_ + "/wal", options));
  history_gone_.clear();
  for (wal::SeqnoRange hole : wal::holes_in(archive_, std::max(log_.first_seqno, SeqNo{1}))) {
    hole.last = std::min(hole.last, state);
    if (!hole.empty()) history_gone_.push_back(hole);
  }
  return {};
}

std::optional<SeqNo> DirectoryRepair::first_lost(SeqNo after) const {
  const std::optional<SeqNo> in_log = log_.first_lost(after);
  for (const wal::SeqnoRange& fill : fills_) {
    if (fill.last > after) return std::min(in_log.value_or(fill.first), std::max(fill.first, after.next()));
  }
  return in_log;
}

std::uint64_t DirectoryRepair::lost_records() const {
  std::uint64_t sum = log_.lost_records();
  for (const wal::SeqnoRange& fill : fills_) sum += fill.count();
  return sum;
}

/// The newest seqno of the stores that a checkpoint's views need; nothing where one is gone, damaged or behind it.
Result<std::optional<SeqNo>> DirectoryRepair::stores_beside(const materializer::Manifest& checkpoint) const {
  std::optional<SeqNo> newest = checkpoint.seqno;
  for (const StorePlace& place : kStores) {
    const auto has = [&place](const materializer::ManifestEntry& entry) { return entry.view == place.view; };
    if (place.may_be_lost || std::ranges::none_of(checkpoint.entries, has)) continue;
    const Result<std::optional<SeqNo>> stored = read_store_seqno(fs_, directory_, place);
    if (!stored.ok() && !is_damage(stored.error())) return stored.error();
    if (!stored.ok() || !*stored || **stored < checkpoint.seqno) return std::optional<SeqNo>();
    newest = std::max(*newest, **stored);
  }
  return newest;
}

/// Of the stores that the promoted checkpoint does without.
Status DirectoryRepair::note_lost_stores() {
  for (const StorePlace& place : kStores) {
    if (!place.may_be_lost) continue;
    const Result<std::optional<SeqNo>> stored = read_store_seqno(fs_, directory_, place);
    if (!stored.ok() && !is_damage(stored.error())) return stored.error();
    if (stored.ok() && *stored && **stored == promoted_) continue;
    notes_.push_back("the " + std::string(place.title) + " is lost or not at that seqno: the view " +
                     std::string(place.view) + " begins anew at the checkpoint that becomes the base");
  }
  return {};
}

/// The newest sound checkpoint with stores that are at its seqno, if it holds anything that is lost, or if only it
/// saves from replaying anonymous records.
Status DirectoryRepair::choose_promoted() {
  const materializer::CheckpointDirectory checkpoints(fs_, directory_ + "/" + std::string(kCheckpoints));
  const bool has_beginning = last_anonymous() <= base_;
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> seqnos, checkpoints.list());
  for (const SeqNo seqno : seqnos) {
    const bool is_of_use = has_beginning ? seqno >= *first_lost(base_) : seqno >= last_anonymous();
    if (seqno <= base_ || !is_of_use) continue;
    TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, checkpoints.defects(seqno));
    if (!defects.empty()) continue;
    TIDAL_TRY_ASSIGN(const materializer::Manifest manifest, checkpoints.manifest(seqno));
    TIDAL_TRY_ASSIGN(const std::optional<SeqNo> stored, stores_beside(manifest));
    const bool may_be_told = stored && seqno < *stored && !has_beginning && openable_.empty();
    if (!stored || (seqno != *stored && !may_be_told)) continue;
    if (seqno == *stored) {
      promoted_ = seqno;
      TIDAL_TRY(note_lost_stores());
      for (const SeqNo base : bases_) {
        superseded_.push_back(base_directory(fs_, directory_).directory_of(base).substr(directory_.size() + 1));
      }
      return {};
    }
    openable_ = "the checkpoint at seqno " + std::to_string(seqno.value) + " is sound, but the store is at seqno " +
                std::to_string(stored->value);
  }
  return {};
}

/// The log is there, but tells less than it did, and the state that it was to be replayed from is gone.
Error DirectoryRepair::no_state_error() const {
  std::string text = directory_ + ": the records up to seqno " + std::to_string(last_anonymous().value) +
                     " were made anonymous by an erasure, so no state can be replayed from them; the state up to there "
                     "was in the base, and ";
  std::string damaged;
  for (const PutAside& each : aside_) {
    if (each.path.starts_with(kBases))
      damaged += (damaged.empty() ? "" : "; ") + each.path + " is damaged: " + each.why;
  }
  text += damaged.empty() ? "there is none" : damaged;
  text += openable_.empty()
              ? ". No checkpoint that is sound, with a store at its seqno, can take its place. Nothing was "
                "changed: put the base back, or restore a backup"
              : "; " + openable_ +
                    ". Nothing was changed: open the database and close it, which writes a checkpoint of "
                    "both, then repair it";
  return Error(Code::Corruption, text);
}

Status DirectoryRepair::look_at_checkpoints() {
  const materializer::CheckpointDirectory directory(fs_, directory_ + "/" + std::string(kCheckpoints));
  TIDAL_TRY_ASSIGN(const std::vector<SeqNo> checkpoints, directory.list());
  const std::optional<SeqNo> lost = first_lost(state_kept_through());
  for (const SeqNo seqno : checkpoints) {
    const Result<materializer::Manifest> manifest = directory.manifest(seqno);
    if (!manifest.ok() && !is_damage(manifest.error())) return manifest.error();
    TIDAL_TRY_ASSIGN(const std::vector<std::string> defects, directory.defects(seqno));
    const std::string path = directory.directory_of(seqno);
    std::string why = defects.empty() ? "" : reason_in(path, defects.front());
    if (why.empty() && lost && seqno >= *lost) why = kHoldsTheLost;
    if (why.empty()) continue;
    aside_.push_back({.path = path.substr(directory_.size() + 1), .why = std::move(why)});
  }
  return {};
}

Status DirectoryRepair::look_at_store(const StorePlace& place) {
  if (!fs_.exists(store_path(directory_, place))) return {};
  const std::string path = store_path("", place).substr(1);
  const Result<std::optional<SeqNo>> seqno = read_store_seqno(fs_, directory_, place);
  if (!seqno.ok() && seqno.error().code != Code::Corruption) return seqno.error();
  const std::optional<SeqNo> lost = first_lost(state_kept_through());
  if (!seqno.ok()) {
    aside_.push_back({.path = path, .why = seqno.error().message});
  } else if (lost && (!*seqno || **seqno >= *lost)) {
    aside_.push_back({.path = path, .why = std::string(kHoldsTheLost)});
  }
  return {};
}

/// What was planned, to be compared.
std::string DirectoryRepair::text() const {
  std::string text = "promoted " + std::to_string(promoted_.value) + "\n";
  for (const wal::Damage& damage : log_.damages) text += to_text(damage) + "\n";
  for (const PutAside& cache : aside_) text += cache.path + ": " + cache.why + "\n";
  for (const wal::SeqnoRange& fill : fills_) text += "filled " + to_text(fill) + "\n";
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

Status DirectoryRepair::change(const std::string& folder) {
  for (const PutAside& each : aside_) TIDAL_TRY(put_aside(each, folder));
  for (const wal::SeqnoRange& fill : fills_) {
    TIDAL_TRY(wal::fill_archive(fs_, archive_folder(directory_), fill, wal::append_time_of(archive_, fill)));
  }
  // The new base removes them.
  for (const std::string& base : superseded_) TIDAL_TRY(copy_tree(fs_, directory_ + "/" + base, folder + "/" + base));
  if (promoted_ != SeqNo{}) TIDAL_TRY(promote_checkpoint(fs_, directory_, promoted_));
  TIDAL_TRY(base_directory(fs_, directory_).sync_names());  // an earlier attempt may have stopped before it did
  return wal::apply_repair(fs_, log_, folder);
}

Result<std::string> DirectoryRepair::apply() {
  if (empty()) return std::string();
  TIDAL_TRY(make_sure_of_lock());
  std::vector<std::string> folders = unfinished_;
  if (has_changes()) {
    TIDAL_TRY(fs_.create_directories(next_folder_));
    folders.push_back(next_folder_);
    TIDAL_TRY(change(next_folder_));
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
