// The hash tables of a layer.
#include "signal/rollup_layer.h"

#include <algorithm>
#include <utility>

namespace tidal::signal {
namespace {

constexpr std::size_t kSlotsMin = 64;

/// The low 32 bits of a mixed product, after MurmurHash3's finalizer.
std::uint32_t tag_of(SeriesRef series, std::int64_t hour) {
  std::uint64_t h = static_cast<std::uint64_t>(series) * 0x9E3779B97F4A7C15U;
  h ^= (h >> 32) + static_cast<std::uint64_t>(hour) * 0xC2B2AE3D27D4EB4FU;
  h ^= h >> 33;
  h *= 0xFF51AFD7ED558CCDU;
  h ^= h >> 33;
  return static_cast<std::uint32_t>(h);
}
std::uint32_t tag_of(SeriesRef series) { return tag_of(series, 0); }

}  // namespace

RollupLayer::RollupLayer() {
  hours_.slots.resize(kSlotsMin);
  series_.slots.resize(kSlotsMin);
}

void RollupLayer::Table::make_room() {
  if (std::size_t{++used} * 3 <= slots.size() * 2) return;
  std::vector<Slot> old = std::exchange(slots, std::vector<Slot>(slots.size() * 2));
  for (const Slot& slot : old) {
    if (slot.line != kNone) slots[find(slot.tag, [](std::uint32_t) { return false; })] = slot;
  }
}

std::uint32_t RollupLayer::head_of(SeriesRef series) const {
  const auto is = [&](std::uint32_t line) { return lines_[line].series == series; };
  return series_.slots[series_.find(tag_of(series), is)].line;
}

void RollupLayer::add(SeriesRef series, std::int64_t hour, const RollupSums& sums) {
  const std::uint32_t tag = tag_of(series, hour);
  const auto is = [&](std::uint32_t line) { return lines_[line].series == series && lines_[line].hour == hour; };
  std::uint32_t at = hours_.slots[hours_.find(tag, is)].line;
  if (at == kNone) {
    hours_.make_room();
    at = add_line(series, hour);
    hours_.slots[hours_.find(tag, is)] = {tag, at};
  }
  RollupLine& line = lines_[at];
  line.weight = add_fixed(line.weight, sums.weight);
  line.value = add_fixed(line.value, sums.value);
  line.count += sums.count;
}

std::uint32_t RollupLayer::add_line(SeriesRef series, std::int64_t hour) {
  const std::uint32_t at = lines_used_;
  const auto is = [&](std::uint32_t line) { return lines_[line].series == series; };
  const std::uint32_t tag = tag_of(series);
  std::size_t head = series_.find(tag, is);
  const std::uint32_t next = series_.slots[head].line;
  if (next == kNone) {
    series_.make_room();
    head = series_.find(tag, is);
  }
  RollupLine& line = lines_.at_grown(at);
  line.hour = hour;
  line.series = series;
  line.next = next;
  series_.slots[head] = {tag, at};
  signal_end_ = std::max(signal_end_, parts_of(series).signal + std::uint32_t{1});
  lines_used_ = at + 1;
  return at;
}

void RollupLayer::erase(EntityKind kind, Ordinal entity) {
  erased_.insert(entity_of(make_series({kind, entity, 0})));
  for (std::uint32_t s = 0; s < signal_end_; ++s) {
    const SeriesRef series = make_series({kind, entity, static_cast<std::uint16_t>(s)});
    // An emptied line keeps its place for what may come.
    for (std::uint32_t i = head_of(series); i != kNone; i = lines_[i].next) {
      lines_[i].weight = 0;
      lines_[i].value = 0;
      lines_[i].count = 0;
    }
  }
}

void RollupLayer::prefetch_slot(SeriesRef series, std::int64_t hour) const {
  __builtin_prefetch(&hours_.slots[tag_of(series, hour) & (hours_.slots.size() - 1)]);
}

void RollupLayer::prefetch_line(SeriesRef series, std::int64_t hour) const {
  const std::uint32_t tag = tag_of(series, hour);
  const Slot& slot = hours_.slots[hours_.find(tag, [](std::uint32_t) { return true; })];
  if (slot.line != kNone) __builtin_prefetch(&lines_[slot.line], 1);
}

std::size_t RollupLayer::memory_bytes() const {
  constexpr std::size_t kErasedBytes = sizeof(std::uint64_t) + 3 * sizeof(void*);  // node and bucket
  return sizeof *this + lines_used_ * sizeof(RollupLine) +
         (hours_.slots.capacity() + series_.slots.capacity()) * sizeof(Slot) + erased_.size() * kErasedBytes;
}

}  // namespace tidal::signal
