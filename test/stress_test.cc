// Everything at once on real files: writers of every kind, readers, checkpoints, compactions, rebuilds and schema
// changes; afterwards every event counts once and the state is the one that a replay of base and log gives.
//
// TIDAL_STRESS_SECONDS sets how long (default 4). Under ThreadSanitizer this is the test of the whole write path.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "db/offline/replayed.h"
#include "db/offline/verification.h"
#include "storage/temporary_directory_for_test.h"
#include "tidal/tidal.h"

namespace tidal::test {
namespace {

constexpr int kItems = 40;
constexpr int kUsers = 25;

class Stress {
 public:
  Stress() : path_(directory_.child("db")) {
    Options options;
    options.create_if_missing = true;
    options.segment_bytes = 64U << 10U;
    options.checkpoint_every_bytes = 256U << 10U;
    options.log_level = LogLevel::Off;
    auto opened = Database::open(path_, options);
    EXPECT_TRUE(opened.ok()) << opened.error().to_string();
    db_ = std::make_unique<Database>(std::move(*opened));
    std::string script = R"(BEGIN;
      DEFINE FIELD item.category KEYWORD INDEXED;
      DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h VELOCITY SCOPE global, user EFFECTS mark seen;
      DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 24h EFFECTS mark liked;
      ALTER SETTINGS log_bytes:512KiB, past_query_tolerance:36500d;)";
    for (int i = 0; i < kItems; ++i) script += "PUT item @i" + std::to_string(i) + " {};";
    const auto defined = db_->execute(script + "COMMIT;");
    EXPECT_TRUE(defined.ok()) << defined.error().to_string();
  }

