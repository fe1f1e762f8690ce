// What a positive costs when fifty others are in its user's list, and what co-engagement adds to a mix of events.
//
// co_engagement_bench [items] [neighbours]           (default 100,000 and 64)
// CPU times of this thread, the best of several rounds; the baseline is one random read-modify-write of a cache line.
// The program exits with 1 when what was written is not what is read back.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <vector>

#include "relationship/co_engagement.h"

namespace tidal::relationship {
namespace {

/// CPU time of this thread, so that other work on the machine disturbs less.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

class Bench {
 public:
  Bench(std::uint32_t items, CoEngagement::Limits limits) : items_(items), order_(items), state_(limits) {
    for (std::uint32_t i = 0; i < items; ++i) order_[i] = i;
    std::shuffle(order_.begin(), order_.end(), random_);
  }

  bool run() {
    memory_work();
    fill();
    positives("a positive on any item", false);
    positives("a positive by popularity", true);
    mix();
    reads();
    memory();
    return right_;
  }

 private:
  static constexpr std::uint32_t kUsers = 20'000;
  static constexpr int kRounds = 5;

  Ordinal any_item(bool popular) {
    if (!popular) return to_ordinal(static_cast<std::uint32_t>(random_() % items_));
    // Zipf(1.0): the rank's logarithm is uniform.
    const double log_rank = std::uniform_real_distribution<double>(0, std::log(static_cast<double>(items_)))(random_);
    return to_ordinal(order_[std::min(static_cast<std::uint32_t>(std::exp(log_rank)) - 1, items_ - 1)]);
  }
  Positive any_positive(bool popular) {
    at_ = at_ + seconds(1);
    return {to_ordinal(static_cast<std::uint32_t>(random_() % kUsers)), any_item(popular), at_};
  }
  /// In groups, as the applier hands them on.
  void apply(const std::vector<Positive>& group) {
    for (const auto stage : {CoEngagement::PrefetchStage::Places, CoEngagement::PrefetchStage::Blocks}) {
      for (const Positive& p : group) state_.prefetch(p, stage);
    }
    for (const Positive& p : group) state_.record(p);
  }
  void report(const char* what, double value, const char* unit, double budget = 0) const {
    std::printf("%-62s %9.3f %s", what, value, unit);
    if (budget > 0) std::printf("  budget %.1f", budget);
    std::printf("\n");
  }

