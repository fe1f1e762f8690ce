// Histories: how many events of a signal each item and creator had in every hour and every day there ever was.
//
// An event counts in the hour floor(t / 1h) and the day floor(t / 1d) of its event time t, however old: count += 1,
// weight += w, value_sum += w * v when it has a value. Users have no histories. docs/histories.md.
//
// H1: state is a set of sums in fixed point (F1): the same whatever the moments of flushes, checkpoints and restores.
// H2: the store holds everything up to its seqno; what came after it lies in layers above, as sums to be added and
//     deletions. A change at or below the store's seqno is not made again (replay over a store that is ahead of the
//     checkpoint).
// H3: a layer is committed once: a batch carries the sums, the seqno through which they go, and a marker with that
//     seqno, and whoever reads looks at the layers first, then at the store, and takes from the layers what the marker
//     does not cover. So a reader sees every event once, before, during and after a commit.
// H4: applying never reads the store.
// Threads: single writer (the applier), any number of readers; reads take a lock and read the disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "signal/rollup_block.h"
#include "storage/kv.h"
#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::signal {

/// The key whose value says through which seqno the store holds everything, u64. Above all blocks.
inline constexpr std::string_view kRollupMarker = "\xFF";

/// One hour or day of a series.
struct Bucket {
  Timestamp start;
  std::uint64_t count = 0;
  double weight = 0;
  double value_sum = 0;
  bool operator==(const Bucket&) const = default;
};

inline constexpr std::int64_t kSeriesBucketsMax = 100'000;

struct SeriesQuery {
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;
  std::uint16_t signal = 0;
  RollupStep step = RollupStep::Hour;
  Timestamp from;
  Timestamp to;  ///< the first moment that is no longer asked for
};

/// What one event adds to histories.
struct RollupEvent {
  std::uint16_t signal = 0;
  EntityKind kind = EntityKind::Item;
  Ordinal entity = Ordinal::None;   ///< None: nobody
  Ordinal creator = Ordinal::None;  ///< whose history counts it too; None: nobody's
  Timestamp at;
  double weight = 1;
  std::optional<double> value;
};

/// A bucket that holds events, for digests.
struct RollupFact {
  SeriesParts series;
  RollupStep step = RollupStep::Hour;
  std::int64_t bucket = 0;  ///< hours or days since 1970
  RollupSums sums;
};

class Rollups {
 public:
  /// `store` outlives this; nobody else writes it.
  explicit Rollups(storage::KeyValueStore& store);
  ~Rollups();
  Rollups(const Rollups&) = delete;
  Rollups& operator=(const Rollups&) = delete;

  /// Every bucket that overlaps [from, to), empty ones too, in order of time, all of one moment.
  /// InvalidArgument: a user's, beyond the years 0000 to 9999, from after to, more than kSeriesBucketsMax buckets.
  /// IoError, Corruption (of the store). Cost: at most 16 look-ups in the store, or a scan of the days asked for.
  [[nodiscard]] Result<std::vector<Bucket>> series(const SeriesQuery& query) const;

  // Write side: the applier's thread only, in seqno order.

  void record(const RollupEvent& event, SeqNo seqno);
  /// Forgets an item's or creator's history; others keep what it earned them.
  void erase(EntityKind kind, Ordinal entity, SeqNo seqno);
  /// Fetches memory that recording these will touch.
  void prefetch(std::span<const RollupEvent> events) const;

  /// The state at one seqno, detached: what a checkpoint writes. Must not outlive the Rollups.
  class Capture {
   public:
    virtual ~Capture() = default;
    /// Commits what changed to the store with the capture's seqno, flushes it, and appends the image. The log must be
    /// synced through that seqno before. On any one thread, beside the writer and readers. IoError, ResourceExhausted,
    /// Corruption: nothing is lost, a later capture writes it. FailedPrecondition after reset().
    [[nodiscard]] virtual Status write(std::string& out) const = 0;
  };
  /// The state as of now, which is `seqno`. O(1): what changed since the last one becomes a layer nobody changes.
  [[nodiscard]] std::unique_ptr<Capture> capture(SeqNo seqno);
  /// Replaces all by what a Capture at `taken_at` wrote. Corruption: damaged, of another moment, or the store is behind
  /// it or not ours.
  [[nodiscard]] Status restore(std::string_view image, SeqNo taken_at);
  /// Of a view that was built aside over `present`, which it owns from here on: the next Capture that is written moves
  /// everything to `future`, replacing what that holds. The applier must not run, and no Capture be unwritten.
  void move_to(storage::KeyValueStore& future, std::unique_ptr<storage::KeyValueStore> present);
  /// From here on series() asks `successor`, which takes over the store of this: readers that found this before may
  /// still come. `successor` must live as long as they may.
  void succeeded_by(const Rollups& successor);
  /// Forgets all but the store; waits for a Capture that is being written. The store may be cleared or filled anew from
  /// here to the first change.
  void reset();

  /// Every bucket that holds events, in no order. The applier must not run meanwhile. IoError, Corruption.
  [[nodiscard]] Status for_each_fact(const std::function<void(const RollupFact&)>& visit) const;
  /// Of the layers above the store.
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  class StateCapture;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidal::signal
