// Costs of one like to its user's preference and interests, and of comparing candidates with them.
//
// preference_bench [users]    (default 100,000: 1.6 GB at 1536 dimensions)
// Users come in random order. Every figure is the best of several rounds; the program exits with 1 when a figure is
// over its budget or the state is not what it should be.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include "base/vector_math.h"
#include "signal/preference.h"

namespace tidal::signal {
namespace {

constexpr std::size_t kTastes = 64;
constexpr std::size_t kItemsOfTaste = 64;
constexpr std::uint32_t kTastesOfUser = 4;
constexpr int kRounds = 5;

bool failed = false;

/// CPU time of this thread, so that other work on the machine disturbs less.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void report(const char* what, double value, const char* unit, double budget) {
  std::printf("  %-58s %9.1f %s", what, value, unit);
  if (budget > 0) std::printf("  budget %.0f", budget);
  std::printf("\n");
  if (budget > 0 && value > budget) failed = true;
}

/// Items about 64 tastes; each user likes what belongs to four of them.
class Bench {
 public:
  Bench(std::uint32_t users, std::uint32_t size) : users_(users), size_(size), items_(kTastes * kItemsOfTaste * size) {
    std::normal_distribution<float> normal;
    std::vector<float> centre(size);
    for (std::size_t taste = 0; taste < kTastes; ++taste) {
      for (float& x : centre) x = normal(random_);
      for (std::size_t i = 0; i < kItemsOfTaste; ++i) {
        const std::span<float> v = item(taste, i);
        for (std::size_t j = 0; j < size; ++j) v[j] = centre[j] + 0.4F * normal(random_);
        if (!base::normalise(v)) std::abort();
      }
    }
    for (std::uint32_t u = 0; u < users; ++u) order_.push_back(u);
    std::shuffle(order_.begin(), order_.end(), random_);
    state_.define(size);
    for (std::uint32_t i = 0; i < kTastesOfUser; ++i) fire(i, 0, false);
  }

  void run(double budget) {
    std::printf("%u dimensions, %u users\n", size_, users_);
    check();
    report("bytes a user", static_cast<double>(state_.memory_bytes()) / users_, "", 0);
    report("a like near an interest", best_of([&](std::uint32_t r) { fire(r, 0, false); }), "ns", budget);
    report("a like near an interest, prefetched", best_of([&](std::uint32_t r) { fire(r, 0, true); }), "ns", budget);
    check();
    report("a like that founds an interest", best_of([&](std::uint32_t r) { fire(r, kTastesOfUser * (1 + r), true); }),
           "ns", budget);
    report("a dislike near an interest",
           best_of([&](std::uint32_t r) { fire(r, kTastesOfUser * kRounds, true, -0.1); }), "ns", budget);
    compare();
  }

 private:
  [[nodiscard]] std::span<float> item(std::size_t taste, std::size_t i) {
    return std::span(items_).subspan((taste % kTastes * kItemsOfTaste + i % kItemsOfTaste) * size_, size_);
  }

  /// One event of every user, about the user's taste `round` counted from `shift`.
  void fire(std::uint32_t round, std::uint32_t shift, bool ahead, double rate = 0.1) {
    constexpr std::size_t kGroup = 64;
    now_ = now_ + hours(1);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (ahead && i % kGroup == 0) {
        const std::size_t end = std::min(order_.size(), i + kGroup);
        for (const auto stage : {Preferences::PrefetchStage::User, Preferences::PrefetchStage::Block}) {
          for (std::size_t j = i; j < end; ++j) state_.prefetch(to_ordinal(order_[j]), stage);
        }
      }
      const std::uint32_t user = order_[i];
      const std::size_t taste = user + shift + round % kTastesOfUser;
      state_.move({.user = to_ordinal(user), .at = now_, .rate = rate}, item(taste, i * 7));
    }
  }

  template <class Work>
  double best_of(Work work) {
    double best = 1e300;
    for (std::uint32_t r = 0; r < kRounds; ++r) {
      const double start = cpu_ns();
      work(r);
      best = std::min(best, (cpu_ns() - start) / users_);
    }
    return best;
  }

  /// Every user has one interest for each taste.
  void check() {
    for (std::uint32_t u = 0; u < users_; u += users_ / 100) {
      const Preferences::Interests interests = state_.interests(to_ordinal(u), now_);
      bool right = interests.count == kTastesOfUser;
      for (std::uint32_t i = 0; right && i < kTastesOfUser; ++i) {
        right = base::dot(interests.vector(i), item(u + i, 5)) > 0.5F;
      }
      if (right) continue;
      std::printf("WRONG: the interests of user %u\n", u);
      failed = true;
    }
  }

  void compare() {
    constexpr std::size_t kCandidates = kTastes * kItemsOfTaste;
    float sum = 0;
    const double start = cpu_ns();
    const Preferences::Matcher matcher = state_.matcher(to_ordinal(users_ / 2));
    for (std::size_t i = 0; i < kCandidates; ++i) sum += matcher.best(item(i / kItemsOfTaste, i));
    report("a candidate of 4,096 against four interests", (cpu_ns() - start) / kCandidates, "ns", 0);
    std::vector<std::uint16_t> halves(items_.size());
    base::to_halves(items_, halves);
    const double again = cpu_ns();
    for (std::size_t i = 0; i < kCandidates; ++i)
      sum += matcher.best_halves(std::span(halves).subspan(i * size_, size_));
    report("the same in halves", (cpu_ns() - again) / kCandidates, "ns", 0);
    if (!(sum > -1e9F)) failed = true;
  }

  std::uint32_t users_;
  std::uint32_t size_;
  std::mt19937_64 random_{7};
  std::vector<float> items_;
  std::vector<std::uint32_t> order_;
  Timestamp now_{days(20'000).us};
  Preferences state_;
};

}  // namespace
}  // namespace tidal::signal

int main(int argc, char** argv) {
  const auto users = static_cast<std::uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000);
  tidal::signal::Bench(users, 128).run(3'000);
  tidal::signal::Bench(users, 1536).run(12'000);
  return tidal::signal::failed ? 1 : 0;
}
