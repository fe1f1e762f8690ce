// The child that writes until it dies, and the parent that judges.
#include "test/sim/killed_process.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>
#include <vector>

#include "test/sim/killing_file_system.h"
#include "test/sim/questions.h"

namespace tidal::sim {
namespace {

constexpr Timestamp kStart{1'700'000'000'000'000};
constexpr int kSteps = 70;
constexpr int kNotMet = 0;  // exit codes of the child
constexpr int kBroken = 3;

/// What a lone writer does, by seed. Drawn against the model only, so that parent and child draw the same.
class LoneWriter {
 public:
  enum class Kind : std::uint8_t { Schema, Write, Checkpoint, Compact, Reopen };
  struct Turn {
    Kind kind = Kind::Write;
    std::string statement{};
    std::vector<Operation> operations{};
    std::vector<LogRecord> records{};
  };

  explicit LoneWriter(std::uint64_t seed) : random_(seed * 31 + 7), workload_(seed * 31 + 8, true), clock_(kStart) {}

  Turn next() {
    clock_.advance(seconds(1 + static_cast<std::int64_t>(random_.below(900))));
    if (model_.signals().empty()) return schema(Workload::first_schema(clock_.now()));
    if (std::exchange(wants_small_log_, false)) return schema(workload_.small_log(model_, clock_.now()));
    const std::uint64_t dice = random_.below(40);
    if (dice < 4) return {.kind = Kind::Checkpoint};
    if (dice < 6) return {.kind = Kind::Reopen};
    if (dice < 7) return schema(workload_.schema_change(model_, clock_.now()));
    if (dice < 12) return {.kind = Kind::Compact};
    while (true) {
      Turn turn{.kind = Kind::Write, .operations = workload_.operations(model_, clock_.now())};
      ModelBatch expected = model_.prepare(turn.operations, clock_.now());
      if (expected.refused || expected.records.empty()) continue;
      // The clock only moves on, so that it is the append time.
      const std::vector<Place> places = model_.places(expected.records, clock_.now());
      for (std::size_t i = 0; i < places.size(); ++i) {
        if (!places[i].is_duplicate) turn.records.push_back(std::move(expected.records[i]));
      }
      return turn;
    }
  }
  /// At once: the clock tells when it was appended.
  void apply(const Turn& turn) {
    for (const LogRecord& record : turn.records) static_cast<void>(model_.apply(record, clock_.now()));
  }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] base::FixedClock& clock() { return clock_; }

 private:
  static Turn schema(const SchemaChange& change) {
    Turn turn{.kind = Kind::Schema, .statement = change.statement};
    if (change.step) turn.records.emplace_back(*change.step);
    return turn;
  }

  base::Random random_;
  Workload workload_;
  base::FixedClock clock_;
  Model model_;
  bool wants_small_log_ = true;
};

Options options_for(std::uint64_t seed, bool checkpoint_on_close) {
  Options options;
  options.create_if_missing = true;
  options.segment_bytes = 64U << 10U;
  options.checkpoint_every_bytes = 0;
  options.checkpoint_on_close = checkpoint_on_close;
  options.log_level = LogLevel::Off;
  constexpr std::array kModes = {Durability::Mode::Sync, Durability::Mode::Batched, Durability::Mode::Async};
  options.durability.mode = kModes[seed % kModes.size()];
  options.durability.max_events = 1;
  options.durability.interval = days(1);
  return options;
}

Result<std::unique_ptr<db::Core>> open_core(const std::string& directory, base::FileSystem& fs,
                                            const base::Clock& clock, const Options& options) {
  return db::Core::open(directory, options,
                        {.fs = fs, .clock = clock, .stores = db::Stores::Files::Production, .background = false});
}

/// Lives until the stage's operation.
class Child {
 public:
  Child(std::uint64_t seed, const CrashPoint& point, std::size_t stage, std::string directory)
      : seed_(seed),
        stage_(point.stages[stage]),
        directory_(std::move(directory)),
        // Of what comes only once a life nothing is skipped.
        skip_(stage > 0                        ? (point.stages[stage].at.empty() ? seed % 4 : 0)
              : stage_.phase == Phase::Running ? seed % 3
                                               : 0),
        fs_(base::posix_file_system(), [this](const base::FileOperation& operation) { return judge(operation); }),
        writer_(seed) {}

  /// Writes a history from its beginning; an acknowledged seqno after the other goes into the pipe.
  int write(int pipe) {
    if (!open()) return kBroken;
    for (int step = 0; step < kSteps; ++step) {
      const LoneWriter::Turn turn = writer_.next();
      if (!perform(turn)) return kBroken;
      writer_.apply(turn);
      if (turn.records.empty()) continue;
      const std::uint64_t acknowledged = writer_.model().seqno();
      if (::write(pipe, &acknowledged, sizeof acknowledged) != sizeof acknowledged) return kBroken;
    }
    return kNotMet;
  }
  /// Only opens what an earlier child left.
  int recover() { return open() ? kNotMet : kBroken; }

