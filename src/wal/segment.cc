// Headers, footers, names and the creation of segment files.
#include "wal/segment.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/crc32c.h"
#include "wal/record_layout.h"

namespace tidal::wal {
namespace {

constexpr std::string_view kHeaderMagic = "TIDALWAL";
constexpr std::string_view kFooterMagic = "TIDALEND";
constexpr std::string_view kSuffix = ".wal";
constexpr std::size_t kNameDigits = 20;
constexpr std::size_t kBlockBytes = 64;  // of header and of footer
constexpr std::size_t kCrcAt = 60;

constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kMinReaderAt = 12;
constexpr std::size_t kShardAt = 16;  // four reserved zero bytes follow
constexpr std::size_t kFirstSeqnoAt = 24;
constexpr std::size_t kCreatedAt = 32;
constexpr std::size_t kSegmentBytesAt = 40;

constexpr std::size_t kCountAt = 16;
constexpr std::size_t kLastSeqnoAt = 24;
constexpr std::size_t kEndOffsetAt = 32;
constexpr std::size_t kSegmentCheckAt = 40;

std::string block_with(std::string_view magic) {
  std::string block(kBlockBytes, '\0');
  magic.copy(block.data(), magic.size());
  return block;
}

std::uint32_t add_checksum(std::string& block) {
  const std::uint32_t crc = base::crc32c(std::string_view(block).substr(0, kCrcAt));
  store(block.data() + kCrcAt, crc);
  return crc;
}

bool is_sound(std::string_view block, std::string_view magic) {
  return block.size() >= kBlockBytes && block.starts_with(magic) &&
         load<std::uint32_t>(block.data() + kCrcAt) == base::crc32c(block.substr(0, kCrcAt));
}

Result<std::string> read_block(const base::File& file, std::uint64_t offset) {
  std::string block(kBlockBytes, '\0');
  TIDAL_TRY_ASSIGN(const std::size_t n, file.read_at(offset, std::as_writable_bytes(std::span(block))));
  block.resize(n);
  return block;
}

/// Synced part by part: one sync of 64 MiB would hold up the log's own syncs for 25 ms, parts do for 5.
Status fill(base::File& file, std::uint64_t bytes) {
  constexpr std::uint64_t kPartBytes = std::uint64_t{4} << 20;
  for (std::uint64_t at = 0; at < bytes; at += kPartBytes) {
    TIDAL_TRY(write_zeros(file, at, std::min(bytes, at + kPartBytes)));
    TIDAL_TRY(file.sync());
  }
  return {};
}

Status write_header(base::File& file, SegmentHeader& header) {
  TIDAL_TRY(file.write_at(0, base::as_bytes(encode_segment_header(header))));
  return file.sync();
}

}  // namespace

std::string segment_file_name(SeqNo first_seqno) {
  const std::string digits = std::to_string(first_seqno.value);
  return std::string(kNameDigits - digits.size(), '0') + digits + std::string(kSuffix);
}

std::optional<SeqNo> parse_segment_file_name(std::string_view name) {
  if (name.size() != kNameDigits + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t value = 0;
  const char* const end = name.data() + kNameDigits;
  const auto [rest, ec] = std::from_chars(name.data(), end, value);
  if (ec != std::errc{} || rest != end || value == 0) return std::nullopt;
  return SeqNo{value};
}

std::uint64_t segment_bytes_for(std::uint64_t wanted, std::uint64_t frame_bytes) {
  const std::uint64_t needed = std::max(wanted, frame_bytes + 2 * kPageBytes);
  return (needed + kPageBytes - 1) / kPageBytes * kPageBytes;
}

std::string encode_segment_header(SegmentHeader& header) {
  std::string block = block_with(kHeaderMagic);
  char* const p = block.data();
  store(p + kVersionAt, header.format_version);
  store(p + kMinReaderAt, header.min_reader_version);
  store(p + kShardAt, header.shard_id);
  store(p + kFirstSeqnoAt, header.first_seqno.value);
  store(p + kCreatedAt, header.created_at.us);
  store(p + kSegmentBytesAt, header.segment_bytes);
  header.check = add_checksum(block);
  return block;
}

Result<SegmentHeader> decode_segment_header(std::string_view bytes) {
  if (!is_sound(bytes, kHeaderMagic)) return Error(Code::Corruption, "segment header: magic or checksum mismatch");
  const char* const p = bytes.data();
  SegmentHeader header;
  header.format_version = load<std::uint32_t>(p + kVersionAt);
  header.min_reader_version = load<std::uint32_t>(p + kMinReaderAt);
  header.shard_id = load<std::uint32_t>(p + kShardAt);
  header.first_seqno = SeqNo{load<std::uint64_t>(p + kFirstSeqnoAt)};
  header.created_at = Timestamp{load<std::int64_t>(p + kCreatedAt)};
  header.segment_bytes = load<std::uint64_t>(p + kSegmentBytesAt);
  header.check = load<std::uint32_t>(p + kCrcAt);
  if (header.min_reader_version > kFormatVersion) {
    return Error(Code::FailedPrecondition,
                 "log format " + std::to_string(header.format_version) + " needs a reader of format " +
                     std::to_string(header.min_reader_version) + " or newer; this program reads format " +
                     std::to_string(kFormatVersion));
  }
  if (header.first_seqno.value == 0 || header.segment_bytes < 2 * kPageBytes) {
    return Error(Code::Corruption, "segment header: impossible first seqno or size");
  }
  return header;
}

std::string encode_segment_footer(const SegmentFooter& footer) {
  std::string block = block_with(kFooterMagic);
  char* const p = block.data();
  store(p + kVersionAt, kFormatVersion);
  store(p + kCountAt, footer.record_count);
  store(p + kLastSeqnoAt, footer.last_seqno.value);
  store(p + kEndOffsetAt, footer.end_offset);
  store(p + kSegmentCheckAt, footer.segment_check);
  add_checksum(block);
  return block;
}

std::optional<SegmentFooter> decode_segment_footer(std::string_view bytes, const SegmentHeader& header) {
  if (!is_sound(bytes, kFooterMagic)) return std::nullopt;
  const char* const p = bytes.data();
  const SegmentFooter footer{.record_count = load<std::uint64_t>(p + kCountAt),
                             .last_seqno = SeqNo{load<std::uint64_t>(p + kLastSeqnoAt)},
                             .end_offset = load<std::uint64_t>(p + kEndOffsetAt),
                             .segment_check = load<std::uint32_t>(p + kSegmentCheckAt)};
  const bool belongs = footer.segment_check == header.check && footer.end_offset >= kFramesBegin &&
                       footer.end_offset <= header.frames_end() &&
                       footer.last_seqno.value + 1 == header.first_seqno.value + footer.record_count;
  return belongs ? std::optional(footer) : std::nullopt;
}

Result<SegmentHeader> read_segment_header(const base::File& file, const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::string block, read_block(file, 0));
  Result<SegmentHeader> header = decode_segment_header(block);
  if (!header.ok()) return Error(header.error().code, path + " offset 0: " + header.error().message);
  TIDAL_TRY_ASSIGN(const std::uint64_t size, file.size());
  if (size != header->segment_bytes) {
    return Error(Code::Corruption, path + " offset " + std::to_string(size) + ": file size: expected " +
                                       std::to_string(header->segment_bytes) + " bytes, got " + std::to_string(size));
  }
  return header;
}

Result<std::optional<SegmentFooter>> read_segment_footer(const base::File& file, const SegmentHeader& header,
                                                         const std::string& path) {
  TIDAL_TRY_ASSIGN(const std::string block, read_block(file, header.frames_end()));
  if (is_sound(block, kFooterMagic)) {
    if (const auto format = load<std::uint32_t>(block.data() + kVersionAt);
        format > std::max(kFormatVersion, header.format_version)) {
      return Error(Code::FailedPrecondition, path + " offset " + std::to_string(header.frames_end()) +
                                                 ": segment footer of log format " + std::to_string(format) +
                                                 "; this program reads format " + std::to_string(kFormatVersion));
    }
  }
  return decode_segment_footer(block, header);
}

Result<std::unique_ptr<base::File>> create_zeros(base::FileSystem& fs, const std::string& path, std::uint64_t bytes) {
  if (fs.exists(path)) TIDAL_TRY(fs.remove(path));
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, fs.open(path, base::OpenMode::Create));
  // A full disk is met here, not after writing all that was left of it.
  Status filled = file->reserve(bytes);
  if (filled.ok()) filled = fill(*file, bytes);
  if (!filled.ok()) {
    file.reset();
    static_cast<void>(fs.remove(path));  // best effort: the first error is the one to report
    return std::move(filled).error();
  }
  return file;
}

