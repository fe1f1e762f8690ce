// Merging frozen layers into the store: read, add, write back, on the thread that writes a checkpoint.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "base/coding.h"
#include "signal/rollups_state.h"

namespace tidal::signal {

FoldedLayers::FoldedLayers(const std::vector<LayerPointer>& layers) {
  std::size_t lines = 0;
  for (const LayerPointer& layer : layers) lines += layer->lines();
  entries_.reserve(lines);
  // From the newest down: what is known to be erased so far was erased above.
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    (*layer)->for_each([&](const RollupLine& line) {
      if (erased_.empty() || !erases(line.series)) entries_.push_back({line.series, line.hour, &line});
    });
    erased_.insert((*layer)->erased().begin(), (*layer)->erased().end());
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return std::tie(a.series, a.hour) < std::tie(b.series, b.hour); });
}

BlockRef FoldedLayers::block_at(std::size_t i, RollupStep step) const {
  const std::int64_t bucket = bucket_of_hour(step, entries_[i].hour);
  return {entries_[i].series, step, static_cast<std::int32_t>(floor_div(bucket, buckets_a_block(step)))};
}

std::size_t FoldedLayers::find(const BlockRef& ref) const {
  const std::int64_t hours_a_bucket = step_us(ref.step) / kHourUs;
  const std::int64_t hour = ref.block * buckets_a_block(ref.step) * hours_a_bucket;
  const auto found = std::partition_point(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return std::tie(e.series, e.hour) < std::tie(ref.series, hour);
  });
  return static_cast<std::size_t>(found - entries_.begin());
}

std::size_t FoldedLayers::add_to(std::size_t i, const BlockRef& ref, RollupBlock& block) const {
  const std::int64_t start = ref.block * buckets_a_block(ref.step);
  for (; i < entries_.size() && block_at(i, ref.step) == ref; ++i) {
    const std::int64_t bucket = bucket_of_hour(ref.step, entries_[i].hour);
    block[static_cast<std::size_t>(bucket - start)].add(entries_[i].line->sums());
  }
  return i;
}

namespace {

constexpr std::size_t kMovedAtOnce = 16'384;  // pairs

Status merge_blocks(const storage::KeyValueStore& store, const FoldedLayers& folded, RollupStep step,
                    storage::WriteBatch& batch) {
  for (std::size_t i = 0; i < folded.size();) {
    const BlockRef ref = folded.block_at(i, step);
    std::string key = block_key(ref);
    RollupBlock block{};
    if (!folded.erases(ref.series)) {
      TIDAL_TRY_ASSIGN(const std::optional<std::string> stored, store.get(key));
      if (stored) {
        TIDAL_TRY_ASSIGN(block, decode_block(step, *stored));
      }
    }
    i = folded.add_to(i, ref, block);
    batch.put(std::move(key), encode_block(block));
  }
  return {};
}

/// The layers' changes to the store as a batch.
Status merge(const storage::KeyValueStore& store, const FoldedLayers& folded, storage::WriteBatch& batch) {
  for (const std::uint64_t entity : folded.erased()) {
    const std::string key = block_key({static_cast<SeriesRef>(entity << 16), RollupStep::Hour, 0});
    TIDAL_TRY(
        store.scan(std::string_view(key).substr(0, kEntityPrefixBytes), [&](std::string_view stored, std::string_view) {
          batch.erase(std::string(stored));
          return true;
        }));
  }
  // After the deletions, which they may follow on the same key.
  for (const RollupStep step : {RollupStep::Hour, RollupStep::Day}) TIDAL_TRY(merge_blocks(store, folded, step, batch));
  return {};
}

/// Replaces what `to` holds. It is at no seqno until all of it is in.
Status copy(const storage::KeyValueStore& from, storage::KeyValueStore& to) {
  TIDAL_TRY(to.clear());
  storage::WriteBatch batch;
  Status committed;
  TIDAL_TRY(from.scan({}, [&](std::string_view key, std::string_view value) {
    batch.put(std::string(key), std::string(value));
    if (batch.operations().size() < kMovedAtOnce) return true;
    committed = to.commit(batch, SeqNo{});
    batch.clear();
    return committed.ok();
  }));
  TIDAL_TRY(std::move(committed));
  return to.commit(batch, from.seqno());
}

}  // namespace

void Rollups::move_to(storage::KeyValueStore& future, std::unique_ptr<storage::KeyValueStore> present) {
  const base::MutexLock lock(state_->mutex);
  TIDAL_ASSERT(state_->store.get() == present.get());
  state_->store = std::move(present);
  state_->future = &future;
}

void Rollups::succeeded_by(const Rollups& successor) {
  state_->successor.store(&successor, std::memory_order_release);  // pairs with the acquires in series()
}

Status Rollups::State::move() {
  StorePointer from;
  storage::KeyValueStore* to = nullptr;
  {
    const base::MutexLock lock(mutex);
    from = store;
    to = future;
  }
  if (to == nullptr) return {};
  TIDAL_TRY(copy(*from, *to));
  const base::MutexLock lock(mutex);
  store = StorePointer(StorePointer{}, to);
  future = nullptr;
  return {};
}

Error told_to_rebuild(Error error) {
  if (error.code == Code::Corruption) error.message += " (the histories: rebuild the view rollups)";
  return error;
}

Status Rollups::State::flush(const Detached& capture) {
  const base::MutexLock one_at_a_time(flush_mutex);
  const SeqNo seqno = capture.seqno;
  std::vector<LayerPointer> layers;
  StorePointer kv;
  bool is_ahead = false;
  {
    const base::MutexLock lock(mutex);
    if (capture.cancelled) {
      return Error(Code::FailedPrecondition, "image of the rollups: they were reset since it was captured");
    }
    kv = store;
    is_ahead = kv->seqno() >= seqno;
    for (const FrozenLayer& layer : frozen) {
      if (layer.through <= seqno && !is_ahead) layers.push_back(layer.layer);
    }
  }
  if (!is_ahead) {
    storage::WriteBatch batch;
    if (Status merged = merge(*kv, FoldedLayers(layers), batch); !merged.ok()) return told_to_rebuild(merged.error());
    base::Encoder marker;
    marker.u64(seqno.value);
    batch.put(std::string(kRollupMarker), marker.take());
    TIDAL_TRY(kv->commit(batch, seqno));
    // Before the flush, which may fail: what is committed must not be added again.
    const base::MutexLock lock(mutex);
    std::erase_if(frozen, [&](const FrozenLayer& layer) { return layer.through <= seqno; });
  }
  layers.clear();  // outside the lock: it takes a while
  TIDAL_TRY(move());
  return store_in_use()->flush();
}

}  // namespace tidal::signal
