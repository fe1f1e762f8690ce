// Vocabulary of the log's tests: numbered records, logs on files in memory, what a log holds, and damage.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/memory_file_system.h"
#include "base/random.h"
#include "wal/log.h"

namespace tidal::wal {

inline constexpr const char* kDir = "/db/wal";
inline constexpr Timestamp kNow{1'795'348'800'000'000};  // 2026-11-22T12:00:00Z
/// Small enough that a few frames fill one.
inline constexpr std::uint64_t kSmallSegmentBytes = 4 * kPageBytes;

/// A signal whose payload tells it from all others.
inline Record record_of(std::string_view payload) {
  Record record;
  record.subject_key = "item";
  record.user_key = "user";
  record.event_time = kNow;
  record.payload = payload;
  return record;
}

/// The records view the strings: use them within the same expression.
inline std::vector<Record> records_of(const std::vector<std::string>& payloads) {
  std::vector<Record> records;
  for (const std::string& payload : payloads) records.push_back(record_of(payload));
  return records;
}

/// One to four payloads that no other batch of the same counter has.
inline std::vector<std::string> random_batch(base::Random& random, int& counter) {
  std::vector<std::string> payloads(1 + random.below(4));
  for (std::string& payload : payloads) {
    payload = std::to_string(counter++) + std::string(random.below(1500), static_cast<char>('a' + random.below(26)));
  }
  return payloads;
}

inline Result<std::unique_ptr<Log>> open_log(base::FileSystem& fs, std::uint64_t segment_bytes = kSmallSegmentBytes) {
  return Log::open(fs, kDir, {.segment_bytes = segment_bytes}, kNow);
}

/// Payloads by seqno, or why they cannot be had.
inline Result<std::vector<std::string>> payloads_of(const Log& log, SeqNo from = SeqNo{1}) {
  std::vector<std::string> payloads;
  std::uint64_t expected = from.value;
  TIDAL_TRY(log.replay(from, [&](std::span<WalEvent> events) -> Status {
    for (const WalEvent& event : events) {
      EXPECT_EQ(event.seqno.value, expected++);  // W1
      payloads.emplace_back(event.record.payload);
    }
    return {};
  }));
  return payloads;
}

/// Opens the log and reads all of it.
inline Result<std::vector<std::string>> recovered_payloads(base::FileSystem& fs) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<Log> log, open_log(fs));
  return payloads_of(*log);
}

/// Names and contents of the files of a log.
using Image = std::map<std::string, std::string>;

inline Image image_of(base::FileSystem& fs) {
  Image image;
  const std::vector<std::string> names = *fs.list(kDir);
  for (const std::string& name : names) image[name] = *base::read_file(fs, std::string(kDir) + "/" + name);
  return image;
}

inline std::unique_ptr<base::MemoryFileSystem> files_of(const Image& image) {
  auto fs = std::make_unique<base::MemoryFileSystem>();
  EXPECT_TRUE(fs->create_directories(kDir).ok());
  for (const auto& [name, content] : image) {
    EXPECT_TRUE(base::write_file_atomically(*fs, std::string(kDir) + "/" + name, content).ok());
  }
  return fs;
}

}  // namespace tidal::wal