 private:
  bool open() {
    phase_ = Phase::Opening;
    auto opened = open_core(directory_, fs_, writer_.clock(), options_for(seed_, stage_.phase == Phase::Closing));
    if (!opened.ok()) return false;
    core_ = std::move(opened).value();
    phase_ = Phase::Running;
    return true;
  }
  bool perform(const LoneWriter::Turn& turn) {
    switch (turn.kind) {
      case LoneWriter::Kind::Schema: return run_script(*core_, turn.statement).ok();
      case LoneWriter::Kind::Checkpoint: return core_->checkpoint().ok();
      case LoneWriter::Kind::Compact: return core_->compact().ok();
      case LoneWriter::Kind::Reopen: {
        phase_ = Phase::Closing;
        const bool closed = core_->close().ok();
        core_.reset();
        return closed && open();
      }
      case LoneWriter::Kind::Write: break;
    }
    db::Preparer preparer = core_->preparer();
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, turn.operations, {});
    if (!batch.ok()) return false;
    const Status committed = core_->commit(*batch);
    return committed.ok() || committed.error().code == Code::NotFound;
  }
  Sentence judge(const base::FileOperation& operation) {
    const Activity activity = activities_.observe(operation);
    const bool here = stage_.at.empty() || std::find(stage_.at.begin(), stage_.at.end(), activity) != stage_.at.end();
    if (phase_ != stage_.phase || !here || skip_-- > 0) return Sentence::Live;
    if (stage_.moment == Moment::Before) return Sentence::DieBefore;
    return stage_.moment == Moment::Inside ? Sentence::DieInside : Sentence::DieAfter;
  }

  const std::uint64_t seed_;
  const CrashStage stage_;
  const std::string directory_;
  std::int64_t skip_;
  ActivityReader activities_;
  Phase phase_ = Phase::Opening;
  KillingFileSystem fs_;
  LoneWriter writer_;
  std::unique_ptr<db::Core> core_;
};

struct Ending {
  bool killed = false;
  bool broken = false;
  std::uint64_t acknowledged = 0;
};

/// Runs a child and reads what it says until it is dead.
Ending run_child(std::uint64_t seed, const CrashPoint& point, std::size_t stage, const std::string& directory) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return {.broken = true};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    Child writer(seed, point, stage, directory);
    ::_exit(stage == 0 ? writer.write(ends[1]) : writer.recover());
  }
  ::close(ends[1]);
  Ending ending;
  std::uint64_t acknowledged = 0;
  while (::read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) ending.acknowledged = acknowledged;
  ::close(ends[0]);
  int status = 0;
  ending.broken = child < 0 || ::waitpid(child, &status, 0) != child;
  ending.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  ending.broken = ending.broken || (!ending.killed && (!WIFEXITED(status) || WEXITSTATUS(status) != kNotMet));
  return ending;
}

void remove_caches(const std::string& directory) {
  std::filesystem::remove_all(directory + "/checkpoints");
  std::filesystem::remove_all(directory + "/stores");
}

Failure found(Fault fault, std::string what) { return {.fault = fault, .step = 0, .what = std::move(what)}; }

/// Holds what was left against the same history on the model: everything acknowledged, and the batch after it whole or
/// not at all.
Failure judge(const std::string& directory, std::uint64_t seed, std::uint64_t acknowledged, std::uint64_t& lost) {
  const Options options = options_for(0, false);
  LoneWriter writer(seed);
  auto recovered = open_core(directory, base::posix_file_system(), writer.clock(), options);
  if (!recovered.ok()) return found(Fault::Unopened, recovered.error().to_string());
  const std::uint64_t last = (*recovered)->applied().value;
  lost = acknowledged - std::min(acknowledged, last);
  if (lost > 0)
    return found(Fault::Lost,
                 std::to_string(acknowledged) + " was acknowledged, the log ends at " + std::to_string(last));
  std::uint64_t batches_behind = 0;
  for (int step = 0; step < kSteps && writer.model().seqno() < last; ++step) {
    const LoneWriter::Turn turn = writer.next();
    writer.apply(turn);
    if (writer.model().seqno() > acknowledged && !turn.records.empty()) ++batches_behind;
  }
  if (writer.model().seqno() != last || batches_behind > 1) {
    return found(Fault::Doubled, "the log ends at " + std::to_string(last) + ", which no batch does, behind " +
                                     std::to_string(acknowledged));
  }
  writer.clock().set(std::max(writer.clock().now(), writer.model().newest_event()));
  std::string wrong = ask_all(**recovered, writer.model(), writer.clock().now());
  if (!wrong.empty()) return found(Fault::Model, std::move(wrong));
  const Result<DigestReport> got = (*recovered)->digest();
  recovered->reset();
  remove_caches(directory);
  const auto replayed = open_core(directory, base::posix_file_system(), writer.clock(), options);
  if (!replayed.ok()) return found(Fault::Digest, "the log alone: " + replayed.error().to_string());
  const Result<DigestReport> expected = (*replayed)->digest();
  if (!got.ok() || !expected.ok() || got->all != expected->all)
    return found(Fault::Digest, "not the replay of its log");
  return {};
}

}  // namespace

KilledHistory run_killed_history(std::uint64_t seed, const CrashPoint& point, const std::string& directory) {
  KilledHistory history;
  std::uint64_t acknowledged = 0;
  history.met = true;
  for (std::size_t stage = 0; stage < point.stages.size() && history.met; ++stage) {
    if (stage > 0 && point.without_caches) remove_caches(directory);
    const Ending ending = run_child(seed, point, stage, directory);
    if (ending.broken) {
      history.failure = found(Fault::Behaviour, "a child did not come to its end");
      break;
    }
    acknowledged = std::max(acknowledged, ending.acknowledged);
    history.met = ending.killed;
  }
  history.mode = options_for(seed, false).durability.mode;
  if (history.failure.fault == Fault::None) history.failure = judge(directory, seed, acknowledged, history.lost);
  std::filesystem::remove_all(directory);
  return history;
}

}  // namespace tidal::sim
