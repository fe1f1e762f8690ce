// Queries while others write: their tail beside that of the same queries alone.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/mutex.h"
#include "base/random.h"
#include "cli/bench/bench.h"
#include "cli/bench/dataset.h"
#include "cli/bench/traffic.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kWriters = 8;
constexpr std::size_t kBatch = 32;

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, values.begin() + at);
  return values[static_cast<std::size_t>(at)];
}

/// Writers of batches, all of them together at a rate, or as fast as they can; while it lives.
class Writers {
 public:
  /// `events_per_second` 0: as many as can be.
  Writers(Database& db, std::uint64_t items, double events_per_second)
      : db_(db), items_(items), between_(events_per_second == 0 ? 0 : kWriters * kBatch / events_per_second * 1e6) {
    for (std::size_t w = 0; w < kWriters; ++w) threads_.emplace_back([this] { write(); });
  }
  ~Writers() { stop(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void stop() {
    {
      const base::MutexLock lock(mutex_);
      stopped_ = true;
    }
    wakeup_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // relaxed: counts, read while they rise or after the join.
  [[nodiscard]] std::uint64_t events() const { return events_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool has_failed() const { return failed_.load(std::memory_order_relaxed); }

 private:
  bool waits_until(std::chrono::steady_clock::time_point next) {
    const base::MutexLock lock(mutex_);
    bool in_time = true;
    while (!stopped_ && in_time && std::chrono::steady_clock::now() < next) {
      in_time = wakeup_.wait_until(mutex_, next);
    }
    return !stopped_;
  }
  void write() {
    Traffic traffic(items_, 100'000, true);
    std::vector<Signal> signals(kBatch);
    auto next = std::chrono::steady_clock::now();
    while (waits_until(next)) {
      next += std::chrono::microseconds(static_cast<std::int64_t>(between_));
      traffic.fill(signals);
      if (!write_new(db_, signals).ok()) failed_.store(true, std::memory_order_relaxed);
      events_.fetch_add(kBatch, std::memory_order_relaxed);
    }
  }

  Database& db_;
  const std::uint64_t items_;
  const double between_;  // microseconds from batch to batch of one writer
  base::Mutex mutex_;
  base::CondVar wakeup_;
  bool stopped_ TIDAL_GUARDED_BY(mutex_) = false;
  std::atomic<std::uint64_t> events_{0};
  std::atomic<bool> failed_{false};
  std::vector<std::thread> threads_;
};

struct Query {
  std::string name;
  std::string statement;  ///< "{}" stands for a random item
};

struct Tails {
  double p99_ms = 0;
  double events_per_second = 0;
};

/// The same query again and again for so long; beside writers that are there already.
Result<Tails> ask(Database& db, const Query& query, std::uint64_t items, double seconds, const Writers* writers) {
  base::Random random(7);
  std::vector<double> times;
  const std::uint64_t before = writers == nullptr ? 0 : writers->events();
  const std::int64_t started = bench_clock_us();
  while (seconds_since(started) < seconds) {
    const std::string statement = fmt::format(fmt::runtime(query.statement), random.below(items));
    const auto begin = std::chrono::steady_clock::now();
    TIDAL_TRY(db.execute(statement));
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  const double rate = writers == nullptr ? 0 : static_cast<double>(writers->events() - before) / seconds_since(started);
  if (writers != nullptr && writers->has_failed()) return Error(Code::IoError, "a write failed while measuring");
  return Tails{.p99_ms = percentile(times, 0.99), .events_per_second = rate};
}

struct Loads {
  std::vector<double> idle{}, half{}, full{};  ///< p99 in ms, one a round
  std::vector<double> half_rate{}, full_rate{};
};

void add_rows(std::vector<BenchRow>& rows, const Query& query, const Loads& loads) {
  const double idle = median(loads.idle);
  // Beside half the load a short query may take half as long again, a longer one twice.
  const double half_budget = idle < 1 ? 1.5 : 2;
  const auto row = [&](const std::vector<double>& times, const std::vector<double>& rates, double budget) {
    rows.push_back({.name = fmt::format("{}: p99 beside {:.0f} events/s", query.name, median(rates)),
                    .ours = median(times),
                    .unit = "ms",
                    .reference_name = "p99 of the same query alone, ms",
                    .reference = idle,
                    .spread = spread(times),
                    .budget = fmt::format("<= {} x", budget),
                    .met = median(times) <= budget * idle});
  };
  row(loads.half, loads.half_rate, half_budget);
  row(loads.full, loads.full_rate, 4);
}

}  // namespace

Result<std::vector<BenchRow>> bench_mixed(const BenchOptions& options) {
  const std::string path = options.directory + "/mixed.db";
  TIDAL_TRY(build_dataset(path, {.items = options.items, .signals = 2 * options.items}));
  TIDAL_TRY_ASSIGN(Database db, Database::open(path, dataset_options()));
  const std::vector<Query> queries = {{"trending, top 25", "RETRIEVE items SORT BY trending WITH fields() LIMIT 25"},
                                      {"one item and its signals", "GET item @i{} WITH signals(view.count(24h))"}};
  const auto seconds = static_cast<double>(options.seconds);
  std::vector<Loads> loads(queries.size());
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const auto measure = [&](const Writers* writers) { return ask(db, queries[q], options.items, seconds, writers); };
      TIDAL_TRY_ASSIGN(const Tails idle, measure(nullptr));
      Writers fast(db, options.items, 0);
      TIDAL_TRY_ASSIGN(const Tails full, measure(&fast));
      fast.stop();
      Writers paced(db, options.items, full.events_per_second / 2);
      TIDAL_TRY_ASSIGN(const Tails half, measure(&paced));
      paced.stop();
      loads[q].idle.push_back(idle.p99_ms);
      loads[q].half.push_back(half.p99_ms);
      loads[q].full.push_back(full.p99_ms);
      loads[q].half_rate.push_back(half.events_per_second);
      loads[q].full_rate.push_back(full.events_per_second);
    }
  }
  TIDAL_TRY(db.close());
  std::filesystem::remove_all(path);
  std::vector<BenchRow> rows;
  for (std::size_t q = 0; q < queries.size(); ++q) add_rows(rows, queries[q], loads[q]);
  return rows;
}

}  // namespace tidal::cli
