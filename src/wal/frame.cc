// Building, sealing and judging of frames.
#include "wal/frame.h"

#include "base/assert.h"
#include "base/crc32c.h"
#include "wal/record_layout.h"

namespace tidal::wal {
namespace {

constexpr std::uint32_t kMagic = 0x52465754;  // "TWFR"

constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kVersionAt = 4;  // two reserved zero bytes follow
constexpr std::size_t kFirstSeqnoAt = 8;
constexpr std::size_t kRecordCountAt = 16;
constexpr std::size_t kBodyBytesAt = 20;
constexpr std::size_t kAppendTimeAt = 24;
constexpr std::size_t kSyncedThroughAt = 32;
constexpr std::size_t kOffsetAt = 40;
constexpr std::size_t kSegmentCheckAt = 48;
constexpr std::size_t kBodyCrcAt = 52;  // four reserved zero bytes follow
constexpr std::size_t kHeaderCrcAt = 60;
static_assert(kHeaderCrcAt + sizeof(std::uint32_t) == kFrameHeaderBytes);

Error bad(std::string what) { return Error(Code::Corruption, "frame " + std::move(what)); }

/// Of the record that we have encoded at the front of `bytes`.
std::size_t record_bytes(std::string_view bytes) {
  return sizeof(std::uint32_t) + load<std::uint32_t>(bytes.data() + kRecordLengthAt);
}

}  // namespace

void encode_frame_header(const FrameHeader& header, char* out) {
  std::memset(out, 0, kFrameHeaderBytes);
  store(out + kMagicAt, kMagic);
  store(out + kVersionAt, kFrameVersion);
  store(out + kFirstSeqnoAt, header.first_seqno.value);
  store(out + kRecordCountAt, header.record_count);
  store(out + kBodyBytesAt, header.body_bytes);
  store(out + kAppendTimeAt, header.append_time.us);
  store(out + kSyncedThroughAt, header.synced_through.value);
  store(out + kOffsetAt, header.offset);
  store(out + kSegmentCheckAt, header.segment_check);
  store(out + kBodyCrcAt, header.body_crc);
  store(out + kHeaderCrcAt, base::crc32c({out, kHeaderCrcAt}));
}

bool starts_with_frame_magic(std::string_view bytes) {
  return bytes.size() >= sizeof kMagic && load<std::uint32_t>(bytes.data() + kMagicAt) == kMagic;
}

Result<FrameHeader> decode_frame_header(std::string_view bytes, const FramePlace& place) {
  if (bytes.size() < kFrameHeaderBytes) return bad("header is cut off at " + std::to_string(bytes.size()) + " bytes");
  const char* const p = bytes.data();
  if (!starts_with_frame_magic(bytes)) return bad("magic is not there");
  if (load<std::uint32_t>(p + kHeaderCrcAt) != base::crc32c({p, kHeaderCrcAt})) return bad("header checksum mismatch");
  // Before the version: what a client sends must not pass for a newer format either.
  const auto offset = load<std::uint64_t>(p + kOffsetAt);
  const auto segment_check = load<std::uint32_t>(p + kSegmentCheckAt);
  if (offset != place.offset || segment_check != place.segment_check.value_or(segment_check)) {
    return bad("belongs to another place: offset " + std::to_string(offset));
  }
  if (const auto version = load<std::uint16_t>(p + kVersionAt); version > kFrameVersion) {
    return Error(Code::FailedPrecondition, "frame format " + std::to_string(version) +
                                               " is newer than this program's format " + std::to_string(kFrameVersion));
  }
  const FrameHeader header{.first_seqno = SeqNo{load<std::uint64_t>(p + kFirstSeqnoAt)},
                           .record_count = load<std::uint32_t>(p + kRecordCountAt),
                           .body_bytes = load<std::uint32_t>(p + kBodyBytesAt),
                           .append_time = Timestamp{load<std::int64_t>(p + kAppendTimeAt)},
                           .synced_through = SeqNo{load<std::uint64_t>(p + kSyncedThroughAt)},
                           .offset = offset,
                           .segment_check = segment_check,
                           .body_crc = load<std::uint32_t>(p + kBodyCrcAt)};
  if (header.frame_bytes() > kFrameBytesMax) return bad("is too long: " + std::to_string(header.frame_bytes()));
  return header;
}

std::uint32_t body_checksum(std::string_view padded_body) { return base::crc32c(padded_body); }

Status check_frame_body(const FrameHeader& header, std::string_view padded_body) {
  if (padded_body.size() != header.padded_body_bytes()) {
    return bad("body is cut off: expected " + std::to_string(header.padded_body_bytes()) + " bytes, got " +
               std::to_string(padded_body.size()));
  }
  if (body_checksum(padded_body) != header.body_crc) return bad("body checksum mismatch");
  return {};
}

Status RecordBatch::check_size() const {
  const std::size_t needed = kFrameHeaderBytes + bytes_.size() + kFrameAlignment;
  if (needed <= kFrameBytesMax) return {};
  return Error(Code::InvalidArgument, "batch of " + std::to_string(count_) + " records takes " +
                                          std::to_string(bytes_.size()) + " bytes; a batch may take at most " +
                                          std::to_string(kFrameBytesMax - kFrameHeaderBytes - kFrameAlignment));
}

void Frame::clear() {
  bytes_.assign(kFrameHeaderBytes, '\0');
  header_ = FrameHeader{};
}

void Frame::append(const RecordBatch& batch, std::span<const Duplicate> duplicates) {
  TIDAL_DCHECK(fits(batch));
  bytes_.resize(kFrameHeaderBytes + header_.body_bytes);  // drops the padding of an earlier seal
  std::string_view rest = batch.bytes();
  std::uint32_t position = 0;
  for (const Duplicate& duplicate : duplicates) {
    std::size_t kept = 0;
    for (; position < duplicate.position; ++position) kept += record_bytes(rest.substr(kept));
    bytes_.append(rest.substr(0, kept));
    rest.remove_prefix(kept + record_bytes(rest.substr(kept)));
    ++position;
  }
  bytes_.append(rest);
  header_.body_bytes = static_cast<std::uint32_t>(bytes_.size() - kFrameHeaderBytes);
  header_.record_count += batch.count() - static_cast<std::uint32_t>(duplicates.size());
}

void Frame::seal(const FrameHeader& place) {
  FrameHeader header = place;
  header.record_count = header_.record_count;
  header.body_bytes = header_.body_bytes;
  header_ = header;
  bytes_.resize(header_.frame_bytes(), '\0');
  char* p = bytes_.data() + kFrameHeaderBytes;
  for (std::uint64_t i = 0; i < header_.record_count; ++i) {
    store(p + kRecordSeqnoAt, header_.first_seqno.value + i);
    p += record_bytes({p, kRecordFixedBytes});
  }
  header_.body_crc = body_checksum(std::string_view(bytes_).substr(kFrameHeaderBytes));
  encode_frame_header(header_, bytes_.data());
}

bool RecordCursor::next(WalEvent& event) {
  if (!status_.ok()) return false;
  if (left_ == 0) {
    if (!rest_.empty()) status_ = bad("body has " + std::to_string(rest_.size()) + " bytes after its last record");
    return false;
  }
  status_ = decode_record(rest_, event.seqno, event.record);
  if (!status_.ok()) return false;
  if (event.seqno != next_) {
    status_ = bad("has a wrong seqno: expected " + std::to_string(next_.value) + ", got " +
                  std::to_string(event.seqno.value));
    return false;
  }
  event.ids = EventIds{};
  next_ = next_.next();
  --left_;
  return true;
}

std::size_t RecordCursor::next(std::span<WalEvent> out) {
  std::size_t n = 0;
  while (n < out.size() && next(out[n])) ++n;
  return n;
}

}  // namespace tidal::wal
