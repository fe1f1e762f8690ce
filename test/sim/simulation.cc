// The steps of a history, and what happens inside of operations on files.
#include "test/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "test/sim/questions.h"

namespace tidal::sim {
namespace {

constexpr Timestamp kStart{1'700'000'000'000'000};
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};
const std::string kImportId(32, 'm');

/// Another stream of numbers for every use of the seed.
std::uint64_t stream(std::uint64_t seed, std::uint64_t number) { return seed * 1'000'003 + number; }

}  // namespace

Simulation::Simulation(const HistoryOptions& options, Tally& tally)
    : options_(options),
      tally_(tally),
      random_(stream(options.seed, 1)),
      fs_(stream(options.seed, 2)),
      clock_(kStart),
      workload_(stream(options.seed, 3), options.seed % 3 == 0 || options.point != nullptr) {
  if (options.ignored) fs_.ignore_syncs(options.ignored->kind, options.ignored->path);
  if (options.point != nullptr) skip_ = random_.below(3);
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
  } else if (const std::uint64_t dice = random_.below(100); dice < 66) {
    take_turn(random_.below(clients_.size()));
  } else if (dice < 78) {
    ask();
  } else if (dice < 82) {
    change_schema(workload_.schema_change(model_, clock_.now()));
  } else if (dice < 86) {
    checkpoint();
  } else if (dice < 90) {
    move_clock();
  } else if (dice < 91) {
    if (!may_fail()) core_->settle();
  } else if (options_.point == nullptr && dice < 93) {
    arm_fault();
  } else if (options_.point == nullptr && dice < 95) {
    fill_disk();
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
  const Timestamp now = clock_.now();
  const std::vector<Operation> operations = workload_.operations(model_, now);
  Pending pending{.batch = {}, .expected = model_.prepare(operations, now), .prepared_at = model_.seqno()};
  BatchOptions batch_options;
  if (one_in(12)) {
    batch_options.import_mark = ImportMark{.id = kImportId, .position = ++import_line_};
    pending.expected.records.emplace_back(*batch_options.import_mark);
    tally_.count(Happening::Import);
  }
  db::Preparer preparer = core_->preparer();
  Result<db::PreparedBatch> batch = db::prepare_batch(preparer, operations, batch_options);
  const std::optional<Code> refused = batch.ok() ? std::nullopt : std::optional(batch.error().code);
  if (refused != pending.expected.refused) {
    const std::string got = batch.ok() ? "was taken" : "got " + batch.error().to_string();
    return fail(Fault::Behaviour, "preparing: a batch that the model takes otherwise " + got);
  }
  say("client " + std::to_string(client) + " prepares " + std::to_string(operations.size()) +
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
  const Status status = core_->commit(pending.batch);
  say("client " + std::to_string(client) + " commits " + std::to_string(pending.batch.records.size()) + ": " +
      (status.ok() ? "ok" : status.error().to_string()));
  if (status.ok() || status.error().code == Code::NotFound) return acknowledge(pending, status);
  if (was_poisoned) tally_.count(Happening::WriteToPoisoned);
  static_cast<void>(settle_write(status, pending.expected.records));
  // Whoever met a full disk tries again later.
  if (status.error().code == Code::ResourceExhausted && one_in(2)) clients_[client] = std::move(pending);
}

/// The batch was applied: its replies, and which records were void, must be the model's.
void Simulation::acknowledge(const Pending& pending, const Status& status) {
  const Batch& records = pending.expected.records;
  if (records.empty()) return;
  tally_.count(Happening::Commit);
  if (records.size() > 1) tally_.count(Happening::Batch);
  if (pending.prepared_at != model_.seqno()) tally_.count(Happening::LateCommit);
  const std::uint64_t before = model_.seqno();
  const std::vector<Outcome> outcomes = settle_write({}, records);
  if (outcomes.empty()) return;  // nobody heard of it
  const std::optional<std::size_t> first = pending.expected.record_of_operation.front();
  const bool lone_void = pending.batch.replies.size() == 1 && first && outcomes[*first] == Outcome::Void;
  if (status.ok() == lone_void)
    return fail(Fault::Model, "a void record was answered as if it counted, or the reverse");
  for (std::size_t i = 0; i < pending.batch.replies.size(); ++i) {
    const WriteReply& reply = pending.batch.replies[i];
    const std::optional<std::size_t> record = pending.expected.record_of_operation[i];
    std::string expected = pending.expected.statuses[i];
    if (record && outcomes[*record] == Outcome::Void && !lone_void) expected = "void";
    const std::uint64_t seqno = record ? before + 1 + *record : 0;
    if (reply.status == expected && reply.seqno.value == seqno) continue;
    return fail(Fault::Model, "a write's reply: expected " + expected + " at seqno " + std::to_string(seqno) +
                                  ", got " + reply.status + " at " + std::to_string(reply.seqno.value));
  }
}

void Simulation::change_schema(const SchemaChange& change) {
  if (poisoned_ && !change.step) return;
  const Status status = run_script(*core_, change.statement);
  say(change.statement.substr(0, 60) + ": " + (status.ok() ? "ok" : status.error().to_string()));
  tally_.count(Happening::SchemaChange);
  Batch records;
  if (change.step) records.emplace_back(*change.step);
  static_cast<void>(settle_write(status, records));
}

/// Notes what became of records that were handed to the log: their outcomes when they were acknowledged.
std::vector<Outcome> Simulation::settle_write(const Status& status, const Batch& records) {
  if (records.empty()) {
    if (!status.ok()) fail(Fault::Behaviour, "a write of nothing: " + status.error().to_string());
    return {};
  }
  if (status.ok() && cut_next_) {  // the power went before anybody heard of it
    in_doubt_ = records;
    cut_power();
    return {};
  }
  if (status.ok()) {
    if (poisoned_) fail(Fault::Behaviour, "a poisoned log took a write");
    return apply(records);
  }
  const Code code = status.error().code;
  if (!may_fail()) {
    fail(Fault::Behaviour, "a write failed without a reason: " + status.error().to_string());
  } else if (code == Code::ResourceExhausted) {
    tally_.count(Happening::WriteToFull);
  } else if (code != Code::IoError) {
    fail(Fault::Behaviour, "a write: expected IoError, got " + status.error().to_string());
  } else if (!std::exchange(poisoned_, true)) {
    in_doubt_ = records;
  }
  return {};
}

std::vector<Outcome> Simulation::apply(const Batch& records) {
  std::vector<Outcome> outcomes;
  for (const LogRecord& record : records) {
    outcomes.push_back(model_.apply(record));
    if (outcomes.back() == Outcome::Void) tally_.count(Happening::VoidRecord);
  }
  written_.push_back(records);
  if (mode_ != Durability::Mode::Async) durable_ = model_.seqno();
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
  } else if (!may_fail()) {
    fail(Fault::Behaviour, "a checkpoint failed without a reason: " + taken.error().to_string());
  }
}

void Simulation::move_clock() {
  const bool back = random_.coin();
  tally_.count(back ? Happening::ClockBack : Happening::ClockLeap);
  const std::int64_t most = back ? hours(5).us : days(20).us;
  const Duration by{static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(most)))};
  clock_.advance(back ? Duration{-by.us} : by);
  say(std::string("the clock jumps ") + (back ? "back " : "ahead ") + std::to_string(by.us / 1'000'000) + " s");
}