Status name_segment(base::FileSystem& fs, const std::string& dir, const std::string& path, base::File& file,
                    SegmentHeader& header) {
  Status named = write_header(file, header);
  if (named.ok()) named = fs.rename(path, dir + "/" + segment_file_name(header.first_seqno));
  if (!named.ok()) {
    static_cast<void>(fs.remove(path));  // best effort: the first error is the one to report
    return named;
  }
  return fs.sync_directory(dir);
}

Result<std::unique_ptr<base::File>> create_segment(base::FileSystem& fs, const std::string& dir,
                                                   SegmentHeader& header) {
  const std::string aside = dir + "/" + segment_file_name(header.first_seqno) + ".tmp";
  TIDAL_TRY_ASSIGN(std::unique_ptr<base::File> file, create_zeros(fs, aside, header.segment_bytes));
  TIDAL_TRY(name_segment(fs, dir, aside, *file, header));
  return file;
}

Status write_zeros(base::File& file, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;
  const std::vector<std::byte> zeros(std::min(kChunkBytes, end - begin));
  for (std::uint64_t at = begin; at < end; at += zeros.size()) {
    TIDAL_TRY(file.write_at(at, base::Bytes(zeros).first(std::min<std::uint64_t>(zeros.size(), end - at))));
  }
  return {};
}

}  // namespace tidal::wal
