// Async with a sync that is a step, and the table.
#include "test/sim/policies.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "wal/commit_queue.h"
#include "wal/log.h"

namespace tidal::sim {
namespace {

const std::string kWal = "/db/wal";
constexpr Timestamp kStart{1'700'000'000'000'000};

struct NoViews final : wal::Applier {
  void apply(std::span<wal::WalEvent>) noexcept override {}
};

/// Writes until the power goes, then tells what is gone.
void run_history(std::uint64_t seed, Duration interval, IntervalLosses& losses) {
  base::MemoryFileSystem fs(seed);
  base::Random random(seed * 7 + 3);
  base::FixedClock clock(kStart);
  NoViews views;
  std::vector<Timestamp> acknowledged;  // by seqno, from 1
  auto log = wal::Log::open(fs, kWal, {.segment_bytes = 64U << 10U}, clock.now());
  if (!log.ok()) return;
  Durability durability;
  durability.mode = Durability::Mode::Async;
  durability.interval = days(1);  // never by itself
  auto queue =
      std::make_unique<wal::CommitQueue>(log->get(), views, clock, wal::CommitQueueOptions{.durability = durability});
  std::uint64_t synced = 0;
  const std::uint64_t steps = 20 + random.below(200);
  for (std::uint64_t step = 0; step < steps; ++step) {
    clock.advance(Duration{static_cast<std::int64_t>(random.below(3'000'000))});
    if (synced < acknowledged.size() && clock.now() - acknowledged[synced] >= interval) {
      if (!queue->sync().ok()) break;
      synced = acknowledged.size();
    }
    const std::string payload(random.below(3'000), 'x');
    wal::Record record;
    record.subject_key = "item";
    record.event_time = clock.now();
    record.payload = payload;
    const std::vector<wal::Record> batch(1 + random.below(3), record);
    if (!queue->submit(batch).ok()) break;
    acknowledged.insert(acknowledged.end(), batch.size(), clock.now());
  }
  fs.stop_at(0);
  queue.reset();
  log->reset();
  fs.crash();
  ++losses.crashes;
  losses.acknowledged += acknowledged.size();
  const auto recovered = wal::Log::open(fs, kWal, {.segment_bytes = 64U << 10U}, clock.now());
  const std::uint64_t last = recovered.ok() ? (*recovered)->last_seqno().value : 0;
  if (!recovered.ok() || last > acknowledged.size()) {
    ++losses.doubled;
  } else if (last < acknowledged.size()) {
    losses.lost += acknowledged.size() - last;
    losses.oldest_lost = std::max(losses.oldest_lost, clock.now() - acknowledged[last]);
  }
}

std::string cells(const PolicyLosses& losses) {
  return std::to_string(losses.power_cuts) + " | " + std::to_string(losses.lost_by_power) + " | " +
         std::to_string(losses.kills) + " | " + std::to_string(losses.lost_by_kill) + " |\n";
}

}  // namespace

void PolicyLosses::add(const PolicyLosses& other) {
  power_cuts += other.power_cuts;
  lost_by_power += other.lost_by_power;
  kills += other.kills;
  lost_by_kill += other.lost_by_kill;
}

IntervalLosses run_interval_histories(std::uint64_t histories, Duration interval) {
  IntervalLosses losses;
  for (std::uint64_t seed = 1; seed <= histories; ++seed) run_history(seed, interval, losses);
  return losses;
}

std::string policies_table(const PoliciesLosses& losses, const IntervalLosses& interval) {
  const auto of = [&](Durability::Mode mode) { return cells(losses[static_cast<std::size_t>(mode)]); };
  std::string text = R"(
## What each policy lost

Acknowledged records that were gone after the crashes of the matrix, by the durability policy of the life that crashed,
beside what [durability.md](durability.md) promises. Async never syncs by itself there, and so loses the most it can.

| policy | a power cut may lose | power cuts | lost | kills | lost |
|---|---|---:|---:|---:|---:|
)";
  text += "| `Sync` | nothing | " + of(Durability::Mode::Sync);
  text += "| `Batched` | nothing | " + of(Durability::Mode::Batched);
  text += "| `Async` | the last `interval` | " + of(Durability::Mode::Async);
  text += "| in memory | everything | – | everything | – | everything |\n";
  text += "\nWith a sync whenever the oldest acknowledgement had waited for an interval of " +
          std::to_string(kPolicyInterval.us / 1'000'000) +
          " s, by a clock that the histories hold: " + std::to_string(interval.crashes) + " power cuts, " +
          std::to_string(interval.lost) + " of " + std::to_string(interval.acknowledged) +
          " acknowledged records lost, the oldest acknowledged " +
          std::to_string(static_cast<double>(interval.oldest_lost.us / 10'000) / 100).substr(0, 5) +
          " s before its crash.\nThat the thread of `Async` wakes in time is not simulated: the tests of the commit "
          "queue wait for it.\n";
  return text;
}

}  // namespace tidal::sim
