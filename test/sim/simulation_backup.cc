// Backups of a simulated database, taken while it is written, and what they give back.
#include <algorithm>
#include <array>
#include <utility>

#include "db/backup_manifest.h"
#include "db/offline/backup_history.h"
#include "db/offline/restoring.h"
#include "db/offline/verification.h"
#include "db/unfinished_directory.h"
#include "test/sim/questions.h"
#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";
const std::string kBackup = "/backup";
const std::string kRestored = "/restored";

}  // namespace

/// What is there when the last record is the last, for whoever restores to it.
void Simulation::note_moment() {
  if (core_ == nullptr || power_off_ || cut_next_) return;
  const Result<DigestReport> digest = core_->digest();
  if (digest.ok() && digest->seqno.value == model_.seqno()) moments_.insert_or_assign(model_.seqno(), digest->by_view);
}

/// In the place of the one before. An error or the end of the power may come inside.
void Simulation::backup() {
  quiet_ = true;
  static_cast<void>(fs_.remove_all(kBackup));
  static_cast<void>(fs_.sync_directory("/"));
  quiet_ = false;
  backup_.reset();
  threaten(150);
  note_moment();
  inside_checkpoint_ = true;
  backing_up_ = true;
  const Result<BackupReport> taken = core_->backup(kBackup, {.archive = !one_in(4)});
  backing_up_ = false;
  inside_checkpoint_ = false;
  backup_waits_ = true;  // for the next crash
  say("backup: " +
      (taken.ok() ? "seqno " + std::to_string(taken->first_seqno.value) + " to " + std::to_string(taken->seqno.value)
                  : taken.error().to_string()));
  if (cut_next_) cut_power();
  if (power_off_) return tally_.count(Happening::BackupCut);  // judged when it is on again
  if (!taken.ok()) note_health();
  if (taken.ok()) {
    tally_.count(Happening::Backup);
    backup_ = *taken;
    durable_ = std::max(durable_, taken->seqno.value);
  } else if (!may_fail()) {
    return fail(Fault::Behaviour, "a backup failed without a reason: " + taken.error().to_string());
  } else {
    tally_.count(Happening::BackupGivenUp);
  }
  if (!taken.ok() || one_in(2)) judge_backup();
}

/// S10. After a crash that was not expected, or when it was just taken.
void Simulation::judge_backup() {
  const bool was_quiet = std::exchange(quiet_, true);
  const Result<StoredFiles> files = files_below(fs_, kBackup);
  base::MemoryFileSystem copy;
  if (!files.ok() || !put_files(copy, kBackup, *files).ok()) {
    fail(Fault::Behaviour, "the harness could not copy a backup");
  } else if (files->contains(kBackup + "/" + std::string(db::kBackupManifestName))) {
    judge_restore(copy);
  } else if (backup_) {
    fail(Fault::Lost, "a finished backup is gone");
  } else {
    judge_unfinished(copy);
  }
  quiet_ = was_quiet;
}

/// Nobody takes it for a backup or for a database.
void Simulation::judge_unfinished(base::MemoryFileSystem& copy) {
  const Result<std::vector<std::string>> names = copy.list(kBackup);
  if (!names.ok() || names->empty()) return;
  tally_.count(Happening::UnfinishedRefused);
  const auto refuses = [this](const std::string& who, const auto& result) {
    if (result.ok()) return fail(Fault::Behaviour, who + " took an unfinished backup");
    if (result.error().code == Code::FailedPrecondition) return;
    fail(Fault::Behaviour, who + " refused an unfinished backup with " + result.error().to_string());
  };
  Options options;
  options.create_if_missing = true;
  options.log_level = LogLevel::Off;
  refuses("opening", open_core(copy, options, kBackup));
  refuses("verifying", db::verify_directory(copy, kBackup));
  refuses("restoring", db::restore_backup(copy, kBackup, kRestored, {}));
  if (copy.exists(kRestored)) fail(Fault::Behaviour, "restoring an unfinished backup left a folder");
}

/// What is asked of a restore, and what it must give; the one place that says so.
Simulation::ExpectedRestore Simulation::draw_restore(const BackupReport& backup) {
  ExpectedRestore expected{.seqno = backup.seqno.value};
  const std::uint64_t dice = backup_ ? random_.below(3) : 0;  // of one that nobody heard of only the end is known
  if (dice > 0 && !moments_.empty()) {
    auto moment = moments_.lower_bound(random_.below(backup.seqno.value + 2));
    if (moment == moments_.end()) --moment;
    expected.seqno = moment->first;
    if (dice == 1 && one_in(6)) {  // beyond either end
      expected.seqno = one_in(2) ? backup.seqno.value + 1 : backup.first_seqno.value - 1;
    }
  }
  if (dice == 1) {
    expected.options.to_seqno = SeqNo{expected.seqno};
    tally_.count(Happening::RestoreToRecord);
  } else if (dice == 2) {
    const Timestamp time = appended_at(expected.seqno) + Duration{static_cast<std::int64_t>(random_.below(3)) - 1};
    expected.options.to_time = time;
    expected.seqno = std::min(last_appended_by(time), backup.seqno.value);
    tally_.count(Happening::RestoreToTime);
  } else {
    tally_.count(Happening::RestoreToEnd);
  }
  expected.is_refused = expected.seqno < backup.first_seqno.value || expected.seqno > backup.seqno.value;
  // Whoever was forgotten later is not to come back: what such a moment gives is not judged.
  const std::uint64_t forgotten = last_forgetting(backup.seqno.value);
  expected.is_judged = forgotten <= expected.seqno;
  if (const auto moment = moments_.find(expected.seqno); moment != moments_.end()) expected.digest = moment->second;
  return expected;
}

