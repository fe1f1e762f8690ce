// `tidal bench`: measures this machine, each figure beside its physical reference from the same run.
//
// A case prints ours, the reference and their ratio; medians of several rounds, ours and the reference in turn, since
// machines drift. Timings live here and in bench/, never in tests.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"

namespace tidal::cli {

struct BenchOptions {
  std::uint64_t items = 1'000'000;  ///< entities for `trending`, `open`, `replay`
  std::uint64_t seconds = 2;        ///< per measured round of a rate
  int rounds = 3;                   ///< medians are taken over these
  std::string directory;            ///< where databases are put; on the disk to be measured
};

/// One line of the table. Either figure may be a rate or a time; the unit says which.
struct BenchRow {
  std::string name{};
  double ours = 0;
  std::string unit{};            ///< "events/s", "us", "ms"
  std::string reference_name{};  ///< "" when there is none
  double reference = 0;
  double spread = 0;     ///< (max - min) / median of ours over the rounds
  std::string budget{};  ///< in words, "" none
  bool met = true;
};

struct BenchCase {
  std::string_view name;
  std::string_view summary;
  Result<std::vector<BenchRow>> (*run)(const BenchOptions&);
};

/// All cases, in the order in which `tidal bench all` runs them.
[[nodiscard]] const std::vector<BenchCase>& bench_cases();

Result<std::vector<BenchRow>> bench_ingest(const BenchOptions& options);
Result<std::vector<BenchRow>> bench_import(const BenchOptions& options);
Result<std::vector<BenchRow>> bench_replay(const BenchOptions& options);
Result<std::vector<BenchRow>> bench_trending(const BenchOptions& options);
Result<std::vector<BenchRow>> bench_mixed(const BenchOptions& options);
Result<std::vector<BenchRow>> bench_open(const BenchOptions& options);

[[nodiscard]] double median(std::vector<double> values);
/// (max - min) / median.
[[nodiscard]] double spread(const std::vector<double>& values);
[[nodiscard]] double seconds_since(std::int64_t started_us);
[[nodiscard]] std::int64_t bench_clock_us();

[[nodiscard]] std::string bench_table(const std::vector<BenchRow>& rows);
[[nodiscard]] std::string bench_json(const std::vector<BenchRow>& rows);

}  // namespace tidal::cli
