// Opening: what the files of a directory hold, in which order they are believed, and how the log's rest is replayed.
#include <sys/random.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/coding.h"
#include "db/anonymiser.h"
#include "db/base_state.h"
#include "db/core.h"
#include "db/format_check.h"
#include "db/log.h"
#include "db/unfinished_directory.h"
#include "db/view_applier.h"

namespace tidal::db {
namespace {

constexpr std::size_t kCursorKeyBytes = 32;

std::string random_key() {
  std::string key(kCursorKeyBytes, '\0');
  TIDAL_ASSERT(getrandom(key.data(), key.size(), 0) == static_cast<ssize_t>(key.size()));
  return key;
}

/// Of a directory that cannot be written.
Error with_advice(Error error) {
  if (error.code != Code::PermissionDenied) return error;
  error.message +=
      "; a database is opened for writing: allow it, or copy the directory (tidal verify, inspect, wal, "
      "digest and export are content with reading)";
  return error;
}

}  // namespace

/// The directory is there, may be opened, and is ours.
Status Core::take_directory() {
  base::FileSystem& fs = environment_.fs;
  if (!fs.exists(path_)) {
    if (!options_.create_if_missing) {
      return Error(Code::NotFound, "no database at '" + path_ + "' (create one: tidal init " + path_ + ")");
    }
  } else if (!fs.is_directory(path_)) {
    return Error(Code::InvalidArgument, "'" + path_ + "' is not a directory");
  } else if (!options_.create_if_missing && !fs.exists(path_ + "/wal")) {
    return Error(Code::NotFound, "'" + path_ + "' is not a database: it has no log (create one: tidal init)");
  }
  // Of a directory that is there: whoever made it may have died before its name was durable.
  if (!fs.exists(path_ + "/wal")) TIDAL_TRY(fs.create_directories(path_));
  TIDAL_TRY(check_may_be_opened(fs, path_));
  Result<std::unique_ptr<base::FileLock>> lock = fs.lock(path_ + "/LOCK");
  if (!lock.ok()) return with_advice(std::move(lock).error());
  lock_ = std::move(lock).value();
  return {};
}

Status Core::recover() {
  base::FileSystem& fs = environment_.fs;
  const bool on_disk = !path_.empty();
  if (on_disk) TIDAL_TRY(take_directory());
  const std::string salt = random_key();
  std::memcpy(&query_salt_, salt.data(), sizeof query_salt_);

  if (on_disk) {
    const wal::LogOptions log_options{.segment_bytes = options_.segment_bytes,
                                      .prepares_segments = environment_.background,
                                      .archive_dir = path_ + "/archive"};
    TIDAL_TRY(check_formats(fs, path_));
    TIDAL_TRY_ASSIGN(log_, wal::Log::read(fs, path_ + "/wal", log_options));
    checkpoints_ = std::make_unique<materializer::CheckpointDirectory>(fs, path_ + "/checkpoints");
    bases_ = std::make_unique<materializer::CheckpointDirectory>(base_directory(fs, path_));
    if (const auto& torn = log_->recovery().torn) {
      report_.notes.push_back("cut an unfinished write from " + torn->segment + " at offset " +
                              std::to_string(torn->offset) + ": " + torn->reason);
    }
  }
  const SeqNo last = log_ ? log_->last_seqno() : SeqNo{};
  if (on_disk) TIDAL_TRY(check_log_is_whole(last));
  // Up to here nothing was written, and only caches are before the log has been replayed to its end.
  if (on_disk) {
    TIDAL_TRY_ASSIGN(stores_, Stores::open(fs, path_, environment_.stores, &report_.notes));
    for (std::size_t i = 0; i < kStores.size(); ++i) {
      if (stores_.at(i).seqno() <= last) continue;
      report_.notes.push_back("the " + std::string(kStores[i].title) + " was ahead of the log and is rebuilt");
      TIDAL_TRY(stores_.at(i).clear());
    }
  }
  views_ = std::make_unique<Views>(stores_);
  applier_ = std::make_unique<ViewApplier>(*views_, options_.memory_limit);

  if (on_disk) {
    TIDAL_TRY(restore_state(last));
    TIDAL_TRY(replay_log());
    // Every frame that is needed has been judged: from here on the log is taken as it is.
    TIDAL_TRY(log_->start(environment_.clock.now()));
    TIDAL_TRY(checkpoints_->remove_unfinished());
    TIDAL_TRY(bases_->remove_unfinished());
    applier_->reset_statistics();
  }
  TIDAL_TRY(load_cursor_key());
  for (const std::string& note : report_.notes) {
    log_line(options_.log_level, LogLevel::Warn, path_ + ": " + note);
  }
  views_->settle(now());
  applier_->measure_memory();
  queue_ = std::make_unique<wal::CommitQueue>(
      log_.get(), *applier_, environment_.clock,
      wal::CommitQueueOptions{.durability = options_.durability,
                              .queue_bytes = options_.queue_bytes,
                              .applied = applied(),
                              .last_append_time = log_ ? log_->last_append_time() : Timestamp{},
                              .applied_ids = views_.get()});
  return {};
}

/// The newest checkpoint that verifies, else the base, else nothing; all views are then at its seqno. A checkpoint from
/// before the base comes last: the log before the base may have been rewritten since it was taken.
Status Core::restore_state(SeqNo last) {
  TIDAL_TRY_ASSIGN(const SeqNo base, bases_->newest());
  base_seqno_.store(base.value, std::memory_order_relaxed);  // nobody else is here yet
  const materializer::SeqNoRange usable{.first = SeqNo{log_->history_first_seqno().value - 1}, .last = last};
  const materializer::SeqNoRange later{.first = std::max(usable.first, base), .last = last};
  TIDAL_TRY_ASSIGN(report_.checkpoint, checkpoints_->restore(views_->registry(), later, report_.notes));
  if (report_.checkpoint == SeqNo{}) {
    TIDAL_TRY(check_records(std::max(base.next(), log_->history_first_seqno())));
    const auto stores = stores_.dumps(environment_.fs, base);
    TIDAL_TRY_ASSIGN(report_.base,
                     restore_newest_base(*bases_, *log_, last, views_->registry(), stores, report_.notes));
  }
  if (report_.checkpoint == SeqNo{} && report_.base == SeqNo{} && later.first > usable.first) {
    const materializer::SeqNoRange earlier{.first = usable.first, .last = SeqNo{later.first.value - 1}};
    TIDAL_TRY_ASSIGN(report_.checkpoint, checkpoints_->restore(views_->registry(), earlier, report_.notes));
  }
  const SeqNo restored = std::max(report_.checkpoint, report_.base);
  if (restored == SeqNo{}) {
    if (usable.first != SeqNo{}) TIDAL_TRY(check_base_is_readable(*bases_, views_->registry()));
    TIDAL_TRY(check_records(log_->history_first_seqno()));
    return stores_.clear();
  }
  checkpoint_seqno_.store(report_.checkpoint.value, std::memory_order_relaxed);  // nobody else is here yet
  applier_->set_applied(restored);
  return {};
}

/// Without a checkpoint the stores are written anew before the log is replayed. A record of a newer program must
/// be met before that. Cost: reads what will be replayed once more, in a case that is rare.
Status Core::check_records(SeqNo first) const {
  if (stores_.empty()) return {};  // nothing is lost by writing it
  return log_->replay(first, [](std::span<wal::WalEvent> events) { return check_known(events); });
}

Status Core::replay_log() {
  views_->expect_newest(log_->last_record_time());
  const Status replayed =
      log_->replay(views_->registry().min_applied().next(), [this](std::span<wal::WalEvent> events) -> Status {
        TIDAL_TRY(check_replayable(events));
        views_->identify(events);
        applier_->apply(events);
        report_.replayed += events.size();
        return {};
      });
  if (replayed.ok() || report_.notes.empty()) return replayed;
  // Why an earlier beginning had to be taken belongs to the answer.
  const bool from_first = report_.checkpoint == SeqNo{} && report_.base == SeqNo{};
  Error error = from_first ? cause_of_failed_replay(*bases_, views_->registry(), replayed.error()) : replayed.error();
  for (const std::string& note : report_.notes) error.message += "; " + note;
  return error;
}

/// A checkpoint or base is only named after the log was synced through it (P2): one that is ahead proves that synced
/// log is gone. So does a base without any log.
Status Core::check_log_is_whole(SeqNo last) const {
  TIDAL_TRY_ASSIGN(const SeqNo base, bases_->newest());
  if (base != SeqNo{} && (base > last || log_->segments().empty())) {
    return Error(Code::Corruption,
                 path_ + "/wal " +
                     (log_->segments().empty() ? "holds no segment" : "ends at seqno " + std::to_string(last.value)) +
                     " but the base at seqno " + std::to_string(base.value) +
                     " was taken: acknowledged records are missing from the log. Put its files back");
  }
  TIDAL_TRY_ASSIGN(const SeqNo checkpoint, checkpoints_->newest());
  if (checkpoint <= last) return {};
  return Error(Code::Corruption, path_ + "/wal ends at seqno " + std::to_string(last.value) +
                                     " but a checkpoint at seqno " + std::to_string(checkpoint.value) +
                                     " was taken: acknowledged records are missing from the log. Put its files back; "
                                     "removing " +
                                     path_ + "/checkpoints accepts the loss");
}

Status Core::load_cursor_key() {
  if (path_.empty()) {
    cursor_key_ = random_key();
    return {};
  }
  const std::string file = path_ + "/cursor.key";
  if (environment_.fs.exists(file)) {
    TIDAL_TRY_ASSIGN(cursor_key_, base::read_file(environment_.fs, file));
    if (cursor_key_.size() == kCursorKeyBytes) return {};
    report_.notes.push_back("cursor.key was damaged and is replaced: cursors given out before are void");
  }
  cursor_key_ = random_key();
  return base::write_file_atomically(environment_.fs, file, cursor_key_);
}

}  // namespace tidal::db
