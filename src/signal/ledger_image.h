// A ledger's state as bytes and as digest pairs.
//
// Capturing costs O(signals): encoding reads the live lines afterwards, and what events change meanwhile they save
// first (base/captures.h).
//
// Image of one ledger: [flags u8: 1 has events][newest event zigzag][signals varint], then for each signal
//   [ordinals end varint][one bit an ordinal: has a line][lines in ordinal order]
// Line: [newest zigzag][count varint][score f64][weight sum f64][value sum f64, if the signal has a value], then for
// each ring of the signal [entries varint][entries, newest first]; entry: [buckets back from the entry before,
// or from the newest event's, varint][count varint][weight f64][value f64, as the ring's content has them].
// I1: restore of an image gives the state it was captured from. I2: bytes that no capture writes give Corruption, and
// memory grows at most in proportion to the bytes.
// Threads: capture, restore and digest belong to the writer; encoding to any one thread, beside the writer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "signal/ledger.h"
#include "signal/signal_table.h"
#include "tidal/result.h"

namespace tidal::signal {

/// The state of a ledger at one moment, read while events go on. Must not outlive the ledger, nor its clear().
struct LedgerCapture {
  struct Table {
    const SignalTable* table;
    std::uint32_t entities_end;
    PairCaptures::Capture pairs;
  };
  bool has_events = false;
  std::int64_t newest_us = 0;
  std::vector<Table> tables{};
};

/// O(signals).
[[nodiscard]] LedgerCapture capture(const Ledger& ledger);
void encode(const LedgerCapture& capture, base::Encoder& out);
/// Into a ledger that is configured with the signals of the image and holds no events.
[[nodiscard]] Status restore(base::Decoder& in, Ledger& ledger);

/// Calls visit(signal, pair) for every pair that fired and was not cleared since.
void for_each_pair(const Ledger& ledger, const std::function<void(SignalIndex, const PairState&)>& visit);
/// A pair's digest value: times, counts, floats by bit pattern, rings as (absolute bucket, count, sums).
[[nodiscard]] std::string canonical_bytes(const PairState& pair);

}  // namespace tidal::signal
