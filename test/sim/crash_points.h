// The moments at which a database is made to crash on purpose, by name. A new one is a line in crash_points.cc.
//
// Threads: immutable.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "test/sim/file_activity.h"

namespace tidal::sim {

/// What the database is asked to do when it happens.
enum class Phase : std::uint8_t { Opening, Running, Closing };

enum class Moment : std::uint8_t {
  Before,       ///< nothing of the operation happens
  Inside,       ///< a part of it happens
  After,        ///< it happens, and nothing after it
  FailsFirst,   ///< it gives IoError; the crash comes a few steps later
  NoSpaceFirst  ///< it finds the disk full; the crash comes a few steps later
};

/// One crash: at an operation of one of these activities; of any when there are none.
struct CrashStage {
  Phase phase = Phase::Running;
  std::vector<Activity> at{};
  Moment moment = Moment::Before;
};

struct CrashPoint {
  std::string_view name;             ///< what has happened when the power goes
  std::vector<CrashStage> stages{};  ///< one crash after the other
  bool by_signal = false;            ///< also by SIGKILL of a real process
  bool without_caches = false;       ///< checkpoints and stores are gone before every open after the first crash
};

[[nodiscard]] const std::vector<CrashPoint>& crash_points();

}  // namespace tidal::sim
