// Everything at once on real files: writers of every kind, readers, checkpoints, compactions, rebuilds and schema
// changes, edges, undos, hides and vectors, users who are forgotten; afterwards every event counts once and the state
// is the one that a replay of base and log gives.
//
// TIDAL_STRESS_SECONDS sets how long (default 4). Under ThreadSanitizer this is the test of the whole write path.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
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
constexpr int kCreators = 5;

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
      DEFINE FIELD item.category KEYWORD INDEXED INTEREST;
      DEFINE SIGNAL view DECAY exponential(7d) WINDOWS 1h, 24h VELOCITY UNIQUE SCOPE global, user
        EFFECTS preference +0.02, mark seen;
      DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 24h
        EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked;
      DEFINE EMBEDDING item.content SIZE 8 PREFERENCE;
      DEFINE RELATION follows FROM user TO creator WINDOWS 24h UNIQUE EFFECTS preference +0.10, creator +0.30;
      DEFINE RELATION blocks FROM user TO creator EXCLUDES always EFFECTS preference -0.10;
      DEFINE RELATION friend FROM user TO user HALF LIFE 30d;
      ALTER SETTINGS log_bytes:512KiB, past_query_tolerance:36500d;)";
    for (int i = 0; i < kCreators; ++i) script += "PUT creator @c" + std::to_string(i) + " {};";
    for (int i = 0; i < kUsers; ++i) script += "PUT user @u" + std::to_string(i) + " {};";
    script += "PUT item @aside {};";  // of nothing that is counted
    for (int i = 0; i < kItems; ++i) script += "PUT item @i" + std::to_string(i) + " {};";
    const auto defined = db_->execute(script + "COMMIT;");
    EXPECT_TRUE(defined.ok()) << defined.error().to_string();
  }

  /// Runs each of the jobs over and over on a thread of its own until the time is up.
  void run(const std::vector<void (Stress::*)(base::Random&)>& jobs, std::chrono::seconds length) {
    std::vector<std::thread> threads;
    const auto until = std::chrono::steady_clock::now() + length;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      threads.emplace_back([&, i] {
        base::Random random(i + 1);
        while (std::chrono::steady_clock::now() < until && !testing::Test::HasFatalFailure()) (this->*jobs[i])(random);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Database& db() { return *db_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Acknowledged as applied.
  [[nodiscard]] std::uint64_t views() const { return views_.load(std::memory_order_relaxed); }

  void write_one(base::Random& random) {
    count(db_->signal({.kind = "view", .item = item(random), .user = user(random)}));
  }
  void write_batch(base::Random& random) {
    std::vector<Signal> signals;
    for (int i = 0; i < 20; ++i) signals.push_back({.kind = "view", .item = item(random), .user = user(random)});
    const auto replies = db_->signals(signals);
    EXPECT_TRUE(replies.ok()) << replies.error().to_string();
    if (!replies.ok()) return;
    for (const WriteReply& reply : *replies) count(reply);
  }
  /// The same key twice, and from two threads: one of them counts.
  void retry(base::Random& random) {
    const std::string key = "k" + std::to_string(random.below(1'000'000));
    for (int i = 0; i < 2; ++i) count(db_->signal({.kind = "view", .item = item(random), .idempotency_key = key}));
  }
  void write_async(base::Random& random) {
    base::Mutex mutex;
    base::CondVar changed;
    int open = 0;
    for (int i = 0; i < 50; ++i) {
      {
        const base::MutexLock lock(mutex);
        ++open;
      }
      const Status begun = db_->signal_async({.kind = "view", .item = item(random)}, [&](Result<WriteReply> reply) {
        count(reply);
        const base::MutexLock lock(mutex);
        --open;
        changed.notify_all();
      });
      EXPECT_TRUE(begun.ok()) << begun.error().to_string();
      const base::MutexLock lock(mutex);
      if (!begun.ok()) --open;
    }
    const base::MutexLock lock(mutex);
    while (open > 0) changed.wait(mutex);
  }
  void write_entities(base::Random& random) {
    const std::string key = "new" + std::to_string(random.below(10));
    const std::string category = random.coin() ? "jazz" : "rock";
    EXPECT_TRUE(db_->put_item(key, {.creator = "c1", .fields = {{"category", Value(category)}}}).ok());
    const auto removed = db_->remove(EntityKind::Item, key);
    EXPECT_TRUE(removed.ok()) << removed.error().to_string();
  }
  void relate(base::Random& random) {
    Relate edge{.relation = random.coin() ? "follows" : "blocks", .from = user(random), .to = creator(random)};
    if (random.below(3) == 0) {
      edge = {.relation = "friend", .from = user(random), .to = user(random), .weight = 2.5};
      if (edge.from == edge.to) return;
    }
    edge.remove = random.below(3) == 0;
    if (edge.remove) edge.weight = 1;
    const auto written = db_->relate(edge);
    EXPECT_TRUE(written.ok()) << written.error().to_string();
  }
  /// A like, and two who take it back: at most one of them finds it standing.
  void take_back(base::Random& random) {
    const Signal like{.kind = "like", .item = item(random), .user = user(random)};
    EXPECT_TRUE(db_->signal(like).ok());
    const std::vector<Operation> undos(2, Unsignal{.kind = "like", .item = like.item, .user = like.user});
    const auto replies = db_->write(undos);
    EXPECT_TRUE(replies.ok()) << replies.error().to_string();
    if (!replies.ok()) return;
    EXPECT_EQ(replies->back().status, "unchanged");
  }
  void hide(base::Random& random) {
    const Hide hide = random.coin() ? Hide{.key = "aside", .unhide = random.coin()}
                                    : Hide{.kind = EntityKind::User, .key = user(random), .unhide = random.coin()};
    const auto written = db_->hide(hide);
    EXPECT_TRUE(written.ok()) << written.error().to_string();
  }
  /// Items change hands and directions while they are liked.
  void write_vectors(base::Random& random) {
    Entity change{.creator = creator(random)};
    std::vector<float>& vector = change.embeddings["content"];
    for (int i = 0; i < 8; ++i) vector.push_back(static_cast<float>(random.below(200)) - 100.5F);
    if (random.below(5) == 0) vector.clear();
    const auto written = db_->update(EntityKind::Item, item(random), change);
    EXPECT_TRUE(written.ok()) << written.error().to_string();
  }
  /// Users of nobody else's.
  void forget(base::Random& random) {
    const std::string key = "forgotten" + std::to_string(random.below(5));
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(db_->signal({.kind = "like", .item = item(random), .user = key}).ok());
    }
    const auto all = db_->export_user(key);
    EXPECT_TRUE(all.ok()) << all.error().to_string();
    const auto gone = db_->forget_user(key);
    EXPECT_TRUE(gone.ok()) << gone.error().to_string();
    const auto nobody = db_->export_user(key);
    EXPECT_TRUE(!nobody.ok() && nobody.error().code == Code::NotFound) << key;
  }
  void read(base::Random& random) {
    const auto page = db_->execute(
        "RETRIEVE items FOR USER @u1 FILTER unseen SORT BY hot WITH signals(view.count(24h)) LIMIT 5;"
        "RETRIEVE items FILTER category = \"jazz\" SORT BY new; SHOW STATS;"
        "RETRIEVE items FOR USER @u2 FROM following, co_engaged SORT BY personalized LIMIT 5;"
        "RETRIEVE items SIMILAR TO @i1 LIMIT 5; SHOW RELATIONS OF user @u3;"
        " SHOW SIGNALS; GET item @" +
        item(random));
    EXPECT_TRUE(page.ok()) << page.error().to_string();
  }
  void keep_up(base::Random& random) {
    switch (random.below(4)) {
      case 0: EXPECT_TRUE(db_->checkpoint().ok()); break;
      case 1: EXPECT_TRUE(db_->compact().ok()); break;
      case 2: EXPECT_TRUE(db_->digest().ok()); break;
      default: {
        const std::vector<std::string> derived = Database::rebuildable_views();
        const auto rebuilt = db_->rebuild(derived[random.below(derived.size())]);
        EXPECT_TRUE(rebuilt.ok()) << rebuilt.error().to_string();
      }
    }
  }
  /// One thread's.
  void define(base::Random& random) {
    if (++names_ > 60) return std::this_thread::yield();
    const std::string name = std::to_string(names_);
    const auto defined =
        db_->execute("DEFINE SIGNAL s" + name + " WINDOWS 24h; DEFINE FIELD item.f" + name +
                     " INT INDEXED; ALTER SETTINGS hot_gravity:1." + std::to_string(1 + random.below(8)));
    EXPECT_TRUE(defined.ok()) << defined.error().to_string();
  }
  void close() {
    EXPECT_TRUE(db_->close().ok());
    db_.reset();
  }

  static std::string item(base::Random& random) { return "i" + std::to_string(random.below(kItems)); }
  static std::string creator(base::Random& random) { return "c" + std::to_string(random.below(kCreators)); }
  static std::string user(base::Random& random) { return "u" + std::to_string(random.below(kUsers)); }

 private:
  void count(const Result<WriteReply>& reply) {
    EXPECT_TRUE(reply.ok()) << reply.error().to_string();
    // relaxed: read after the threads were joined.
    if (reply.ok() && reply->status == "applied") views_.fetch_add(1, std::memory_order_relaxed);
  }

  storage::TemporaryDirectory directory_;
  std::string path_;
  std::unique_ptr<Database> db_;
  std::atomic<std::uint64_t> views_{0};
  int names_ = 0;
};

std::map<std::string, std::string> lines(const DigestReport& report) {
  return {report.by_view.begin(), report.by_view.end()};
}

TEST(StressTest, EverythingAtOnceLeavesTheStateOfItsLog) {
  const char* text = std::getenv("TIDAL_STRESS_SECONDS");
  const std::chrono::seconds length(text != nullptr ? std::atoi(text) : 4);
  Stress stress;
  stress.run(
      {&Stress::write_one, &Stress::write_one, &Stress::write_batch, &Stress::retry, &Stress::retry,
       &Stress::write_async, &Stress::write_entities, &Stress::forget, &Stress::read, &Stress::read, &Stress::keep_up,
       &Stress::define, &Stress::relate, &Stress::relate, &Stress::take_back, &Stress::hide, &Stress::write_vectors},
      length);

  std::uint64_t counted = 0;
  const auto replies = stress.db().execute("RETRIEVE items SORT BY new WITH signals(view.count(all)) LIMIT 1000");
  for (const auto& each : std::get<QueryReply>(replies->front()).items) {
    counted += static_cast<std::uint64_t>(each.signals.front().second);
  }
  EXPECT_EQ(counted, stress.views()) << "acknowledged and counted differ";
  EXPECT_GT(counted, 0U);
  const auto live = lines(*stress.db().digest());
  const DatabaseStats stats = stress.db().stats();
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
