// Costs of histories: an event on the applier, a flush of its layer, a read; bytes in memory and in the store.
//
// rollups_bench [items]    (default 1,000,000)
// Zipf(1.0) traffic on items and their creators, 100 items each, two hours a day; the store is RocksDB in $TMPDIR.
#include <stdlib.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "signal/rollups.h"

namespace tidal::signal {
namespace {

/// CPU time of this thread, so that other work on the machine disturbs less.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::uint64_t files_bytes(const std::string& path) {
  std::uint64_t bytes = 0;
  std::FILE* du = ::popen(("du -sb " + path).c_str(), "r");
  unsigned long read = 0;
  if (du != nullptr && std::fscanf(du, "%lu", &read) == 1) bytes = read;
  if (du != nullptr) ::pclose(du);
  return bytes;
}

class Bench {
 public:
  Bench(std::uint32_t items, const std::string& path) : items_(items), path_(path) {
    order_.resize(items);
    for (std::uint32_t i = 0; i < items; ++i) order_[i] = i;
    std::shuffle(order_.begin(), order_.end(), random_);
    auto store = storage::open_store(storage::Backend::RocksDb, base::posix_file_system(), path);
    if (!store.ok()) {
      std::printf("%s\n", store.error().to_string().c_str());
      std::exit(1);
    }
    store_ = std::move(store).value();
    rollups_ = std::make_unique<Rollups>(*store_);
  }

  void run() {
    for (int day = 0; day < 4; ++day) {
      std::printf("day %d\n", day);
      for (int part = 0; part < 2; ++part) traffic(kStart + days(day) + hours(12 * part));
      flush();
    }
    read();
  }

 private:
  static constexpr Timestamp kStart{days(20'000).us};

  /// One hour, as many events as items, prefetched in groups as the applier does.
  void traffic(Timestamp at) {
    constexpr std::size_t kGroup = 64;
    std::vector<RollupEvent> events(items_);
    std::uniform_real_distribution<double> uniform(0, 1);
    const double harmonic = std::log(static_cast<double>(items_));
    for (RollupEvent& event : events) {
      const auto rank = static_cast<std::uint32_t>(std::exp(uniform(random_) * harmonic)) - 1;
      const std::uint32_t item = order_[std::min(rank, items_ - 1)];
      event = {.signal = static_cast<std::uint16_t>(random_() % 8 == 0 ? 1 : 0),
               .entity = to_ordinal(item),
               .creator = to_ordinal(item / 100),
               .at = at + Duration{static_cast<std::int64_t>(random_() % 3'600'000'000)}};
    }
    for (const bool again : {false, true}) {
      const double start = cpu_ns();
      for (std::size_t i = 0; i < events.size(); i += kGroup) {
        const std::size_t n = std::min(kGroup, events.size() - i);
        rollups_->prefetch(std::span(events).subspan(i, n));
        for (std::size_t j = i; j < i + n; ++j) rollups_->record(events[j], SeqNo{++seqno_});
      }
      std::printf("  an event on item and creator%s  %7.1f ns\n", again ? ", hours are there" : ", as they come   ",
                  (cpu_ns() - start) / static_cast<double>(events.size()));
    }
  }

  void flush() {
    std::printf("  layer                         %7.1f MB\n", static_cast<double>(rollups_->memory_bytes()) / 1e6);
    const double captured = cpu_ns();
    const auto capture = rollups_->capture(SeqNo{seqno_});
    const double start = cpu_ns();
    std::string image;
    const Status written = capture->write(image);
    if (!written.ok()) std::printf("WRONG: %s\n", written.error().to_string().c_str());
    std::printf("  capture %.1f us, its flush %.2f s\n", (start - captured) / 1e3, (cpu_ns() - start) / 1e9);
  }

  void read() {
    std::uint64_t blocks = 0;
    std::uint64_t bytes = 0;
    static_cast<void>(store_->scan({}, [&](std::string_view key, std::string_view value) {
      blocks += key.size() == kBlockKeyBytes && key[7] == 0 ? 1 : 0;
      bytes += key.size() + value.size();
      return true;
    }));
    static_cast<void>(store_->rewrite());
    std::printf("store: %lu pairs of entity and signal a day, bytes of each: %.1f encoded, %.1f in files\n", blocks,
                static_cast<double>(bytes) / static_cast<double>(blocks),
                static_cast<double>(files_bytes(path_)) / static_cast<double>(blocks));
    for (const auto& [name, span, step] : {std::tuple("a day by hours", days(1), RollupStep::Hour),
                                           {"a month by hours", days(30), RollupStep::Hour},
                                           {"a year by days", days(365), RollupStep::Day}}) {
      constexpr int kReads = 2000;
      const double start = cpu_ns();
      std::uint64_t count = 0;
      for (int i = 0; i < kReads; ++i) {
        const auto buckets = rollups_->series({.kind = EntityKind::Item,
                                               .entity = to_ordinal(order_[static_cast<std::size_t>(i) % items_]),
                                               .signal = 0,
                                               .step = step,
                                               .from = kStart,
                                               .to = kStart + span});
        for (const Bucket& bucket : *buckets) count += bucket.count;
      }
      std::printf("series of %-16s %7.1f us (%lu events)\n", name, (cpu_ns() - start) / kReads / 1e3, count);
    }
  }

  std::uint32_t items_;
  std::string path_;
  std::mt19937_64 random_{1};
  std::vector<std::uint32_t> order_;
  std::unique_ptr<storage::KeyValueStore> store_;
  std::unique_ptr<Rollups> rollups_;
  std::uint64_t seqno_ = 0;
};

}  // namespace
}  // namespace tidal::signal

int main(int argc, char** argv) {
  const long items = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1'000'000;
  if (items < 1000 || items > 100'000'000) {
    std::fprintf(stderr, "usage: rollups_bench [items, 1000 to 100000000]\n");
    return 2;
  }
  const char* root = std::getenv("TMPDIR");
  std::string path = std::string(root == nullptr ? "/tmp" : root) + "/tidal-rollups-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return 1;
  tidal::signal::Bench(static_cast<std::uint32_t>(items), path).run();
  static_cast<void>(tidal::base::posix_file_system().remove_all(path));
  return 0;
}
