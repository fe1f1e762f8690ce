// The figures of `tidal bench` as a table and as JSON.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/bench/bench.h"

namespace tidal::cli {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double spread(const std::vector<double>& values) {
  const double middle = median(values);
  if (values.empty() || middle == 0) return 0;
  const auto [low, high] = std::ranges::minmax(values);
  return (high - low) / middle;
}

std::int64_t bench_clock_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

double seconds_since(std::int64_t started_us) { return static_cast<double>(bench_clock_us() - started_us) / 1e6; }

const std::vector<BenchCase>& bench_cases() {
  static const std::vector<BenchCase> kCases = {
      {"ingest", "durable signals with idempotency keys of 1 to 64 producers, beside bare fdatasync", bench_ingest},
      {"import", "entities and signals in large batches", bench_import},
      {"replay", "recovery of every view from the log alone", bench_replay},
      {"trending", "RETRIEVE items SORT BY trending over --items items", bench_trending},
      {"mixed", "queries beside writers, at half of the rate they can do and at the whole", bench_mixed},
      {"open", "opening, and what writers wait for at --items items", bench_open},
  };
  return kCases;
}

std::string bench_table(const std::vector<BenchRow>& rows) {
  std::string out = fmt::format("{:<44} {:>14} {:<9} {:>14} {:>7} {:>7}  {}\n", "case", "ours", "", "reference",
                                "ratio", "spread", "budget");
  for (const BenchRow& row : rows) {
    const std::string reference = row.reference_name.empty() ? "" : fmt::format("{:.4g}", row.reference);
    const std::string ratio =
        row.reference_name.empty() || row.reference == 0 ? "" : fmt::format("{:.2f}", row.ours / row.reference);
    out += fmt::format("{:<44} {:>14.4g} {:<9} {:>14} {:>7} {:>6.0f}%  {}{}\n", row.name, row.ours, row.unit, reference,
                       ratio, row.spread * 100, row.budget,
                       row.budget.empty() ? ""
                       : row.met          ? ": met"
                                          : ": MISSED");
    if (!row.reference_name.empty()) out += fmt::format("{:<44} reference: {}\n", "", row.reference_name);
  }
  return out;
}

std::string bench_json(const std::vector<BenchRow>& rows) {
  utsname host{};
  uname(&host);
  nlohmann::ordered_json json;
  json["machine"] = {{"system", host.sysname},
                     {"release", host.release},
                     {"arch", host.machine},
                     {"cores", sysconf(_SC_NPROCESSORS_ONLN)}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const BenchRow& row : rows) {
    json["rows"].push_back({{"name", row.name},
                            {"ours", row.ours},
                            {"unit", row.unit},
                            {"reference_name", row.reference_name},
                            {"reference", row.reference},
                            {"spread", row.spread},
                            {"budget", row.budget},
                            {"met", row.met}});
  }
  return json.dump(2) + "\n";
}

}  // namespace tidal::cli
