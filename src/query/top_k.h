// Keeps the best k of a stream of candidates: by rank, ties by key.
//
// T1: the result is that of sorting everything by (rank descending, key ascending) and taking k.
// Threads: one query's own.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "tidal/types.h"

namespace tidal::query {

/// A score as an integer whose order is the sort's: higher is better. Monotone and one to one (but -0 is 0).
[[nodiscard]] std::uint64_t rank_of(double score, bool descending);
/// The score that ranks so.
[[nodiscard]] double score_of(std::uint64_t rank, bool descending);

struct Ranked {
  std::uint64_t rank = 0;
  Ordinal entity = Ordinal::None;
  double score = 0;
};

class TopK {
 public:
  /// `key_of` is asked only to break ties; its views stay valid. k > 0.
  TopK(std::size_t k, std::function<std::string_view(Ordinal)> key_of);

  /// The lowest rank that can still enter; 0 until k have.
  [[nodiscard]] std::uint64_t floor() const { return floor_; }
  /// Whether an offer could enter: a cheap test before the costly ones.
  [[nodiscard]] bool wants(std::uint64_t rank) const { return rank >= floor_; }
  void offer(const Ranked& candidate);
  /// The best, in order. Empties this.
  [[nodiscard]] std::vector<Ranked> take();

 private:
  [[nodiscard]] bool before(const Ranked& a, const Ranked& b) const;
  void shrink();

  const std::size_t k_;
  const std::function<std::string_view(Ordinal)> key_of_;
  std::vector<Ranked> kept_;  // at most twice k and a little: cut back when full
  std::uint64_t floor_ = 0;
  std::string_view floor_key_;
};

}  // namespace tidal::query
