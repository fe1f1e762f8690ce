// How much a user's signals say about creators (interaction) and items (affinity): weights in [0, 1] that decay.
//
// W1: an event with delta d at time t, where the weight is W as of `last`, lambda = ln 2 / half-life:
//       on time, t >= last:  W <- clamp(W * e^(-lambda * (t - last)) + d, 0, 1); last <- t
//       late,    t <  last:  W <- clamp(W + d * e^(-lambda * (last - t)), 0, 1); last stays
//     in seqno order. The first event gives clamp(d, 0, 1); while that is 0 there is nothing.
// W2: a read at `now` gives W * e^(-lambda * max(0, now - last)), with the half-life in force.
// W3: state is the rounded pair: the weight to 1 / (2^24 - 1), the time to whole seconds (towards the past). It lies
//     within 1e-5 of one that rounds nothing for half-lives of a day and more.
// W4: weights outlive the deletion of their creator or item; those of a user go with the user, deleted or erased.
// Weight and time of one pair belong together in every read. Units: weights unitless, times in microseconds outside.
// Threads: single writer (the applier), concurrent readers without locks. Source: docs/relationships.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::relationship {

enum class WeightKind : std::uint8_t {
  Interaction = 0,  ///< user to creator
  Affinity = 1,     ///< user to item
};

/// What one event adds to one weight.
struct WeightEvent {
  WeightKind kind = WeightKind::Interaction;
  Ordinal user = Ordinal::None;
  Ordinal other = Ordinal::None;
  Timestamp at{};
  double delta = 0;  ///< in [-1, 1]
};

struct Weight {
  Ordinal other = Ordinal::None;
  double weight = 0;
  bool operator==(const Weight&) const = default;
};

/// One elementary statement of the state, for digests and exports.
struct WeightFact {
  enum class Type : std::uint8_t {
    HalfLife = 0,  ///< number: microseconds; no user
    Pair = 1,      ///< number: the pair's word (weight_word.h)
  };
  Type type = Type::HalfLife;
  WeightKind kind = WeightKind::Interaction;
  Ordinal user = Ordinal::None;
  Ordinal other = Ordinal::None;
  std::int64_t number = 0;
};

class WeightState {
 public:
  WeightState();
  ~WeightState();
  WeightState(const WeightState&) = delete;
  WeightState& operator=(const WeightState&) = delete;

  // Reads: any thread, each under an epoch guard of its own.

  /// W2; 0 where there is nothing. out.size() == the number asked for. No allocation; ascending ordinals cost a merge.
  void interactions(Ordinal user, std::span<const Ordinal> creators, Timestamp now, std::span<double> out) const {
    read(WeightKind::Interaction, user, creators, now, out);
  }
  void affinities(Ordinal user, std::span<const Ordinal> items, Timestamp now, std::span<double> out) const {
    read(WeightKind::Affinity, user, items, now, out);
  }
  /// The `n` heaviest at `now`, heaviest first, ties: lower ordinal first. None of weight 0.
  [[nodiscard]] std::vector<Weight> top(Ordinal user, WeightKind kind, std::size_t n, Timestamp now) const;
  [[nodiscard]] Duration half_life() const;

  // Write side. Applier only.

  void record(const WeightEvent& event);  ///< W1
  /// What to fetch ahead of an event: its user's place, the table behind it, what a search of that looks at first.
  enum class PrefetchStage : std::uint8_t { User, Table, Steps };
  void prefetch(Ordinal user, PrefetchStage stage) const;
  /// Of later events and reads; > 0.
  void set_half_life(Duration half_life);
  void erase_user(Ordinal user);
  void clear();

  /// What an image may mention: bounds that keep damage from making tables huge.
  struct ImageLimits {
    std::function<bool(EntityKind, Ordinal)> is_known;  ///< asked for the largest of a kind
  };
  /// The state as of now, detached. Encoding may happen on another thread while the state changes, but not after it is
  /// gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the limits; the state is left as
  /// it was.
  [[nodiscard]] Status restore(std::string_view image, const ImageLimits& limits);

  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const WeightFact&)>& visit) const;
  /// Those of one user. Any thread.
  void for_each_fact_of(Ordinal user, const std::function<void(const WeightFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  class StateCapture;
  void read(WeightKind kind, Ordinal user, std::span<const Ordinal> others, Timestamp now, std::span<double> out) const;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::relationship
