// One file of the log: a header page, frames, a footer page. Preallocated, so that a sync writes no metadata.
//
// G1: a file under its final name has a whole, synced header and its full size: it is made under another name first.
// G2: a segment with a footer is never written again. G3: a segment that has a successor has a footer.
// Layout: docs/formats/wal.md. Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "tidal/result.h"
#include "tidal/types.h"
#include "wal/frame.h"

namespace tidal::wal {

inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint32_t kMinReaderVersion = 1;
/// Header and footer have a page of their own, which no frame's write can tear.
inline constexpr std::uint64_t kPageBytes = 4096;
inline constexpr std::uint64_t kFramesBegin = kPageBytes;
inline constexpr std::uint64_t kSegmentBytesDefault = std::uint64_t{64} << 20;

struct SegmentHeader {
  std::uint32_t format_version = kFormatVersion;
  std::uint32_t min_reader_version = kMinReaderVersion;
  std::uint32_t shard_id = 0;
  SeqNo first_seqno{};  ///< of the first record it will hold
  Timestamp created_at{};
  std::uint64_t segment_bytes = kSegmentBytesDefault;  ///< size of the file
  std::uint32_t check = 0;  ///< checksum of this header; identifies the segment to its frames

  [[nodiscard]] std::uint64_t frames_end() const { return segment_bytes - kPageBytes; }
};

struct SegmentFooter {
  std::uint64_t record_count = 0;
  SeqNo last_seqno;              ///< first_seqno - 1 when the segment holds none
  std::uint64_t end_offset = 0;  ///< just after the last frame
  std::uint32_t segment_check = 0;
};

/// "00000000000000000042.wal": the first seqno in 20 digits.
[[nodiscard]] std::string segment_file_name(SeqNo first_seqno);
/// The seqno of such a name; empty for any other.
[[nodiscard]] std::optional<SeqNo> parse_segment_file_name(std::string_view name);

/// Size for a segment whose first frame takes `frame_bytes`: `wanted`, or more when the frame needs it; whole pages.
[[nodiscard]] std::uint64_t segment_bytes_for(std::uint64_t wanted, std::uint64_t frame_bytes);

/// The 64 bytes at the start of the file; sets header.check.
[[nodiscard]] std::string encode_segment_header(SegmentHeader& header);
/// Corruption; FailedPrecondition names both versions when this program is too old to read it.
[[nodiscard]] Result<SegmentHeader> decode_segment_header(std::string_view bytes);
[[nodiscard]] std::string encode_segment_footer(const SegmentFooter& footer);
/// Empty when the bytes are no sound footer of this segment.
[[nodiscard]] std::optional<SegmentFooter> decode_segment_footer(std::string_view bytes, const SegmentHeader& header);

/// Reads and checks the header and the size of an open file; messages name `path`.
[[nodiscard]] Result<SegmentHeader> read_segment_header(const base::File& file, const std::string& path);
/// Empty when there is no sound one. FailedPrecondition for one of a newer format than the header's and ours.
[[nodiscard]] Result<std::optional<SegmentFooter>> read_segment_footer(const base::File& file,
                                                                       const SegmentHeader& header,
                                                                       const std::string& path);

/// Makes `dir`/NAME.wal: zero-filled, synced, renamed into place, its directory synced. ResourceExhausted leaves
/// nothing behind.
[[nodiscard]] Result<std::unique_ptr<base::File>> create_segment(base::FileSystem& fs, const std::string& dir,
                                                                 SegmentHeader& header);
/// The two parts of it. A file of `bytes` zeros at `path`, synced; a failure leaves nothing behind.
[[nodiscard]] Result<std::unique_ptr<base::File>> create_zeros(base::FileSystem& fs, const std::string& path,
                                                               std::uint64_t bytes);
/// Makes `file`, zeros at `path` in `dir`, the segment of `header`: header, sync, rename, directory sync (G1). A
/// failure before the rename removes the file.
[[nodiscard]] Status name_segment(base::FileSystem& fs, const std::string& dir, const std::string& path,
                                  base::File& file, SegmentHeader& header);

/// Writes zeros over [begin, end).
[[nodiscard]] Status write_zeros(base::File& file, std::uint64_t begin, std::uint64_t end);

}  // namespace tidal::wal
