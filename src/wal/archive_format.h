// The bytes of an archived segment around its compressed chunks: name, header, seek table. Pure functions.
//
// The file is a row of zstd frames. Ours are skippable ones, so `zstd -d` gives the segment and nothing else.
// Layout: docs/formats/archive.md. Threads: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::wal {

inline constexpr std::uint32_t kArchiveVersion = 1;
inline constexpr std::uint32_t kArchiveMinReaderVersion = 1;
/// Content of every chunk but the last, which may hold less. As long as what a reader of segments asks for at once.
inline constexpr std::uint64_t kArchiveChunkBytes = std::uint64_t{1} << 20;
inline constexpr std::size_t kArchiveHeaderBytes = 128;
inline constexpr std::size_t kArchiveTrailerBytes = 32;

struct ArchiveHeader {
  std::uint32_t format_version = kArchiveVersion;
  std::uint32_t min_reader_version = kArchiveMinReaderVersion;
  std::uint32_t shard_id = 0;
  std::uint32_t segment_check = 0;  ///< checksum of the segment's header
  SeqNo first_seqno{};
  SeqNo last_seqno{};  ///< first_seqno - 1 when the segment holds no record
  std::uint64_t record_count = 0;
  Timestamp first_append_time{};  ///< of its first frame; 0 without frames
  Timestamp last_append_time{};   ///< of its last frame; 0 without frames
  Timestamp created_at{};         ///< of the segment
  std::uint64_t segment_bytes = 0;
  std::uint32_t check = 0;  ///< checksum of this header; the trailer repeats it

  [[nodiscard]] std::uint64_t chunk_count() const {
    return segment_bytes / kArchiveChunkBytes + (segment_bytes % kArchiveChunkBytes != 0 ? 1 : 0);
  }
  /// Content of that chunk.
  [[nodiscard]] std::uint64_t chunk_bytes(std::uint64_t chunk) const {
    const std::uint64_t rest = segment_bytes - chunk * kArchiveChunkBytes;
    return rest < kArchiveChunkBytes ? rest : kArchiveChunkBytes;
  }
};

struct ArchiveChunk {
  std::uint32_t compressed_bytes = 0;
  std::uint32_t crc = 0;  ///< of the compressed bytes
};

/// Found from the end of the file.
struct ArchiveTrailer {
  std::uint64_t chunk_count = 0;
  std::uint64_t table_offset = 0;  ///< where the frame of the seek table begins: behind the last chunk
};

/// "00000000000000000042.wal.zst": the segment's name and ".zst".
[[nodiscard]] std::string archive_file_name(SeqNo first_seqno);
/// The seqno of such a name; empty for any other.
[[nodiscard]] std::optional<SeqNo> parse_archive_file_name(std::string_view name);
/// Whether the file begins as an archive does; 16 bytes suffice.
[[nodiscard]] bool starts_archive(std::string_view bytes);

/// The 128 bytes at the start of the file; sets header.check.
[[nodiscard]] std::string encode_archive_header(ArchiveHeader& header);
/// Corruption; FailedPrecondition names both versions when this program is too old to read it.
[[nodiscard]] Result<ArchiveHeader> decode_archive_header(std::string_view bytes);

/// All that follows the chunks: a frame with the seek table and, last in it, the trailer.
[[nodiscard]] std::string encode_archive_table(const ArchiveHeader& header, const std::vector<ArchiveChunk>& chunks);
/// The size of that for so many chunks.
[[nodiscard]] std::uint64_t archive_table_bytes(std::uint64_t chunk_count);
/// Of the last 32 bytes of a file of `file_bytes`. Corruption when it is no trailer of this archive.
[[nodiscard]] Result<ArchiveTrailer> decode_archive_trailer(std::string_view bytes, const ArchiveHeader& header,
                                                            std::uint64_t file_bytes);
/// `bytes`: from the trailer's table offset to the end of the file. Corruption when they or the chunks do not add up.
[[nodiscard]] Result<std::vector<ArchiveChunk>> decode_archive_table(std::string_view bytes,
                                                                     const ArchiveTrailer& trailer);

}  // namespace tidal::wal
