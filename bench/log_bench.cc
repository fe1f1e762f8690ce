// Durable events a second into the log alone, beside bare writes and syncs: group commit with identities and the window
// of duplicates on, and no other view.
//
// log_bench [DIRECTORY]    (default: the system's folder for temporary files) on the disk to be measured
// Each figure is the median of several rounds, ours and the reference in turn.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "db/duplicate_window.h"
#include "db/event_id.h"
#include "signal/signal_record.h"
#include "wal/commit_queue.h"
#include "wal/log.h"

namespace tidal {
namespace {

constexpr double kSeconds = 2;
constexpr int kRounds = 5;
constexpr std::size_t kBatch = 32;
constexpr std::size_t kKeyBytes = 16;

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Ends the program: a benchmark has no use for half a figure.
template <class T>
T must(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "log_bench: %s\n", result.error().to_string().c_str());
  std::exit(1);
}
void must(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "log_bench: %s\n", status.error().to_string().c_str());
  std::exit(1);
}

/// The only view: without it no duplicate would be found.
class WindowApplier final : public wal::Applier {
 public:
  void apply(std::span<wal::WalEvent> events) noexcept override {
    window.prefetch(events);
    for (const wal::WalEvent& event : events) window.apply(event);
  }
  db::DuplicateWindow window;
};

/// Signals as clients send them that may repeat themselves: each with a key of its own.
class Signals {
 public:
  explicit Signals(std::uint64_t seed) : random_(seed) { signal::encode_payload({.name = "view"}, payload_); }

