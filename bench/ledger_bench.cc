// Costs of the ledger beside bare memory work of the same shape, in the same run.
//
// ledger_bench [items]           (default 1,000,000; a figure's budget holds on a quiet machine)
// ledger_bench [items] memory    30 days of traffic, ten events an item: memory by tier
// Every figure is the best of several rounds; the answers of the reads are checked against slow paths, and the
// program exits with 1 when they differ.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "signal/ledger.h"
#include "signal/ledger_image.h"

namespace tidal::signal {
namespace {

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

struct alignas(64) Line {
  std::uint64_t words[8];
};

SignalDef definition(const char* name, std::vector<Window> windows, Role role) {
  SignalDef s;
  s.name = name;
  s.decay = {Decay::Kind::Exponential, days(7)};
  s.windows = std::move(windows);
  s.roles = static_cast<std::uint16_t>(role);
  return s;
}

bool failed = false;

/// Of this process.
double resident_gib() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long pages = 0;
  unsigned long resident = 0;
  if (file != nullptr && std::fscanf(file, "%lu %lu", &pages, &resident) != 2) resident = 0;
  if (file != nullptr) std::fclose(file);
  return static_cast<double>(resident) * 4096 / (1 << 30);
}

void report(const char* what, double value, const char* unit, double baseline, double budget) {
  std::printf("%-58s %9.2f %-3s", what, value, unit);
  if (baseline > 0) std::printf("  ratio %5.2f  budget %.1f", value / baseline, budget);
  std::printf("\n");
}

void check(bool right, const char* what) {
  if (right) return;
  std::printf("WRONG: %s\n", what);
  failed = true;
}

class Bench {
 public:
  explicit Bench(std::uint32_t items)
      : items_(items), order_(items), who_(items), lines_(std::make_unique<Line[]>(items)) {
    for (std::uint32_t i = 0; i < items; ++i) order_[i] = i;
    std::shuffle(order_.begin(), order_.end(), random_);
    for (std::uint32_t i = 0; i < items; ++i) who_[i] = to_ordinal(order_[i]);
    for (std::uint32_t i = 0; i < items; ++i) lines_[i].words[0] = i;
  }

  /// 30 days of Zipf(1.0) traffic on four signals, ten events an item: what a ledger of this size takes.
  void run_memory() {
    const std::vector<Window> all = {Window::Hour, Window::Day, Window::Week, Window::Month};
    const std::vector<SignalDef> defs = {definition("view", all, Role::View), definition("like", all, Role::Positive),
                                         definition("share", all, Role::Share),
                                         definition("dislike", {Window::Day}, Role::Negative)};
    Ledger ledger;
    ledger.configure(defs);
    ledger.add_default_columns(defs, kStart);
    const std::size_t events = std::size_t{10} * items_;
    const auto span = static_cast<std::size_t>(days(30).us);
    std::uniform_real_distribution<double> uniform(0, 1);
    const double harmonic = std::log(static_cast<double>(items_));
    constexpr std::size_t kGroup = 64;
    std::vector<LedgerEvent> group(kGroup);
    const double start = cpu_ns();
    for (std::size_t i = 0; i < events; i += kGroup) {
      for (std::size_t j = 0; j < kGroup; ++j) {
        const auto dice = static_cast<unsigned>(random_() % 100);
        const auto rank = static_cast<std::uint32_t>(std::exp(uniform(random_) * harmonic)) - 1;
        const Timestamp at = kStart + Duration{static_cast<std::int64_t>((i + j) * (span / events))};
        group[j] = {.signal = static_cast<SignalIndex>(dice < 75   ? 0
                                                       : dice < 88 ? 1
                                                       : dice < 96 ? 2
                                                                   : 3),
                    .entity = who_[std::min(rank, items_ - 1)],
                    .at = at};
      }
      for (const PrefetchStage stage : {PrefetchStage::Index, PrefetchStage::Line, PrefetchStage::Rings}) {
        for (const LedgerEvent& event : group) ledger.prefetch(event.signal, event.entity, stage);
      }
      for (const LedgerEvent& event : group) ledger.record(event);
    }
    std::printf("%zu events on %u items and 4 signals over 30 days\n", events, items_);
    report("  an event, columns and their rolls included", (cpu_ns() - start) / static_cast<double>(events), "ns", 0,
           0);
    report("  ledger", static_cast<double>(ledger.memory_bytes()) / (1 << 30), "GiB", 1, 4);
    report("  this process, resident", resident_gib(), "GiB", 1, 4);
    print_memory(ledger);
  }

