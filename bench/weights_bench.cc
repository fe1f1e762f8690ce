// What a like costs in the weights of its user: two updates in random order over many users, and reads beside it.
//
// weights_bench [users]    (default 100,000, with 100 creators and 100 items each)
// Every figure is the best of several rounds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <vector>

#include "relationship/weights.h"

namespace tidal::relationship {
namespace {

constexpr std::uint32_t kOthers = 100;  // creators, and as many items, a user
constexpr std::uint32_t kCreators = 50'000;
constexpr std::uint32_t kItems = 1'000'000;
constexpr Timestamp kStart{days(20'000).us};

/// CPU time of this thread, so that other work on the machine disturbs less.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

/// Best time of `rounds` calls, in nanoseconds an operation.
double best_ns(int rounds, std::size_t operations, const std::function<void()>& work) {
  double best = 1e300;
  for (int r = 0; r < rounds; ++r) {
    const double start = cpu_ns();
    work();
    best = std::min(best, (cpu_ns() - start) / static_cast<double>(operations));
  }
  return best;
}

Ordinal creator_of(std::uint32_t user, std::uint32_t i) { return to_ordinal((user * 7919U + i * 6151U) % kCreators); }
Ordinal item_of(std::uint32_t user, std::uint32_t i) { return to_ordinal((user * 104'729U + i * 99'991U) % kItems); }

void like(WeightState& state, Ordinal user, Ordinal creator, Ordinal item, Timestamp at) {
  state.record({WeightKind::Interaction, user, creator, at, 0.02});
  state.record({WeightKind::Affinity, user, item, at, 0.1});
}

void run(std::uint32_t users) {
  WeightState state;
  const double building = best_ns(1, std::size_t{users} * kOthers, [&] {
    for (std::uint32_t i = 0; i < kOthers; ++i) {  // breadth first, as time runs
      for (std::uint32_t u = 0; u < users; ++u) {
        like(state, to_ordinal(u), creator_of(u, i), item_of(u, i), kStart + minutes(i));
      }
    }
  });
  const std::size_t pairs = std::size_t{users} * kOthers * 2;
  std::printf("%u users, %zu pairs\n", users, pairs);
  std::printf("%-58s %9.1f B\n", "memory a pair",
              static_cast<double>(state.memory_bytes()) / static_cast<double>(pairs));
  std::printf("%-58s %9.0f ns\n", "a like of a new creator and a new item", building);

  std::mt19937_64 random(1);
  struct Like {
    Ordinal user, creator, item;
  };
  std::vector<Like> likes(1'000'000);
  for (Like& l : likes) {
    const auto u = static_cast<std::uint32_t>(random() % users);
    l = {to_ordinal(u), creator_of(u, static_cast<std::uint32_t>(random() % kOthers)),
         item_of(u, static_cast<std::uint32_t>(random() % kOthers))};
  }
  Timestamp now = kStart + days(1);
  const double alone = best_ns(3, likes.size(), [&] {
    for (const Like& l : likes) like(state, l.user, l.creator, l.item, now);
    now = now + hours(1);
  });
  std::printf("%-58s %9.0f ns\n", "a like of known ones (target 1,000)", alone);
  constexpr std::size_t kGroup = 64;
  const double grouped = best_ns(3, likes.size(), [&] {
    for (std::size_t i = 0; i < likes.size(); i += kGroup) {
      const std::size_t end = std::min(likes.size(), i + kGroup);
      for (const auto stage :
           {WeightState::PrefetchStage::User, WeightState::PrefetchStage::Table, WeightState::PrefetchStage::Steps}) {
        for (std::size_t j = i; j < end; ++j) state.prefetch(likes[j].user, stage);
      }
      for (std::size_t j = i; j < end; ++j) like(state, likes[j].user, likes[j].creator, likes[j].item, now);
    }
    now = now + hours(1);
  });
  std::printf("%-58s %9.0f ns\n", "  fetched ahead in groups", grouped);

  std::vector<Ordinal> candidates(1000);
  std::vector<double> out(candidates.size());
  for (Ordinal& c : candidates) c = to_ordinal(static_cast<std::uint32_t>(random() % kItems));
  double sum = 0;
  const auto read = [&] {
    for (std::uint32_t u = 0; u < 1000; ++u) {
      state.affinities(to_ordinal(u * 31 % users), candidates, now, out);
      sum += out[0];
    }
  };
  std::printf("%-58s %9.1f ns\n", "a candidate of 1,000 in any order", best_ns(3, 1'000'000, read));
  std::sort(candidates.begin(), candidates.end());
  std::printf("%-58s %9.1f ns\n", "a candidate of 1,000 in ascending order", best_ns(3, 1'000'000, read));
  if (sum < 0) std::printf("%f\n", sum);  // keeps the reads
}

}  // namespace
}  // namespace tidal::relationship

int main(int argc, char** argv) {
  const long users = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 100'000;
  if (users < 100 || users > 10'000'000) {
    std::fprintf(stderr, "usage: weights_bench [users, 100 to 10000000]\n");
    return 2;
  }
  tidal::relationship::run(static_cast<std::uint32_t>(users));
  return 0;
}
