// Durable signals a second with every view on: threads that write through the public API, each call waiting until its
// batch is on disk and applied.
//
// durable_loop_bench [directory] [seconds] [threads] [batch]
// Default: a directory of its own under the temporary one, which goes at the end; 8 seconds; 8 threads; 64 signals a
// call. 100,000 items of 128 dimensions, 20,000 users, default durability. Prints signals a second of likes and of the
// default mix, after as long without counting, in which lists of recent positives fill.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "schema/schema_templates.h"
#include "tidal/db.h"

namespace tidal {
namespace {

constexpr std::uint64_t kItems = 100'000;
constexpr std::uint64_t kUsers = 20'000;
constexpr std::uint64_t kCreators = 5'000;
constexpr std::size_t kDimensions = 128;

struct Load {
  double seconds = 8;
  std::size_t threads = 8;
  std::size_t batch = 64;
  bool likes_only = false;
};

template <class T>
T checked(Result<T> result) {
  if (result.ok()) return std::move(result).value();
  std::fprintf(stderr, "%s\n", result.error().to_string().c_str());
  std::exit(1);
}

Signal signal_of(base::Random& random, bool likes_only) {
  constexpr const char* kRest[] = {"share", "watchlist", "comment", "skip", "dislike", "hide", "share"};
  const double rank = std::exp(random.uniform() * std::log(static_cast<double>(kItems))) - 1;
  Signal signal{.kind = "like",
                .item = "i" + std::to_string(static_cast<std::uint64_t>(rank) * 2'654'435'761U % kItems),
                .user = "u" + std::to_string(random.below(kUsers))};
  const std::uint64_t dice = likes_only ? 85 : random.below(100);
  if (dice >= 93) {
    signal.kind = kRest[dice - 93];
  } else if (dice < 70) {
    signal.kind = "view";
  } else if (dice < 85) {
    signal.kind = "completion";
    signal.value = random.uniform();
  }
  return signal;
}

void put_items(Database& db) {
  base::Random random(1);
  std::vector<Operation> batch;
  for (std::uint64_t i = 0; i < kItems; ++i) {
    PutOperation put{.key = "i" + std::to_string(i)};
    put.entity.creator = "c" + std::to_string(random.below(kCreators));
    put.entity.fields["title"] = "title " + std::to_string(i);
    put.entity.fields["category"] = "category " + std::to_string(random.below(50));
    std::vector<float>& vector = put.entity.embeddings["content"];
    base::Random centre(random.below(64));
    for (std::size_t d = 0; d < kDimensions; ++d) {
      vector.push_back(static_cast<float>(centre.uniform() - 0.5 + 0.3 * (random.uniform() - 0.5)));
    }
    batch.emplace_back(std::move(put));
    if (batch.size() < 1'000) continue;
    static_cast<void>(checked(db.write(batch)));
    batch.clear();
  }
}

/// Acknowledged signals a second.
double drive(Database& db, const Load& load) {
  using Clock = std::chrono::steady_clock;
  // relaxed: a sum that is read after the join.
  std::atomic<std::uint64_t> written{0};
  const auto start = Clock::now();
  const auto elapsed = [start] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < load.threads; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(t + 2);
      std::vector<Operation> batch(load.batch);
      while (elapsed() < load.seconds) {
        for (Operation& operation : batch) operation = signal_of(random, load.likes_only);
        static_cast<void>(checked(db.write(batch)));
        written.fetch_add(batch.size(), std::memory_order_relaxed);
      }
    });
  }
  threads.clear();
  return static_cast<double>(written.load(std::memory_order_relaxed)) / elapsed();
}

int run(const std::string& directory, Load load) {
  auto db = checked(Database::open(directory, {.create_if_missing = true}));
  std::string text(schema::schema_templates().front().statements);
  text += "DEFINE EMBEDDING item.content SIZE " + std::to_string(kDimensions) + " PREFERENCE;";
  static_cast<void>(checked(db.execute(text)));
  put_items(db);
  load.likes_only = true;
  static_cast<void>(drive(db, load));
  for (const bool likes_only : {true, false}) {
    load.likes_only = likes_only;
    std::printf("%-12s %8.0f durable signals/s; %zu threads, %zu a call\n", likes_only ? "likes" : "default mix",
                drive(db, load), load.threads, load.batch);
  }
  return 0;
}

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  const std::string own = std::filesystem::temp_directory_path() / ("durable_loop_bench." + std::to_string(getpid()));
  const bool named = argc > 1 && argv[1][0] != '\0';
  tidal::Load load;
  if (argc > 2) load.seconds = std::strtod(argv[2], nullptr);
  if (argc > 3) load.threads = std::strtoul(argv[3], nullptr, 10);
  if (argc > 4) load.batch = std::strtoul(argv[4], nullptr, 10);
  const int code = tidal::run(named ? argv[1] : own, load);
  if (!named) std::filesystem::remove_all(own);
  return code;
}