  void run() {
    updates();
    reads();
    trending();
    checkpoint();
  }

 private:
  static constexpr int kRounds = 5;
  static constexpr Timestamp kStart{days(20'000).us};

  /// One event for each item in random order; with `ahead`, fetched in groups as a replay or a large frame does.
  void fire(Ledger& ledger, SignalIndex signal, Timestamp at, bool ahead) {
    constexpr std::size_t kGroup = 64;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      if (ahead && i % kGroup == 0) {
        const std::size_t end = std::min(order_.size(), i + kGroup);
        for (const PrefetchStage stage : {PrefetchStage::Index, PrefetchStage::Line, PrefetchStage::Rings}) {
          for (std::size_t j = i; j < end; ++j) ledger.prefetch(signal, who_[j], stage);
        }
      }
      ledger.record({signal, who_[i], at + Duration{static_cast<std::int64_t>(i)}, 1.0, 0.0});
    }
  }

  void updates() {
    rmw_ns_ = best_ns(kRounds, items_, [&] {
      for (const std::uint32_t o : order_) {
        for (std::uint64_t& word : lines_[o].words) word += 1;
      }
    });
    report("random 64-byte read-modify-write", rmw_ns_, "ns", 0, 0);
    const std::vector<SignalDef> defs = {
        definition("hot", {}, Role::Impression), definition("day", {Window::Day}, Role::Impression),
        definition("all", {Window::Hour, Window::Day, Window::Week, Window::Month}, Role::Impression)};
    Ledger ledger;
    ledger.configure(defs);
    const char* names[] = {"update, line only (no windows)", "update with one window (24h)",
                           "update with all four windows"};
    for (SignalIndex s = 0; s < defs.size(); ++s) {
      Timestamp at = kStart;
      fire(ledger, s, at, false);  // lines and blocks exist from here on
      for (const bool ahead : {false, true}) {
        const double ns = best_ns(kRounds, items_, [&] {
          at = at + seconds(7);
          fire(ledger, s, at, ahead);
        });
        report((std::string(names[s]) + (ahead ? ", prefetched" : "")).c_str(), ns, "ns", rmw_ns_, 2.0);
      }
    }
  }

  void reads() {
    volatile std::uint64_t sink = 0;
    const double read_ns = best_ns(kRounds, items_, [&] {
      std::uint64_t sum = 0;
      for (const std::uint32_t o : order_) sum += lines_[o].words[1] + lines_[o].words[2];
      sink = sum;
    });
    report("random read of two words of a 64-byte line", read_ns, "ns", 0, 0);
    Ledger ledger;
    ledger.configure({definition("view", {Window::Day, Window::Week}, Role::View)});
    fire(ledger, 0, kStart, true);
    const Timestamp now = kStart + days(3);
    std::vector<double> out(items_);
    report("decayed score, batch", best_ns(kRounds, items_, [&] { ledger.decay_scores(0, now, who_, out); }), "ns",
           read_ns, 1.5);
    for (std::size_t i = 0; i < items_; i += items_ / 200) {
      const auto lag = static_cast<double>(now.us - kStart.us) - static_cast<double>(i);
      check(std::abs(out[i] - std::exp2(-lag / static_cast<double>(days(7).us))) < 1e-9, "decayed score");
    }
    const WindowQuery week{.signal = 0, .window = Window::Week, .now = now};
    report("count of a window from rings, batch", best_ns(kRounds, items_, [&] { ledger.counts(week, who_, out); }),
           "ns", read_ns, 0);
    check(std::count(out.begin(), out.end(), 1.0) == static_cast<std::ptrdiff_t>(items_), "counts from rings");
    ledger.add_column(0, Window::Week, now);
    report("count of a window from its column, batch",
           best_ns(kRounds, items_, [&] { ledger.counts(week, who_, out); }), "ns", read_ns, 0);
    check(std::count(out.begin(), out.end(), 1.0) == static_cast<std::ptrdiff_t>(items_), "counts from the column");
  }

  /// Best 500 of 0.5 * share velocity + 0.3 * view velocity over 24h, by column scans.
  std::vector<std::pair<float, std::uint32_t>> top500(const Ledger& ledger, Timestamp now) const {
    constexpr std::size_t kTop = 500;
    constexpr std::uint32_t kChunk = 4096;
    std::vector<float> views(kChunk);
    std::vector<float> shares(kChunk);
    std::vector<std::pair<float, std::uint32_t>> kept;
    float threshold = 0;
    const auto by_score = [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    };
    for (std::uint32_t first = 0; first < items_; first += kChunk) {
      const std::uint32_t n = std::min(kChunk, items_ - first);
      check(ledger.scan_column(0, Window::Day, now, first, std::span(views).first(n)) &&
                ledger.scan_column(1, Window::Day, now, first, std::span(shares).first(n)),
            "columns are settled");
      for (std::uint32_t i = 0; i < n; ++i) {
        const float score = 0.3F * views[i] + 0.5F * shares[i];
        if (score <= threshold) continue;
        kept.emplace_back(score, first + i);
        if (kept.size() < 4 * kTop) continue;
        std::nth_element(kept.begin(), kept.begin() + kTop - 1, kept.end(), by_score);
        kept.resize(kTop);
        threshold = std::min_element(kept.begin(), kept.end())->first;
      }
    }
    std::sort(kept.begin(), kept.end(), by_score);
    kept.resize(std::min(kept.size(), kTop));
    return kept;
  }

  void trending() {
    Ledger ledger;
    const std::vector<SignalDef> defs = {definition("view", {Window::Hour, Window::Day, Window::Week}, Role::View),
                                         definition("share", {Window::Day}, Role::Share)};
    ledger.configure(defs);
    ledger.add_default_columns(defs, kStart);
    // 48 hours of Zipf traffic, settled every hour as a clock would.
    const std::size_t events = std::size_t{3} * items_;
    std::uniform_real_distribution<double> uniform(0, 1);
    const double harmonic = std::log(static_cast<double>(items_));
    double roll_ns = 0;
    std::size_t rolled = 0;
    for (std::size_t i = 0; i < events; ++i) {
      const Timestamp at =
          kStart + Duration{static_cast<std::int64_t>(i * static_cast<std::size_t>(hours(48).us) / events)};
      if (i != 0 && i % (events / 48) == 0) {
        const double start = cpu_ns();
        rolled += ledger.settle(at);
        roll_ns += cpu_ns() - start;
      }
      const auto rank = static_cast<std::uint32_t>(std::exp(uniform(random_) * harmonic)) - 1;
      const std::uint32_t item = order_[std::min(rank, items_ - 1)];
      ledger.record({static_cast<SignalIndex>(i % 8 == 0 ? 1 : 0), to_ordinal(item), at, 1.0, 0.0});
    }
    const Timestamp now = ledger.newest_event();
    ledger.settle(now);
    std::vector<std::pair<float, std::uint32_t>> top;
    const double scan_ms = best_ns(9, 1, [&] { top = top500(ledger, now); }) / 1e6;
    report("trending top-500 by columns", scan_ms, "ms", 0, 0);
    const double roll_ms = roll_ns / 1e6 / 48;
    report("  roll of all columns, each hour (not part of a query)", roll_ms, "ms", 0, 0);
    report("  cells recomputed an hour", static_cast<double>(rolled) / 48, "", 0, 0);
    // A query every second carries 1/3600 of the hourly roll.
    report("  top-500 with its share of the roll at 1 query/s", scan_ms + roll_ms / 3600, "ms", 1, 2.5);
    check_top(ledger, now, top);
    print_memory(ledger);
  }

  void check_top(const Ledger& ledger, Timestamp now, const std::vector<std::pair<float, std::uint32_t>>& top) {
    std::vector<Ordinal> all(items_);
    for (std::uint32_t i = 0; i < items_; ++i) all[i] = to_ordinal(i);
    std::vector<double> views(items_);
    std::vector<double> shares(items_);
    // A shift of nothing but the bucket forces the rings: the same window asked for from an hour later.
    const Timestamp later = now + hours(1);
    ledger.counts({.signal = 0, .window = Window::Day, .now = later, .ago = hours(1)}, all, views);
    ledger.counts({.signal = 1, .window = Window::Day, .now = later, .ago = hours(1)}, all, shares);
    std::vector<std::pair<float, std::uint32_t>> slow;
    for (std::uint32_t i = 0; i < items_; ++i) {
      const float score = 0.3F * static_cast<float>(views[i]) + 0.5F * static_cast<float>(shares[i]);
      if (score > 0) slow.emplace_back(-score, i);
    }
    const std::size_t n = std::min<std::size_t>(500, slow.size());
    std::partial_sort(slow.begin(), slow.begin() + static_cast<std::ptrdiff_t>(n), slow.end());
    check(n == top.size(), "top-500 size");
    for (std::size_t i = 0; i < std::min(n, top.size()); ++i) {
      check(-slow[i].first == top[i].first && slow[i].second == top[i].second, "top-500 order");
    }
  }

  void print_memory(const Ledger& ledger) {
    const LedgerMemory m = ledger.memory();
    const double pairs = static_cast<double>(m.pairs);
    std::printf("memory of %zu pairs, bytes a pair: index %.1f, hot %.1f, warm %.1f, columns %.1f, roll lists %.1f\n",
                m.pairs, static_cast<double>(m.index_bytes) / pairs, static_cast<double>(m.hot_bytes) / pairs,
                static_cast<double>(m.warm_bytes) / pairs, static_cast<double>(m.column_bytes) / pairs,
                static_cast<double>(m.list_bytes) / pairs);
  }

  void checkpoint() {
    Ledger ledger;
    ledger.configure({definition("view", {Window::Day, Window::Week}, Role::View)});
    fire(ledger, 0, kStart, true);
    LedgerCapture captured;
    report("capture of a checkpoint image", best_ns(kRounds, 1, [&] { captured = capture(ledger); }) / 1e6, "ms", 0, 0);
    base::Encoder bytes;
    const double encode_ms = best_ns(1, 1, [&] { encode(captured, bytes); }) / 1e6;
    report("  encoding it, in the background", encode_ms, "ms", 0, 0);
    report("  size", static_cast<double>(bytes.size()) / 1e6, "MB", 0, 0);
  }

  std::uint32_t items_;
  std::mt19937_64 random_{1};
  std::vector<std::uint32_t> order_;
  std::vector<Ordinal> who_;
  std::unique_ptr<Line[]> lines_;
  double rmw_ns_ = 0;
};

}  // namespace
}  // namespace tidal::signal

int main(int argc, char** argv) {
  const long items = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 1'000'000;
  const bool memory = argc > 2 && std::string_view(argv[2]) == "memory";
  if (items < 1000 || items > 100'000'000 || (argc > 2 && !memory)) {
    std::fprintf(stderr, "usage: ledger_bench [items, 1000 to 100000000] [memory]\n");
    return 2;
  }
  tidal::signal::Bench bench(static_cast<std::uint32_t>(items));
  memory ? bench.run_memory() : bench.run();
  return tidal::signal::failed ? 1 : 0;
}
