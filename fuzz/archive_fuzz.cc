// Feeds bytes to everything that reads an archived segment: no crash, no read beyond the segment, and nothing that the
// checksums do not vouch for.
//
// The first byte chooses how much of the file is made sound, so that the search reaches behind the checksums.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/crc32c.h"
#include "base/memory_file_system.h"
#include "wal/archive.h"
#include "wal/log.h"
#include "wal/reader.h"

namespace {

using namespace tidal;

constexpr const char* kDir = "/db/wal";
constexpr const char* kArchiveDir = "/db/archive";
constexpr std::uint64_t kSegmentBytes = 4 * wal::kPageBytes;

std::string archive_path() { return std::string(kArchiveDir) + "/" + wal::archive_file_name(SeqNo{1}); }

/// `content` as the only chunk, with a header and a table that vouch for it.
std::string archive_with_chunk(std::string_view content, std::uint32_t segment_check) {
  wal::ArchiveHeader header{.segment_check = segment_check,
                            .first_seqno = SeqNo{1},
                            .last_seqno = SeqNo{3},
                            .record_count = 3,
                            .segment_bytes = kSegmentBytes};
  std::string file = wal::encode_archive_header(header);
  file += content;
  const wal::ArchiveChunk chunk{.compressed_bytes = static_cast<std::uint32_t>(content.size()),
                                .crc = base::crc32c(content)};
  return file + wal::encode_archive_table(header, {chunk});
}

/// The input as a segment, in a frame that zstd stores uncompressed: what is behind the decompressor gets any bytes.
std::string archive_with_segment(std::string_view content) {
  std::string segment(content.substr(0, kSegmentBytes));
  segment.resize(kSegmentBytes);
  std::uint32_t check = 0;
  std::memcpy(&check, segment.data() + 60, sizeof check);  // where a segment's header has its checksum
  const auto u24 = [](std::uint32_t v) {
    return std::string{static_cast<char>(v & 0xFFU), static_cast<char>(v >> 8U & 0xFFU), static_cast<char>(v >> 16U)};
  };
  std::string frame("\x28\xb5\x2f\xfd\x60", 5);  // a single segment whose size is in two bytes, 256 taken off
  const auto size = static_cast<std::uint32_t>(kSegmentBytes);
  frame += u24(size - 256).substr(0, 2);
  frame += u24(size << 3U | 1U);  // the last block, raw
  return archive_with_chunk(frame + segment, check);
}

void read_all(base::FileSystem& fs) {
  const Result<std::unique_ptr<base::File>> file = wal::open_segment(fs, archive_path());
  if (!file.ok()) {
    TIDAL_ASSERT(file.error().code == Code::Corruption || file.error().code == Code::FailedPrecondition);
    return;
  }
  const std::uint64_t size = *(*file)->size();
  std::vector<std::byte> part(5000);
  for (std::uint64_t at = 0; at < size && at < 4 * wal::kArchiveChunkBytes; at += part.size()) {
    const Result<std::size_t> n = (*file)->read_at(at, part);
    if (!n.ok()) {
      TIDAL_ASSERT(n.error().code == Code::Corruption);
      return;
    }
    TIDAL_ASSERT(*n == std::min<std::uint64_t>(part.size(), size - at));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view content(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string file(content);
  if (data[0] % 3 == 1) file = archive_with_chunk(content, 0);
  if (data[0] % 3 == 2) file = archive_with_segment(content);

  base::MemoryFileSystem fs;
  TIDAL_ASSERT(fs.create_directories(kDir).ok() && fs.create_directories(kArchiveDir).ok());
  TIDAL_ASSERT(base::write_file_atomically(fs, archive_path(), file).ok());
  const std::uint64_t before = fs.operations();
  read_all(fs);
  TIDAL_ASSERT(wal::verify_log(fs, kDir, kArchiveDir).ok());
  TIDAL_ASSERT(fs.operations() == before);

  // A log that goes on behind it opens whatever the archive is, and never shows a record twice.
  const Result<std::unique_ptr<wal::Log>> log =
      wal::Log::read(fs, kDir, {.first_seqno = SeqNo{4}, .archive_dir = kArchiveDir});
  if (!log.ok()) {
    TIDAL_ASSERT(log.error().code == Code::Corruption);  // it says to hold later records
    return 0;
  }
  std::uint64_t seen = 0;
  const Status replayed = (*log)->replay(SeqNo{1}, [&](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) TIDAL_ASSERT(event.seqno.value == ++seen);
    return {};
  });
  TIDAL_ASSERT(!replayed.ok() || seen == 3);
  return 0;
}
