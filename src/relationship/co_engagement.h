// Which items the same users like: item-item edges grown from each user's recent positives, and what is read off them.
//
// A new positive of item i, n items in its user's list after it: self(i) += 1/√n, and for every other j of the list
// pair(i,j) and pair(j,i) += e^(−λ·gap)/√n, gap = |difference of their event times|, half-life 30 days.
// Read: similarity(i,j) = min(1, pair / √(self(i)·self(j))) · pair / (pair + 2).   Source:
// docs/co_engagement.md. E1: a list holds each user's last `recent` distinct live items in seqno order of their
// newest positives; a repeat only
//     moves its item to the front (its time becomes the later one), the oldest leaves before a newcomer's pairs are
//     made.
// E2: a row holds at most `neighbours` pairs. When a newcomer finds it full, the lowest of them all, newcomer included,
//     goes (of equal ones the higher ordinal); a pair that went restarts at 0. pair(i,j) and pair(j,i) go
//     independently.
// E3: after an item's deletion nothing tells of it: neither its row and self, nor pairs with it, nor lists. It costs
//     O(1): pairs and lists name the generation of the item they mean, and a deletion raises it.
// E4: every pair is finite and > 0; both its items have self > 0.
// E5: a row or list is read as it was at one moment. Self of another item may be newer.
// Threads: single writer (the applier), concurrent readers without locks.
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
#include "tidal/types.h"

namespace tidal::relationship {

/// One positive of a user on an item.
struct Positive {
  Ordinal user = Ordinal::None;
  Ordinal item = Ordinal::None;
  Timestamp at{};
};

struct Neighbour {
  Ordinal item = Ordinal::None;
  double similarity = 0;  ///< in (0, 1]; or a sum of such
  bool operator==(const Neighbour&) const = default;
};

struct RecentItem {
  Ordinal item = Ordinal::None;
  Timestamp at{};
  bool operator==(const RecentItem&) const = default;
};

/// What a similarity is made of.
struct PairEvidence {
  double pair = 0;
  double self = 0;
  double other_self = 0;
};
/// Cosine, held to at most 1, times pair / (pair + 2), so that a single common user makes nobody the best neighbour.
[[nodiscard]] double similarity(const PairEvidence& evidence);

/// One elementary statement of the state, for digests.
struct CoEngagementFact {
  enum class Type : std::uint8_t {
    Self = 0,    ///< number: the double's bits
    Pair = 1,    ///< of `item` with `other`; number: the float's bits
    Recent = 2,  ///< `user` liked `item`; place: how many came later; number: its time in microseconds
  };
  Type type = Type::Self;
  Ordinal user = Ordinal::None;
  Ordinal item = Ordinal::None;
  Ordinal other = Ordinal::None;
  std::uint32_t place = 0;
  std::int64_t number = 0;
};

class CoEngagement {
 public:
  struct Limits {
    std::uint32_t neighbours = 64;  ///< 1 to 256
    std::uint32_t recent = 50;      ///< 1 to 256
  };
  CoEngagement() : CoEngagement(Limits{}) {}
  explicit CoEngagement(Limits limits);
  ~CoEngagement();
  CoEngagement(const CoEngagement&) = delete;
  CoEngagement& operator=(const CoEngagement&) = delete;

  /// The best n neighbours, best first; of equal ones the lower ordinal.
  [[nodiscard]] std::vector<Neighbour> neighbours(Ordinal item, std::size_t n) const;
  /// out[i] = similarity of items[i] to the anchor by the anchor's row; 0 where there is none. out.size() ==
  /// items.size().
  void scores(Ordinal anchor, std::span<const Ordinal> items, std::span<double> out) const;
  /// The user's list, newest first.
  [[nodiscard]] std::vector<RecentItem> recent(Ordinal user) const;
  /// Its items, behind what is there.
  void append_recent(Ordinal user, std::vector<Ordinal>& items) const;
  /// The best n by the sum of their similarities to the user's recent items, without these; order as neighbours().
  /// Cost: up to recent · neighbours random reads.
  [[nodiscard]] std::vector<Neighbour> from_recent(Ordinal user, std::size_t n) const;
  /// out[i] = the same sum for items[i], which may be recent ones; 0 where there is none. out.size() == items.size().
  void scores_for_user(Ordinal user, std::span<const Ordinal> items, std::span<double> out) const;

  // Write side. Applier only.

  /// In seqno order. Nothing without a user.
  void record(const Positive& positive);
  /// The user took the positive back: the item leaves the list; pairs and self stay.
  void take_back(Ordinal user, Ordinal item);
  /// E3.
  void delete_item(Ordinal item);
  /// The user's list goes; pairs, which are everybody's, stay.
  void erase_user(Ordinal user);
  void clear();
  /// What to fetch ahead of a positive: its user's and item's places, then what lies behind them.
  enum class PrefetchStage : std::uint8_t { Places, Blocks };
  void prefetch(const Positive& positive, PrefetchStage stage) const;

  /// The state as of now, detached: rows and lists are copied when they first change. Encoding may happen on another
  /// thread while the state changes, but not after it is gone. Nothing retired anywhere is freed meanwhile.
  class Capture {
   public:
    virtual ~Capture() = default;
    [[nodiscard]] virtual std::string encode() const = 0;
  };
  [[nodiscard]] std::unique_ptr<Capture> capture() const;
  /// Tells whether an ordinal exists; asked for the largest of a kind, so that damage does not make tables huge.
  using IsKnown = std::function<bool(EntityKind, Ordinal)>;
  /// Replaces everything. Corruption on bytes that encode() cannot have written within the limits; the state is left as
  /// it was.
  [[nodiscard]] Status restore(std::string_view image, const IsKnown& is_known);
  /// Every fact, in no particular order.
  void for_each_fact(const std::function<void(const CoEngagementFact&)>& visit) const;
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct State;
  class StateCapture;
  class Writer;

  const Limits limits_;
  std::atomic<State*> state_;  // replaced as a whole by clear() and restore(), freed by epochs
};

}  // namespace tidal::relationship