  void memory_work() {
    struct alignas(64) Line {
      std::uint64_t words[8];
    };
    const std::size_t lines = std::size_t{items_} * 10;  // as many as full rows take
    const auto memory = std::make_unique<Line[]>(lines);
    double best = 1e300;
    for (int round = 0; round < kRounds; ++round) {
      const double start = cpu_ns();
      for (int i = 0; i < 1'000'000; ++i) ++memory[random_() % lines].words[0];
      best = std::min(best, cpu_ns() - start);
    }
    report("a random read-modify-write of a line", best / 1e6, "ns");
  }
  /// Full lists and full rows.
  void fill() {
    const std::size_t positives = std::size_t{kUsers} * 70;
    std::vector<Positive> group(64);
    const double start = cpu_ns();
    for (std::size_t i = 0; i < positives; i += group.size()) {
      for (Positive& p : group) p = any_positive(i % 2 == 0);
      apply(group);
    }
    report("a positive while lists and rows fill", (cpu_ns() - start) / static_cast<double>(positives) / 1e3, "us");
    for (std::uint32_t u = 0; u < kUsers; u += 997) check(state_.recent(to_ordinal(u)).size() > 20);
  }
  void positives(const char* what, bool popular) {
    constexpr std::size_t kPositives = 20'032;
    double best = 1e300;
    std::vector<std::vector<Positive>> groups(kPositives / 64, std::vector<Positive>(64));
    for (int round = 0; round < kRounds; ++round) {
      for (auto& group : groups) {
        for (Positive& p : group) p = any_positive(popular);
      }
      const double start = cpu_ns();
      for (const auto& group : groups) apply(group);
      best = std::min(best, cpu_ns() - start);
    }
    report(what, best / kPositives / 1e3, "us", 6);
    const Positive& last = groups.back().back();
    const auto recent = state_.recent(last.user);
    check(!recent.empty() && recent.front().item == last.item);
  }
  /// 70 % views, 15 % completions, 8 % likes, 7 % others: a like is what this view takes.
  void mix() {
    constexpr std::size_t kEvents = 100'032;
    double best = 1e300;
    std::vector<std::vector<Positive>> groups(kEvents / 64);
    for (int round = 0; round < kRounds; ++round) {
      for (auto& group : groups) {
        group.clear();
        for (int i = 0; i < 64; ++i) {
          if (random_() % 100 < 8) group.push_back(any_positive(true));
        }
      }
      const double start = cpu_ns();
      for (const auto& group : groups) apply(group);
      best = std::min(best, cpu_ns() - start);
    }
    report("an event of the mix, 8 % of them likes", best / kEvents / 1e3, "us", 1);
  }
  void reads() {
    constexpr int kReads = 2000;
    double start = cpu_ns();
    std::size_t found = 0;
    for (int i = 0; i < kReads; ++i) found += state_.neighbours(any_item(true), 20).size();
    report("neighbours, best 20", (cpu_ns() - start) / kReads / 1e3, "us");
    start = cpu_ns();
    for (std::uint32_t i = 0; i < kReads; ++i) found += state_.from_recent(to_ordinal(i % kUsers), 200).size();
    report("from a user's recent items, best 200", (cpu_ns() - start) / kReads / 1e3, "us");
    std::vector<Ordinal> candidates(1000);
    for (Ordinal& c : candidates) c = any_item(false);
    std::vector<double> out(candidates.size());
    start = cpu_ns();
    for (std::uint32_t i = 0; i < kReads; ++i) state_.scores_for_user(to_ordinal(i % kUsers), candidates, out);
    report("scores of 1000 candidates for a user", (cpu_ns() - start) / kReads / 1e3, "us");
    start = cpu_ns();
    for (std::uint32_t i = 0; i < kReads; ++i) state_.scores(any_item(true), candidates, out);
    report("scores of 1000 candidates beside an item", (cpu_ns() - start) / kReads / 1e3, "us");
    check(found > 0);
  }
  void memory() {
    // Users: a list of 50, its header, and a place. The rest are items.
    const double by_user = 8.0 + 8.0 + 50 * 16.0;
    const double all = static_cast<double>(state_.memory_bytes());
    report("bytes a user with a full list", by_user, "B");
    report("bytes an item, of all the rest", (all - kUsers * by_user) / items_, "B");
    double start = cpu_ns();
    const auto capture = state_.capture();
    report("capture", (cpu_ns() - start) / 1e3, "us");
    start = cpu_ns();
    const std::size_t bytes = capture->encode().size();
    report("  encoding it, in the background", (cpu_ns() - start) / 1e6, "ms");
    report("  size", static_cast<double>(bytes) / 1e6, "MB");
  }
  void check(bool right) {
    if (!right && right_) std::printf("WRONG\n");
    right_ = right_ && right;
  }

  std::uint32_t items_;
  std::mt19937_64 random_{1};
  std::vector<std::uint32_t> order_;
  CoEngagement state_;
  Timestamp at_{days(20'000).us};
  bool right_ = true;
};

}  // namespace
}  // namespace tidal::relationship

int main(int argc, char** argv) {
  const long items = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 100'000;
  const long neighbours = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 64;
  if (items < 1000 || items > 10'000'000 || neighbours < 1 || neighbours > 256) {
    std::fprintf(stderr, "usage: co_engagement_bench [items, 1000 to 10000000] [neighbours, 1 to 256]\n");
    return 2;
  }
  tidal::relationship::Bench bench(static_cast<std::uint32_t>(items),
                                   {.neighbours = static_cast<std::uint32_t>(neighbours), .recent = 50});
  return bench.run() ? 0 : 1;
}
