// Costs of counting distinct users: a signal, a read, bytes a pair; and how far estimates are off.
//
// uniques_bench [items]     (default 100,000)
// uniques_bench error       bias and error of the estimate from 1 to 1,000,000 users
// Every figure is the best of several rounds; answers are checked, and the program exits with 1 when one is wrong.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <string_view>
#include <vector>

#include "signal/hyperloglog.h"
#include "signal/uniques.h"

namespace tidal::signal {
namespace {

constexpr Timestamp kStart{days(20'000).us};
bool failed = false;

void check(bool right, const char* what) {
  if (right) return;
  std::printf("WRONG: %s\n", what);
  failed = true;
}

/// CPU time of this thread, so that other work on the machine disturbs less.
double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double best_ns(int rounds, std::size_t operations, const std::function<void()>& work) {
  double best = 1e300;
  for (int r = 0; r < rounds; ++r) {
    const double start = cpu_ns();
    work();
    best = std::min(best, (cpu_ns() - start) / static_cast<double>(operations));
  }
  return best;
}

SignalDef view_signal(EntityKind target) {
  SignalDef def;
  def.name = "view";
  def.target = target;
  def.windows = {Window::Hour, Window::Day, Window::Week, Window::Month};
  def.unique = true;
  return def;
}

/// Signals of random users on random items over a span of time, fetched ahead in groups as a replay does.
class Traffic {
 public:
  Traffic(std::uint32_t items, std::uint32_t users) : items_(items), users_(users) {}

  void run(Uniques& state, std::size_t events, Timestamp from, Duration span, bool ahead, bool creators) {
    constexpr std::size_t kGroup = 64;
    using Stage = Uniques::Stage;
    std::vector<UniquesEvent> group(kGroup);
    for (std::size_t i = 0; i < events; i += kGroup) {
      for (std::size_t j = 0; j < kGroup; ++j) {
        const auto item = static_cast<std::uint32_t>(random_() % items_);
        group[j] = {
            .user = to_ordinal(static_cast<std::uint32_t>(random_() % users_)),
            .subject = to_ordinal(item),
            .creator = creators ? to_ordinal(item / 100) : Ordinal::None,
            .at = from + Duration{span.us / static_cast<std::int64_t>(events) * static_cast<std::int64_t>(i + j)}};
      }
      const double start = cpu_ns();
      if (ahead) {
        for (const Stage stage : {Stage::Pair, Stage::Block, Stage::Sets}) {
          for (const UniquesEvent& event : group) state.prefetch(event, stage);
        }
      }
      for (const UniquesEvent& event : group) state.record(event);
      spent_ns_ += cpu_ns() - start;
      done_ += kGroup;
    }
  }
  double take_ns() {
    const double ns = spent_ns_ / static_cast<double>(done_);
    spent_ns_ = 0;
    done_ = 0;
    return ns;
  }

 private:
  std::uint32_t items_;
  std::uint32_t users_;
  std::mt19937_64 random_{1};
  double spent_ns_ = 0;
  std::size_t done_ = 0;
};

/// What a signal cannot beat: one random line of as much memory as 100,000 items take.
void time_memory() {
  struct alignas(64) Line {
    std::uint64_t words[8];
  };
  std::vector<Line> lines(4'000'000);
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> order(1'000'000);
  for (std::uint32_t& o : order) o = static_cast<std::uint32_t>(random() % lines.size());
  const double ns = best_ns(3, order.size(), [&] {
    for (const std::uint32_t o : order) {
      for (std::uint64_t& word : lines[o].words) word += 1;
    }
  });
  std::printf("random 64-byte read-modify-write of 256 MB %10.1f ns\n", ns);
}

/// `an_item` events an item over 30 days, then as many again: the second half is what is timed.
void time_signals(std::uint32_t items, std::size_t an_item) {
  for (const bool creators : {false, true}) {
    for (const bool ahead : {false, true}) {
      Uniques state;
      state.declare(std::vector{view_signal(EntityKind::Item)});
      Traffic traffic(items, 1'000'000);
      const std::size_t events = std::size_t{items} * an_item;
      traffic.run(state, events / 2, kStart, days(15), true, creators);
      traffic.take_ns();
      traffic.run(state, events / 2, kStart + days(15), days(15), ahead, creators);
      std::printf("signal, %3zu an item in 30 days%s%-12s %8.1f ns   %7.1f bytes an item\n", an_item,
                  creators ? ", creators too" : "", ahead ? ", prefetched" : "", traffic.take_ns(),
                  static_cast<double>(state.memory_bytes()) / items);
    }
  }
}

void time_reads(std::uint32_t items) {
  for (const std::size_t an_item : {3, 30, 300, 3000}) {
    const std::uint32_t of = std::min(items, static_cast<std::uint32_t>(30'000'000 / an_item));
    Uniques state;
    state.declare(std::vector{view_signal(EntityKind::Item)});
    Traffic traffic(of, 1'000'000);
    traffic.run(state, of * an_item, kStart, days(30), true, false);
    std::vector<Ordinal> entities(of);
    for (std::uint32_t i = 0; i < of; ++i) entities[i] = to_ordinal(i);
    std::mt19937_64 random(2);
    std::shuffle(entities.begin(), entities.end(), random);
    std::vector<double> out(of);
    for (const Window w : {Window::Day, Window::Month, Window::All}) {
      const UniquesQuery query{.window = w, .now = kStart + days(30)};
      const double ns = best_ns(3, of, [&] { state.uniques(query, entities, out); });
      double sum = 0;
      for (const double n : out) sum += n;
      const double share = w == Window::Day ? 1.0 / 30 : 1.0;
      const double expected = static_cast<double>(an_item) * share;
      check(std::abs(sum / of - expected) < std::max(0.5, expected * 0.2), "mean of a window");
      std::printf("read %-4s of random items with %4zu signals in 30 days %10.1f ns\n",
                  std::string(window_name(w)).c_str(), an_item, ns);
    }
  }
}

void print_memory() {
  for (const std::uint32_t users : {1U, 10U, 100U, 10'000U}) {
    const std::uint32_t items = users <= 100 ? 10'000 : 200;
    for (const Duration span : {minutes(5), days(30)}) {
      Uniques state;
      state.declare(std::vector{view_signal(EntityKind::Creator)});
      const std::size_t empty = state.memory_bytes();
      // One pair after the other, so that blocks it has outgrown serve the next one, as they do in the long run.
      for (std::uint32_t i = 0; i < items; ++i) {
        for (std::uint32_t u = 0; u < users; ++u) {
          state.record(
              {.user = to_ordinal(u * 7 + i), .subject = to_ordinal(i), .at = kStart + Duration{span.us / users * u}});
        }
      }
      std::printf("%6u users within %-6s %9.1f bytes a pair\n", users, span == days(30) ? "30d" : "5min",
                  static_cast<double>(state.memory_bytes() - empty) / items);
    }
  }
}

/// Sets of random ordinals below 2^31; `rounds` sets a size.
void print_error() {
  std::printf("   users   sets     bias    error   largest\n");
  std::mt19937_64 random(3);
  for (const std::uint32_t n :
       {1U,    2U,    5U,    10U,     20U,     50U,     65U,      100U,     200U,     500U,      1000U,
        1500U, 2000U, 5000U, 10'000U, 20'000U, 50'000U, 100'000U, 200'000U, 500'000U, 1'000'000U}) {
    const int rounds = n <= 10'000 ? 2000 : n <= 100'000 ? 500 : 100;
    double bias = 0;
    double square = 0;
    double largest = 0;
    for (int r = 0; r < rounds; ++r) {
      Registers registers{};
      // A run of ordinals from anywhere: what a site's newest users are, and distinct without a look.
      const auto first = static_cast<std::uint32_t>(random() >> 33);
      for (std::uint32_t i = 0; i < n; ++i) raise(registers, to_ordinal(first + i));
      const double off = estimate_users(registers) / n - 1;
      bias += off;
      square += off * off;
      largest = std::max(largest, std::abs(off));
    }
    bias /= rounds;
    const double error = std::sqrt(square / rounds);
    check(error < 0.055 && std::abs(bias) < 0.02, "the error of the estimate");
    std::printf("%8u %6d %7.2f%% %7.2f%% %8.2f%%\n", n, rounds, bias * 100, error * 100, largest * 100);
  }
  Registers full{};
  for (std::uint32_t i = 0; i < 10'000; ++i) raise(full, to_ordinal(i));
  volatile double sink = 0;
  std::printf("an estimate: %.1f ns\n", best_ns(5, 10'000, [&] {
                for (int i = 0; i < 10'000; ++i) {
                  full[static_cast<std::size_t>(i) % kRegisters] ^= 1;
                  sink = estimate_users(full);
                }
              }));
}

}  // namespace
}  // namespace tidal::signal

int main(int argc, char** argv) {
  using namespace tidal::signal;
  if (argc > 1 && std::string_view(argv[1]) == "error") {
    print_error();
    return failed ? 1 : 0;
  }
  const auto items = static_cast<std::uint32_t>(argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000);
  time_memory();
  for (const std::size_t an_item : {4, 40, 200}) time_signals(items, an_item);
  time_reads(items);
  print_memory();
  return failed ? 1 : 0;
}
