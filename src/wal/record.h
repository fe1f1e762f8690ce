// What the log carries: plain structs of ids and bytes. The log gives no meaning to payloads.
//
// Layout on disk: docs/formats/wal.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::wal {

/// Numbers are part of the format: never reuse one.
enum class RecordType : std::uint8_t {
  Signal = 1,
  PutEntity = 2,
  UpdateEntity = 3,
  DeleteEntity = 4,
  SchemaChange = 5,
  ImportMark = 6,  ///< carries only its import-mark extension
  Unsignal = 7,    ///< the user takes a signal back
  Relate = 8,      ///< an edge to the subject; it begins at the acting user, or where the payload says
  Unrelate = 9,
  Hide = 10,  ///< keeps the subject from everybody
  Unhide = 11,
  // Reserved for later: SchemaSwap 13, Backfill 14.
  Erase = 12,  ///< forgets a user, who is found by a hash in the payload: no keys
  Empty = 15,  ///< a place whose record is gone: no keys, no payload, no effect
};

/// Bits of Record::flags.
inline constexpr std::uint8_t kFlagTimeGiven = 1;  ///< the caller gave the event time (a part of the event's identity)
/// Of a signal: made anonymous by an erasure. Of an Empty record: an erasure took what was here. Of an Erase record:
/// the segments up to it were rewritten, so that they hold nothing of its user.
inline constexpr std::uint8_t kFlagErased = 2;
inline constexpr std::uint8_t kFlagLost = 4;  ///< of an Empty record: damage took what was here, a repair fills it

inline constexpr std::uint16_t kNoPartition = 0xFFFF;

/// Tags of extensions. Unknown tags are kept and skipped.
enum class Tag : std::uint8_t {
  IdempotencyKey = 1,
  Context = 2,     ///< JSON object: surface, position, query_id, profile …
  ImportMark = 3,  ///< 32-byte import id, then u64 position in the applied order
  Resolved = 4,    ///< reserved: creator key and dimension values filled in by a coordinator
};

struct Extension {
  std::uint8_t tag = 0;
  std::string_view bytes;
};

/// Tells an event from every other one; all zero: it has no identity and is never taken for a duplicate.
struct EventId {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  bool operator==(const EventId&) const = default;
  [[nodiscard]] bool is_none() const { return low == 0 && high == 0; }
};

/// One mutation as the caller hands it to the log; views live at least until the append returns.
/// `item_key` is the subject: an item's, or (per `subject_kind`) a creator's or user's key; "" none.
struct Record {
  RecordType type = RecordType::Signal;
  std::uint8_t flags = 0;
  EntityKind subject_kind = EntityKind::Item;
  Timestamp event_time;
  std::string_view subject_key;
  std::string_view user_key;  ///< the acting user; "" none
  std::string_view payload;
  std::vector<Extension> extensions;
  EventId event_id = {};  ///< not written: whoever hands the record over knows it; none in a record that was read
  bool keeps_duplicate = false;  ///< not written: the record is wanted even where it repeats another
};

/// What an event means at its seqno, filled in once before the fan-out so that no view looks anything up twice.
struct EventIds {
  Ordinal subject = Ordinal::None;
  Ordinal user = Ordinal::None;     ///< the acting user
  Ordinal creator = Ordinal::None;  ///< of the subject item at this seqno
  Ordinal from = Ordinal::None;     ///< where an edge begins
  std::uint16_t signal = 0xFFFF;    ///< position of the signal in the schema; of an edge: of its relation's signal
  std::uint16_t relation = 0xFFFF;  ///< of an edge: position of its relation in the schema
  bool is_void = false;             ///< its entity or definition was gone by this seqno: every view ignores it
  bool has_value = false;
  bool stood = false;   ///< what an Unsignal, Relate or Unrelate is about stood before it, as the record says
  double weight = 1.0;  ///< of a signal or an edge
  double value = 0;     ///< of a signal, if has_value
};

/// A durable record with its place in the log, as views receive it. Views point into the reader's or writer's buffer.
struct WalEvent {
  SeqNo seqno;
  Timestamp append_time;
  Record record;
  EventIds ids;
};

/// Events are handed on in groups of up to so many, so that what they wait for in memory overlaps.
inline constexpr std::size_t kEventGroup = 64;

/// Top 12 bits of XXH3-64 (seed 0) over kind byte and key; kNoPartition for an empty key.
[[nodiscard]] std::uint16_t partition_of(EntityKind kind, std::string_view key);

/// Appends the record's bytes to `out`. Cost: one pass over its bytes.
void encode_record(const Record& record, SeqNo seqno, std::string& out);

/// Reads one record from the front of `in` and advances it. Views point into `in`. Corruption names what is wrong.
[[nodiscard]] Status decode_record(std::string_view& in, SeqNo& seqno, Record& record);

}  // namespace tidal::wal
