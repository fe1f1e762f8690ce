// The steps of a history, and what happens inside of operations on files.
#include "test/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "test/sim/questions.h"

namespace tidal::sim {
namespace {

constexpr Timestamp kStart{1'700'000'000'000'000};
const std::string kImportId(32, 'm');

bool is_of_backup(const CrashPoint* point) {
  return point != nullptr && point->stages.front().at == std::vector{Activity::Backup};
}

/// The other rows of the crash matrix come to their moments sooner without.
bool backs_up(const HistoryOptions& options) { return options.point == nullptr || is_of_backup(options.point); }

/// Whether the log soon needs another segment.
bool is_heavy(const HistoryOptions& options) { return options.seed % 3 == 0 || options.point != nullptr; }

/// Another stream of numbers for every use of the seed.
std::uint64_t stream(std::uint64_t seed, std::uint64_t number) { return seed * 1'000'003 + number; }

}  // namespace

Simulation::Simulation(const HistoryOptions& options, Tally& tally)
    : options_(options),
      tally_(tally),
      random_(stream(options.seed, 1)),
      fs_(stream(options.seed, 2)),
      limits_(fs_),
      clock_(kStart),
      workload_(stream(options.seed, 3), is_heavy(options)),
      wants_small_log_(is_heavy(options)) {
  if (options.ignored) fs_.ignore_syncs(options.ignored->kind, options.ignored->path);
  // Of what comes only once a life nothing is skipped.
  if (options.point != nullptr && options.point->stages.front().phase == Phase::Running) {
    skip_ = random_.below(is_of_backup(options.point) ? 80 : 3);
  }
  fs_.set_hook([this](const base::FileOperation& operation) { before_operation(operation); });
}

Simulation::~Simulation() { quiet_ = true; }

Failure Simulation::run() {
  ++tally_.histories;
  open();
  const std::uint64_t lives = options_.point != nullptr ? 8 : 2 + random_.below(3);
  for (std::uint64_t life = 0; life < lives && !failed() && !met(); ++life) {
    const std::uint64_t steps = 10 + random_.below(50);
    for (std::uint64_t i = 0; i < steps && !failed() && !power_off_; ++i) step();
    if (!failed()) end_life();
  }
  quiet_ = true;
  tally_.steps += steps_;
  ++tally_.faults[static_cast<std::size_t>(failure_.fault)];
  return failure_;
}

void Simulation::fail(Fault fault, std::string what) {
  if (failed()) return;
  failure_ = {.fault = fault, .step = steps_, .what = std::move(what)};
  say("FAILED: " + failure_.what);
}

void Simulation::say(const std::string& what) const {
  if (!options_.verbose) return;
  std::printf("%6llu %*s%s\n", static_cast<unsigned long long>(steps_), 2 * nesting_, "", what.c_str());
}

void Simulation::step() {
  ++steps_;
  if (die_in_ > 0 && --die_in_ == 0) return cut_power();
  if (model_.signals().empty() && !poisoned_) {
    change_schema(Workload::first_schema(clock_.now()));
  } else if (std::exchange(wants_small_log_, false)) {
    change_schema(workload_.small_log(model_, clock_.now()));
  } else if (const std::uint64_t dice = random_.below(100); dice < 66) {
    take_turn(random_.below(clients_.size()));
  } else if (dice < 78) {
    ask();
  } else if (dice < 82) {
    change_schema(random_.below(6) == 0 ? workload_.small_log(model_, clock_.now())
                                        : workload_.schema_change(model_, clock_.now()));
  } else if (dice < 85) {
    checkpoint();
  } else if (dice < (options_.point != nullptr ? 90 : 87)) {
    compact();
  } else if (dice < (options_.point != nullptr ? 91 : 90)) {
    move_clock();
  } else if (dice < 91) {
    if (!may_fail()) core_->settle();
  } else if (options_.point == nullptr && dice < 93) {
    arm_fault();
  } else if (options_.point == nullptr && dice < 95) {
    change_limits();
  } else if (dice == 95) {
    forget();
  } else if (dice == 96 && one_in(2) && backs_up(options_)) {
    backup();
  }
  clock_.advance(seconds(static_cast<std::int64_t>(random_.below(900))));
  if (cut_next_) cut_power();
}

void Simulation::take_turn(std::size_t client) {
  if (!clients_[client]) return prepare(client);
  commit(client);
}

void Simulation::prepare(std::size_t client) {
  if (model_.signals().empty()) return;
  if (one_in(50)) return prepare_forgetting(client);
  const Timestamp now = clock_.now();
  Pending pending;
  pending.prepared_at = model_.seqno();
  if (!unanswered_.empty() && !one_in(4)) {
    pending.operations = std::move(unanswered_.back());
    pending.is_retry = true;
    unanswered_.pop_back();
  } else {
    pending.operations = workload_.operations(model_, now);
  }
  BatchOptions batch_options{.keep_duplicates = one_in(15)};
  pending.expected = model_.prepare(pending.operations, now, batch_options.keep_duplicates);
  if (one_in(12)) {
    batch_options.import_mark = ImportMark{.id = kImportId, .position = ++import_line_};
    pending.expected.records.emplace_back(*batch_options.import_mark);
    tally_.count(Happening::Import);
  }
  db::Preparer preparer = core_->preparer();
  Result<db::PreparedBatch> batch = db::prepare_batch(preparer, pending.operations, batch_options);
  const std::optional<Code> refused = batch.ok() ? std::nullopt : std::optional(batch.error().code);
  if (refused != pending.expected.refused) {
    const std::string got = batch.ok() ? "was taken" : "got " + batch.error().to_string();
    return fail(Fault::Behaviour, "preparing: a batch that the model takes otherwise " + got);
  }
  say("client " + std::to_string(client) + " prepares " + std::to_string(pending.operations.size()) +
      (refused ? ", refused" : ""));
  if (refused) return tally_.count(Happening::RefusedWrite);
  pending.batch = std::move(batch).value();
  if (pending.batch.records.size() != pending.expected.records.size()) {
    return fail(Fault::Behaviour, "preparing: the model makes another number of records of the batch");
  }
  clients_[client] = std::move(pending);
}

void Simulation::commit(std::size_t client) {
  // What was prepared stays the client's until it is answered: a nested turn must not find it half done.
  Pending pending = *std::exchange(clients_[client], std::nullopt);
  const bool was_poisoned = poisoned_;
  const Written written = as_appended(pending.expected.records);
  const Status status = core_->commit(pending.batch);
  say("client " + std::to_string(client) + " commits " + std::to_string(written.records.size()) + " of " +
      std::to_string(pending.batch.records.size()) + ": " + (status.ok() ? "ok" : status.error().to_string()));
  if (status.ok() || status.error().code == Code::NotFound) return acknowledge(std::move(pending), status, written);
  if (was_poisoned) tally_.count(Happening::WriteToPoisoned);
  static_cast<void>(settle_write(status, written));
  // Whoever met a full disk tries again later, and who got no answer after it is open again.
  if (status.error().code == Code::ResourceExhausted && one_in(2)) {
    clients_[client] = std::move(pending);
  } else if (!was_poisoned) {
    send_again(std::move(pending));
  }
}

/// Whoever asked to forget a user does not ask again by himself.
void Simulation::send_again(Pending pending) {
  if (!pending.operations.empty()) unanswered_.push_back(std::move(pending.operations));
}

/// What of the records the log gets when they are appended now.
Simulation::Written Simulation::as_appended(const std::vector<LogRecord>& records) const {
  Written written{.records = {}, .appended = std::max(clock_.now(), last_append_), .places = {}, .outcomes = {}};
  written.places = model_.places(records, written.appended);
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!written.places[i].is_duplicate) written.records.push_back(records[i]);
  }
  return written;
}