  /// Valid until the next call.
  std::span<const wal::Record> next(std::size_t count) {
    names_.resize(3 * count);
    records_.clear();
    for (std::size_t i = 0; i < count; ++i) {
      std::string& item = names_[3 * i] = "item" + std::to_string(random_.below(100'000));
      std::string& user = names_[3 * i + 1] = "user" + std::to_string(random_.below(100'000));
      std::string& key = names_[3 * i + 2];
      key.resize(kKeyBytes);
      for (std::size_t at = 0; at < kKeyBytes; at += 8) {
        const std::uint64_t bits = random_.next();
        for (std::size_t b = 0; b < 8; ++b) key[at + b] = static_cast<char>('a' + (bits >> 8 * b & 15));
      }
      wal::Record record{.event_time = Timestamp{1'700'000'000'000'000}, .subject_key = item, .user_key = user};
      record.payload = payload_;
      record.extensions.push_back({.tag = static_cast<std::uint8_t>(wal::Tag::IdempotencyKey), .bytes = key});
      record.event_id = db::event_id_of(record);
      records_.push_back(std::move(record));
    }
    return records_;
  }

 private:
  base::Random random_;
  std::string payload_;
  std::vector<std::string> names_;
  std::vector<wal::Record> records_;
};

struct Stand {
  explicit Stand(const std::string& directory)
      : dir((std::filesystem::path(directory) / ("tidal-log-bench-" + std::to_string(getpid()))).string()) {
    std::filesystem::remove_all(dir);
    log = must(wal::Log::open(base::posix_file_system(), dir, {.prepares_segments = true}, clock.now()));
    queue = std::make_unique<wal::CommitQueue>(log.get(), applier, clock,
                                               wal::CommitQueueOptions{.applied_ids = &applier.window});
  }
  Stand(const Stand&) = delete;
  Stand& operator=(const Stand&) = delete;
  ~Stand() {
    must(queue->close());
    queue.reset();
    log.reset();
    std::filesystem::remove_all(dir);
  }

  std::string dir;
  base::SystemClock clock;
  WindowApplier applier;
  std::unique_ptr<wal::Log> log;
  std::unique_ptr<wal::CommitQueue> queue;
};

/// Events a second of `producers` threads that each run `produce` until the time is over; it answers how many.
double rate(std::size_t producers, const std::function<std::uint64_t(Signals&)>& produce,
            const std::function<void()>& drain) {
  std::atomic<std::uint64_t> events{0};
  std::vector<std::thread> threads;
  const double begin = now_seconds();
  for (std::size_t p = 0; p < producers; ++p) {
    threads.emplace_back([&, p] {
      Signals signals(p + 1);
      std::uint64_t mine = 0;
      while (now_seconds() - begin < kSeconds) mine += produce(signals);
      events.fetch_add(mine, std::memory_order_relaxed);  // read after the join
    });
  }
  for (std::thread& thread : threads) thread.join();
  drain();
  return static_cast<double>(events.load(std::memory_order_relaxed)) / (now_seconds() - begin);
}

double batches(const std::string& directory, std::size_t producers, std::size_t batch) {
  Stand stand(directory);
  const auto produce = [&stand, batch](Signals& signals) {
    must(stand.queue->submit(signals.next(batch)));
    return std::uint64_t{batch};
  };
  return rate(producers, produce, [] {});
}

/// Single events, each a call that does not wait; at most so many are unanswered.
double async_calls(const std::string& directory, std::size_t producers) {
  constexpr std::ptrdiff_t kInFlight = 8192;
  std::counting_semaphore<kInFlight> room(kInFlight);  // outlives the callbacks of the queue's
  Stand stand(directory);
  const auto produce = [&](Signals& signals) {
    room.acquire();
    must(stand.queue->submit_async(signals.next(1), [&room](Result<wal::CommitResult> result) {
      must(std::move(result));
      room.release();
    }));
    return std::uint64_t{1};
  };
  const auto drain = [&room] {
    for (std::ptrdiff_t i = 0; i < kInFlight; ++i) room.acquire();
  };
  return rate(producers, produce, drain);
}

/// Megabytes a second of writes of `bytes` and a sync each, to a file that has its blocks.
double bare_megabytes(const std::string& directory, std::size_t bytes) {
  base::FileSystem& fs = base::posix_file_system();
  const std::string path = directory + "/tidal-log-bench-bare";
  const auto file = must(fs.open(path, base::OpenMode::Create));
  constexpr std::size_t kFileBytes = std::size_t{64} << 20U;
  const std::string block(bytes, 'x');
  const std::string zeros(std::size_t{1} << 20U, '\0');
  for (std::size_t at = 0; at < kFileBytes; at += zeros.size()) must(file->write_at(at, base::as_bytes(zeros)));
  must(file->sync());
  std::uint64_t written = 0;
  const double begin = now_seconds();
  while (now_seconds() - begin < kSeconds / 2) {
    must(file->write_at(written % (kFileBytes - bytes), base::as_bytes(block)));
    must(file->sync());
    written += bytes;
  }
  const double seconds = now_seconds() - begin;
  must(fs.remove(path));
  return static_cast<double>(written) / seconds / 1e6;
}

void print(const char* what, const std::vector<double>& rates, const std::vector<double>& floors, double bytes) {
  std::printf("%-44s %9.0f events/s (%.0f to %.0f), %4.0f MB/s; bare writes of 64 KiB + sync: %4.0f MB/s\n", what,
              median(rates), *std::ranges::min_element(rates), *std::ranges::max_element(rates),
              median(rates) * bytes / 1e6, median(floors));
}

/// What one such event takes in the log.
double bytes_of_an_event() {
  Signals signals(1);
  std::string encoded;
  for (const wal::Record& record : signals.next(1000)) wal::encode_record(record, SeqNo{1'000'000}, encoded);
  return static_cast<double>(encoded.size()) / 1000;
}

void run(const std::string& directory) {
  struct Case {
    const char* name;
    std::function<double()> measure;
  };
  const std::vector<Case> cases = {
      {"64 producers, single events", [&] { return batches(directory, 64, 1); }},
      {"64 producers, batches of 32", [&] { return batches(directory, 64, kBatch); }},
      {"2 producers, single events, calls not waited for", [&] { return async_calls(directory, 2); }}};
  const double bytes = bytes_of_an_event();
  for (const Case& each : cases) {
    std::vector<double> rates;
    std::vector<double> floors;
    for (int round = 0; round < kRounds; ++round) {
      floors.push_back(bare_megabytes(directory, std::size_t{64} << 10U));
      rates.push_back(each.measure());
    }
    print(each.name, rates, floors, bytes);
  }
}

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  tidal::run(argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string());
  return 0;
}
