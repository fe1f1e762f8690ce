// Lanes by acting entity, taken all at once.
#include "db/standing_turns.h"

#include <algorithm>
#include <string>
#include <variant>

#include "base/hash.h"

namespace tidal::db {
namespace {

// The kind of an acting entity is left out: a user and a creator of one key may wait for each other.
std::size_t lane_of(std::string_view key) { return base::xxh3_64(key) % StandingTurns::kLanes; }

}  // namespace

StandingTurns::Lanes StandingTurns::lanes_of(std::span<const Operation> operations) {
  Lanes lanes;
  for (const Operation& operation : operations) {
    if (const auto* undo = std::get_if<Unsignal>(&operation)) lanes.set(lane_of(undo->user));
    if (const auto* edge = std::get_if<Relate>(&operation)) lanes.set(lane_of(edge->from));
    if (std::holds_alternative<DeleteOperation>(operation)) return lanes.set();
  }
  return lanes;
}

Result<StandingTurns::Turn> StandingTurns::take(const Lanes& lanes, std::chrono::steady_clock::time_point deadline) {
  if (lanes.none()) return Turn(*this, lanes);
  const base::MutexLock lock(mutex_);
  const auto mine = waiting_.insert(waiting_.end(), lanes);
  const auto must_wait = [&]() TIDAL_REQUIRES(mutex_) {
    const auto needs_a_lane = [&lanes](const Lanes& earlier) { return (lanes & earlier).any(); };
    return needs_a_lane(held_) || std::any_of(waiting_.begin(), mine, needs_a_lane);
  };
  bool in_time = true;
  while (must_wait() && in_time) in_time = freed_.wait_until(mutex_, deadline);
  const bool is_mine = !must_wait();
  waiting_.erase(mine);
  if (is_mine) {
    held_ |= lanes;
    return Turn(*this, lanes);
  }
  freed_.notify_all();  // those who came later
  return Error(Code::Unavailable,
               "another write that says what stood had not been applied before the deadline: nothing is written");
}

StandingTurns::Turn::~Turn() {
  if (lanes_.none()) return;
  {
    const base::MutexLock lock(turns_.mutex_);
    turns_.held_ &= ~lanes_;
  }
  turns_.freed_.notify_all();
}

}  // namespace tidal::db
