// Recording into the current layer, and reading a series across layers and store.
#include "signal/rollups.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/coding.h"
#include "signal/rollups_state.h"

namespace tidal::signal {
namespace {

constexpr std::int64_t kYear0Us = -719'528 * kDayUs;           // 0000-01-01
constexpr std::int64_t kYear10000Us = 2'932'897 * kDayUs;      // the day after 9999-12-31
constexpr std::int64_t kLookUpsMax = 16;                       // blocks; more of them are scanned for
constexpr std::size_t kGroupPrefixBytes = kBlockKeyBytes - 1;  // what 256 consecutive blocks have in common

Error refused(const std::string& what) { return Error(Code::InvalidArgument, "history: " + what); }

/// The buckets [first, first + cells.size()) of a query, being summed up.
struct Cells {
  RollupStep step;
  std::int64_t first;
  std::vector<RollupSums> sums;

  [[nodiscard]] bool has(std::int64_t bucket) const {
    return bucket >= first && bucket - first < static_cast<std::int64_t>(sums.size());
  }
  [[nodiscard]] bool holds(std::int64_t hour) const { return has(bucket_of_hour(step, hour)); }
  void add(std::int64_t bucket, const RollupSums& more) {
    if (has(bucket)) sums[static_cast<std::size_t>(bucket - first)].add(more);
  }
  void add(const RollupLine& line) { add(bucket_of_hour(step, line.hour), line.sums()); }
  Status add_block(std::int64_t block, std::string_view bytes) {
    TIDAL_TRY_ASSIGN(const RollupBlock sums_of_block, decode_block(step, bytes));
    const std::int64_t start = block * buckets_a_block(step);
    for (std::int64_t i = 0; i < buckets_a_block(step); ++i) add(start + i, sums_of_block[static_cast<std::size_t>(i)]);
    return {};
  }
};

Status add_stored(const storage::Snapshot& store, SeriesRef series, Cells& cells) {
  const std::int64_t a_block = buckets_a_block(cells.step);
  const std::int64_t first = floor_div(cells.first, a_block);
  const std::int64_t last = floor_div(cells.first + static_cast<std::int64_t>(cells.sums.size()) - 1, a_block);
  const auto key_of = [&](std::int64_t block) {
    return block_key({series, cells.step, static_cast<std::int32_t>(block)});
  };
  if (last - first < kLookUpsMax) {
    for (std::int64_t block = first; block <= last; ++block) {
      TIDAL_TRY_ASSIGN(const std::optional<std::string> bytes, store.get(key_of(block)));
      if (bytes) TIDAL_TRY(cells.add_block(block, *bytes));
    }
    return {};
  }
  const std::string end = key_of(last);
  for (std::int64_t group = floor_div(first, 256); group <= floor_div(last, 256); ++group) {
    Status added;
    const std::string from = key_of(std::max(first, group * 256));
    TIDAL_TRY(store.scan(std::string_view(from).substr(0, kGroupPrefixBytes),
                         [&](std::string_view key, std::string_view bytes) {
                           if (key < from) return true;
                           if (key > end) return false;
                           const Result<BlockRef> ref = decode_block_key(key);
                           added = ref.ok() ? cells.add_block(ref->block, bytes) : Status(ref.error());
                           return added.ok();
                         }));
    TIDAL_TRY(std::move(added));
  }
  return {};
}

Result<Cells> cells_of(const SeriesQuery& query) {
  if (query.kind == EntityKind::User) return refused("users have none");
  if (query.from.us < kYear0Us || query.to.us > kYear10000Us) return refused("it lies in the years 0000 to 9999");
  if (query.from > query.to) return refused("it ends before it begins");
  const std::int64_t width = step_us(query.step);
  Cells cells{query.step, floor_div(query.from.us, width), {}};
  if (query.from == query.to) return cells;
  const std::int64_t count = floor_div(query.to.us - 1, width) + 1 - cells.first;
  if (count > kSeriesBucketsMax) {
    return refused(std::to_string(count) + " buckets, expected at most " + std::to_string(kSeriesBucketsMax));
  }
  cells.sums.resize(static_cast<std::size_t>(count));
  return cells;
}

}  // namespace

Rollups::Rollups(storage::KeyValueStore& store) : state_(std::make_unique<State>(store)) {}
Rollups::~Rollups() = default;

void Rollups::record(const RollupEvent& event, SeqNo seqno) {
  const std::int64_t hour = floor_div(event.at.us, kHourUs);
  RollupSums sums{.weight = to_fixed(event.weight), .value = 0, .count = 1};
  if (event.value) sums.value = to_fixed(event.weight * *event.value);
  const base::MutexLock lock(state_->mutex);
  if (state_->is_held(seqno)) return;
  if (event.entity != Ordinal::None) {
    state_->current->add(make_series({event.kind, event.entity, event.signal}), hour, sums);
  }
  if (event.creator != Ordinal::None) {
    state_->current->add(make_series({EntityKind::Creator, event.creator, event.signal}), hour, sums);
  }
}

void Rollups::erase(EntityKind kind, Ordinal entity, SeqNo seqno) {
  const base::MutexLock lock(state_->mutex);
  if (!state_->is_held(seqno)) state_->current->erase(kind, entity);
}

void Rollups::prefetch(std::span<const RollupEvent> events) const {
  const base::MutexLock lock(state_->mutex);
  const auto for_each_series = [&](auto fetch) {
    for (const RollupEvent& event : events) {
      const std::int64_t hour = floor_div(event.at.us, kHourUs);
      if (event.entity != Ordinal::None) fetch(make_series({event.kind, event.entity, event.signal}), hour);
      if (event.creator != Ordinal::None) {
        fetch(make_series({EntityKind::Creator, event.creator, event.signal}), hour);
      }
    }
  };
  const RollupLayer& layer = *state_->current;
  for_each_series([&](SeriesRef series, std::int64_t hour) { layer.prefetch_slot(series, hour); });
  for_each_series([&](SeriesRef series, std::int64_t hour) { layer.prefetch_line(series, hour); });
}

Result<SeqNo> merged_through(const storage::Snapshot& snapshot) {
  TIDAL_TRY_ASSIGN(const std::optional<std::string> bytes, snapshot.get(kRollupMarker));
  if (!bytes) return SeqNo{};
  base::Decoder in(*bytes);
  const SeqNo through{in.u64()};
  if (!in.ok() || !in.at_end()) return Error(Code::Corruption, "rollups: the store's marker is no seqno");
  return through;
}

Result<std::vector<Bucket>> Rollups::series(const SeriesQuery& query) const {
  // acquire, here and below: pairs with the release in succeeded_by().
  if (const Rollups* successor = state_->successor.load(std::memory_order_acquire)) return successor->series(query);
  TIDAL_TRY_ASSIGN(Cells cells, cells_of(query));
  const SeriesRef series = make_series({query.kind, query.entity, query.signal});
  const std::uint64_t entity = entity_of(series);
  std::vector<RollupLine> newest;
  std::vector<FrozenLayer> frozen;
  StorePointer kv;
  SeqNo seen;  // a commit beyond holds all that is seen here
  bool erased = false;
  {
    const base::MutexLock lock(state_->mutex);
    state_->current->for_each(series, [&](const RollupLine& line) {
      if (cells.holds(line.hour)) newest.push_back(line);
    });
    erased = state_->current->erases(entity);
    frozen = state_->frozen;
    kv = state_->store;
    seen = std::max(state_->captured_through, kv->seqno());
  }
  // After the layers: what they lack is in the store, and what is in both the marker tells (H3).
  TIDAL_TRY_ASSIGN(const std::unique_ptr<storage::Snapshot> store, kv->snapshot());
  // The store is the successor's to empty: what was seen of it since is not ours.
  if (const Rollups* successor = state_->successor.load(std::memory_order_acquire)) return successor->series(query);
  TIDAL_TRY_ASSIGN(const SeqNo merged, merged_through(*store));
  if (merged > seen) {
    newest.clear();
    erased = false;
  }
  for (const RollupLine& line : newest) cells.add(line);
  for (auto layer = frozen.rbegin(); layer != frozen.rend() && layer->through > merged && !erased; ++layer) {
    layer->layer->for_each(series, [&](const RollupLine& line) { cells.add(line); });
    erased = layer->layer->erases(entity);
  }
  if (!erased && !cells.sums.empty()) {
    if (Status added = add_stored(*store, series, cells); !added.ok()) return told_to_rebuild(std::move(added).error());
  }
  const std::int64_t width = step_us(query.step);
  std::vector<Bucket> out;
  out.reserve(cells.sums.size());
  for (std::size_t i = 0; i < cells.sums.size(); ++i) {
    const RollupSums& sums = cells.sums[i];
    out.push_back({Timestamp{(cells.first + static_cast<std::int64_t>(i)) * width}, sums.count, from_fixed(sums.weight),
                   from_fixed(sums.value)});
  }
  return out;
}

std::size_t Rollups::memory_bytes() const {
  const base::MutexLock lock(state_->mutex);
  std::size_t bytes = sizeof(State) + state_->current->memory_bytes();
  for (const FrozenLayer& layer : state_->frozen) bytes += layer.layer->memory_bytes();
  return bytes;
}

}  // namespace tidal::signal
