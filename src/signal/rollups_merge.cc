// Merging frozen layers into the store: read, add, write back, on the thread that writes a checkpoint.
#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

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

Status Rollups::State::merge_blocks(const FoldedLayers& folded, RollupStep step, storage::WriteBatch& batch) const {
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

Status Rollups::State::merge(const FoldedLayers& folded, storage::WriteBatch& batch) const {
  for (const std::uint64_t entity : folded.erased()) {
    const std::string key = block_key({static_cast<SeriesRef>(entity << 16), RollupStep::Hour, 0});
    TIDAL_TRY(
        store.scan(std::string_view(key).substr(0, kEntityPrefixBytes), [&](std::string_view stored, std::string_view) {
          batch.erase(std::string(stored));
          return true;
        }));
  }
  // After the deletions, which they may follow on the same key.
  for (const RollupStep step : {RollupStep::Hour, RollupStep::Day}) TIDAL_TRY(merge_blocks(folded, step, batch));
  return {};
}

Status Rollups::State::flush(const Detached& capture) {
  const base::MutexLock one_at_a_time(flush_mutex);
  const SeqNo seqno = capture.seqno;
  std::vector<LayerPointer> layers;
  bool is_ahead = false;
  {
    const base::MutexLock lock(mutex);
    if (capture.cancelled) {
      return Error(Code::FailedPrecondition, "image of the rollups: they were reset since it was captured");
    }
    is_ahead = store.seqno() >= seqno;
    for (const FrozenLayer& layer : frozen) {
      if (layer.through <= seqno && !is_ahead) layers.push_back(layer.layer);
    }
  }
  if (is_ahead) return store.flush();
  {
    storage::WriteBatch batch;
    TIDAL_TRY(merge(FoldedLayers(layers), batch));
    base::Encoder marker;
    marker.u64(seqno.value);
    batch.put(std::string(kRollupMarker), marker.take());
    TIDAL_TRY(store.commit(batch, seqno));
  }
  // Before the flush, which may fail: what is committed must not be added again.
  {
    const base::MutexLock lock(mutex);
    std::erase_if(frozen, [&](const FrozenLayer& layer) { return layer.through <= seqno; });
  }
  layers.clear();  // outside the lock: it takes a while
  return store.flush();
}

}  // namespace tidal::signal
