// Import, replay, open and trending over a generated database.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "cli/bench/bench.h"
#include "cli/bench/dataset.h"
#include "db/core.h"
#include "db/prepare.h"

namespace tidal::cli {
namespace {

/// Seconds to read every byte of the log once: the floor under a replay.
double read_log_seconds(const std::string& path) {
  const std::int64_t started = bench_clock_us();
  std::vector<char> buffer(1U << 20U);
  std::uint64_t sum = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path + "/wal")) {
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;
    while (fd >= 0 && (n = ::read(fd, buffer.data(), buffer.size())) > 0) sum += static_cast<unsigned char>(buffer[0]);
    if (fd >= 0) ::close(fd);
  }
  return sum == ~std::uint64_t{0} ? 0 : seconds_since(started);
}

/// Seconds to walk `n` floats once: the floor under a dense scan of one read column.
double scan_floats_seconds(std::uint64_t n) {
  std::vector<float> column(n);
  for (std::uint64_t i = 0; i < n; ++i) column[i] = static_cast<float>(i % 1000);
  const std::int64_t started = bench_clock_us();
  float best = 0;
  for (const float v : column) best = best < v ? v : best;
  return best < 0 ? 0 : seconds_since(started);
}

}  // namespace

Result<std::vector<BenchRow>> bench_import(const BenchOptions& options) {
  const std::string path = options.directory + "/import.db";
  std::vector<double> items;
  std::vector<double> signals;
  const DatasetShape shape{.items = options.items / 5, .signals = options.items};
  for (int round = 0; round < options.rounds; ++round) {
    TIDAL_TRY_ASSIGN(const DatasetTimes times, build_dataset(path, shape));
    items.push_back(static_cast<double>(shape.items) / times.entity_seconds);
    signals.push_back(static_cast<double>(shape.signals) / times.signal_seconds);
  }
  std::filesystem::remove_all(path);
  return std::vector<BenchRow>{{.name = "entities, batches of 2,000",
                                .ours = median(items),
                                .unit = "items/s",
                                .spread = spread(items),
                                .budget = ">= 50,000/s",
                                .met = median(items) >= 50'000},
                               {.name = "signals, batches of 2,000",
                                .ours = median(signals),
                                .unit = "events/s",
                                .spread = spread(signals),
                                .budget = ">= 250,000/s",
                                .met = median(signals) >= 250'000}};
}

namespace {

/// Writes one more event, as of a machine whose clock is an hour ahead: by then nobody looks for duplicates of the
/// others.
Status age_by_an_hour(const std::string& path) {
  base::FixedClock clock(base::SystemClock().now() + hours(1));
  Options open = dataset_options();
  open.checkpoint_on_close = false;
  TIDAL_TRY_ASSIGN(const std::unique_ptr<db::Core> core,
                   db::Core::open(path, open, {.fs = base::posix_file_system(), .clock = clock}));
  db::Preparer preparer = core->preparer();
  const std::vector<Operation> one = {Signal{.kind = "view", .item = "i0", .user = "u0"}};
  TIDAL_TRY_ASSIGN(db::PreparedBatch batch, db::prepare_batch(preparer, one, {}));
  TIDAL_TRY(core->commit(batch));
  return core->close();
}

/// Opens the database without its caches, so that all of its log is replayed.
Result<BenchRow> measure_replay(const std::string& path, const BenchOptions& options) {
  Options open = dataset_options();
  open.checkpoint_on_close = false;
  std::vector<double> rates;
  std::vector<double> reads;
  for (int round = 0; round < options.rounds; ++round) {
    std::filesystem::remove_all(path + "/checkpoints");
    std::filesystem::remove_all(path + "/stores");
    const double read_seconds = read_log_seconds(path);
    const std::int64_t started = bench_clock_us();
    TIDAL_TRY_ASSIGN(Database db, Database::open(path, open));
    const auto events = static_cast<double>(db.stats().last_seqno.value);
    rates.push_back(events / seconds_since(started));
    reads.push_back(events / read_seconds);
    TIDAL_TRY(db.close());
  }
  return BenchRow{.ours = median(rates),
                  .unit = "events/s",
                  .reference_name = "reading the log's bytes, events/s",
                  .reference = median(reads),
                  .spread = spread(rates)};
}

}  // namespace

Result<std::vector<BenchRow>> bench_replay(const BenchOptions& options) {
  const std::string path = options.directory + "/replay.db";
  const DatasetShape shape{.items = options.items / 10, .signals = 2 * options.items, .checkpoint_on_close = false};
  TIDAL_TRY(build_dataset(path, shape));
  TIDAL_TRY_ASSIGN(BenchRow recent, measure_replay(path, options));
  recent.name = "replay into every view, all events of the last minutes";
  recent.budget = ">= 80,000/s";
  recent.met = recent.ours >= 80'000;

  TIDAL_TRY(age_by_an_hour(path));
  TIDAL_TRY_ASSIGN(BenchRow old, measure_replay(path, options));
  old.name = "replay into ledger, user state, indexes: older events";
  old.budget = ">= 1,000,000/s";
  old.met = old.ours >= 1'000'000;
  std::filesystem::remove_all(path);
  return std::vector<BenchRow>{std::move(recent), std::move(old)};
}

Result<std::vector<BenchRow>> bench_trending(const BenchOptions& options) {
  const std::string path = options.directory + "/trending.db";
  TIDAL_TRY(build_dataset(path, {.items = options.items, .signals = 2 * options.items}));
  TIDAL_TRY_ASSIGN(Database db, Database::open(path, dataset_options()));
  struct Case {
    std::string name;
    std::string statement;
    double budget_ms;
  };
  const std::vector<Case> cases = {
      {"trending, top 25", "RETRIEVE items SORT BY trending WITH fields() LIMIT 25", 2.5},
      {"trending of 7d, unseen by a user",
       "RETRIEVE items FOR USER @u1 FILTER unseen SORT BY trending WINDOW 7d LIMIT 25", 0},
      {"hot, top 25", "RETRIEVE items SORT BY hot WITH fields() LIMIT 25", 0},
      {"filtered by category, top(week)", "RETRIEVE items FILTER category = \"category3\" SORT BY top(week) LIMIT 25",
       0},
  };
  std::vector<BenchRow> rows;
  for (const Case& c : cases) {
    std::vector<double> times;
    std::vector<double> scans;
    for (int i = 0; i < 20 * options.rounds; ++i) {
      scans.push_back(scan_floats_seconds(options.items) * 1e3);
      const std::int64_t started = bench_clock_us();
      TIDAL_TRY(db.execute(c.statement));
      times.push_back(seconds_since(started) * 1e3);
    }
    rows.push_back({.name = fmt::format("{} of {} items", c.name, options.items),
                    .ours = median(times),
                    .unit = "ms",
                    .reference_name = "one pass over as many floats, ms",
                    .reference = median(scans),
                    .spread = spread(times),
                    .budget = c.budget_ms > 0 ? fmt::format("<= {} ms", c.budget_ms) : "",
                    .met = c.budget_ms == 0 || median(times) <= c.budget_ms});
  }
  TIDAL_TRY(db.close());
  std::filesystem::remove_all(path);
  return rows;
}

Result<std::vector<BenchRow>> bench_open(const BenchOptions& options) {
  const std::string path = options.directory + "/open.db";
  TIDAL_TRY(build_dataset(path, {.items = options.items, .signals = 2 * options.items}));
  Options open = dataset_options();
  open.checkpoint_on_close = false;
  std::vector<double> times;
  std::vector<double> checkpoints;
  std::vector<double> pauses;
  std::vector<double> rebuild_pauses;
  for (int round = 0; round < options.rounds; ++round) {
    const std::int64_t started = bench_clock_us();
    TIDAL_TRY_ASSIGN(Database db, Database::open(path, open));
    times.push_back(seconds_since(started));
    TIDAL_TRY(db.execute("SIGNAL view ON @i1 BY @u1"));
    const std::int64_t checkpoint_started = bench_clock_us();
    TIDAL_TRY(db.checkpoint());
    checkpoints.push_back(seconds_since(checkpoint_started));
    pauses.push_back(static_cast<double>(db.stats().checkpoint_pause.us) / 1e3);
    TIDAL_TRY_ASSIGN(const RebuildReport rebuilt, db.rebuild("ledger"));
    rebuild_pauses.push_back(static_cast<double>(rebuilt.pause.us) / 1e3);
    TIDAL_TRY(db.close());
  }
  std::filesystem::remove_all(path);
  return std::vector<BenchRow>{{.name = fmt::format("open from a checkpoint of {} items", options.items),
                                .ours = median(times),
                                .unit = "s",
                                .spread = spread(times),
                                .budget = "<= 3 s",
                                .met = median(times) <= 3},
                               {.name = fmt::format("a whole checkpoint of {} items", options.items),
                                .ours = median(checkpoints),
                                .unit = "s",
                                .spread = spread(checkpoints)},
                               {.name = "  writers wait for it",
                                .ours = median(pauses),
                                .unit = "ms",
                                .spread = spread(pauses),
                                .budget = "<= 5 ms",
                                .met = median(pauses) <= 5},
                               {.name = "writers wait for a rebuilt ledger's place",
                                .ours = median(rebuild_pauses),
                                .unit = "ms",
                                .spread = spread(rebuild_pauses),
                                .budget = "<= 5 ms",
                                .met = median(rebuild_pauses) <= 5}};
}

}  // namespace tidal::cli
