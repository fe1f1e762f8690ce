// One signal, one record, every view current: who gets the acknowledgement of a signal finds all its effects.
//
// Eight threads, each with users of its own, so that each knows exactly what its users' views must hold; items and
// creators are shared. TIDAL_SIGNALS sets how many signals they send together (default a million; fewer under
// sanitizers).
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/epoch.h"
#include "base/memory_file_system.h"
#include "base/random.h"
#include "test/core_fixture.h"

namespace tidal::test {
namespace {

constexpr int kThreads = 8;
constexpr int kItems = 200;
constexpr int kCreators = 20;
constexpr int kUsersOfEach = 25;

#ifdef TIDAL_SANITIZED
constexpr std::uint64_t kSignals = 20'000;
#else
constexpr std::uint64_t kSignals = 1'000'000;
#endif

constexpr std::string_view kSchema = R"(
  BEGIN;
  DEFINE FIELD item.category KEYWORD INDEXED INTEREST;
  DEFINE EMBEDDING item.content SIZE 16 PREFERENCE;
  DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 24h SCOPE global, user
    EFFECTS preference +0.10, creator +0.15, affinity +0.30, mark liked, mark seen;
  COMMIT;)";

struct Item {
  Ordinal item;
  Ordinal creator;
  std::string key;
  std::string category;
};

class Writer {
 public:
  Writer(db::Core& core, const std::vector<Item>& items, int number)
      : core_(core), items_(items), random_(number + 1U) {
    for (int u = 0; u < kUsersOfEach; ++u) users_.emplace_back("u" + std::to_string(number) + "_" + std::to_string(u));
  }

  void run(std::uint64_t signals, std::atomic<std::uint64_t>& misses) {
    for (std::uint64_t i = 0; i < signals; ++i) {
      User& user = users_[random_.below(users_.size())];
      const Item& item = items_[random_.below(items_.size())];
      send(user, item);
      // What is compared is this thread's own: nobody else writes about its users.
      if (const std::string missed = look(user, item); !missed.empty() && misses.fetch_add(1) < 10) {
        ADD_FAILURE() << missed << " of user " << user.key << " on item " << item.key << " after signal " << i;
      }
    }
  }

 private:
  struct User {
    explicit User(std::string k) : key(std::move(k)) {}
    std::string key;
    std::uint32_t likes = 0;
    std::map<std::string, double> categories;
    std::map<Ordinal, std::uint32_t> of_item;
    float affinity_floor = 0;
  };

  void send(User& user, const Item& item) {
    db::Preparer preparer = core_.preparer();
    const Operation like = Signal{.kind = "like", .item = item.key, .user = user.key};
    Result<db::PreparedBatch> batch = db::prepare_batch(preparer, {&like, 1}, {});
    ASSERT_TRUE(batch.ok());
    ASSERT_TRUE(core_.commit(*batch).ok());
    ++user.likes;
    ++user.categories[item.category];
    ++user.of_item[item.item];
  }

  /// The first effect that is not there, or "".
  [[nodiscard]] std::string look(const User& user, const Item& item) {
    const base::EpochGuard guard;
    const db::Views& views = core_.views();
    const Ordinal u = views.entities().find(EntityKind::User, user.key);
    if (u == Ordinal::None || !views.entities().is_live(EntityKind::User, u)) return "the user";
    if (!views.user_state().has_mark(u, Mark::Liked, item.item)) return "the mark liked";
    if (!views.user_state().has_mark(u, Mark::Seen, item.item)) return "the mark seen";
    if (views.preferences().positives(u) != user.likes) return "the preference";
    const Timestamp now = core_.now();
    double weight = 0;
    views.weights().affinities(u, {&item.item, 1}, now, {&weight, 1});
    if (!(weight > 0.25)) return "the affinity";
    views.weights().interactions(u, {&item.creator, 1}, now, {&weight, 1});
    if (!(weight > 0.1)) return "the interaction";
    const double interest = views.interests().interest(u, 0, item.category, now);
    if (interest < user.categories.at(item.category) - 0.01) return "the interest";
    const auto recent = views.co_engagement().recent(u);
    if (recent.empty() || recent.front().item != item.item) return "the recent positive";
    double count = 0;
    const signal::WindowQuery all{.signal = 0, .window = Window::All, .now = now};
    views.ledgers().users.counts(all, {&u, 1}, {&count, 1});
    if (count != user.likes) return "the user's own count";
    views.ledgers().items.counts(all, {&item.item, 1}, {&count, 1});
    if (count < user.of_item.at(item.item)) return "the item's count";
    views.ledgers().creators.counts(all, {&item.creator, 1}, {&count, 1});
    if (count < user.of_item.at(item.item)) return "the creator's count";
    views.user_state().net(0, {&item.item, 1}, {&count, 1});
    return count < 1 ? "the net count" : "";
  }

  db::Core& core_;
  const std::vector<Item>& items_;
  base::Random random_;
  std::vector<User> users_;
};

std::vector<Item> put_items(db::Core& core) {
  std::vector<Item> items;
  base::Random random(7);
  for (int i = 0; i < kItems; ++i) {
    const std::string key = "i" + std::to_string(i);
    const std::string creator = "c" + std::to_string(i % kCreators);
    const std::string category = "k" + std::to_string(i % 7);
    std::string vector;
    for (int d = 0; d < 16; ++d)
      vector += (d == 0 ? "" : ",") + std::to_string(static_cast<double>(random.below(2001)) / 1000 - 1);
    define(core, "PUT item @" + key + R"( {"creator":")" + creator + R"(","fields":{"category":")" + category +
                     R"("},"embedding":[)" + vector + "]};");
    items.push_back({core.views().entities().find(EntityKind::Item, key),
                     core.views().entities().find(EntityKind::Creator, creator), key, category});
  }
  return items;
}

TEST(ReadYourWrites, FindsEveryEffectOfEverySignal) {
  const char* text = std::getenv("TIDAL_SIGNALS");
  const std::uint64_t signals = text != nullptr ? std::strtoull(text, nullptr, 10) : kSignals;
  base::SystemClock clock;
  Options options;
  options.log_level = LogLevel::Off;
  const auto core =
      db::Core::open("", options, {.fs = base::posix_file_system(), .clock = clock, .stores = db::Stores::Files::Plain})
          .value();
  define(*core, kSchema);
  const std::vector<Item> items = put_items(*core);
  ASSERT_FALSE(testing::Test::HasFailure());
  std::atomic<std::uint64_t> misses{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { Writer(*core, items, t).run(signals / kThreads, misses); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(misses.load(), 0U);
  EXPECT_EQ(core->stats().signals_applied, signals / kThreads * kThreads);
}

}  // namespace
}  // namespace tidal::test
