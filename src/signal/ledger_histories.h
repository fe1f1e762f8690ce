// Random histories of a ledger for tests: seeded, with the classes of trouble that real logs hold, counted.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string_view>
#include <vector>

#include "signal/ledger.h"

namespace tidal::signal::test {

/// Signals that between them use every ring, decay and content.
inline std::vector<SignalDef> history_signals() {
  const auto make = [](std::string name, Decay decay, std::vector<Window> windows, bool value) {
    SignalDef s;
    s.name = std::move(name);
    s.decay = decay;
    s.windows = std::move(windows);
    s.velocity = !s.windows.empty();
    s.has_value = value;
    s.roles = static_cast<std::uint16_t>(Role::View);
    return s;
  };
  using enum Window;
  return {make("view", {Decay::Kind::Exponential, days(7)}, {Hour, Day, Week, Month}, false),
          make("completion", {Decay::Kind::Exponential, minutes(90)}, {Hour, Week, Month}, true),
          make("share", {Decay::Kind::Linear, days(3)}, {Day}, false),
          make("rate", {Decay::Kind::Linear, milliseconds(700)}, {Day, Month}, true),
          make("save", {Decay::Kind::None, {}}, {}, false)};
}

enum class Trouble : std::uint8_t { Late, Duplicate, LongGap, WindowEdge, Leap, DeletePut };
inline constexpr std::size_t kTroubles = 6;
inline constexpr std::array<std::string_view, kTroubles> kTroubleNames = {
    "late", "duplicate time", "long gap", "window edge", "leap over retention", "delete + put again"};

/// One step of a history: an event, or the deletion of an entity.
struct Step {
  bool clear = false;
  LedgerEvent event;
};

struct History {
  std::vector<Step> steps;
  std::array<bool, kTroubles> holds{};
};

/// How many histories held each class.
class TroubleCount {
 public:
  void add(const History& history) {
    ++histories_;
    for (std::size_t t = 0; t < kTroubles; ++t) held_[t] += history.holds[t] ? 1U : 0U;
  }
  /// Prints the counts. False when a class is in fewer than 5 % of the histories.
  [[nodiscard]] bool report() const {
    bool enough = true;
    std::printf("%u histories:", histories_);
    for (std::size_t t = 0; t < kTroubles; ++t) {
      std::printf(" %s %u", std::string(kTroubleNames[t]).c_str(), held_[t]);
      enough = enough && held_[t] * 20 >= histories_;
    }
    std::printf("\n");
    return enough;
  }
  [[nodiscard]] std::uint32_t histories() const { return histories_; }

 private:
  std::uint32_t histories_ = 0;
  std::array<std::uint32_t, kTroubles> held_{};
};

class HistoryMaker {
 public:
  explicit HistoryMaker(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] History make(std::size_t signals) {
    History history;
    const std::size_t entities = 1 + pick(3);
    // Some histories are long and dense enough for rings to leave their sparse form.
    const std::size_t steps = pick(12) == 0 ? 250 : 5 + pick(40);
    const std::int64_t pace = kPaces[pick(kPaces.size())];
    std::int64_t newest = pick(2) == 0 ? days(20'000).us : -static_cast<std::int64_t>(pick(days(900).us));
    std::vector<bool> cleared(entities, false);
    for (std::size_t i = 0; i < steps; ++i) {
      const auto entity = static_cast<std::uint32_t>(pick(entities));
      Step step;
      step.event.entity = to_ordinal(entity * 300);
      if (i != 0 && pick(40) == 0) {
        step.clear = true;
        cleared[entity] = true;
        history.steps.push_back(step);
        continue;
      }
      if (cleared[entity]) mark(history, Trouble::DeletePut);
      step.event.signal = static_cast<SignalIndex>(pick(signals));
      step.event.at = Timestamp{next_time(history, newest, pace)};
      step.event.weight = pick(4) == 0 ? static_cast<double>(pick(50)) / 8 : 1.0;
      step.event.value = static_cast<double>(pick(41)) / 10 - 1;
      step.event.has_value = pick(4) != 0;
      newest = i == 0 ? step.event.at.us : std::max(newest, step.event.at.us);
      history.steps.push_back(step);
    }
    return history;
  }
  [[nodiscard]] std::uint64_t pick(std::uint64_t n) { return random_() % n; }

 private:
  static constexpr std::array<std::int64_t, 4> kPaces = {seconds(20).us, minutes(25).us, hours(5).us,
                                                         milliseconds(3).us};

  void mark(History& history, Trouble trouble) { history.holds[static_cast<std::size_t>(trouble)] = true; }

  std::int64_t next_time(History& history, std::int64_t newest, std::int64_t pace) {
    constexpr std::array<std::int64_t, 4> kEdges = {minutes(1).us, hours(1).us, days(1).us, days(7).us};
    switch (pick(16)) {
      case 0: mark(history, Trouble::Duplicate); return newest;
      case 1:
      case 2: {
        mark(history, Trouble::Late);
        constexpr std::array<std::int64_t, 4> kBack = {minutes(3).us, hours(3).us, days(8).us, days(80).us};
        return newest - 1 - static_cast<std::int64_t>(pick(kBack[pick(kBack.size())]));
      }
      case 3:
        mark(history, Trouble::LongGap);
        return newest + hours(2).us + static_cast<std::int64_t>(pick(days(20).us));
      case 4:
      case 5: {  // on the border of a bucket, or a microsecond beside it; often exactly windows away
        mark(history, Trouble::WindowEdge);
        const std::int64_t width = kEdges[pick(kEdges.size())];
        const std::int64_t aligned = (newest / width) * width;
        return aligned + static_cast<std::int64_t>(pick(62)) * width + static_cast<std::int64_t>(pick(3)) - 1;
      }
      case 6:
        if (pick(3) != 0) break;
        mark(history, Trouble::Leap);
        return newest + days(60).us + static_cast<std::int64_t>(pick(days(700).us));
      default: break;
    }
    return newest + static_cast<std::int64_t>(pick(static_cast<std::uint64_t>(pace)));
  }

  std::mt19937_64 random_;
};

}  // namespace tidal::signal::test