/// The batch was applied: its replies, and which records were void or repeated others, must be the model's.
void Simulation::acknowledge(Pending pending, const Status& status, const Written& written) {
  const std::vector<LogRecord>& records = pending.expected.records;
  if (records.empty()) return;
  tally_.count(Happening::Commit);
  if (records.size() > 1) tally_.count(Happening::Batch);
  if (pending.prepared_at != model_.seqno()) tally_.count(Happening::LateCommit);
  const std::uint64_t before = model_.seqno();
  for (std::size_t i = 0; i < records.size(); ++i) count_repeat(records[i], written.places[i], before);
  const std::vector<Outcome> outcomes = settle_write({}, written);
  if (failed()) return;
  if (power_off_) return send_again(std::move(pending));  // nobody heard of it
  if (pending.is_retry) {
    tally_.count(written.records.size() < records.size() ? Happening::RetryFound : Happening::RetryWritten);
  }
  const auto is_void = [&](std::size_t record) {
    const std::uint64_t seqno = written.places[record].seqno;
    return seqno > before && outcomes[seqno - before - 1] == Outcome::Void;
  };
  const std::optional<std::size_t> first = pending.expected.record_of_operation.front();
  const bool lone_void = pending.batch.replies.size() == 1 && first && is_void(*first);
  if (status.ok() == lone_void)
    return fail(Fault::Model, "a void record was answered as if it counted, or the reverse");
  for (std::size_t i = 0; i < pending.batch.replies.size(); ++i) {
    const WriteReply& reply = pending.batch.replies[i];
    const std::optional<std::size_t> record = pending.expected.record_of_operation[i];
    std::string expected = pending.expected.statuses[i];
    if (record && !lone_void) {
      if (written.places[*record].is_duplicate) expected = "deduplicated";
      if (is_void(*record)) expected = "void";
    }
    const std::uint64_t seqno = record ? written.places[*record].seqno : 0;
    if (reply.status == expected && reply.seqno.value == seqno) continue;
    return fail(Fault::Model, "a write's reply: expected " + expected + " at seqno " + std::to_string(seqno) +
                                  ", got " + reply.status + " at " + std::to_string(reply.seqno.value));
  }
}

