// Vocabulary of the archive's tests: logs with an archive folder, and segments of random content.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wal/archive.h"
#include "wal/log_fixture.h"

namespace tidal::wal {

inline constexpr const char* kArchiveDir = "/db/archive";

inline LogOptions archiving_options(std::uint64_t segment_bytes = kSmallSegmentBytes) {
  return {.segment_bytes = segment_bytes, .archive_dir = kArchiveDir};
}

inline Result<std::unique_ptr<Log>> open_archiving_log(base::FileSystem& fs) {
  return Log::open(fs, kDir, archiving_options(), kNow);
}

/// Opens the log with its archive and reads all of it.
inline Result<std::vector<std::string>> archived_payloads(base::FileSystem& fs) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<Log> log, open_archiving_log(fs));
  return payloads_of(*log);
}

/// "payload 0" and so on, in frames of their own, synced.
inline std::vector<std::string> append_numbered(Log& log, int count) {
  std::vector<std::string> payloads;
  for (int i = 0; i < count; ++i) {
    payloads.push_back("payload " + std::to_string(i));
    EXPECT_TRUE(log.append(records_of({payloads.back()}), kNow + seconds(i)).ok());
    EXPECT_TRUE(log.sync().ok());
  }
  return payloads;
}

/// Appends random batches until the log has two segments; the path of the first one, which is sealed.
inline std::string make_sealed_segment(base::FileSystem& fs, std::uint64_t seed, std::uint64_t segment_bytes) {
  base::Random random(seed);
  const std::unique_ptr<Log> log = *Log::open(fs, kDir, {.segment_bytes = segment_bytes}, kNow);
  while (log->segments().size() < 2) {
    std::vector<std::string> payloads(1 + random.below(4));
    for (std::string& payload : payloads) {
      payload.resize(random.below(segment_bytes / 8));
      const bool noise = random.coin();
      for (char& c : payload) c = static_cast<char>(noise ? random.below(256) : 'a');
    }
    EXPECT_TRUE(log->append(records_of(payloads), kNow + seconds(static_cast<std::int64_t>(random.below(1000)))).ok());
  }
  EXPECT_TRUE(log->close(kNow).ok());
  return log->segments().front().path;
}

/// Writes `content` as the file `path`, in place of what was there.
inline void put_file(base::FileSystem& fs, const std::string& path, std::string_view content) {
  EXPECT_TRUE(base::write_file_atomically(fs, path, content).ok());
}

}  // namespace tidal::wal
