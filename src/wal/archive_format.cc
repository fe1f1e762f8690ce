// Coding of archive headers and seek tables.
#include "wal/archive_format.h"

#include "base/crc32c.h"
#include "wal/record_layout.h"
#include "wal/segment.h"

namespace tidal::wal {
namespace {

constexpr std::string_view kSuffix = ".zst";
/// One of the sixteen magics that zstd skips together with as many bytes as the next four say.
constexpr std::uint32_t kSkippableMagic = 0x184D2A54;
constexpr std::size_t kFrameHeadBytes = 8;
constexpr std::string_view kHeaderMagic = "TIDALARC";
constexpr std::string_view kTrailerMagic = "TIDALIDX";

// Offsets in the header, from the start of the file.
constexpr std::size_t kMagicAt = 8;
constexpr std::size_t kVersionAt = 16;
constexpr std::size_t kMinReaderAt = 20;
constexpr std::size_t kShardAt = 24;
constexpr std::size_t kSegmentCheckAt = 28;
constexpr std::size_t kFirstSeqnoAt = 32;
constexpr std::size_t kLastSeqnoAt = 40;
constexpr std::size_t kCountAt = 48;
constexpr std::size_t kFirstTimeAt = 56;
constexpr std::size_t kLastTimeAt = 64;
constexpr std::size_t kCreatedAt = 72;
constexpr std::size_t kSegmentBytesAt = 80;  // reserved zero bytes follow
constexpr std::size_t kHeaderCrcAt = 124;

constexpr std::size_t kEntryBytes = 8;
// Offsets in the trailer.
constexpr std::size_t kTrailerMagicAt = 0;
constexpr std::size_t kTableOffsetAt = 8;
constexpr std::size_t kChunkCountAt = 16;
constexpr std::size_t kHeaderCheckAt = 24;
constexpr std::size_t kTableCrcAt = 28;

std::string skippable_frame(std::size_t frame_bytes) {
  std::string frame(frame_bytes, '\0');
  store(frame.data(), kSkippableMagic);
  store(frame.data() + sizeof kSkippableMagic, static_cast<std::uint32_t>(frame_bytes - kFrameHeadBytes));
  return frame;
}

bool is_skippable_frame(std::string_view frame) {
  return load<std::uint32_t>(frame.data()) == kSkippableMagic &&
         load<std::uint32_t>(frame.data() + sizeof kSkippableMagic) == frame.size() - kFrameHeadBytes;
}

Error bad(const std::string& what) { return Error(Code::Corruption, what); }

}  // namespace

std::string archive_file_name(SeqNo first_seqno) { return segment_file_name(first_seqno) + std::string(kSuffix); }

std::optional<SeqNo> parse_archive_file_name(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
  return parse_segment_file_name(name);
}

bool starts_archive(std::string_view bytes) {
  return bytes.size() >= kMagicAt + kHeaderMagic.size() && load<std::uint32_t>(bytes.data()) == kSkippableMagic &&
         bytes.substr(kMagicAt).starts_with(kHeaderMagic);
}

std::string encode_archive_header(ArchiveHeader& header) {
  std::string block = skippable_frame(kArchiveHeaderBytes);
  char* const p = block.data();
  kHeaderMagic.copy(p + kMagicAt, kHeaderMagic.size());
  store(p + kVersionAt, header.format_version);
  store(p + kMinReaderAt, header.min_reader_version);
  store(p + kShardAt, header.shard_id);
  store(p + kSegmentCheckAt, header.segment_check);
  store(p + kFirstSeqnoAt, header.first_seqno.value);
  store(p + kLastSeqnoAt, header.last_seqno.value);
  store(p + kCountAt, header.record_count);
  store(p + kFirstTimeAt, header.first_append_time.us);
  store(p + kLastTimeAt, header.last_append_time.us);
  store(p + kCreatedAt, header.created_at.us);
  store(p + kSegmentBytesAt, header.segment_bytes);
  header.check = base::crc32c(std::string_view(block).substr(0, kHeaderCrcAt));
  store(p + kHeaderCrcAt, header.check);
  return block;
}

Result<ArchiveHeader> decode_archive_header(std::string_view bytes) {
  if (bytes.size() < kArchiveHeaderBytes) return bad("archive header: the file ends inside it");
  bytes = bytes.substr(0, kArchiveHeaderBytes);
  const char* const p = bytes.data();
  ArchiveHeader header;
  header.check = load<std::uint32_t>(p + kHeaderCrcAt);
  if (!starts_archive(bytes) || header.check != base::crc32c(bytes.substr(0, kHeaderCrcAt))) {
    return bad("archive header: magic or checksum mismatch");
  }
  header.format_version = load<std::uint32_t>(p + kVersionAt);
  header.min_reader_version = load<std::uint32_t>(p + kMinReaderAt);
  if (header.min_reader_version > kArchiveVersion) {
    return Error(Code::FailedPrecondition,
                 "archive format " + std::to_string(header.format_version) + " needs a reader of format " +
                     std::to_string(header.min_reader_version) + " or newer; this program reads format " +
                     std::to_string(kArchiveVersion));
  }
  header.shard_id = load<std::uint32_t>(p + kShardAt);
  header.segment_check = load<std::uint32_t>(p + kSegmentCheckAt);
  header.first_seqno = SeqNo{load<std::uint64_t>(p + kFirstSeqnoAt)};
  header.last_seqno = SeqNo{load<std::uint64_t>(p + kLastSeqnoAt)};
  header.record_count = load<std::uint64_t>(p + kCountAt);
  header.first_append_time = Timestamp{load<std::int64_t>(p + kFirstTimeAt)};
  header.last_append_time = Timestamp{load<std::int64_t>(p + kLastTimeAt)};
  header.created_at = Timestamp{load<std::int64_t>(p + kCreatedAt)};
  header.segment_bytes = load<std::uint64_t>(p + kSegmentBytesAt);
  const bool adds_up = header.last_seqno.value + 1 == header.first_seqno.value + header.record_count &&
                       header.last_seqno.value + 1 >= header.first_seqno.value;
  if (!is_skippable_frame(bytes) || header.first_seqno.value == 0 || !adds_up ||
      header.segment_bytes < 2 * kPageBytes) {
    return bad("archive header: impossible seqnos or size");
  }
  return header;
}

std::uint64_t archive_table_bytes(std::uint64_t chunk_count) {
  return kFrameHeadBytes + chunk_count * kEntryBytes + kArchiveTrailerBytes;
}

std::string encode_archive_table(const ArchiveHeader& header, const std::vector<ArchiveChunk>& chunks) {
  std::string frame = skippable_frame(static_cast<std::size_t>(archive_table_bytes(chunks.size())));
  char* p = frame.data() + kFrameHeadBytes;
  std::uint64_t table_offset = kArchiveHeaderBytes;
  for (const ArchiveChunk& chunk : chunks) {
    store(p, chunk.compressed_bytes);
    store(p + sizeof chunk.compressed_bytes, chunk.crc);
    table_offset += chunk.compressed_bytes;
    p += kEntryBytes;
  }
  kTrailerMagic.copy(p + kTrailerMagicAt, kTrailerMagic.size());
  store(p + kTableOffsetAt, table_offset);
  store(p + kChunkCountAt, std::uint64_t{chunks.size()});
  store(p + kHeaderCheckAt, header.check);
  store(p + kTableCrcAt, base::crc32c(std::string_view(frame).substr(0, frame.size() - sizeof(std::uint32_t))));
  return frame;
}

Result<ArchiveTrailer> decode_archive_trailer(std::string_view bytes, const ArchiveHeader& header,
                                              std::uint64_t file_bytes) {
  if (bytes.size() < kArchiveTrailerBytes) return bad("archive trailer: the file ends inside it");
  if (!bytes.substr(kTrailerMagicAt).starts_with(kTrailerMagic)) return bad("archive trailer: magic mismatch");
  const char* const p = bytes.data();
  const ArchiveTrailer trailer{.chunk_count = load<std::uint64_t>(p + kChunkCountAt),
                               .table_offset = load<std::uint64_t>(p + kTableOffsetAt)};
  if (load<std::uint32_t>(p + kHeaderCheckAt) != header.check) return bad("archive trailer belongs to another file");
  // A count that the file has room for, before anything is multiplied by it.
  if (trailer.chunk_count != header.chunk_count() || trailer.chunk_count > file_bytes / kEntryBytes ||
      trailer.table_offset > file_bytes || trailer.table_offset < kArchiveHeaderBytes ||
      file_bytes - trailer.table_offset != archive_table_bytes(trailer.chunk_count)) {
    return bad("archive trailer: " + std::to_string(trailer.chunk_count) + " chunks before offset " +
               std::to_string(trailer.table_offset) + " do not fit a file of " + std::to_string(file_bytes) +
               " bytes with " + std::to_string(header.segment_bytes) + " bytes of content");
  }
  return trailer;
}

Result<std::vector<ArchiveChunk>> decode_archive_table(std::string_view bytes, const ArchiveTrailer& trailer) {
  if (bytes.size() != archive_table_bytes(trailer.chunk_count)) return bad("archive table: the file ends inside it");
  const std::string_view covered = bytes.substr(0, bytes.size() - sizeof(std::uint32_t));
  if (!is_skippable_frame(bytes) || load<std::uint32_t>(bytes.data() + covered.size()) != base::crc32c(covered)) {
    return bad("archive table: checksum mismatch");
  }
  std::vector<ArchiveChunk> chunks(static_cast<std::size_t>(trailer.chunk_count));
  const char* p = bytes.data() + kFrameHeadBytes;
  std::uint64_t end = kArchiveHeaderBytes;
  for (ArchiveChunk& chunk : chunks) {
    chunk = {.compressed_bytes = load<std::uint32_t>(p), .crc = load<std::uint32_t>(p + sizeof(std::uint32_t))};
    end += chunk.compressed_bytes;
    p += kEntryBytes;
  }
  if (end != trailer.table_offset) {
    return bad("archive table: chunks end at offset " + std::to_string(end) + ", expected " +
               std::to_string(trailer.table_offset));
  }
  return chunks;
}

}  // namespace tidal::wal
