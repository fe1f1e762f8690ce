// Progress of long work on stderr: rate, share, time left; silent for anything under a second.
//
// Threads: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "cli/terminal.h"

namespace tidal::cli {

class Progress {
 public:
  /// `unit`: what is counted, in the plural. On a terminal the line is redrawn, elsewhere one is written now and then.
  Progress(const Terminal& terminal, const base::Clock& clock, std::string unit);
  /// clear().
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// What is being done, in front of the figures: "reading", "writing".
  void stage(std::string name);
  /// `share` of the stage in [0, 1], negative when unknown.
  void update(std::uint64_t done, double share);
  /// Takes the line off the terminal, for what is said next.
  void clear();
  /// Since the construction.
  [[nodiscard]] Duration elapsed() const { return clock_.now() - began_; }

 private:
  const Terminal& terminal_;
  const base::Clock& clock_;
  std::string unit_;
  std::string stage_;
  Timestamp began_;
  Timestamp stage_began_;
  Timestamp next_;
  bool drawn_ = false;
};

}  // namespace tidal::cli
