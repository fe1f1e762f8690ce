// A small seeded generator: the same seed gives the same numbers on every machine. Not for secrets.
//
// Source: xoshiro256** by Blackman and Vigna, seeded by splitmix64 (https://prng.di.unimi.it). Not thread-safe.
#pragma once

#include <array>
#include <cstdint>

namespace tidal::base {

class Random {
 public:
  explicit Random(std::uint64_t seed);

  /// 64 random bits.
  [[nodiscard]] std::uint64_t next();
  /// Uniform in [0, bound); bound > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t bound);
  /// Uniform in [0, 1), 53 bits.
  [[nodiscard]] double uniform();
  [[nodiscard]] bool coin() { return (next() >> 63) != 0; }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace tidal::base
