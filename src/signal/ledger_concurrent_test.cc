// One writer beside readers: every read is of one version, and nothing races (run under ThreadSanitizer).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "signal/ledger.h"

namespace tidal::signal {
namespace {

constexpr std::uint32_t kEntities = 40;
constexpr std::int64_t kStart = days(20'000).us;

std::vector<SignalDef> signals() {
  SignalDef s;
  s.name = "completion";
  s.decay = {Decay::Kind::Exponential, days(900)};
  s.windows = {Window::Hour, Window::Day, Window::Week, Window::Month};
  s.has_value = true;
  s.roles = static_cast<std::uint16_t>(Role::View);
  SignalDef linear;
  linear.name = "share";
  linear.decay = {Decay::Kind::Linear, days(2)};
  linear.windows = {Window::Day};
  return {s, linear};
}

/// Every event of an entity has the same value, so a mean read from torn sums would differ from it.
double value_of(std::uint32_t entity) { return 1.0 + entity; }

struct Reader {
  const Ledger& ledger;
  const std::atomic<bool>& done;
  std::size_t reads = 0;
  std::size_t wrong = 0;

  void run() {
    std::vector<Ordinal> who;
    for (std::uint32_t o = 0; o <= kEntities; ++o) who.push_back(to_ordinal(o));
    std::vector<double> out(who.size());
    std::vector<float> cells(who.size());
    // acquire: pairs with the writer's release at its end.
    while (!done.load(std::memory_order_acquire) || reads == 0) {
      const Timestamp now = ledger.newest_event();
      for (const Window w : {Window::Hour, Window::Day, Window::Week, Window::Month, Window::All}) {
        ledger.means({.signal = 0, .window = w, .now = now}, who, out);
        for (std::uint32_t i = 0; i < who.size(); ++i) {
          const double error = out[i] == 0 ? 0 : out[i] - value_of(i);
          if (error > 1e-9 || error < -1e-9) ++wrong;
        }
        ledger.counts({.signal = 0, .window = w, .now = now}, who, out);
        for (const double c : out) wrong += c < 0 || c > 1e6 ? 1U : 0U;
        if (w != Window::All) ledger.accelerations({.signal = 0, .window = w, .now = now}, who, out);
        if (ledger.has_settled_column(0, w, now)) static_cast<void>(ledger.scan_column(0, w, now, 0, cells));
      }
      for (const SignalIndex s : {SignalIndex{0}, SignalIndex{1}}) {
        ledger.decay_scores(s, now, who, out);
        for (const double v : out) wrong += v >= 0 && v < 1e9 ? 0U : 1U;
      }
      ++reads;
    }
  }
};

TEST(LedgerConcurrency, ReadersSeeOneVersionOfAPair) {
  Ledger ledger;
  ledger.configure({signals()[0]});
  std::atomic<bool> done{false};
  std::vector<Reader> readers(2, Reader{ledger, done});
  std::vector<std::jthread> threads;
  for (Reader& reader : readers) threads.emplace_back([&reader] { reader.run(); });
  std::mt19937_64 random(5);
  std::int64_t now = kStart;
  for (int i = 0; i < 60'000; ++i) {
    if (i == 1'000) ledger.configure(signals());
    if (i == 2'000) ledger.add_default_columns(signals(), Timestamp{now});
    const auto entity = static_cast<std::uint32_t>(random() % kEntities);
    now += static_cast<std::int64_t>(random() % seconds(90).us);
    if (random() % 2'000 == 0) now += days(70).us;
    const std::int64_t late = random() % 10 == 0 ? static_cast<std::int64_t>(random() % days(3).us) : 0;
    const auto signal = static_cast<SignalIndex>(i > 1'000 ? random() % 2 : 0);
    const double weight = 1.0 + static_cast<double>(random() % 4);
    ledger.record({signal, to_ordinal(entity), Timestamp{now - late}, weight, value_of(entity)});
    if (random() % 300 == 0) ledger.clear_entity(to_ordinal(static_cast<std::uint32_t>(random() % kEntities)));
    if (random() % 100 == 0) ledger.settle(Timestamp{now});
  }
  done.store(true, std::memory_order_release);  // pairs with the readers' acquire
  threads.clear();
  for (const Reader& reader : readers) {
    EXPECT_GT(reader.reads, 0U);
    EXPECT_EQ(reader.wrong, 0U);
  }
}

}  // namespace
}  // namespace tidal::signal