void Simulation::count_repeat(const LogRecord& record, const Place& place, std::uint64_t before) {
  const auto* step = std::get_if<SignalStep>(&record);
  if (step == nullptr || step->identity.empty()) return;
  if (place.is_duplicate) {
    tally_.count(place.seqno > before ? Happening::DuplicateInBatch : Happening::Duplicate);
  } else if (model_.has_seen(step->identity)) {
    tally_.count(step->is_kept ? Happening::DuplicateKept : Happening::DuplicateForgotten);
  }
}

void Simulation::change_schema(const SchemaChange& change) {
  if (poisoned_ && !change.step) return;
  std::vector<LogRecord> records;
  if (change.step) records.emplace_back(*change.step);
  Written written = as_appended(records);
  if (records.empty()) written.appended = last_append_;  // no frame is written
  const Status status = run_script(*core_, change.statement);
  say(change.statement.substr(0, 60) + ": " + (status.ok() ? "ok" : status.error().to_string()));
  tally_.count(Happening::SchemaChange);
  static_cast<void>(settle_write(status, written));
}

/// Notes what became of records that were handed to the log: their outcomes when they were acknowledged.
std::vector<Outcome> Simulation::settle_write(const Status& status, const Written& written) {
  if (written.records.empty()) {
    // Repeats of what is there already; a poisoned log answers nobody, whatever it was poisoned by.
    if (!status.ok()) note_health();
    if (!status.ok() && !poisoned_) fail(Fault::Behaviour, "a write of nothing: " + status.error().to_string());
    if (status.ok()) last_append_ = written.appended;
    return {};
  }
  if (status.ok() && cut_next_) {  // the power went before anybody heard of it
    in_doubt_ = written;
    cut_power();
    return {};
  }
  if (status.ok()) {
    if (poisoned_) fail(Fault::Behaviour, "a poisoned log took a write");
    last_append_ = written.appended;
    return apply(written);
  }
  const Code code = status.error().code;
  if (!may_fail()) {
    fail(Fault::Behaviour, "a write failed without a reason: " + status.error().to_string());
  } else if (code == Code::ResourceExhausted) {
    tally_.count(few_files_ ? Happening::WriteWithoutFiles : Happening::WriteToFull);
    follow_last_append();  // it may have got a new segment
  } else if (code != Code::IoError) {
    fail(Fault::Behaviour, "a write: expected IoError, got " + status.error().to_string());
  } else if (!std::exchange(poisoned_, true)) {
    in_doubt_ = written;
  }
  return {};
}

