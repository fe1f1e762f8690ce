// Runs simulated histories by seed, and the crash matrix.
//
//   tidal_sim --seed N                       one history, every step printed
//   tidal_sim --seconds S [--from-seed N]    as many as fit
//   tidal_sim --matrix [--write PAGE]        every crash point; writes the page
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "test/sim/matrix.h"
#include "test/sim/simulation.h"

namespace tidal::sim {
namespace {

using Arguments = std::map<std::string, std::string, std::less<>>;

std::uint64_t number(const Arguments& arguments, std::string_view name, std::uint64_t otherwise) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 10);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void report(std::uint64_t seed, const Failure& failure) {
  std::printf("seed %llu step %llu: %s: %s\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(failure.step), std::string(fault_name(failure.fault)).c_str(),
              failure.what.c_str());
  std::fflush(stdout);  // a long run that is stopped has told what it found
}

int run_one(std::uint64_t seed) {
  Tally tally;
  const Failure failure = Simulation({.seed = seed, .verbose = true}, tally).run();
  if (failure.fault == Fault::None) {
    std::printf("seed %llu: nothing went wrong\n", static_cast<unsigned long long>(seed));
  } else {
    report(seed, failure);
  }
  return failure.fault == Fault::None ? 0 : 1;
}

std::string summary(const Tally& tally, double seconds) {
  const std::uint64_t rate = static_cast<std::uint64_t>(static_cast<double>(tally.histories) / seconds * 60);
  return std::to_string(tally.histories) + " histories, " + std::to_string(tally.steps) + " steps, " +
         std::to_string(tally.crashes) + " crashes, " + std::to_string(tally.injected) + " faults injected, " +
         std::to_string(tally.of(Happening::Forgotten)) + " users forgotten, " +
         std::to_string(tally.of(Happening::Backup)) + " backups, " + std::to_string(tally.restores()) + " restores, " +
         std::to_string(tally.of(Fault::Lost)) + " lost, " + std::to_string(tally.of(Fault::Doubled)) + " doubled, " +
         std::to_string(tally.of(Fault::Digest)) + " digest mismatches, " + std::to_string(tally.of(Fault::Model)) +
         " model mismatches, " + std::to_string(tally.of(Fault::Remembered)) + " forgotten keys found, " +
         std::to_string(tally.of(Fault::Unopened) + tally.of(Fault::Behaviour)) + " other failures, " +
         std::to_string(rate) + " a minute";
}

int run_many(std::uint64_t from, std::uint64_t limit_seconds) {
  Tally tally;
  const auto start = std::chrono::steady_clock::now();
  double shown = 0;
  std::uint64_t bad = 0;
  for (std::uint64_t seed = from; seconds_since(start) < static_cast<double>(limit_seconds); ++seed) {
    const Failure failure = Simulation({.seed = seed}, tally).run();
    if (failure.fault != Fault::None) {
      report(seed, failure);
      if (++bad == 20) break;
    }
    if (const double now = seconds_since(start); now >= shown + 1) {
      shown = now;
      std::fprintf(stderr, "\r%llu histories, %llu failures", static_cast<unsigned long long>(tally.histories),
                   static_cast<unsigned long long>(bad));
    }
  }
  std::fprintf(stderr, "\n");
  std::printf("%s\n", tally.coverage().c_str());
  constexpr std::uint64_t kEnoughToJudge = 200;
  if (const std::string rare = tally.rare(); !rare.empty() && tally.histories >= kEnoughToJudge) {
    std::printf("hardly occurred: %s\n", rare.c_str());
    ++bad;
  }
  std::printf("%s\n", summary(tally, seconds_since(start)).c_str());
  return bad == 0 ? 0 : 1;
}

int run_matrix(const Arguments& arguments) {
  std::vector<MatrixRow> rows;
  std::size_t bad = 0;
  for (const CrashPoint& point : crash_points()) {
    rows.push_back(run_row(point, {}));
    std::fprintf(stderr, "%-55s %4llu in memory %4llu by SIGKILL\n", std::string(point.name).c_str(),
                 static_cast<unsigned long long>(rows.back().in_memory),
                 static_cast<unsigned long long>(rows.back().by_signal));
    for (const std::string& line : rows.back().bad) std::printf("%s\n", line.c_str());
    bad += rows.back().bad.size();
  }
  const auto page = arguments.find("--write");
  const std::string name = page == arguments.end() ? "" : page->second;
  const std::string text = reliability_page(rows, "tidal_sim --matrix --write docs/reliability.md");
  if (name.empty()) {
    std::printf("%s", text.c_str());
  } else if (!(std::ofstream(name) << text).flush()) {
    std::printf("cannot write %s\n", name.c_str());
    return 1;
  }
  return bad == 0 ? 0 : 1;
}

}  // namespace
}  // namespace tidal::sim

int main(int argc, char** argv) {
  constexpr std::string_view kKnown[] = {"--seed", "--seconds", "--from-seed", "--matrix", "--write"};
  tidal::sim::Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc && std::string_view(argv[i + 1]).substr(0, 2) != "--";
    if (std::find(std::begin(kKnown), std::end(kKnown), argv[i]) == std::end(kKnown)) {
      std::fprintf(stderr, "tidal_sim --seed N | --seconds S [--from-seed N] | --matrix [--write PAGE]\n");
      return 2;
    }
    arguments[argv[i]] = has_value ? argv[i + 1] : "";
    if (has_value) ++i;
  }
  if (arguments.contains("--matrix")) return tidal::sim::run_matrix(arguments);
  if (arguments.contains("--seed")) return tidal::sim::run_one(tidal::sim::number(arguments, "--seed", 1));
  return tidal::sim::run_many(tidal::sim::number(arguments, "--from-seed", 1),
                              tidal::sim::number(arguments, "--seconds", 60));
}
