// A frame: the records of one group commit, written and judged as a whole.
//
// R1: a frame is valid only in its place: its header repeats the segment's checksum and its own offset, so neither a
// payload that looks like a frame nor a stale or misplaced copy can pass for one.
// R2: the records of a frame carry consecutive seqnos from first_seqno on.
// Layout: docs/formats/wal.md. Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"
#include "wal/duplicates.h"
#include "wal/record.h"

namespace tidal::wal {

inline constexpr std::uint16_t kFrameVersion = 1;
inline constexpr std::size_t kFrameHeaderBytes = 64;
inline constexpr std::size_t kFrameAlignment = 8;
/// Header, body and padding together. Bounds the memory of a reader and the size of one caller's batch.
inline constexpr std::size_t kFrameBytesMax = std::size_t{16} << 20;

struct FrameHeader {
  SeqNo first_seqno{};
  std::uint32_t record_count = 0;  ///< 0: a mark that only carries synced_through
  std::uint32_t body_bytes = 0;    ///< without the padding
  Timestamp append_time{};
  SeqNo synced_through{};           ///< highest seqno known to be synced when the frame was written
  std::uint64_t offset = 0;         ///< of the frame in its segment
  std::uint32_t segment_check = 0;  ///< checksum of the segment's header
  std::uint32_t body_crc = 0;       ///< over body and padding

  [[nodiscard]] std::size_t padded_body_bytes() const {
    return (std::size_t{body_bytes} + kFrameAlignment - 1) / kFrameAlignment * kFrameAlignment;
  }
  [[nodiscard]] std::size_t frame_bytes() const { return kFrameHeaderBytes + padded_body_bytes(); }
  [[nodiscard]] SeqNo last_seqno() const { return SeqNo{first_seqno.value + record_count - 1}; }
};

/// Writes the 64 bytes, checksum last.
void encode_frame_header(const FrameHeader& header, char* out);

/// A cheap first look for places where a frame may start.
[[nodiscard]] bool starts_with_frame_magic(std::string_view bytes);

/// Where a frame must say that it lies (R1). Every format keeps the fields that tell where they are.
struct FramePlace {
  std::uint64_t offset = 0;
  std::optional<std::uint32_t> segment_check{};  ///< none: of whatever segment
};

/// Judges magic, checksum and place, then version and sizes. Corruption; FailedPrecondition names both versions when
/// the frame is sound but of a newer format.
[[nodiscard]] Result<FrameHeader> decode_frame_header(std::string_view bytes, const FramePlace& place);

/// Checksum of a body with its padding.
[[nodiscard]] std::uint32_t body_checksum(std::string_view padded_body);
/// Corruption unless `padded_body` is what the header was written for.
[[nodiscard]] Status check_frame_body(const FrameHeader& header, std::string_view padded_body);

/// One caller's records, encoded on the caller's thread; their seqnos are filled in when they get their place.
class RecordBatch {
 public:
  RecordBatch() = default;
  explicit RecordBatch(std::span<const Record> records) {
    for (const Record& record : records) add(record);
  }
  void add(const Record& record) {
    encode_record(record, SeqNo{}, bytes_);
    event_ids_.push_back(record.event_id);
    keeps_duplicate_.push_back(record.keeps_duplicate);
    ++count_;
  }
  void clear() {
    bytes_.clear();
    event_ids_.clear();
    keeps_duplicate_.clear();
    count_ = 0;
  }
  /// One a record.
  [[nodiscard]] std::span<const EventId> event_ids() const { return event_ids_; }
  [[nodiscard]] bool keeps_duplicate(std::size_t position) const { return keeps_duplicate_[position]; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// InvalidArgument when no frame could hold it.
  [[nodiscard]] Status check_size() const;

 private:
  std::string bytes_;
  std::vector<EventId> event_ids_;
  std::vector<bool> keeps_duplicate_;
  std::uint32_t count_ = 0;
};

/// A frame being put together in memory. Its buffer stays, for reuse and for the views of the events read from it.
class Frame {
 public:
  Frame() { clear(); }
  void clear();
  [[nodiscard]] bool fits(const RecordBatch& batch) const {
    return bytes_.size() + batch.bytes().size() + kFrameAlignment <= kFrameBytesMax;
  }
  void append(const RecordBatch& batch) { append(batch, {}); }
  /// All records but the duplicates, which are ordered by position.
  void append(const RecordBatch& batch, std::span<const Duplicate> duplicates);
  /// Fills in seqnos, padding, header and checksums: `place` gives first_seqno, append_time, synced_through, offset and
  /// segment_check. May be called again to move the frame to another place.
  void seal(const FrameHeader& place);

  /// After seal().
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] const FrameHeader& header() const { return header_; }
  [[nodiscard]] std::string_view body() const {
    return std::string_view(bytes_).substr(kFrameHeaderBytes, header_.body_bytes);
  }
  [[nodiscard]] std::uint32_t count() const { return header_.record_count; }
  /// Size once sealed.
  [[nodiscard]] std::size_t sealed_bytes() const { return header_.frame_bytes(); }

 private:
  std::string bytes_;  // header, body, padding
  FrameHeader header_;
};

/// Reads the records of a checked body one after the other.
class RecordCursor {
 public:
  RecordCursor(const FrameHeader& header, std::string_view body)
      : rest_(body.substr(0, header.body_bytes)), next_(header.first_seqno), left_(header.record_count) {}
  /// Fills `event` (ids cleared); false at the end or at the first error. Views point into the body.
  [[nodiscard]] bool next(WalEvent& event);
  /// The same for as many events as `out` has room for; how many there were.
  [[nodiscard]] std::size_t next(std::span<WalEvent> out);
  /// Corruption when the body was not what R2 demands; decided once next() has answered false.
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  std::string_view rest_;
  SeqNo next_;
  std::uint32_t left_;
  Status status_;
};

}  // namespace tidal::wal