/// An error, or the end of power, at one of the next operations on files.
void Simulation::arm_fault() {
  if (may_fail() || cut_in_ != 0 || fault_in_ != 0) return;
  if (random_.coin()) {
    cut_in_ = 1 + random_.below(60);
    return;
  }
  using Kind = base::MemoryFileSystem::Fault;
  constexpr std::array kFaults = {Kind::IoError, Kind::ShortWrite, Kind::NoSpace};
  fault_ = kFaults[random_.below(kFaults.size())];
  fault_in_ = 1 + random_.below(20);
}

void Simulation::fill_disk() {
  disk_full_ = !disk_full_;
  if (disk_full_) {
    struck_ = true;
    ++tally_.injected;
  }
  fs_.set_space(disk_full_ ? random_.below(100'000) : kUnlimited);
  say(disk_full_ ? "the disk is nearly full" : "the disk has room again");
}

void Simulation::cut_power() {
  if (power_off_) return;
  say("the power goes");
  power_off_ = true;
  cut_next_ = false;
  fs_.stop_at(0);
}

// Inside of operations on files.

void Simulation::before_operation(const base::FileOperation& operation) {
  if (quiet_) return;
  const Activity activity = activities_.observe(operation);
  if (power_off_ || failed()) return;
  if (cut_next_) return cut_power();
  if (options_.point != nullptr) {
    meet_point(activity);
  } else {
    strike(activity);
  }
  if (!power_off_) interleave(operation);
}

/// A fault that was armed.
void Simulation::strike(Activity activity) {
  if (cut_in_ != 0 && --cut_in_ == 0) {
    tally_.count(phase_ == Phase::Opening ? Happening::PowerCutInRecovery : Happening::PowerCutInside);
    say("the power goes inside of an operation");
    power_off_ = true;
    fs_.stop_at(1);
    return;
  }
  if (fault_in_ == 0 || --fault_in_ != 0) return;
  const bool sync = activity == Activity::FrameSync || activity == Activity::FooterSync;
  const bool write = activity == Activity::Frame || activity == Activity::BatchFrame;
  tally_.count(sync ? Happening::SyncError : write ? Happening::WriteError : Happening::OtherError);
  ++tally_.injected;
  struck_ = true;
  say("an operation is made to fail");
  fs_.fail_operation(1, fault_);
}

/// Crashes where the point says.
void Simulation::meet_point(Activity activity) {
  if (met()) return;
  const CrashStage& stage = options_.point->stages[stage_];
  const bool here = std::find(stage.at.begin(), stage.at.end(), activity) != stage.at.end() || stage.at.empty();
  if (stage.phase != phase_ || !here) return;
  if (skip_ > 0) {
    --skip_;
    return;
  }
  ++stage_;
  // Of what comes only once a life nothing is skipped.
  skip_ = met() || !options_.point->stages[stage_].at.empty() ? 0 : random_.below(4);
  say("crash point: " + std::string(options_.point->name));
  switch (stage.moment) {
    case Moment::Before: return cut_power();
    case Moment::Inside: power_off_ = true; return fs_.stop_at(1);
    case Moment::After: cut_next_ = true; return;
    case Moment::FailsFirst:
    case Moment::NoSpaceFirst: break;
  }
  using Kind = base::MemoryFileSystem::Fault;
  struck_ = true;
  ++tally_.injected;
  die_in_ = 1 + random_.below(4);
  fs_.fail_operation(1, stage.moment == Moment::FailsFirst ? Kind::IoError : Kind::NoSpace);
}

/// Lets other clients in, as other threads would come.
void Simulation::interleave(const base::FileOperation& operation) {
  if (phase_ != Phase::Running || core_ == nullptr || nesting_ > 0) return;
  const bool of_log = is_of_log(operation);
  if (!of_log && !inside_checkpoint_) return;
  if (!one_in(of_log ? 12 : 3)) return;
  ++nesting_;
  if (of_log || one_in(4)) {
    tally_.count(of_log ? Happening::QuestionInsideLog : Happening::QuestionInsideCheckpoint);
    ask();
  } else if (one_in(12)) {
    change_schema(workload_.schema_change(model_, clock_.now()));
  } else {
    tally_.count(Happening::WriteInsideCheckpoint);
    take_turn(random_.below(clients_.size()));
  }
  --nesting_;
}

}  // namespace tidal::sim