std::vector<Outcome> Simulation::apply(const Written& written) {
  std::vector<Outcome> outcomes;
  for (const LogRecord& record : written.records) {
    outcomes.push_back(model_.apply(record, written.appended));
    if (outcomes.back() != Outcome::Void) continue;
    const bool forgets = std::holds_alternative<ForgetStep>(record);
    tally_.count(forgets ? Happening::ForgottenMeanwhile : Happening::VoidRecord);
  }
  written_.push_back(written);
  written_.back().outcomes = outcomes;
  if (mode_ != Durability::Mode::Async) durable_ = model_.seqno();
  if (options_.point == nullptr && (backing_up_ || one_in(16))) note_moment();
  return outcomes;
}

void Simulation::ask() {
  const Timestamp now = clock_.now();
  tally_.count(Happening::Question);
  if (model_.newest_event() - now > model_.settings().past_query_tolerance) tally_.count(Happening::QuestionOfThePast);
  if (std::string wrong = ask_one(*core_, model_, now, random_); !wrong.empty()) fail(Fault::Model, std::move(wrong));
}

void Simulation::checkpoint() {
  inside_checkpoint_ = true;
  const Result<SeqNo> taken = core_->checkpoint();
  inside_checkpoint_ = false;
  say("checkpoint: " + (taken.ok() ? std::to_string(taken->value) : taken.error().to_string()));
  if (taken.ok()) {
    tally_.count(Happening::Checkpoint);
    if (power_off_ || cut_next_) return;
    durable_ = std::max(durable_, taken->value);
    checkpointed_ = std::max(checkpointed_, taken->value);
    keep_stores();
    return;
  }
  note_health();
  if (!may_fail()) fail(Fault::Behaviour, "a checkpoint failed without a reason: " + taken.error().to_string());
}

/// What is no write of a client's, but syncs the log or begins a segment, may be what it was poisoned by.
void Simulation::note_health() {
  if (core_->log()->health().ok()) return;
  if (!may_fail()) fail(Fault::Behaviour, "the log was poisoned without a reason");
  poisoned_ = true;
}

void Simulation::compact() {
  const SeqnoByUser forgotten = forgotten_users();
  if (!forgotten.empty()) threaten(200);
  inside_checkpoint_ = true;
  compacting_ = true;
  if (!model_.settings().log_archive) history_first_.reset();
  const Result<CompactionReport> done = core_->compact();
  compacting_ = false;
  inside_checkpoint_ = false;
  if (!power_off_ && !lacks_archive_) history_first_ = core_->stats().history_first.value;
  if (!done.ok()) {
    say("compaction: " + done.error().to_string());
    note_health();
    if (!may_fail()) fail(Fault::Behaviour, "a compaction failed without a reason: " + done.error().to_string());
    return;
  }
  say("compaction: base " + std::to_string(done->base.value) + ", " + std::to_string(done->segments_archived) +
      " segments archived, " + std::to_string(done->segments_removed) + " removed");
  if (done->segments_archived > 0) tally_.count(Happening::Archiving);
  if (done->segments_removed > 0) tally_.count(Happening::SegmentsRemoved);
  if (done->segments_rewritten > 0) tally_.count(Happening::ErasureCarriedOut);
  if (power_off_ || cut_next_) return;
  durable_ = std::max(durable_, done->base.value);
  follow_last_append();  // a new segment may have been begun
  seek_forgotten(forgotten);
}

void Simulation::move_clock() {
  const bool back = random_.coin();
  tally_.count(back ? Happening::ClockBack : Happening::ClockLeap);
  const std::int64_t most = back ? hours(5).us : days(20).us;
  const Duration by{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most)))};
  clock_.advance(back ? Duration{-by.us} : by);
  say(std::string("the clock jumps ") + (back ? "back " : "ahead ") + std::to_string(by.us / 1'000'000) + " s");
}

}  // namespace tidal::sim