void Simulation::judge_restore(base::MemoryFileSystem& copy) {
  const Result<db::BackupManifest> manifest = db::read_backup_manifest(copy, kBackup);
  if (!manifest.ok()) return fail(Fault::Lost, "a backup: " + manifest.error().to_string());
  if (backup_ && backup_->seqno != manifest->seqno) return fail(Fault::Lost, "a backup ends elsewhere than was said");
  BackupReport unheard;
  unheard.seqno = manifest->seqno;
  ExpectedRestore expected = draw_restore(backup_.value_or(unheard));
  if (backup_ && expected.options.to_time && SeqNo{expected.seqno} == backup_->first_seqno) {
    // Of a record that only a base holds nobody knows the time; it can be asked for by its seqno.
    const Result<db::BackupHistory> history = db::BackupHistory::read(copy, kBackup, *manifest);
    if (!history.ok()) return fail(Fault::Lost, "a backup: " + history.error().to_string());
    expected.is_refused = expected.is_refused || !history->append_time_of(backup_->first_seqno).value();
  }
  const Result<RestoreReport> restored = db::restore_backup(copy, kBackup, kRestored, expected.options);
  say("restore to seqno " + std::to_string(expected.seqno) + ": " +
      (restored.ok() ? "ok" : restored.error().to_string()));
  if (expected.is_refused) {
    tally_.count(Happening::RestoreRefused);
    if (restored.ok() || restored.error().code != Code::InvalidArgument) {
      fail(Fault::Behaviour, "a restore to what the backup does not reach was not refused");
    }
    return;
  }
  if (!restored.ok()) return fail(Fault::Lost, "a backup was not restored: " + restored.error().to_string());
  if (restored->seqno.value != expected.seqno) {
    return fail(Fault::Doubled, "restored to seqno " + std::to_string(restored->seqno.value) + ", expected " +
                                    std::to_string(expected.seqno));
  }
  Options options;
  options.log_level = LogLevel::Off;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_on_close = false;
  const Result<std::unique_ptr<db::Core>> opened = open_core(copy, options, kRestored);
  if (!opened.ok()) return fail(Fault::Unopened, "what was restored: " + opened.error().to_string());
  if (expected.is_judged) compare_restored(**opened, expected);
}

void Simulation::compare_restored(db::Core& core, const ExpectedRestore& expected) {
  const Result<DigestReport> got = core.digest();
  if (!got.ok() || got->seqno.value != expected.seqno) return fail(Fault::Doubled, "what was restored ends elsewhere");
  for (std::size_t i = 0; i < expected.digest.size(); ++i) {
    if (got->by_view[i] == expected.digest[i]) continue;
    fail(Fault::Digest,
         "restored to seqno " + std::to_string(expected.seqno) + ", the view " + got->by_view[i].first + " differs");
  }
  if (!expected.digest.empty() && !one_in(4)) return;
  const Model then = model_at(expected.seqno);
  const Timestamp now = std::max(clock_.now(), then.newest_event());
  const Timestamp before = clock_.now();
  clock_.set(now);
  if (std::string wrong = ask_all(core, then, now); !wrong.empty()) fail(Fault::Model, "restored: " + wrong);
  clock_.set(before);
}

// What the log holds up to the end of a backup: that was durable, and so is never forgotten again.

Timestamp Simulation::appended_at(std::uint64_t seqno) const {
  std::uint64_t last = 0;
  for (const Written& batch : written_) {
    last += batch.records.size();
    if (last >= seqno) return batch.appended;
  }
  return last_append_;
}

std::uint64_t Simulation::last_appended_by(Timestamp time) const {
  std::uint64_t last = 0;
  for (const Written& batch : written_) {
    if (batch.appended > time) break;
    last += batch.records.size();
  }
  return last;
}

std::uint64_t Simulation::last_forgetting(std::uint64_t through) const {
  std::uint64_t seqno = 0;
  std::uint64_t found = 0;
  for (const Written& batch : written_) {
    for (const LogRecord& record : batch.records) {
      ++seqno;
      if (seqno <= through && std::holds_alternative<ForgetStep>(record)) found = seqno;
    }
  }
  return found;
}

Model Simulation::model_at(std::uint64_t seqno) const {
  Model model;
  for (const Written& batch : written_) {
    for (const LogRecord& record : batch.records) {
      if (model.seqno() < seqno) static_cast<void>(model.apply(record, batch.appended));
    }
  }
  return model;
}

}  // namespace tidal::sim
