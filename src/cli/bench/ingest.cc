// Durable single signals through the public API, beside a bare loop of writes and syncs on a preallocated file.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>

#include "base/random.h"
#include "cli/bench/bench.h"
#include "tidal/tidal.h"

namespace tidal::cli {
namespace {

constexpr std::uint64_t kItems = 10'000;
constexpr std::size_t kSyncBytes = 256;  // about one single-signal frame

constexpr std::string_view kSchema =
    "BEGIN; DEFINE FIELD item.title TEXT;"
    "DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h, 7d VELOCITY EFFECTS mark seen;"
    "DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 24h, 7d EFFECTS mark liked, mark seen; COMMIT;";

/// Microseconds of one write + fdatasync on a preallocated, zeroed file: the floor under one acknowledged write.
Result<double> bare_sync_us(const std::string& directory, double seconds) {
  const std::string path = directory + "/bare-sync";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return Error(Code::IoError, "cannot create " + path);
  const std::string zeros(1U << 20U, '\0');
  constexpr off_t kFileBytes = off_t{16} << 20;
  bool ok = true;
  for (off_t at = 0; at < kFileBytes; at += static_cast<off_t>(zeros.size())) {
    ok = ok && ::pwrite(fd, zeros.data(), zeros.size(), at) == static_cast<ssize_t>(zeros.size());
  }
  ok = ok && ::fsync(fd) == 0;
  std::vector<double> times;
  const std::int64_t started = bench_clock_us();
  off_t at = 0;
  while (ok && seconds_since(started) < seconds) {
    const std::int64_t before = bench_clock_us();
    ok = ::pwrite(fd, zeros.data(), kSyncBytes, at) == static_cast<ssize_t>(kSyncBytes) && ::fdatasync(fd) == 0;
    times.push_back(static_cast<double>(bench_clock_us() - before));
    at = (at + static_cast<off_t>(kSyncBytes)) % (kFileBytes - static_cast<off_t>(kSyncBytes));
  }
  ::close(fd);
  std::filesystem::remove(path);
  if (!ok) return Error(Code::IoError, "write or sync failed on " + path);
  return median(times);
}

struct Load {
  double events_per_second = 0;
  double latency_us = 0;  ///< median of an acknowledged call
};

Result<Load> drive(Database& db, std::size_t producers, std::size_t batch, double seconds) {
  std::atomic<std::uint64_t> events{0};
  std::atomic<bool> failed{false};
  std::vector<std::vector<double>> latencies(producers);
  std::vector<std::thread> threads;
  const std::int64_t started = bench_clock_us();
  for (std::size_t p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      base::Random random(p + 1);
      std::vector<Signal> signals(batch);
      while (seconds_since(started) < seconds && !failed) {
        for (Signal& signal : signals) {
          signal = {.kind = random.below(10) == 0 ? "like" : "view",
                    .item = "i" + std::to_string(random.below(kItems)),
                    .user = "u" + std::to_string(random.below(kItems))};
        }
        const std::int64_t before = bench_clock_us();
        if (!db.signals(signals).ok()) failed = true;
        latencies[p].push_back(static_cast<double>(bench_clock_us() - before));
        events += batch;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (failed) return Error(Code::IoError, "a write failed while measuring");
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  return Load{.events_per_second = static_cast<double>(events) / seconds_since(started), .latency_us = median(all)};
}

}  // namespace

Result<std::vector<BenchRow>> bench_ingest(const BenchOptions& options) {
  const std::string path = options.directory + "/ingest.db";
  std::filesystem::remove_all(path);
  Options open;
  open.create_if_missing = true;
  TIDAL_TRY_ASSIGN(Database db, Database::open(path, open));
  TIDAL_TRY(db.execute(kSchema));
  std::vector<Operation> puts;
  for (std::uint64_t i = 0; i < kItems; ++i) {
    puts.push_back(PutOperation{.kind = EntityKind::Item, .key = "i" + std::to_string(i), .entity = {}});
  }
  TIDAL_TRY(db.write(puts));

  struct Case {
    std::size_t producers;
    std::size_t batch;
    std::string budget;
    double least;  ///< events/s; 0: judged by latency
  };
  const std::vector<Case> cases = {{1, 1, "<= 1 sync + 40 us", 0},
                                   {8, 1, "", 0},
                                   {64, 1, ">= 100,000/s", 100'000},
                                   {64, 32, ">= 1,000,000/s into the log", 1'000'000}};
  const double seconds = static_cast<double>(options.seconds);
  std::vector<BenchRow> rows;
  for (const Case& c : cases) {
    std::vector<double> rates;
    std::vector<double> latencies;
    std::vector<double> syncs;
    for (int round = 0; round < options.rounds; ++round) {
      TIDAL_TRY_ASSIGN(const double sync, bare_sync_us(options.directory, seconds / 4));
      TIDAL_TRY_ASSIGN(const Load load, drive(db, c.producers, c.batch, seconds));
      syncs.push_back(sync);
      rates.push_back(load.events_per_second);
      latencies.push_back(load.latency_us);
    }
    const std::string who =
        fmt::format("{} producer{}, batches of {}", c.producers, c.producers == 1 ? "" : "s", c.batch);
    const bool one = c.producers == 1 && c.batch == 1;
    rows.push_back({.name = who + ": acknowledged after",
                    .ours = median(latencies),
                    .unit = "us",
                    .reference_name = "one write + fdatasync, us",
                    .reference = median(syncs),
                    .spread = spread(latencies),
                    .budget = one ? c.budget : "",
                    .met = !one || median(latencies) <= median(syncs) + 40});
    rows.push_back({.name = who,
                    .ours = median(rates),
                    .unit = "events/s",
                    .reference_name = "bare syncs a second",
                    .reference = 1e6 / median(syncs),
                    .spread = spread(rates),
                    .budget = c.least > 0 ? c.budget : "",
                    .met = c.least == 0 || median(rates) >= c.least});
  }
  TIDAL_TRY(db.close());
  std::filesystem::remove_all(path);
  return rows;
}

}  // namespace tidal::cli
