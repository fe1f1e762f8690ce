// Fills a database with generated entities and signals, in large batches.
#include "cli/bench/dataset.h"

#include <cmath>
#include <filesystem>
#include <vector>

#include "base/random.h"
#include "cli/bench/bench.h"

namespace tidal::cli {
namespace {

constexpr std::size_t kBatch = 2'000;
constexpr std::string_view kSchema =
    "BEGIN;"
    "DEFINE FIELD item.title TEXT; DEFINE FIELD item.category KEYWORD INDEXED; DEFINE FIELD item.year INT INDEXED;"
    "DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY EFFECTS mark seen;"
    "DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 24h, 7d, 30d VELOCITY EFFECTS mark liked, mark "
    "seen;"
    "DEFINE SIGNAL share DECAY exponential(14d) WINDOWS 1h, 24h, 7d VELOCITY EFFECTS mark shared, mark seen;"
    "DEFINE SIGNAL dislike ROLE negative DECAY exponential(14d) WINDOWS 24h EFFECTS mark disliked, mark seen;"
    "COMMIT;";

/// Rank drawn from Zipf(1.0) over [0, n) by inverting the continuous approximation of its distribution function.
std::uint64_t zipf(base::Random& random, std::uint64_t n) {
  const double rank = std::exp(random.uniform() * std::log(static_cast<double>(n) + 1)) - 1;
  return static_cast<std::uint64_t>(rank);
}

/// Spreads ranks over keys, so that popular items are not the first ordinals.
std::uint64_t scatter(std::uint64_t rank, std::uint64_t n) { return (rank * 2'654'435'761U + 7) % n; }

std::string_view kind_of(std::uint64_t dice) {
  if (dice < 75) return "view";
  if (dice < 88) return "like";
  return dice < 96 ? "share" : "dislike";
}

}  // namespace

Timestamp dataset_end() { return Timestamp{1'790'000'000'000'000}; }

Options dataset_options() {
  Options options;
  options.clock = {.kind = ClockSource::Kind::Fixed, .at = dataset_end()};
  return options;
}

Result<DatasetTimes> build_dataset(const std::string& path, const DatasetShape& shape) {
  std::filesystem::remove_all(path);
  Options options = dataset_options();
  options.create_if_missing = true;
  options.checkpoint_on_close = shape.checkpoint_on_close;
  options.checkpoint_every_bytes = 0;
  TIDAL_TRY_ASSIGN(Database db, Database::open(path, options));
  TIDAL_TRY(db.execute(kSchema));

  DatasetTimes times;
  base::Random random(shape.seed);
  std::vector<Operation> batch;
  const auto flush = [&]() -> Status {
    if (!batch.empty()) TIDAL_TRY(db.write(batch));
    batch.clear();
    return {};
  };
  const std::int64_t entities_started = bench_clock_us();
  for (std::uint64_t i = 0; i < shape.items; ++i) {
    PutOperation put{.kind = EntityKind::Item, .key = "i" + std::to_string(i), .entity = {}};
    put.entity.creator = "c" + std::to_string(zipf(random, shape.creators));
    put.entity.created_at =
        dataset_end() - Duration{static_cast<std::int64_t>(random.below(90ULL * 86'400'000'000ULL))};
    put.entity.fields = {{"title", Value("Item number " + std::to_string(i))},
                         {"category", Value("category" + std::to_string(zipf(random, 200)))},
                         {"year", Value(static_cast<std::int64_t>(1950 + random.below(76)))}};
    batch.push_back(std::move(put));
    if (batch.size() == kBatch) TIDAL_TRY(flush());
  }
  TIDAL_TRY(flush());
  times.entity_seconds = seconds_since(entities_started);

  constexpr std::uint64_t kSpanUs = 30ULL * 86'400'000'000ULL;
  const std::int64_t signals_started = bench_clock_us();
  for (std::uint64_t i = 0; i < shape.signals; ++i) {
    const std::uint64_t age = kSpanUs - (kSpanUs / shape.signals) * i;
    batch.push_back(Signal{.kind = std::string(kind_of(random.below(100))),
                           .item = "i" + std::to_string(scatter(zipf(random, shape.items), shape.items)),
                           .user = "u" + std::to_string(random.below(shape.users)),
                           .at = dataset_end() - Duration{static_cast<std::int64_t>(age)}});
    if (batch.size() == kBatch) TIDAL_TRY(flush());
  }
  TIDAL_TRY(flush());
  times.signal_seconds = seconds_since(signals_started);
  TIDAL_TRY(db.close());
  return times;
}

}  // namespace tidal::cli
