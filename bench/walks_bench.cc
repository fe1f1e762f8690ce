// What walks along edges cost a query: following 500 creators among a million items, also where a filter leaves little
// of what they made, depth 2 with its cap, and what 500 friends liked.
//
// walks_bench [items] [users]
// Default 1,000,000 items of 5,000 creators, 20,000 users who follow 20 creators and like 20 items each, and one who
// follows 500 creators and has 500 friends. Prints microseconds of whole queries (parsing and page included), median
// and 99th percentile.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/random.h"
#include "tidal/db.h"

namespace tidal {
namespace {

constexpr std::uint64_t kCreators = 5'000;
constexpr std::uint64_t kFollowedByTheAsking = 500;
constexpr std::uint64_t kEach = 20;  // followed creators, and likes, of everybody else
constexpr int kQueries = 1'000;
constexpr std::size_t kBatch = 4'096;

std::string key(const char* prefix, std::uint64_t number) { return prefix + std::to_string(number); }

class Bench {
 public:
  Bench(std::uint64_t items, std::uint64_t users) : items_(items), users_(users) {}

  void run() {
    run_script(
        "DEFINE SIGNAL like ROLE positive DECAY exponential(14d) WINDOWS 24h EFFECTS affinity +0.3, mark liked;"
        "DEFINE RELATION follows FROM user TO creator; DEFINE RELATION friend FROM user TO user;"
        "DEFINE FIELD item.price INT INDEXED;");
    for (std::uint64_t i = 0; i < items_; ++i) {
      PutOperation put{.key = key("i", i)};
      put.entity.creator = key("c", random_.below(kCreators));
      put.entity.fields["price"] = static_cast<std::int64_t>(random_.below(100));
      put.entity.created_at = Timestamp{kStart.us + static_cast<std::int64_t>(i) * 1'000'000};
      write(std::move(put));
    }
    for (std::uint64_t u = 0; u < users_; ++u) {
      for (std::uint64_t e = 0; e < kEach; ++e) {
        write(Relate{.relation = "follows", .from = key("u", u), .to = key("c", random_.below(kCreators))});
        write(Signal{.kind = "like", .item = key("i", random_.below(items_)), .user = key("u", u)});
      }
    }
    for (std::uint64_t c = 0; c < kFollowedByTheAsking; ++c) {
      write(Relate{.relation = "follows", .from = "asking", .to = key("c", c)});
    }
    flush();  // of the users, that they are there
    for (std::uint64_t f = 0; f < kFollowedByTheAsking; ++f) {
      write(Relate{.relation = "friend", .from = "asking", .to = key("u", f)});
    }
    flush();
    measure("following(limit:500)");
    measure("following(limit:500) FILTER price < 10");
    measure("following(limit:500) FILTER price < 1");
    measure("following(limit:500) FILTER price < 0");
    measure("following(depth:2, limit:500)");
    measure("friends_liked(limit:500)");
  }

 private:
  static constexpr Timestamp kStart{1'700'000'000'000'000};

  void run_script(const std::string& text) {
    const auto replies = db_.execute(text);
    if (!replies.ok()) {
      std::fprintf(stderr, "%s\n", replies.error().to_string().c_str());
      std::exit(1);
    }
  }
  void write(Operation operation) {
    batch_.push_back(std::move(operation));
    if (batch_.size() == kBatch) flush();
  }
  void flush() {
    const auto written = db_.write(batch_);
    if (!written.ok()) {
      std::fprintf(stderr, "%s\n", written.error().to_string().c_str());
      std::exit(1);
    }
    batch_.clear();
  }

  void measure(const std::string& source) {
    const std::string text = "RETRIEVE items FOR USER @asking FROM " + source + " LIMIT 20";
    const auto first = db_.execute(text);
    if (!first.ok()) {
      std::printf("%-40s %s\n", source.c_str(), first.error().to_string().c_str());
      return;
    }
    std::vector<double> spent;
    for (int i = 0; i < kQueries; ++i) {
      const auto start = std::chrono::steady_clock::now();
      static_cast<void>(db_.execute(text));
      spent.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(spent.begin(), spent.end());
    const auto& page = std::get<QueryReply>(first->front());
    std::printf("%-40s %8.0f us median, %8.0f us p99; %zu items, %llu candidates\n", source.c_str(),
                spent[spent.size() / 2], spent[spent.size() * 99 / 100], page.items.size(),
                static_cast<unsigned long long>(page.stats.candidates));
  }

  const std::uint64_t items_;
  const std::uint64_t users_;
  Database db_ = Database::open_in_memory().value();
  base::Random random_{1};
  std::vector<Operation> batch_;
};

}  // namespace
}  // namespace tidal

int main(int argc, char** argv) {
  const std::uint64_t items = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::uint64_t users = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 20'000;
  tidal::Bench(items, users).run();
  return 0;
}
