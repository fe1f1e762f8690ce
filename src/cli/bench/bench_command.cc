// tidal bench: runs cases, prints the table, writes JSON.
#include <filesystem>
#include <fstream>
#include <ostream>

#include "cli/bench/bench.h"
#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/interrupt.h"

namespace tidal::cli {
namespace {

/// A folder of our own below the given one (or the system's for temporary files), removed at the end.
class Scratch {
 public:
  explicit Scratch(const std::string& parent) {
    const std::filesystem::path base =
        parent.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(parent);
    path_ = base / ("tidal-bench-" + std::to_string(bench_clock_us()));
    std::filesystem::create_directories(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

Exit run_bench(const Terminal& terminal, const BenchCommandOptions& options) {
  const Scratch scratch(options.directory);
  const BenchOptions bench{.items = options.items,
                           .seconds = options.seconds,
                           .rounds = static_cast<int>(options.rounds),
                           .directory = scratch.path()};
  std::vector<BenchRow> rows;
  for (const BenchCase& bench_case : bench_cases()) {
    if (options.name != "all" && options.name != bench_case.name) continue;
    if (interrupted()) return fail(terminal, Error(Code::Unavailable, "interrupted"));
    if (!terminal.quiet) terminal.err << bench_case.name << ": " << bench_case.summary << "\n";
    Result<std::vector<BenchRow>> measured = bench_case.run(bench);
    if (!measured.ok()) return fail(terminal, measured.error());
    rows.insert(rows.end(), measured->begin(), measured->end());
  }
  terminal.out << bench_table(rows);
  if (options.json.empty()) return Exit::Ok;
  std::ofstream file(options.json);
  file << bench_json(rows);
  file.close();
  if (!file) return fail(terminal, Error(Code::IoError, "cannot write " + options.json));
  return Exit::Ok;
}

}  // namespace tidal::cli
