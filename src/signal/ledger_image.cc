// Capture, encoding, restore and digest bytes of a ledger.
#include "signal/ledger_image.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace tidal::signal {
namespace {

constexpr std::uint8_t kHasEvents = 1;
/// Microseconds of the years 0000 to 9999, the valid times.
constexpr std::int64_t kTimeMin = -62'167'219'200'000'000;
constexpr std::int64_t kTimeMax = 253'402'300'800'000'000;

void encode_ring(const RingShape& shape, RingKind ring, std::int64_t newest_us, const std::vector<RingEntry>& entries,
                 base::Encoder& out) {
  out.varint(entries.size());
  std::int64_t before = bucket_of(ring, shape.width_us, newest_us);
  for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
    out.varint(static_cast<std::uint64_t>(before - e->bucket));
    out.varint(e->count);
    if (shape.entry_words() >= 2) out.f64(e->weight);
    if (shape.entry_words() >= 3) out.f64(e->value);
    before = e->bucket;
  }
}

void encode_pair(const SignalTable& table, const PairState& pair, base::Encoder& out) {
  out.zigzag(pair.newest_us);
  out.varint(pair.count);
  out.f64(pair.score);
  out.f64(pair.weight_sum);
  if (table.has_value()) out.f64(pair.value_sum);
  for (const RingKind ring : kAllRings) {
    const RingShape& shape = table.shape(ring);
    if (shape.exists()) encode_ring(shape, ring, pair.newest_us, pair.rings[index_of(ring)], out);
  }
}

void encode_table(const LedgerCapture::Table& captured, base::Encoder& out) {
  std::string present((std::size_t{captured.entities_end} + 7) / 8, '\0');
  std::uint32_t end = 0;  // after the last ordinal that is present, so that one state has one image
  base::Encoder lines;
  PairState pair;
  for (std::uint32_t o = 0; o < captured.entities_end; ++o) {
    const HotLine* line = captured.table->find(to_ordinal(o));
    if (line == nullptr) continue;
    captured.table->read_pair(*line, pair);
    const std::optional<PairState> saved = captured.pairs.saved(o);  // S1: after the look at the live line
    const PairState& then = saved ? *saved : pair;
    if (then.count == 0) continue;
    present[o / 8] = static_cast<char>(present[o / 8] | (1 << (o % 8)));
    end = o + 1;
    encode_pair(*captured.table, then, lines);
  }
  out.varint(end);
  out.raw(std::string_view(present).substr(0, (std::size_t{end} + 7) / 8));
  out.raw(lines.str());
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
    const SignalTable& table = *ledger.table(static_cast<SignalIndex>(s));
    c.tables.push_back({.table = &table, .entities_end = table.hot().entities_end(), .pairs = table.capture_pairs()});
  }
  return c;
}

void encode(const LedgerCapture& capture, base::Encoder& out) {
  out.u8(capture.has_events ? kHasEvents : 0);
  out.zigzag(capture.newest_us);
  out.varint(capture.tables.size());
  for (const LedgerCapture::Table& table : capture.tables) encode_table(table, out);
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
  PairState pair;
  for (std::size_t s = 0; s < ledger.signal_count(); ++s) {
    const SignalTable& table = *ledger.table(static_cast<SignalIndex>(s));
    for (std::uint32_t i = 0; i < table.hot().size(); ++i) {
      const HotLine& line = table.hot().line(i);
      if (line.count == 0) continue;
      table.read_pair(line, pair);
      visit(static_cast<SignalIndex>(s), pair);
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
