// What each user likes, as vectors in the space of the items' preference slot: one for the whole, and up to eight
// interest vectors for tastes that one direction cannot hold.
//
// A move has a rate r (the preference effect of an event, in [-1, 1]) and the vector e of what the event was about.
// R1: the preference p becomes normalise(p + r*e). There is none before the first positive move, which makes it
//     normalise(e).
// R2: a positive move whose nearest interest vector v has a cosine of at least 0.5 with e makes it normalise(v + r*e)
//     and adds r to its weight, which halves every 30 days of event time (decay.h). Otherwise it founds an interest
//     normalise(e) of weight r: in the lowest free slot, or where the limit is reached in the weakest one's place.
// R3: a negative move changes v in the same way but not its weight; it founds nothing.
// R4: a sum whose norm is below 1e-6, or no finite number, leaves what was. An e with such a norm moves nothing.
// R5: ties go to the lower slot: of the nearest, and of the weakest, by weights decayed to the newest event time among
//     the user's interests. What is beyond a lowered limit goes at the user's next move, weakest first, and slots close
//     up.
// R6: vectors of up to 256 dimensions are kept as floats, larger ones as halves: the state is the rounded value. Every
//     vector kept is of norm 1, but for rounding. Moves apply in the order in which they come: lateness scales no rate.
// Threads: single writer (the applier), concurrent readers without locks. A user's state is one block under a sequence
// lock, so each read sees one moment of it.   Source: docs/feedback.md.
#pragma once

#include <array>
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

namespace tidal::signal {

inline constexpr std::size_t kInterestsMax = 8;
inline constexpr std::uint32_t kInterestsDefault = 4;  ///< the limit until a settings record says otherwise
inline constexpr float kInterestCosineMin = 0.5F;
inline constexpr Duration kInterestVectorHalfLife = days(30);
inline constexpr std::uint32_t kFloatDimensionsMax = 256;  ///< larger vectors are kept as halves

/// One event, as preferences take it.
struct PreferenceMove {
  Ordinal user = Ordinal::None;
  Timestamp at{};
  double rate = 0;  ///< in [-1, 1]
};

/// One elementary statement of the state, for digests.
struct PreferenceFact {
  enum class Type : std::uint8_t {
    Dimensions = 0,  ///< number; absent while there is no slot
    Limit = 1,       ///< number: interest vectors a user may have; absent while it is the default
    Positives = 2,   ///< number: the user's positive moves
    Whole = 3,       ///< bytes: the preference as it is kept
    Interest = 4,    ///< bytes: the vector of the slot as it is kept
    Weight = 5,      ///< number: the bits of the slot's weight
    Newest = 6,      ///< number: the time that weight is relative to, in microseconds
  };
  Type type = Type::Dimensions;
  Ordinal user = Ordinal::None;
  std::uint8_t slot = 0;
  std::int64_t number = 0;
  std::string_view bytes;
};

class Preferences {
 public:
  Preferences();
  ~Preferences();
  Preferences(const Preferences&) = delete;
  Preferences& operator=(const Preferences&) = delete;

  /// Dimensions of every vector; 0 while no slot has been defined.
  [[nodiscard]] std::uint32_t size() const;
  /// Copies the user's preference. False, and `out` as it was, when there is none or `out` is not of size().
  [[nodiscard]] bool vector(Ordinal user, std::span<float> out) const;
  /// How many positive moves the user made; stays at its largest value.
  [[nodiscard]] std::uint32_t positives(Ordinal user) const;
  /// Users with a preference.
  [[nodiscard]] std::size_t users() const;

  /// A user's interest vectors of one moment, copied.
  struct Interests {
    std::size_t count = 0;
    std::size_t size = 0;                         ///< of each vector
    std::array<double, kInterestsMax> weights{};  ///< by slot
    std::vector<float> vectors;                   ///< by slot, one behind the other
    [[nodiscard]] std::span<const float> vector(std::size_t slot) const {
      return std::span(vectors).subspan(slot * size, size);
    }
  };
  /// `now`: what the weights decay to.
  [[nodiscard]] Interests interests(Ordinal user, Timestamp now) const;

  /// Compares candidates with the vectors that a user had when it was made. Immutable; a copy of its own, so that a
  /// batch of candidates costs neither a lookup nor a guard each.
  class Matcher {
   public:
    /// Whether there is nothing to compare with.
    [[nodiscard]] bool empty() const { return vectors_.empty(); }
    /// The largest cosine of `unit_vector`, of the preferences' size, with an interest vector; of a user without
    /// interest vectors, with the preference. 0 when empty.
    [[nodiscard]] float best(std::span<const float> unit_vector) const;
    /// The same bits as best() of what they are as floats.
    [[nodiscard]] float best_halves(std::span<const std::uint16_t> unit_vector) const;

   private:
    friend class Preferences;
    std::size_t size_ = 0;
    std::vector<float> vectors_;
  };
  [[nodiscard]] Matcher matcher(Ordinal user) const;

  // Write side. Applier only.

  /// Fixes the dimensions; later calls change nothing, nor does one with 0.
  void define(std::uint32_t size);
  /// How many interest vectors a user may have from here on, at most kInterestsMax (R5).
  void limit_interests(std::uint32_t limit);
  /// Applies one event. Nothing happens when `e` is not of size().
  void move(const PreferenceMove& move, std::span<const float> e);
  /// What to fetch ahead of a move: the user's place, then what lies behind it.
  enum class PrefetchStage : std::uint8_t { User, Block };
  void prefetch(Ordinal user, PrefetchStage stage) const;
  void erase_user(Ordinal user);
  void clear();

  /// What an image may mention.
  struct ImageLimits {
    std::function<bool(Ordinal)> is_known_user;  ///< asked for the largest
    std::uint32_t size = 0;                      ///< dimensions of the slot, 0: there is none
  };
  /// The state as of now, detached: blocks are pinned. Encoding may happen on another thread while the state changes,
  /// but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the limits; the state is left as
  /// it was.
  [[nodiscard]] Status restore(std::string_view image, const ImageLimits& limits);
  /// Every fact, in no particular order. `bytes` are valid during the visit.
  void for_each_fact(const std::function<void(const PreferenceFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  class StateCapture;

  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::signal
