// How a life of a simulated database ends, how the next begins, and what must hold then.
#include <algorithm>
#include <map>
#include <utility>

#include "test/sim/questions.h"
#include "test/sim/simulation.h"
#include "wal/log.h"

namespace tidal::sim {
namespace {

const std::string kPath = "/db";
const std::string kImportId(32, 'm');

/// The log of `from`, in files of its own: all records, or those behind the base and the base.
Status copy_log(base::FileSystem& from, base::FileSystem& to, bool from_base) {
  std::vector<std::string> folders = {"/wal", "/archive"};
  if (from_base) folders.emplace_back("/base");
  for (const std::string& folder : folders) {
    TIDAL_TRY_ASSIGN(const StoredFiles files, files_below(from, kPath + folder));
    TIDAL_TRY(put_files(to, kPath + folder, files));
  }
  return {};
}

}  // namespace

Options Simulation::core_options() {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_every_bytes = 0;
  options.checkpoint_on_close = random_.coin();
  options.log_level = LogLevel::Off;
  const std::uint64_t dice = random_.below(6);
  mode_ = dice < 3 ? Durability::Mode::Sync : dice < 4 ? Durability::Mode::Batched : Durability::Mode::Async;
  options.durability.mode = mode_;
  // Nothing here waits for a clock: one event is company enough, and an interval of a day never ends.
  options.durability.max_events = 1;
  options.durability.interval = days(1);
  return options;
}

Result<std::unique_ptr<db::Core>> Simulation::open_core(base::FileSystem& fs, const Options& options,
                                                        const std::string& path) {
  return db::Core::open(path, options,
                        {.fs = fs, .clock = clock_, .stores = db::Stores::Files::Plain, .background = false});
}

void Simulation::end_life() {
  if (die_in_ > 0) cut_power();
  if (!power_off_ && (options_.point != nullptr || one_in(3))) close();
  if (power_off_ || (options_.point == nullptr && core_ != nullptr)) {
    if (!power_off_) tally_.count(Happening::PowerCutBetween);
    crash();
    return restart();
  }
  if (failed()) return;
  lose_files();
  open();
}

/// A clean close, unless something befalls it.
void Simulation::close() {
  phase_ = Phase::Closing;
  const Status closed = core_->close();
  say("close: " + (closed.ok() ? "ok" : closed.error().to_string()));
  core_.reset();
  if (cut_next_) cut_power();
  if (closed.ok() && !power_off_) {
    tally_.count(Happening::CleanClose);
    // A log that could not be written any more had nothing left to write.
    if (!poisoned_) durable_ = model_.seqno();
  } else if (!closed.ok() && !may_fail()) {
    fail(Fault::Behaviour, "a close failed without a reason: " + closed.error().to_string());
  }
}

/// The power is off first, so that what the database does in its destructor reaches no file.
void Simulation::crash() {
  cut_power();
  core_.reset();
  if (phase_ != Phase::Opening) crashed_mode_ = mode_;
  ++tally_.crashes;
  crashed_ = true;
  fs_.crash();
  lift_limits();
  power_off_ = false;
  cut_in_ = 0;
  fault_in_ = 0;
}

void Simulation::restart() {
  lose_files();
  if (!failed() && options_.point == nullptr && one_in(5)) cut_in_ = 1 + random_.below(12);  // and again, in recovery
  open();
}

void Simulation::open() {
  for (auto& client : clients_) client.reset();
  const Options options = core_options();
  tally_.count(mode_ == Durability::Mode::Sync      ? Happening::LifeSync
               : mode_ == Durability::Mode::Batched ? Happening::LifeBatched
                                                    : Happening::LifeAsync);
  constexpr int kAttempts = 10;
  for (int attempt = 0; attempt < kAttempts && core_ == nullptr && !failed(); ++attempt) try_to_open(options);
  if (failed()) return;
  if (core_ == nullptr) return fail(Fault::Unopened, "no attempt to open it came to an end");
  phase_ = Phase::Running;
  if (core_->open_report().checkpoint != SeqNo{}) tally_.count(Happening::OpenFromCheckpoint);
  if (!core_->open_report().notes.empty()) tally_.count(Happening::TornTail);
  if (core_->open_report().base != SeqNo{}) tally_.count(Happening::OpenFromBase);
  check_checkpoint();
  check_history();
  settle_doubt(core_->applied().value);
  read_last_append();
  if (!failed()) verify();
  put_back();
  if (backup_waits_ && !failed()) {
    if (backup_) tally_.count(Happening::RestoreAfterCrash);
    judge_backup();
    backup_waits_ = false;
  }
}

void Simulation::try_to_open(const Options& options) {
  phase_ = Phase::Opening;
  struck_ = false;
  poisoned_ = false;
  if (options_.point == nullptr && one_in(8)) change_limits();
  quiet_ = true;
  const Result<DirectoryState> state = state_of(fs_, kPath);
  quiet_ = false;
  if (state.ok()) anonymous_through_ = state->anonymous_through;
  Result<std::unique_ptr<db::Core>> opened = open_core(limits_, options, kPath);
  say("open: " + (opened.ok() ? "at seqno " + std::to_string((*opened)->applied().value) + ", checkpoint " +
                                    std::to_string((*opened)->open_report().checkpoint.value) + ", base " +
                                    std::to_string((*opened)->open_report().base.value)
                              : opened.error().to_string()));
  if (cut_next_) cut_power();
  if (!power_off_ && !struck_ && !is_scarce()) {
    if (!state.ok()) return fail(Fault::Unopened, state.error().to_string());
    check_opening(expected_opening(*state), opened);
  }
  if (opened.ok()) core_ = std::move(opened).value();
  if (power_off_) {
    crash();
  } else if (core_ == nullptr) {
    if (read_only_) tally_.count(Happening::OpenReadOnly);
    if (few_files_) tally_.count(Happening::OpenWithoutFiles);
    lift_limits();
  }
}

/// S5. An older one may be half removed: nobody needs it.
void Simulation::check_checkpoint() {
  const db::OpenReport& report = core_->open_report();
  if (std::max(report.checkpoint, report.base).value >= checkpointed_) return;
  fail(Fault::Lost, "the checkpoint at seqno " + std::to_string(checkpointed_) +
                        " was not used: " + (report.notes.empty() ? "it is gone" : report.notes.front()));
}

/// S8.
void Simulation::check_history() {
  lacks_archive_ = put_aside_.has_value();
  if (lacks_archive_) return;
  const std::uint64_t first = core_->stats().history_first.value;
  if (history_first_ && first > *history_first_) {
    return fail(Fault::Lost, "log and archive begin at seqno " + std::to_string(first) + ", and held all from " +
                                 std::to_string(*history_first_) + " on");
  }
  history_first_ = first;
}

/// S1 and S2: how far the log reaches is an end of a batch, not before what had to last, not behind what was written.
void Simulation::settle_doubt(std::uint64_t last) {
  const std::uint64_t acknowledged = model_.seqno();
  const bool crashed = std::exchange(crashed_, false);
  const std::uint64_t least = crashed ? durable_ : acknowledged;
  if (crashed) {
    PolicyLosses& losses = tally_.policies[static_cast<std::size_t>(crashed_mode_)];
    ++losses.power_cuts;
    losses.lost_by_power += acknowledged - std::min(acknowledged, last);
  }
  const std::uint64_t doubtful = in_doubt_ ? in_doubt_->records.size() : 0;
  if (last < least) {
    return fail(Fault::Lost, "the log ends at seqno " + std::to_string(last) + ", but " + std::to_string(least) +
                                 " was acknowledged");
  }
  if (last > acknowledged && last != acknowledged + doubtful) {
    return fail(Fault::Doubled, "the log ends at seqno " + std::to_string(last) + ", but " +
                                    std::to_string(acknowledged) + " was acknowledged and " + std::to_string(doubtful) +
                                    " records were in doubt");
  }
  if (last < acknowledged) {
    tally_.count(Happening::AsyncLoss);
    forget_after(last);
  }
  if (doubtful > 0) tally_.count(last > acknowledged ? Happening::InDoubtThere : Happening::InDoubtGone);
  if (last > acknowledged) static_cast<void>(apply(*in_doubt_));
  in_doubt_.reset();
  durable_ = last;  // recovery made durable what it kept
}

void Simulation::forget_after(std::uint64_t last) {
  const std::vector<Written> all = std::exchange(written_, {});
  moments_.erase(moments_.upper_bound(last), moments_.end());
  model_ = Model();
  for (const Written& batch : all) {
    if (model_.seqno() >= last) break;
    for (const LogRecord& record : batch.records) static_cast<void>(model_.apply(record, batch.appended));
    written_.push_back(batch);
  }
  if (model_.seqno() != last) fail(Fault::Doubled, "half of a batch is there: seqno " + std::to_string(last));
}

void Simulation::verify() {
  quiet_ = true;
  const entity::EntityStore& entities = core_->views().entities();
  for (const EntityKind kind : {EntityKind::Item, EntityKind::User, EntityKind::Creator}) {
    if (entities.live_count(kind) != model_.live(kind).size()) {
      fail(Fault::Model, "the number of " + std::string(kind_name(kind)) + "s differs");
    }
  }
  if (core_->views().import_marks().position(kImportId) != model_.import_position(kImportId)) {
    fail(Fault::Model, "the position of the import differs");
  }
  clock_.set(std::max(clock_.now(), model_.newest_event()));
  if (std::string wrong = ask_all(*core_, model_, clock_.now()); !wrong.empty()) fail(Fault::Model, std::move(wrong));
  if (!failed()) compare_with_replay();
  quiet_ = false;
}

/// Where the log's last frame left its clock.
void Simulation::read_last_append() {
  const bool was_quiet = std::exchange(quiet_, true);
  const auto log = wal::Log::read(fs_, kPath + "/wal", {});
  if (log.ok()) last_append_ = (*log)->last_append_time();
  if (!log.ok()) fail(Fault::Unopened, log.error().to_string());
  quiet_ = was_quiet;
}

/// While the database is open: it may have begun a segment, which is of a time too.
void Simulation::follow_last_append() { last_append_ = std::max(last_append_, core_->log()->last_append_time()); }

/// S4, on a copy of the files. Where the log is whole the base is not needed, and now and then left out.
void Simulation::compare_with_replay() {
  const bool is_whole = core_->stats().history_first == SeqNo{1} && anonymous_through_ == 0;
  // Without its base nothing can be compared; a checkpoint carried it over.
  if (!is_whole && put_aside_) return;
  base::MemoryFileSystem copy;
  if (const Status copied = copy_log(fs_, copy, !is_whole || random_.coin()); !copied.ok())
    return fail(Fault::Digest, copied.error().to_string());
  Options options;
  options.log_level = LogLevel::Off;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_on_close = false;
  Result<std::unique_ptr<db::Core>> replayed = open_core(copy, options, kPath);
  if (!replayed.ok()) return fail(Fault::Digest, "the log alone does not open: " + replayed.error().to_string());
  if ((*replayed)->stats().log_segments > 1) tally_.count(Happening::NextSegment);
  const Result<DigestReport> expected = (*replayed)->digest();
  const Result<DigestReport> got = core_->digest();
  if (!expected.ok() || !got.ok()) return fail(Fault::Digest, "no digest");
  if (expected->seqno != got->seqno) return fail(Fault::Digest, "the log alone ends at another seqno");
  for (std::size_t i = 0; i < got->by_view.size(); ++i) {
    if (got->by_view[i] != expected->by_view[i]) fail(Fault::Digest, "the view " + got->by_view[i].first + " differs");
  }
}

}  // namespace tidal::sim
