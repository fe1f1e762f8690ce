// Capture, encoding, restore and digest bytes of a ledger.
#include "signal/ledger_image.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace tidal::signal {
namespace {

constexpr std::uint8_t kHasEvents = 1;
/// Microseconds of the years 0000 to 9999, the valid times.
constexpr std::int64_t kTimeMin = -62'167'219'200'000'000;
constexpr std::int64_t kTimeMax = 253'402'300'800'000'000;

TableCapture capture_table(const SignalTable& table) {
  TableCapture c;
  c.shapes = table.shapes();
  c.has_value = table.has_value();
  c.entities_end = table.hot().entities_end();
  c.index = std::make_unique_for_overwrite<std::uint32_t[]>(c.entities_end);
  c.lines = std::make_unique_for_overwrite<HotLine[]>(table.hot().size());
  table.hot().copy_to(c.index.get(), c.lines.get());
  for (const RingKind ring : kAllRings) {
    const auto& pools = table.rings(ring).pools();
    for (std::size_t p = 0; p < pools.size(); ++p) {
      auto& blocks = c.blocks[index_of(ring)][p];
      blocks = std::make_unique_for_overwrite<std::uint64_t[]>(std::size_t{pools[p].size()} * pools[p].words());
      pools[p].copy_to(blocks.get());
    }
  }
  return c;
}

const HotLine* line_at(const TableCapture& table, std::uint32_t ordinal) {
  const std::uint32_t number = table.index[ordinal];
  return number == 0 || table.lines[number - 1].count == 0 ? nullptr : &table.lines[number - 1];
}

void encode_ring(const TableCapture& table, RingKind ring, const HotLine& line, std::vector<RingEntry>& entries,
                 base::Encoder& out) {
  const RingShape& shape = table.shapes[index_of(ring)];
  const std::int64_t newest = bucket_of(ring, shape.width_us, line.newest_us);
  entries.clear();
  if (const RingHandle handle = line.rings[index_of(ring)]; handle != 0) {
    const BlockRef ref = BlockRef::of(handle);
    const std::size_t entries_max = ref.size_class == kDenseClass ? shape.span : kClassEntries[ref.size_class];
    const std::uint64_t* block =
        table.blocks[index_of(ring)][ref.size_class].get() + ref.number * entries_max * shape.entry_words();
    collect_entries(shape, ref.size_class, block, newest, entries);
  }
  out.varint(entries.size());
  std::int64_t before = newest;
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    out.varint(static_cast<std::uint64_t>(before - e->bucket));
    out.varint(e->count);
    if (shape.entry_words() >= 2) out.f64(e->weight);
    if (shape.entry_words() >= 3) out.f64(e->value);
    before = e->bucket;
  }
}

void encode_table(const TableCapture& table, base::Encoder& out) {
  // Ends at the last ordinal that is present, so that one state has one image.
  std::uint32_t end = table.entities_end;
  while (end > 0 && line_at(table, end - 1) == nullptr) --end;
  out.varint(end);
  std::string bits((std::size_t{end} + 7) / 8, '\0');
  for (std::uint32_t o = 0; o < end; ++o) {
    if (line_at(table, o) != nullptr) bits[o / 8] = static_cast<char>(bits[o / 8] | (1 << (o % 8)));
  }
  out.raw(bits);
  std::vector<RingEntry> entries;
  for (std::uint32_t o = 0; o < end; ++o) {
    const HotLine* line = line_at(table, o);
    if (line == nullptr) continue;
    out.zigzag(line->newest_us);
    out.varint(line->count);
    out.f64(line->score);
    out.f64(line->weight_sum);
    if (table.has_value) out.f64(line->value_sum);
    for (const RingKind ring : kAllRings) {
      if (table.shapes[index_of(ring)].exists()) encode_ring(table, ring, *line, entries, out);
    }
  }
}

Error damaged(std::string what) { return Error(Code::Corruption, "ledger image: " + std::move(what)); }

/// A sum of weights: finite and not negative.
bool is_weight(double v) { return std::isfinite(v) && v >= 0; }

/// False when no capture writes such a ring.
bool decode_ring(base::Decoder& in, const RingShape& shape, std::int64_t newest, std::uint64_t count_max,
                 std::vector<RingEntry>& entries) {
  const std::uint64_t n = in.varint();
  // The newest event is always in its own bucket, so no ring of a pair that fired is empty.
  if (n == 0 || n > shape.span) return false;
  std::int64_t bucket = newest;
  std::uint64_t total = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t back = in.varint();
    if (back >= shape.span || (back == 0) != (i == 0)) return false;
    bucket -= static_cast<std::int64_t>(back);
    const std::uint64_t count = in.varint();
    if (bucket <= newest - shape.span || count == 0 || count > std::numeric_limits<std::uint32_t>::max()) return false;
    RingEntry entry{.bucket = bucket, .count = static_cast<std::uint32_t>(count)};
    if (shape.entry_words() >= 2) entry.weight = in.f64();
    if (shape.entry_words() >= 3) entry.value = in.f64();
    if (!in.ok() || !is_weight(entry.weight) || !std::isfinite(entry.value)) return false;
    entries.push_back(entry);
    total += count;
  }
  std::reverse(entries.begin(), entries.end());
  return total <= count_max;
}