  /// Runs each of the jobs over and over on a thread of its own until the time is up.
  void run(const std::vector<std::function<void(base::Random&)>>& jobs, std::chrono::seconds length) {
    std::vector<std::thread> threads;
    const auto until = std::chrono::steady_clock::now() + length;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      threads.emplace_back([&, i] {
        base::Random random(i + 1);
        while (std::chrono::steady_clock::now() < until && !testing::Test::HasFatalFailure()) jobs[i](random);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Database& db() { return *db_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  void close() {
    EXPECT_TRUE(db_->close().ok());
    db_.reset();
  }

  static std::string item(base::Random& random) { return "i" + std::to_string(random.below(kItems)); }
  static std::string user(base::Random& random) { return "u" + std::to_string(random.below(kUsers)); }

 private:
  storage::TemporaryDirectory directory_;
  std::string path_;
  std::unique_ptr<Database> db_;
};

std::map<std::string, std::string> lines(const DigestReport& report) {
  return {report.by_view.begin(), report.by_view.end()};
}

TEST(StressTest, EverythingAtOnceLeavesTheStateOfItsLog) {
  const char* text = std::getenv("TIDAL_STRESS_SECONDS");
  const std::chrono::seconds length(text != nullptr ? std::atoi(text) : 4);
  Stress stress;
  Database& db = stress.db();
  // relaxed: read after the threads were joined.
  std::atomic<std::uint64_t> views{0};
  std::atomic<std::uint64_t> names{0};
  const auto is_expected = [](const Error& error) {
    return error.code == Code::NotFound || error.code == Code::AlreadyExists;
  };

  const auto single = [&](base::Random& random) {
    const Result<WriteReply> reply =
        db.signal({.kind = "view", .item = Stress::item(random), .user = Stress::user(random)});
    if (reply.ok()) views.fetch_add(1, std::memory_order_relaxed);
    EXPECT_TRUE(reply.ok() || is_expected(reply.error())) << reply.error().to_string();
  };
  const auto batch = [&](base::Random& random) {
    std::vector<Signal> signals;
    for (int i = 0; i < 20; ++i) {
      signals.push_back({.kind = "view", .item = Stress::item(random), .user = Stress::user(random)});
    }
    const auto replies = db.signals(signals);
    EXPECT_TRUE(replies.ok() || is_expected(replies.error())) << replies.error().to_string();
    if (!replies.ok()) return;
    for (const WriteReply& reply : *replies) views.fetch_add(reply.status == "applied", std::memory_order_relaxed);
  };
  const auto retry = [&](base::Random& random) {  // the same key from two threads: one of them counts
    const std::string key = "k" + std::to_string(random.below(1'000'000));
    for (int i = 0; i < 2; ++i) {
      const auto reply = db.signal({.kind = "view", .item = Stress::item(random), .idempotency_key = key});
      EXPECT_TRUE(reply.ok() || is_expected(reply.error())) << reply.error().to_string();
      if (reply.ok() && reply->status == "applied") views.fetch_add(1, std::memory_order_relaxed);
    }
  };
  const auto async = [&](base::Random& random) {
    base::Mutex mutex;
    base::CondVar changed;
    int open = 0;
    for (int i = 0; i < 50; ++i) {
      {
        const base::MutexLock lock(mutex);
        ++open;
      }
      const Status begun =
          db.signal_async({.kind = "view", .item = Stress::item(random)}, [&](Result<WriteReply> reply) {
            if (reply.ok()) views.fetch_add(1, std::memory_order_relaxed);
            const base::MutexLock lock(mutex);
            --open;
            changed.notify_all();
          });
      EXPECT_TRUE(begun.ok() || is_expected(begun.error())) << begun.error().to_string();
      const base::MutexLock lock(mutex);
      if (!begun.ok()) --open;
    }
    const base::MutexLock lock(mutex);
    while (open > 0) changed.wait(mutex);
  };
  const auto entities = [&](base::Random& random) {
    const std::string key = "new" + std::to_string(random.below(10));
    const std::string category = random.coin() ? "jazz" : "rock";
    EXPECT_TRUE(db.put_item(key, {.creator = "c1", .fields = {{"category", Value(category)}}}).ok());
    const auto removed = db.remove(EntityKind::Item, key);
    EXPECT_TRUE(removed.ok()) << removed.error().to_string();
  };
  const auto reader = [&](base::Random& random) {
    const auto page = db.execute(
        "RETRIEVE items FOR USER @u1 FILTER unseen SORT BY hot WITH signals(view.count(24h)) LIMIT 5;"
        "RETRIEVE items FILTER category = \"jazz\" SORT BY new; SHOW STATS; SHOW SIGNALS;"
        "GET item @" +
        Stress::item(random));
    EXPECT_TRUE(page.ok() || page.error().code == Code::NotFound) << page.error().to_string();
  };
  const auto upkeep = [&](base::Random& random) {
    switch (random.below(4)) {
      case 0: EXPECT_TRUE(db.checkpoint().ok()); break;
      case 1: EXPECT_TRUE(db.compact().ok()); break;
      case 2: EXPECT_TRUE(db.digest().ok()); break;
      default: {
        const std::vector<std::string> derived = Database::rebuildable_views();
        const auto rebuilt = db.rebuild(derived[random.below(derived.size())]);
        EXPECT_TRUE(rebuilt.ok()) << rebuilt.error().to_string();
      }
    }
  };
  const auto definer = [&](base::Random& random) {
    const std::uint64_t n = names.fetch_add(1, std::memory_order_relaxed);
    if (n >= 60) return std::this_thread::yield();
    const auto defined =
        db.execute("DEFINE SIGNAL s" + std::to_string(n) + " WINDOWS 24h; DEFINE FIELD item.f" + std::to_string(n) +
                   " INT INDEXED; ALTER SETTINGS hot_gravity:1." + std::to_string(1 + random.below(8)));
    EXPECT_TRUE(defined.ok()) << defined.error().to_string();
  };
  stress.run({single, single, batch, retry, retry, async, entities, reader, reader, upkeep, definer}, length);

  std::uint64_t counted = 0;
  const QueryReply page =
      std::get<QueryReply>(db.execute("RETRIEVE items SORT BY new WITH signals(view.count(all)) LIMIT 1000")->front());
  for (const auto& each : page.items) counted += static_cast<std::uint64_t>(each.signals.front().second);
  EXPECT_EQ(counted, views.load(std::memory_order_relaxed)) << "acknowledged and counted differ";
  EXPECT_GT(counted, 0U);
  const auto live = lines(*db.digest());
  const DatabaseStats stats = db.stats();
  EXPECT_EQ(stats.void_records, 0U);
  stress.close();

  const auto verified = db::verify_directory(base::posix_file_system(), stress.path());
  ASSERT_TRUE(verified.ok()) << verified.error().to_string();
  EXPECT_TRUE(verified->defects.empty()) << verified->defects.front();
  const auto replayed = db::ReplayedDatabase::open(base::posix_file_system(), stress.path());
  ASSERT_TRUE(replayed.ok()) << replayed.error().to_string();
  EXPECT_EQ(lines((*replayed)->digest()), live);
  std::printf("%llu views, %llu records, %llu segments archived, base at seqno %llu\n",
              static_cast<unsigned long long>(counted), static_cast<unsigned long long>(stats.last_seqno.value),
              static_cast<unsigned long long>(stats.archive_segments),
              static_cast<unsigned long long>(stats.base_seqno.value));
}

}  // namespace
}  // namespace tidal::test
