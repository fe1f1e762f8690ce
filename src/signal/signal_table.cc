// Recording an event in lines, rings and columns; reading pairs.
#include "signal/signal_table.h"

#include <algorithm>
#include <optional>

#include "signal/decay.h"

namespace tidal::signal {

SignalTable::SignalTable(const SignalDef& signal)
    : decay_(signal.decay),
      rate_(signal.decay.kind == Decay::Kind::Exponential ? decay_rate(signal.decay.span) : 0.0),
      has_value_(signal.has_value),
      shapes_(shapes_of(signal)) {
  for (const RingKind ring : kAllRings) {
    if (shapes_[index_of(ring)].exists()) used_[used_count_++] = ring;
    rings_[index_of(ring)].set_shape(shapes_[index_of(ring)]);
    counters_[index_of(ring)] = counter(ring);
    groups_[index_of(ring)].set_prefetch([this](std::uint32_t ordinal) {
      if (const HotLine* line = hot_.find(to_ordinal(ordinal))) __builtin_prefetch(line);
    });
  }
}

void SignalTable::record(const LedgerEvent& event) noexcept {
  HotLine& line = hot_.line_of(event.entity);
  const std::int64_t at_us = event.at.us;
  if (has_columns_) make_room_for(at_us);
  save_for_captures(line);
  const bool first = line.count == 0;
  const std::int64_t newest_us = first ? at_us : line.newest_us;
  const bool valued = has_value_ && event.has_value;
  const double valued_weight = valued ? event.weight : 0.0;
  const double weighted_value = valued ? clamp_finite(event.weight * event.value) : 0.0;
  const SequenceWrite guard(line.sequence);
  const DecayedScore after = add_event({line.score, newest_us}, rate_, at_us, event.weight);
  store_word(line.score, after.score);
  store_word(line.newest_us, after.newest_us);
  if (valued) {
    store_word(line.weight_sum, clamp_finite(line.weight_sum + valued_weight));
    store_word(line.value_sum, clamp_finite(line.value_sum + weighted_value));
  }
  store_word(line.count, line.count + 1);
  for (const RingKind ring : rings_in_use()) {
    const std::size_t r = index_of(ring);
    const std::int64_t event_bucket = bucket(ring, at_us);
    // A linear decay sums every weight; the other rings keep weights for their means alone.
    const double weight = ring == RingKind::Linear ? event.weight : valued_weight;
    const RingStore::Added added =
        rings_[r].add(line.rings[r], bucket(ring, newest_us), {event_bucket, weight, weighted_value});
    if (added.handle != line.rings[r]) store_word(line.rings[r], added.handle);
    if (has_columns_ && added.retained && groups_[r].active()) {
      update_columns(ring, line.entity, event_bucket, added.opened);
    }
  }
  if (owned_all_column_) owned_all_column_->set(line.entity, static_cast<float>(line.count));
}

void SignalTable::make_room_for(std::int64_t at_us) {
  for (const RingKind ring : rings_in_use()) {
    ColumnGroup& group = groups_[index_of(ring)];
    if (group.active()) group.make_room_for(bucket(ring, at_us), counters_[index_of(ring)]);
  }
}

void SignalTable::update_columns(RingKind ring, std::uint32_t entity, std::int64_t bucket, bool opened) {
  ColumnGroup& group = groups_[index_of(ring)];
  if (opened) group.list(bucket, entity);
  group.add(entity, bucket, counters_[index_of(ring)]);
}

void SignalTable::clear_entity(Ordinal entity) noexcept {
  HotLine* line = hot_.find(entity);
  if (line == nullptr || line->count == 0) return;
  save_for_captures(*line);
  {
    const SequenceWrite guard(line->sequence);
    for (std::size_t r = 0; r < kRings; ++r) {
      rings_[r].release(line->rings[r]);
      store_word(line->rings[r], RingHandle{0});
    }
    store_word(line->newest_us, std::int64_t{0});
    store_word(line->count, std::uint64_t{0});
    store_word(line->score, 0.0);
    store_word(line->weight_sum, 0.0);
    store_word(line->value_sum, 0.0);
  }
  for (ColumnGroup& group : groups_) group.clear(to_index(entity));
  if (owned_all_column_) owned_all_column_->set(to_index(entity), 0.0F);
}

std::size_t SignalTable::settle(Timestamp now) noexcept {
  std::size_t changed = 0;
  for (const RingKind ring : kAllRings) {
    ColumnGroup& group = groups_[index_of(ring)];
    if (group.active()) changed += group.roll(bucket(ring, now.us), counters_[index_of(ring)]);
  }
  return changed;
}

bool SignalTable::has_window(Window window) const {
  return window == Window::All || shape(ring_of(window)).span >= 2 * buckets_in(window);
}

ColumnGroup::CountOf SignalTable::counter(RingKind ring) const {
  return [this, ring](std::uint32_t ordinal, std::int64_t first, std::int64_t last) -> std::uint64_t {
    const HotLine* line = hot_.find(to_ordinal(ordinal));
    if (line == nullptr || line->count == 0) return 0;
    return rings(ring).count(line->rings[index_of(ring)], bucket(ring, line->newest_us), first, last);
  };
}

void SignalTable::add_column(Window window, Timestamp now, Timestamp newest_event) {
  if (!has_window(window)) return;
  if (window == Window::All) {
    if (owned_all_column_) return;
    owned_all_column_ = std::make_unique<Column>(window);
    for (std::uint32_t i = 0; i < hot_.size(); ++i) {
      const HotLine& line = hot_.line(i);
      if (line.count != 0) owned_all_column_->set(line.entity, static_cast<float>(line.count));
    }
    all_column_.store(owned_all_column_.get(), std::memory_order_release);  // pairs with all_column()
    return;
  }
  const RingKind ring = ring_of(window);
  ColumnGroup& group = groups_[index_of(ring)];
  if (group.column(window) != nullptr) return;
  const std::int64_t n = buckets_in(window);
  const bool fresh = !group.active();
  has_columns_ = true;
  if (fresh) group.activate(bucket(ring, now.us));
  const std::int64_t newest = bucket(ring, newest_event.us);
  if (newest >= group.settled() + n) group.roll(newest, counters_[index_of(ring)]);  // K2
  auto column = std::make_unique<Column>(window);
  const std::int64_t last = group.settled();
  std::vector<RingEntry> entries;
  for (std::uint32_t i = 0; i < hot_.size(); ++i) {
    const HotLine& line = hot_.line(i);
    if (line.count == 0) continue;
    entries.clear();
    rings(ring).collect(line.rings[index_of(ring)], bucket(ring, line.newest_us), entries);
    std::uint64_t total = 0;
    for (const RingEntry& entry : entries) {
      if (fresh) group.list(entry.bucket, line.entity);
      if (entry.bucket > last - n && entry.bucket <= last) total += entry.count;
    }
    if (total != 0) column->set(line.entity, static_cast<float>(total));
  }
  group.publish(std::move(column));
}

void SignalTable::prefetch(Ordinal entity, PrefetchStage stage) const {
  if (stage == PrefetchStage::Index) {
    hot_.prefetch_cell(entity);
    if (has_columns_) prefetch_columns(to_index(entity));
    return;
  }
  const HotLine* line = hot_.find(entity);
  if (line == nullptr) return;
  if (stage == PrefetchStage::Line) {
    __builtin_prefetch(line, 1);
    return;
  }
  for (const RingKind ring : rings_in_use()) rings(ring).prefetch(line->rings[index_of(ring)]);
}

void SignalTable::prefetch_columns(std::uint32_t entity) const {
  for (const RingKind ring : rings_in_use()) groups_[index_of(ring)].prefetch(entity);
  if (owned_all_column_) owned_all_column_->prefetch(entity);
}

std::uint64_t SignalTable::count(const HotLine& line, RingKind ring, std::int64_t first, std::int64_t last) const {
  return read_consistently(line.sequence, [&] {
    return rings(ring).count(load_word(line.rings[index_of(ring)]), bucket(ring, load_word(line.newest_us)), first,
                             last);
  });
}

RingSum SignalTable::sum(const HotLine& line, RingKind ring, std::int64_t first, std::int64_t last) const {
  return read_consistently(line.sequence, [&] {
    return rings(ring).sum(load_word(line.rings[index_of(ring)]), bucket(ring, load_word(line.newest_us)), first, last);
  });
}

std::array<std::uint64_t, 2> SignalTable::count_twice(const HotLine& line, RingKind ring, std::int64_t first,
                                                      std::int64_t last) const {
  const std::int64_t n = last - first + 1;
  return read_consistently(line.sequence, [&] {
    const RingHandle handle = load_word(line.rings[index_of(ring)]);
    const std::int64_t newest = bucket(ring, load_word(line.newest_us));
    return std::array<std::uint64_t, 2>{rings(ring).count(handle, newest, first, last),
                                        rings(ring).count(handle, newest, first - n, first - 1)};
  });
}

double SignalTable::linear_score(const HotLine& line, Timestamp now) const {
  return read_consistently(line.sequence, [&] {
    const RingHandle handle = load_word(line.rings[index_of(RingKind::Linear)]);
    return rings(RingKind::Linear)
        .linear_score(handle, bucket(RingKind::Linear, load_word(line.newest_us)), decay_.span, now);
  });
}

void SignalTable::read_pair(const HotLine& line, PairState& pair) const {
  pair.entity = to_ordinal(line.entity);
  read_consistently(line.sequence, [&] {
    pair.newest_us = load_word(line.newest_us);
    pair.count = load_word(line.count);
    pair.score = load_word(line.score);
    pair.weight_sum = load_word(line.weight_sum);
    pair.value_sum = load_word(line.value_sum);
    for (auto& ring : pair.rings) ring.clear();
    for (const RingKind ring : rings_in_use()) {
      const std::size_t r = index_of(ring);
      rings_[r].collect(load_word(line.rings[r]), bucket(ring, pair.newest_us), pair.rings[r]);
    }
    return true;
  });
}

void SignalTable::save_for_captures(const HotLine& line) {
  captures_.before_change(line.entity, [&] {
    PairState pair;
    read_pair(line, pair);
    return pair;
  });
}

void SignalTable::restore(const PairState& pair) {
  HotLine& line = hot_.line_of(pair.entity);
  const SequenceWrite guard(line.sequence);
  for (std::size_t r = 0; r < kRings; ++r) store_word(line.rings[r], rings_[r].make(pair.rings[r]));
  store_word(line.newest_us, pair.newest_us);
  store_word(line.count, pair.count);
  store_word(line.score, pair.score);
  store_word(line.weight_sum, pair.weight_sum);
  store_word(line.value_sum, pair.value_sum);
}

void SignalTable::add_memory(LedgerMemory& memory) const {
  memory.pairs += hot_.size();
  memory.index_bytes += hot_.index_bytes();
  memory.hot_bytes += hot_.line_bytes();
  for (const RingStore& ring : rings_) memory.warm_bytes += ring.memory_bytes();
  for (const ColumnGroup& group : groups_) {
    memory.column_bytes += group.column_bytes();
    memory.list_bytes += group.list_bytes();
  }
  if (owned_all_column_) memory.column_bytes += owned_all_column_->memory_bytes();
}

}  // namespace tidal::signal
