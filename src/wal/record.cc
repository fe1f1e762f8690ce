// Encoding and decoding of one record, and the partition rule. Layout: docs/formats/wal.md.
#include "wal/record.h"

#include "base/coding.h"
#include "base/hash.h"
#include "wal/record_layout.h"

namespace tidal::wal {
namespace {

void put_varint(std::uint64_t v, std::string& out) {
  for (; v >= 0x80; v >>= 7) out.push_back(static_cast<char>(v | 0x80));
  out.push_back(static_cast<char>(v));
}

void put_string(std::string_view s, std::string& out) {
  put_varint(s.size(), out);
  out.append(s);
}

Error bad(std::string what) { return Error(Code::Corruption, "record: " + std::move(what)); }

}  // namespace

std::uint16_t partition_of(EntityKind kind, std::string_view key) {
  if (key.empty()) return kNoPartition;
  std::string bytes(1, static_cast<char>(kind));
  bytes += key;
  return static_cast<std::uint16_t>(base::xxh3_64(bytes) >> 52);
}

void encode_record(const Record& record, SeqNo seqno, std::string& out) {
  const std::size_t start = out.size();
  out.resize(start + kRecordFixedBytes);
  put_string(record.subject_key, out);
  put_string(record.user_key, out);
  put_string(record.payload, out);
  for (const Extension& extension : record.extensions) {
    out.push_back(static_cast<char>(extension.tag));
    put_string(extension.bytes, out);
  }
  char* const p = out.data() + start;
  store(p + kRecordLengthAt, static_cast<std::uint32_t>(out.size() - start - sizeof(std::uint32_t)));
  store(p + kRecordTypeAt, record.type);
  store(p + kRecordFlagsAt, record.flags);
  store(p + kRecordKindAt, record.subject_kind);
  store(p + kRecordKindAt + 1, std::uint8_t{0});
  store(p + kRecordSeqnoAt, seqno.value);
  store(p + kRecordTimeAt, record.event_time.us);
  store(p + kRecordSubjectPartitionAt, partition_of(record.subject_kind, record.subject_key));
  store(p + kRecordUserPartitionAt, partition_of(EntityKind::User, record.user_key));
}

Status decode_record(std::string_view& in, SeqNo& seqno, Record& record) {
  if (in.size() < kRecordFixedBytes) {
    return bad("expected at least " + std::to_string(kRecordFixedBytes) + " bytes, got " + std::to_string(in.size()));
  }
  const char* const p = in.data();
  const std::size_t bytes = sizeof(std::uint32_t) + load<std::uint32_t>(p + kRecordLengthAt);
  if (bytes < kRecordFixedBytes || bytes > in.size()) {
    return bad("length " + std::to_string(bytes) + " does not fit the " + std::to_string(in.size()) + " bytes there");
  }
  const auto kind = load<std::uint8_t>(p + kRecordKindAt);
  if (kind >= kEntityKinds) return bad("unknown entity kind " + std::to_string(kind));
  seqno = SeqNo{load<std::uint64_t>(p + kRecordSeqnoAt)};
  record.type = load<RecordType>(p + kRecordTypeAt);
  record.flags = load<std::uint8_t>(p + kRecordFlagsAt);
  record.subject_kind = static_cast<EntityKind>(kind);
  record.event_time = Timestamp{load<std::int64_t>(p + kRecordTimeAt)};
  base::Decoder rest(in.substr(kRecordFixedBytes, bytes - kRecordFixedBytes));
  record.subject_key = rest.string();
  record.user_key = rest.string();
  record.payload = rest.string();
  record.extensions.clear();
  record.event_id = {};
  while (!rest.at_end()) {
    Extension extension;
    extension.tag = rest.u8();
    extension.bytes = rest.string();
    record.extensions.push_back(extension);
  }
  if (!rest.ok()) return bad("a string or extension reaches past the end, seqno " + std::to_string(seqno.value));
  in.remove_prefix(bytes);
  return {};
}

}  // namespace tidal::wal
