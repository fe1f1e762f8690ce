// Names and sums.
#include "test/sim/tally.h"

namespace tidal::sim {
namespace {

constexpr auto kHappenings = static_cast<std::size_t>(Happening::Count);

constexpr std::array<std::string_view, kHappenings> kHappeningNames = {
    "commit",
    "batch",
    "late commit",
    "void record",
    "refused write",
    "question",
    "schema change",
    "checkpoint",
    "archiving",
    "segments removed",
    "write inside checkpoint",
    "question inside checkpoint",
    "question inside log",
    "clock back",
    "clock leap",
    "question of the past",
    "clean close",
    "next segment",
    "power cut between",
    "power cut inside",
    "power cut in recovery",
    "write error",
    "sync error",
    "other error",
    "write to poisoned",
    "write to full",
    "in doubt there",
    "in doubt gone",
    "open from checkpoint",
    "torn tail",
    "life sync",
    "life batched",
    "life async",
    "duplicate",
    "duplicate in batch",
    "duplicate forgotten",
    "duplicate kept",
    "retry found",
    "retry written",
    "disk full",
    "few files",
    "read-only disk",
    "write without files",
    "open without files",
    "open read-only",
    "checkpoint damaged",
    "checkpoints lost",
    "store lost",
    "store replaced",
    "base lost",
    "archive lost",
    "open from base",
    "open refused",
    "async loss",
    "import",
    "user forgotten",
    "forget refused",
    "forgotten meanwhile",
    "erasure carried out",
    "key sought",
    "backup",
    "backup given up",
    "backup cut",
    "write inside backup",
    "unfinished refused",
    "restore to end",
    "restore to record",
    "restore to time",
    "restore refused",
    "restore after crash",
};

}  // namespace

std::string_view happening_name(Happening what) { return kHappeningNames[static_cast<std::size_t>(what)]; }

std::string_view fault_name(Fault fault) {
  constexpr std::array<std::string_view, 8> kNames = {"nothing",        "lost",          "doubled",   "digest mismatch",
                                                      "model mismatch", "does not open", "behaviour", "forgotten key"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string Tally::rare() const {
  std::string names;
  for (std::size_t i = 0; i < kHappenings; ++i) {
    if (happened[i] * 200 >= histories) continue;
    names += (names.empty() ? "" : ", ") + std::string(happening_name(static_cast<Happening>(i)));
  }
  return names;
}

std::string Tally::coverage() const {
  std::string line;
  for (std::size_t i = 0; i < kHappenings; ++i) {
    line += (line.empty() ? "" : ", ") + std::string(happening_name(static_cast<Happening>(i))) + " " +
            std::to_string(happened[i]);
  }
  return line;
}

}  // namespace tidal::sim