bool decode_pair(base::Decoder& in, const SignalTable& table, std::int64_t newest_max, PairState& pair) {
  pair.newest_us = in.zigzag();
  pair.count = in.varint();
  pair.score = in.f64();
  pair.weight_sum = in.f64();
  pair.value_sum = table.has_value() ? in.f64() : 0.0;
  if (!in.ok() || pair.count == 0 || pair.newest_us < kTimeMin || pair.newest_us > newest_max) return false;
  if (!is_weight(pair.score) || !is_weight(pair.weight_sum) || !std::isfinite(pair.value_sum)) return false;
  for (const RingKind ring : kAllRings) {
    auto& entries = pair.rings[index_of(ring)];
    entries.clear();
    const RingShape& shape = table.shape(ring);
    if (!shape.exists()) continue;
    const std::int64_t newest = bucket_of(ring, shape.width_us, pair.newest_us);
    if (!decode_ring(in, shape, newest, pair.count, entries)) return false;
  }
  return true;
}

Status restore_table(base::Decoder& in, std::int64_t newest_max, SignalTable& table) {
  const std::uint64_t end = in.varint();
  if (!in.ok() || end >= to_index(Ordinal::None)) return damaged("ordinals up to " + std::to_string(end));
  const std::string_view bits = in.raw((end + 7) / 8);
  if (!in.ok()) return damaged("presence of " + std::to_string(end) + " ordinals is cut off");
  PairState pair;
  for (std::uint32_t o = 0; o < bits.size() * 8; ++o) {
    if ((static_cast<unsigned char>(bits[o / 8]) >> (o % 8) & 1) == 0) continue;
    if (o >= end) return damaged("presence bit " + std::to_string(o) + " beyond " + std::to_string(end));
    pair.entity = to_ordinal(o);
    if (!decode_pair(in, table, newest_max, pair)) return damaged("line of ordinal " + std::to_string(o));
    table.restore(pair);
  }
  return {};
}

}  // namespace

LedgerCapture capture(const Ledger& ledger) {
  LedgerCapture c{.has_events = ledger.has_events(), .newest_us = ledger.newest_event().us, .tables = {}};
  for (std::size_t s = 0; s < ledger.signal_count(); ++s) {
    c.tables.push_back(capture_table(*ledger.table(static_cast<SignalIndex>(s))));
  }
  return c;
}

void encode(const LedgerCapture& capture, base::Encoder& out) {
  out.u8(capture.has_events ? kHasEvents : 0);
  out.zigzag(capture.newest_us);
  out.varint(capture.tables.size());
  for (const TableCapture& table : capture.tables) encode_table(table, out);
}

Status restore(base::Decoder& in, Ledger& ledger) {
  const std::uint8_t flags = in.u8();
  const std::int64_t newest_us = in.zigzag();
  const std::uint64_t signals = in.varint();
  if (!in.ok() || flags > kHasEvents || newest_us < kTimeMin || newest_us > kTimeMax) return damaged("header");
  if (flags == 0 && newest_us != 0) return damaged("a newest event without events");
  if (signals != ledger.signal_count()) {
    return damaged(std::to_string(signals) + " signals, expected " + std::to_string(ledger.signal_count()));
  }
  if (flags == kHasEvents) ledger.restore_newest(Timestamp{newest_us});
  const std::int64_t newest_max = flags == kHasEvents ? newest_us : kTimeMin - 1;
  for (std::size_t s = 0; s < signals; ++s) {
    TIDAL_TRY(restore_table(in, newest_max, *ledger.table(static_cast<SignalIndex>(s))));
  }
  return {};
}

void for_each_pair(const Ledger& ledger, const std::function<void(SignalIndex, const PairState&)>& visit) {
  for (std::size_t s = 0; s < ledger.signal_count(); ++s) {
    const SignalTable& table = *ledger.table(static_cast<SignalIndex>(s));
    for (std::uint32_t i = 0; i < table.hot().size(); ++i) {
      const HotLine& line = table.hot().line(i);
      if (line.count != 0) visit(static_cast<SignalIndex>(s), table.state_of(line));
    }
  }
}

std::string canonical_bytes(const PairState& pair) {
  base::Encoder out;
  out.i64(pair.newest_us);
  out.u64(pair.count);
  out.f64(pair.score);
  out.f64(pair.weight_sum);
  out.f64(pair.value_sum);
  for (const auto& ring : pair.rings) {
    out.varint(ring.size());
    for (const RingEntry& entry : ring) {
      out.i64(entry.bucket);
      out.u32(entry.count);
      out.f64(entry.weight);
      out.f64(entry.value);
    }
  }
  return out.take();
}

}  // namespace tidal::signal
