// Files that are gone, cut or old when a simulated database is opened again.
//
// Caches may go in every combination. Files of the base and of the archive are put back after the open that had to do
// without them: they are the log's truth, and whoever lost them for good has lost what they held.
#include <algorithm>
#include <utility>

#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";
const std::string kStores = kPath + "/stores";
const std::string kCheckpoints = kPath + "/checkpoints";
const std::string kBase = kPath + "/base";
const std::string kArchive = kPath + "/archive";

}  // namespace

/// Of the stores' files as they are now, for later.
void Simulation::keep_stores() {
  constexpr std::size_t kStoresMax = 8;
  const bool was_quiet = std::exchange(quiet_, true);
  if (Result<StoredFiles> files = files_below(fs_, kStores); files.ok()) {
    for (auto& [path, content] : *files) old_stores_.emplace_back(path, std::move(content));
  }
  while (old_stores_.size() > kStoresMax) old_stores_.erase(old_stores_.begin());
  quiet_ = was_quiet;
}

void Simulation::lose_files() {
  const bool always = options_.point != nullptr && options_.point->without_caches && stage_ > 0;
  if (!always && (options_.point != nullptr || options_.ignored || !one_in(2))) return;
  quiet_ = true;
  if (always) lose_caches();
  if (options_.point != nullptr) return void(quiet_ = false);
  if (one_in(2)) lose_checkpoints();
  if (one_in(2)) lose_store();
  if (one_in(2)) lose_base_and_archive();
  quiet_ = false;
}

void Simulation::lose_caches() {
  static_cast<void>(fs_.remove_all(kCheckpoints));
  static_cast<void>(fs_.remove_all(kPath + "/stores"));
  static_cast<void>(fs_.sync_directory(kPath));  // what is lost does not come back
  checkpointed_ = 0;
}

/// All of them, or a file of the newest.
void Simulation::lose_checkpoints() {
  const Result<std::vector<std::string>> names = fs_.list(kCheckpoints);
  if (!names.ok() || names->empty()) return;
  checkpointed_ = 0;
  if (one_in(3)) {
    say("all checkpoints are lost");
    tally_.count(Happening::CheckpointsLost);
    static_cast<void>(fs_.remove_all(kCheckpoints));
    static_cast<void>(fs_.sync_directory(kPath));  // what is lost does not come back
    return;
  }
  const Result<StoredFiles> files = files_below(fs_, kCheckpoints + "/" + names->back());
  if (!files.ok() || files->empty()) return;
  const auto file = std::next(files->begin(), static_cast<std::ptrdiff_t>(random_.below(files->size())));
  say("lost: " + file->first);
  tally_.count(Happening::CheckpointDamaged);
  static_cast<void>(damage_file(fs_, file->first, static_cast<Loss>(random_.below(3))));
}

/// One of them is gone, cut or replaced by an earlier one.
void Simulation::lose_store() {
  const Result<StoredFiles> files = files_below(fs_, kStores);
  if (!files.ok() || files->empty()) return;
  checkpointed_ = 0;
  if (!old_stores_.empty() && one_in(2)) {
    const auto& [path, content] = old_stores_[random_.below(old_stores_.size())];
    say("an earlier store is put in its place: " + path);
    tally_.count(Happening::StoreReplaced);
    static_cast<void>(base::write_file_atomically(fs_, path, content));
    return;
  }
  const std::string& path = std::next(files->begin(), static_cast<std::ptrdiff_t>(random_.below(files->size())))->first;
  say("a store is damaged or lost: " + path);
  tally_.count(Happening::StoreLost);
  static_cast<void>(damage_file(fs_, path, static_cast<Loss>(random_.below(3))));
}

void Simulation::lose_base_and_archive() {
  Result<StoredFiles> base = files_below(fs_, kBase);
  Result<StoredFiles> archive = files_below(fs_, kArchive);
  if (!base.ok() || !archive.ok() || base->size() + archive->size() == 0) return;
  checkpointed_ = 0;
  StoredFiles all = *base;
  all.merge(StoredFiles(*archive));
  put_aside_ = all;
  const std::uint64_t which = random_.below(3);
  if (which != 0) lose_one_of(*archive, Happening::ArchiveLost);
  if (which != 1) lose_one_of(*base, Happening::BaseLost);
  if (which == 2) lose_caches();
}

void Simulation::lose_one_of(const StoredFiles& files, Happening what) {
  if (files.empty()) return;
  const auto file = std::next(files.begin(), static_cast<std::ptrdiff_t>(random_.below(files.size())));
  say("lost: " + file->first);
  tally_.count(what);
  // An archive that is damaged inside is noticed where it is read, and not by what tells where an open begins.
  const auto loss = what == Happening::ArchiveLost ? Loss::Removed : static_cast<Loss>(random_.below(3));
  static_cast<void>(damage_file(fs_, file->first, loss));
}

/// What was lost of base and archive.
void Simulation::put_back() {
  if (!put_aside_) return;
  lift_limits();
  quiet_ = true;
  const StoredFiles all = *std::exchange(put_aside_, std::nullopt);
  for (const auto& [path, content] : all) {
    const std::string folder = path.substr(0, path.rfind('/'));
    static_cast<void>(fs_.create_directories(folder));
    static_cast<void>(fs_.sync_directory(folder));
    const Result<std::string> now = base::read_file(fs_, path);
    if (now.ok() && *now == content) continue;
    if (const Status put = base::write_file_atomically(fs_, path, content); !put.ok()) {
      fail(Fault::Behaviour, "the harness could not put back a file: " + put.error().to_string());
    }
  }
  quiet_ = false;
}

/// S7. After a refusal the files are put back, as the message asks for.
void Simulation::check_opening(const ExpectedOpening& expected, const Result<std::unique_ptr<db::Core>>& opened) {
  if (!opened.ok()) {
    if (!expected.is_refused || opened.error().code != Code::Corruption || !put_aside_) {
      return fail(Fault::Unopened, opened.error().to_string());
    }
    tally_.count(Happening::OpenRefused);
    return put_back();
  }
  const db::OpenReport& report = (*opened)->open_report();
  if (expected.is_refused) return fail(Fault::Behaviour, "an open without what it needs was not refused");
  if (report.checkpoint.value == expected.checkpoint && report.base.value == expected.base) return;
  fail(Fault::Behaviour, "opened from checkpoint " + std::to_string(report.checkpoint.value) + ", base " +
                             std::to_string(report.base.value) + ", expected checkpoint " +
                             std::to_string(expected.checkpoint) + ", base " + std::to_string(expected.base));
}

}  // namespace tidal::sim
