// The insides of Rollups, shared by its reads and writes and by what merges layers into the store.
//
// Threads: the current layer is changed by the applier with the mutex held; frozen layers are immutable.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "signal/rollup_layer.h"
#include "signal/rollups.h"

namespace tidal::signal {

/// shared: a layer is read by who writes it out and by readers while it is taken off.
using LayerPointer = std::shared_ptr<const RollupLayer>;
/// shared: readers keep a store that a view was built over while it is moved away from. Mostly somebody else's.
using StorePointer = std::shared_ptr<storage::KeyValueStore>;

struct FrozenLayer {
  SeqNo through;
  LayerPointer layer;
};

/// The seqno that the snapshot's marker tells; 0 without one. IoError, Corruption.
[[nodiscard]] Result<SeqNo> merged_through(const storage::Snapshot& snapshot);

/// An error of the store, with the way out when it is damage: nothing else writes the store anew.
[[nodiscard]] Error told_to_rebuild(Error error);

/// Layers folded into one list of lines, by series, then hour. Lines of one hour in several layers stay several.
/// Cost: 24 bytes a line, and sorting them. The layers must be kept by whoever keeps this.
class FoldedLayers {
 public:
  /// Oldest first.
  explicit FoldedLayers(const std::vector<LayerPointer>& layers);

  [[nodiscard]] const std::unordered_set<std::uint64_t>& erased() const { return erased_; }
  [[nodiscard]] bool erases(SeriesRef series) const { return erased_.contains(entity_of(series)); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// The block in which the line's hour lies.
  [[nodiscard]] BlockRef block_at(std::size_t i, RollupStep step) const;
  /// The first line of the block or of a later one.
  [[nodiscard]] std::size_t find(const BlockRef& ref) const;
  /// Adds the lines from `i` on that lie in the block; returns where they end.
  std::size_t add_to(std::size_t i, const BlockRef& ref, RollupBlock& block) const;

 private:
  struct Entry {
    SeriesRef series;
    std::int64_t hour;
    const RollupLine* line;
  };
  std::vector<Entry> entries_;
  std::unordered_set<std::uint64_t> erased_;
};

struct Rollups::State {
  explicit State(storage::KeyValueStore& kv) : store(StorePointer{}, &kv) {}

  /// What the writer and one capture share.
  struct Detached {
    SeqNo seqno;
    bool cancelled = false;  // guarded by the state's mutex
  };

  /// Whether the store holds the change already (H2).
  [[nodiscard]] bool is_held(SeqNo seqno) TIDAL_REQUIRES(mutex) {
    // Asked at the first change: until then the store may be cleared or loaded. Our own commits never reach the future.
    if (!held) held = store->seqno();
    return seqno <= *held;
  }
  /// Commits the layers through the capture's seqno, unless the store is there already, and flushes the store.
  [[nodiscard]] Status flush(const Detached& capture) TIDAL_EXCLUDES(mutex);
  /// Where move_to() said, if it did.
  [[nodiscard]] Status move() TIDAL_REQUIRES(flush_mutex) TIDAL_EXCLUDES(mutex);
  [[nodiscard]] StorePointer store_in_use() const TIDAL_EXCLUDES(mutex) {
    const base::MutexLock lock(mutex);
    return store;
  }

  base::Mutex flush_mutex;  // taken before mutex
  mutable base::Mutex mutex;
  StorePointer store TIDAL_GUARDED_BY(mutex);
  std::atomic<const Rollups*> successor{nullptr};
  storage::KeyValueStore* future TIDAL_GUARDED_BY(mutex) = nullptr;  // where the next flush moves the store
  std::shared_ptr<RollupLayer> current TIDAL_GUARDED_BY(mutex) = std::make_shared<RollupLayer>();
  std::vector<FrozenLayer> frozen TIDAL_GUARDED_BY(mutex);  // oldest first
  SeqNo captured_through TIDAL_GUARDED_BY(mutex);           // what is in the current layer came later
  std::optional<SeqNo> held TIDAL_GUARDED_BY(mutex);
  std::vector<Detached*> captures TIDAL_GUARDED_BY(mutex);
};

}  // namespace tidal::signal
