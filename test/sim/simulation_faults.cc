// What befalls the files of a simulated database: between its operations on them, and inside of these.
#include <algorithm>
#include <array>

#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

}  // namespace

/// An error, or the end of power, at one of the next operations on files.
void Simulation::arm_fault() { arm_within(random_.coin() ? 60 : 20); }

void Simulation::arm_within(std::uint64_t operations) {
  if (may_fail() || cut_in_ != 0 || fault_in_ != 0) return;
  if (random_.coin()) {
    cut_in_ = 1 + random_.below(operations);
    return;
  }
  using Kind = base::MemoryFileSystem::Fault;
  constexpr std::array kFaults = {Kind::IoError, Kind::ShortWrite, Kind::NoSpace};
  fault_ = kFaults[random_.below(kFaults.size())];
  fault_in_ = 1 + random_.below(operations);
}

/// Before something that takes so many operations on files: often one of them is to be the last, or to fail.
void Simulation::threaten(std::uint64_t operations) {
  if (options_.point != nullptr || !one_in(2)) return;
  if (one_in(5)) {
    if (!may_fail()) change_limits();
  } else {
    arm_within(operations);
  }
}

/// One of the scarcities comes, or all go.
void Simulation::change_limits() {
  if (disk_full_ || few_files_ || read_only_) return lift_limits();
  if (const std::uint64_t dice = random_.below(4); dice < 2) {
    disk_full_ = true;
    fs_.set_space(random_.below(100'000));
    say("the disk is nearly full");
  } else if (dice < 3) {
    few_files_ = true;
    limits_.set_spare_files(random_.below(3));
    say("there are hardly any file descriptors");
  } else {
    read_only_ = true;
    limits_.set_read_only(true);
    say("the disk is read-only");
  }
  tally_.count(disk_full_ ? Happening::DiskFull : few_files_ ? Happening::FewFiles : Happening::ReadOnlyDisk);
  struck_ = true;
  ++tally_.injected;
}

void Simulation::lift_limits() {
  if (disk_full_ || few_files_ || read_only_) say("the disk has room and takes writes, and files can be opened");
  fs_.set_space(kUnlimited);
  limits_.set_spare_files(kUnlimited);
  limits_.set_read_only(false);
  disk_full_ = false;
  few_files_ = false;
  read_only_ = false;
}

void Simulation::cut_power() {
  if (power_off_) return;
  say("the power goes");
  power_off_ = true;
  cut_next_ = false;
  fs_.stop_at(0);
}

void Simulation::before_operation(const base::FileOperation& operation) {
  if (quiet_) return;
  const Activity activity = activities_.observe(operation);
  if (power_off_ || failed()) return;
  // A base that is on disk is behind all checkpoints that a compaction removes.
  if (compacting_ && activity == Activity::CheckpointRemoval) checkpointed_ = 0;
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
    // Before anybody hears that it happened, or in its middle.
    if (one_in(2)) {
      cut_next_ = true;
      return;
    }
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
    tally_.count(backing_up_ ? Happening::WriteInsideBackup : Happening::WriteInsideCheckpoint);
    take_turn(random_.below(clients_.size()));
  }
  --nesting_;
}

}  // namespace tidal::sim
