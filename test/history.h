// Random histories of operations for tests that cross folders: late events, repeats, deletes, puts again.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "tidal/tidal.h"

namespace tidal::test {

/// What a step of a history can be; suites count them and refuse to pass when one hardly occurs.
enum class StepClass : std::uint8_t { OnTime, Late, Repeat, Anonymous, Undo, Relate, Hide, Put, Update, Delete, Count };
[[nodiscard]] std::string_view step_class_name(StepClass c);

/// The schema every history runs under: each decay, each mark and effect, values, all windows, both targets, relations
/// between every kind, slots of both storages.
[[nodiscard]] std::string_view history_schema();

/// One step: the operations of one batch.
struct Step {
  StepClass step_class = StepClass::OnTime;
  std::vector<Operation> operations;
};

/// Draws steps; the same seed gives the same steps. Event times run from `start` on, a few minutes a step.
class History {
 public:
  History(std::uint64_t seed, Timestamp start) : random_(seed), now_(start) {}

  [[nodiscard]] Step next();
  [[nodiscard]] Timestamp now() const { return now_; }
  [[nodiscard]] const std::array<std::uint64_t, static_cast<std::size_t>(StepClass::Count)>& counts() const {
    return counts_;
  }

 private:
  [[nodiscard]] Signal random_signal();
  [[nodiscard]] Unsignal random_undo();
  [[nodiscard]] Relate random_edge();
  [[nodiscard]] Hide random_hide();
  /// Now, or up to ten days ago.
  [[nodiscard]] Timestamp some_time();
  [[nodiscard]] std::vector<float> random_vector();
  [[nodiscard]] Operation random_put(bool update);

  base::Random random_;
  Timestamp now_;
  std::vector<Signal> recent_;
  std::array<std::uint64_t, static_cast<std::size_t>(StepClass::Count)> counts_{};
};

inline constexpr int kHistoryItems = 12;
inline constexpr int kHistoryUsers = 6;
inline constexpr int kHistoryCreators = 3;

}  // namespace tidal::test
