// Event ids from records.
#include "db/event_id.h"

#include <cstring>

#include "base/coding.h"
#include "base/hash.h"
#include "signal/signal_record.h"

namespace tidal::db {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;

// The first byte of what is hashed: a key cannot pass for the other kind.
enum class Source : std::uint8_t { Key = 1, Content = 2 };

wal::EventId hash(const base::Encoder& source) {
  const base::Hash256 hash = base::blake3(source.str());
  wal::EventId id;
  std::memcpy(&id.low, hash.data(), sizeof id.low);
  std::memcpy(&id.high, hash.data() + sizeof id.low, sizeof id.high);
  return id;
}

/// Rounds down, before 1970 too.
std::int64_t second_of(Timestamp at) { return at.us / kSecondUs - (at.us % kSecondUs < 0 ? 1 : 0); }

}  // namespace

wal::EventId event_id_of(const wal::Record& record) {
  if (record.type != wal::RecordType::Signal || (record.flags & wal::kFlagErased) != 0) return {};
  base::Encoder source;
  for (const wal::Extension& extension : record.extensions) {
    if (extension.tag != static_cast<std::uint8_t>(wal::Tag::IdempotencyKey)) continue;
    source.u8(static_cast<std::uint8_t>(Source::Key));
    source.raw(extension.bytes);
    return hash(source);
  }
  if ((record.flags & wal::kFlagTimeGiven) == 0 || record.user_key.empty()) return {};
  const Result<signal::SignalPayload> payload = signal::decode_payload(record.payload);
  if (!payload.ok()) return {};
  source.u8(static_cast<std::uint8_t>(Source::Content));
  source.string(payload->name);
  source.u8(static_cast<std::uint8_t>(record.subject_kind));
  source.string(record.subject_key);
  source.string(record.user_key);
  source.i64(second_of(record.event_time));
  return hash(source);
}

}  // namespace tidal::db
