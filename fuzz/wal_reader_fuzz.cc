// Feeds bytes to everything that reads a log: no crash, no record twice, and what opens once opens the same again; what
// is repaired opens, has every record it had before, and nothing left to repair.
//
// The first byte chooses how much of the file is made sound, so that the search reaches behind the checksums.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/memory_file_system.h"
#include "wal/log.h"
#include "wal/reader.h"
#include "wal/repair.h"

namespace {

using namespace tidal;

constexpr const char* kDir = "/wal";

/// A file of the first segment that begins with `content`; a sound header goes in front of it when asked for.
std::string segment_with(std::string_view content, bool sound_header) {
  std::string file;
  wal::SegmentHeader header{.first_seqno = SeqNo{1},
                            .segment_bytes = wal::segment_bytes_for(4 * wal::kPageBytes, content.size())};
  if (sound_header) {
    file = wal::encode_segment_header(header);
    file.resize(wal::kFramesBegin);
  }
  file += content;
  if (sound_header) file.resize(header.segment_bytes);
  return file;
}

/// Makes the checksums of the frames fit: each piece of the input, led by its length, becomes a body.
std::string segment_with_sound_frames(std::string_view content) {
  wal::SegmentHeader header{.first_seqno = SeqNo{1},
                            .segment_bytes = wal::segment_bytes_for(4 * wal::kPageBytes, 80 * content.size())};
  static_cast<void>(wal::encode_segment_header(header));
  std::string frames;
  std::uint64_t seqno = 1;
  while (content.size() > 2) {
    const std::size_t bytes = static_cast<unsigned char>(content[0]);
    const std::uint32_t count = static_cast<unsigned char>(content[1]) % 4;
    const std::string_view body = content.substr(2, bytes);
    content.remove_prefix(2 + body.size());
    wal::FrameHeader frame{.first_seqno = SeqNo{seqno},
                           .record_count = count,
                           .body_bytes = static_cast<std::uint32_t>(body.size()),
                           .offset = wal::kFramesBegin + frames.size(),
                           .segment_check = header.check};
    std::string padded(body);
    padded.resize(frame.padded_body_bytes());
    frame.body_crc = wal::body_checksum(padded);
    const std::size_t at = frames.size();
    frames.resize(at + wal::kFrameHeaderBytes);
    wal::encode_frame_header(frame, frames.data() + at);
    frames += padded;
    seqno += count;
  }
  std::string file = wal::encode_segment_header(header);
  file.resize(wal::kFramesBegin);
  file += frames;
  file.resize(header.segment_bytes);
  return file;
}

/// Opens and replays; the number of records, or -1 when either refused.
std::int64_t open_and_replay(base::FileSystem& fs) {
  const Result<std::unique_ptr<wal::Log>> log = wal::Log::open(fs, kDir, {}, Timestamp{});
  if (!log.ok()) return -1;
  std::uint64_t seen = 0;
  const Status replayed = (*log)->replay(SeqNo{1}, [&](std::span<wal::WalEvent> events) -> Status {
    for (const wal::WalEvent& event : events) TIDAL_ASSERT(event.seqno.value == ++seen);
    return {};
  });
  return replayed.ok() ? static_cast<std::int64_t>(seen) : -1;
}

/// What can be repaired opens and replays; the records that could be replayed before are not fewer.
void repair(base::MemoryFileSystem& fs, std::int64_t replayed_before) {
  const std::uint64_t before = fs.operations();
  const Result<wal::RepairPlan> plan = wal::plan_repair(fs, kDir);
  TIDAL_ASSERT(fs.operations() == before);
  if (!plan.ok()) {
    const Code code = plan.error().code;
    TIDAL_ASSERT(code == Code::FailedPrecondition || code == Code::ResourceExhausted);
    return;
  }
  if (plan->lost_records() > 100'000) return;  // right, and slow
  TIDAL_ASSERT(wal::apply_repair(fs, *plan, "/damaged").ok());
  TIDAL_ASSERT(wal::plan_repair(fs, kDir)->empty());
  const std::int64_t replayed = open_and_replay(fs);
  TIDAL_ASSERT(replayed >= 0 && replayed >= replayed_before);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view content(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned mode = data[0] % 3;
  const std::string file = mode == 2 ? segment_with_sound_frames(content) : segment_with(content, mode == 1);

  base::MemoryFileSystem fs;
  TIDAL_ASSERT(fs.create_directories(kDir).ok());
  const std::string path = std::string(kDir) + "/" + wal::segment_file_name(SeqNo{1});
  TIDAL_ASSERT(base::write_file_atomically(fs, path, file).ok());

  const std::uint64_t before = fs.operations();
  TIDAL_ASSERT(wal::verify_log(fs, kDir).ok());
  TIDAL_ASSERT(fs.operations() == before);
  const std::int64_t first = open_and_replay(fs);
  TIDAL_ASSERT(open_and_replay(fs) == first);
  repair(fs, first);
  return 0;
}
