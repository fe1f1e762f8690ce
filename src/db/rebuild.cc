// Builds one view anew beside the one in service, from base and log, while writes and reads go on; then they change
// places between two events.
//
// The view is built beside roots of its own, since it must read schema and entities as of each event. The bulk comes
// from the log's files; what is applied meanwhile comes from a tap on the applier, so that the last stretch, for which
// writers wait, is as short as what they wrote in the last round. R1: the view in service is the old one, whole, until
// the new one has applied the same last event. R2: nothing is on disk before the change of places: a crash, a cancel or
// an error leaves no trace. The next checkpoint makes it last.
#include <algorithm>
#include <array>
#include <chrono>

#include "base/assert.h"
#include "db/anonymiser.h"
#include "db/base_state.h"
#include "db/core.h"
#include "db/view_applier.h"

namespace tidal::db {
namespace {

constexpr std::size_t kLastStretchEvents = 256;  // few enough for writers to wait for
constexpr int kRoundsMax = 64;                   // of a rebuild that writers keep outrunning
constexpr std::uint64_t kEventsBetweenReports = 65'536;

std::string listed(const std::vector<std::string_view>& names) {
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ", ") + std::string(name);
  return out;
}

Status check_view(const Views& views, std::string_view name) {
  const std::vector<std::string_view> derived = Views::derived();
  if (std::find(derived.begin(), derived.end(), name) != derived.end()) return {};
  if (views.registry().find(name) == nullptr) {
    return Error(Code::InvalidArgument,
                 "there is no view '" + std::string(name) + "'; those that can be rebuilt: " + listed(derived));
  }
  return Error(Code::FailedPrecondition,
               "every view reads '" + std::string(name) +
                   "': it is rebuilt by opening the database after checkpoints/ and stores/ were removed");
}

}  // namespace

class Core::Rebuild {
 public:
  Rebuild(Core& core, std::string_view view, const std::function<bool(const RebuildProgress&)>& observe)
      : core_(core), observe_(observe), report_{.view = std::string(view)} {}
  ~Rebuild() {
    if (tapped_) tap(nullptr);
    const base::MutexLock lock(core_.rebuild_mutex_);
    core_.rebuild_.reset();
  }
  Rebuild(const Rebuild&) = delete;
  Rebuild& operator=(const Rebuild&) = delete;

  /// With compaction_mutex_ held.
  Result<RebuildReport> run() {
    const std::array<std::string_view, 1> only = {report_.view};
    aside_ = std::make_unique<Views>(stores_, only);
    TIDAL_TRY(restore_base());
    const bool from_first = through() == SeqNo{};
    if (Status replayed = replay_to(core_.applied()); !replayed.ok()) {
      return from_first ? cause_of_failed_replay(*core_.bases_, aside_->registry(), std::move(replayed).error())
                        : std::move(replayed).error();
    }
    // What writers applied since is read too, as long as that brings the new view nearer.
    tap(&events_);
    TIDAL_TRY(replay_to(tapped_from_));
    for (int round = 0; round < kRoundsMax && events_.count() > kLastStretchEvents; ++round) {
      apply_tapped();
      TIDAL_TRY(tell());
    }
    aside_->settle(core_.now());
    TIDAL_TRY(tell());
    change_places();
    return report_;
  }

 private:
  Status restore_base() {
    const auto stores = stores_.dumps(core_.environment_.fs, SeqNo{});
    const Result<SeqNo> base =
        db::restore_base(*core_.bases_, *core_.log_, core_.applied(), aside_->registry(), stores);
    return base.ok() ? Status() : base.error();
  }

  [[nodiscard]] SeqNo through() const { return aside_->registry().min_applied(); }

  Status replay_to(SeqNo target) {
    return core_.log_->replay(through().next(), target, [this](std::span<wal::WalEvent> events) -> Status {
      TIDAL_TRY(check_replayable(events));
      aside_->registry().apply(events);
      return count(events.size());
    });
  }

  /// Applies what the tap holds.
  void apply_tapped() {
    std::vector<wal::WalEvent> events;
    for (const EventTap::Piece& piece : events_.take()) {
      events.assign(piece.count, {});
      std::string_view rest = piece.records;
      for (wal::WalEvent& event : events) {
        event.append_time = piece.append_time;
        TIDAL_ASSERT(wal::decode_record(rest, event.seqno, event.record).ok());  // we have just encoded it
      }
      aside_->registry().apply(events);
      report_.events += events.size();
    }
  }

  Status count(std::size_t events) {
    const std::uint64_t before = report_.events;
    report_.events += events;
    return before / kEventsBetweenReports == report_.events / kEventsBetweenReports ? Status{} : tell();
  }

  Status tell() {
    const RebuildProgress progress{.view = report_.view, .through = through(), .target = core_.applied()};
    {
      const base::MutexLock lock(core_.rebuild_mutex_);
      core_.rebuild_ = progress;
    }
    if (!observe_ || observe_(progress)) return {};
    return Error(Code::Unavailable, "the rebuild of " + report_.view + " was cancelled at seqno " +
                                        std::to_string(progress.through.value) + " of " +
                                        std::to_string(progress.target.value) + "; the old view stays in service");
  }

  void tap(EventTap* tap) {
    const wal::CommitQueue::Pause pause = core_.queue_->pause();
    core_.applier_->set_tap(tap);
    tapped_ = tap != nullptr;
    tapped_from_ = pause.applied();
  }

  /// R1. Waits for an image of the old view that is being written.
  void change_places() {
    const base::MutexLock no_image(core_.checkpoint_mutex_);
    const auto asked = std::chrono::steady_clock::now();
    const wal::CommitQueue::Pause pause = core_.queue_->pause();
    core_.applier_->set_tap(nullptr);
    tapped_ = false;
    apply_tapped();
    TIDAL_ASSERT(through() == pause.applied());
    core_.views_->adopt(report_.view, *aside_);
    core_.is_rebuilt_ = true;
    report_.seqno = pause.applied();
    report_.pause.us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - asked).count();
  }

  Core& core_;
  const std::function<bool(const RebuildProgress&)>& observe_;
  RebuildReport report_;
  Stores stores_;
  std::unique_ptr<Views> aside_;  // refers to the stores
  EventTap events_;
  bool tapped_ = false;
  SeqNo tapped_from_;
};

Result<RebuildReport> Core::rebuild(std::string_view view, const std::function<bool(const RebuildProgress&)>& observe) {
  if (!log_) return Error(Code::FailedPrecondition, "a database in memory has no log to rebuild a view from");
  TIDAL_TRY(check_view(*views_, view));
  const base::MutexLock lock(compaction_mutex_);  // one at a time, and the log keeps what it reads
  Rebuild rebuild(*this, view, observe);
  return rebuild.run();
}

std::optional<RebuildProgress> Core::rebuild_progress() const {
  const base::MutexLock lock(rebuild_mutex_);
  return rebuild_;
}

}  // namespace tidal::db
