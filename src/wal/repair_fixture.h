// Vocabulary of the tests of repair: whole logs of several segments, their records and frames, ways to damage them, and
// what every repair must have done.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "wal/log_fixture.h"
#include "wal/reader.h"
#include "wal/repair.h"
#include "wal/segment_reader.h"

namespace tidal::wal {

inline constexpr const char* kAside = "/db/damaged/0001";

/// Bytes of each record by its seqno.
using Records = std::map<std::uint64_t, std::string>;

struct FrameExtent {
  std::string segment;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  SeqnoRange seqnos;
};

struct WholeLog {
  Image image;
  Records records;
  std::vector<FrameExtent> frames;  ///< in order
};

/// A log of several segments, closed; each frame a second after the one before.
inline WholeLog whole_log(std::uint64_t seed, std::uint64_t batches = 24) {
  base::Random random(seed);
  base::MemoryFileSystem fs(seed);
  int counter = 0;
  Timestamp now = kNow;
  {
    std::unique_ptr<Log> log = *open_log(fs);
    for (std::uint64_t i = 0; i < batches; ++i) {
      now.us += 1'000'000;
      EXPECT_TRUE(log->append(records_of(random_batch(random, counter)), now).ok());
      EXPECT_TRUE(random.below(3) == 0 || log->sync().ok());
      if (random.below(9) != 0) continue;
      EXPECT_TRUE(log->close(now).ok());
      log = *open_log(fs);
    }
    EXPECT_TRUE(log->close(now).ok());
  }
  WholeLog whole;
  whole.image = image_of(fs);
  std::string segment;
  for (const auto& [name, content] : whole.image) {
    const auto visit = [&, segment = name](const FrameView& frame) -> Status {
      const SeqnoRange seqnos{frame.header.first_seqno, frame.header.last_seqno()};
      whole.frames.push_back({segment, frame.offset, frame.offset + frame.header.frame_bytes(), seqnos});
      RecordCursor cursor(frame.header, frame.body);
      WalEvent event;
      while (cursor.next(event)) encode_record(event.record, event.seqno, whole.records[event.seqno.value]);
      return {};
    };
    EXPECT_TRUE(read_segment(fs, std::string(kDir) + "/" + name, false, visit)->defects.empty());
  }
  return whole;
}

/// What the log in `fs` replays, and which of it are Empty places left by a repair.
struct Replayed {
  Records records;
  std::set<std::uint64_t> lost;
};

inline Replayed replayed(base::FileSystem& fs) {
  Replayed result;
  const Result<std::unique_ptr<Log>> log = open_log(fs);
  EXPECT_TRUE(log.ok()) << log.error().to_string();
  if (!log.ok()) return result;
  std::uint64_t expected = 1;
  const Status read = (*log)->replay(SeqNo{1}, [&](std::span<WalEvent> events) -> Status {
    for (const WalEvent& event : events) {
      EXPECT_EQ(event.seqno.value, expected++);
      if (event.record.type == RecordType::Empty) {
        EXPECT_EQ(event.record.flags, kFlagLost);
        result.lost.insert(event.seqno.value);
      } else {
        encode_record(event.record, event.seqno, result.records[event.seqno.value]);
      }
    }
    return {};
  });
  EXPECT_TRUE(read.ok()) << read.error().to_string();
  return result;
}

inline std::set<std::uint64_t> lost_of(const RepairPlan& plan) {
  std::set<std::uint64_t> lost;
  for (const Damage& damage : plan.damages) {
    for (std::uint64_t i = 0; i < damage.lost.count(); ++i) lost.insert(damage.lost.first.value + i);
  }
  return lost;
}

inline std::string text_of(const RepairPlan& plan) {
  std::string text;
  for (const Damage& damage : plan.damages) text += to_text(damage) + "\n";
  for (const std::string& note : plan.notes) text += "note: " + note + "\n";
  return text;
}

/// Every file below `path`, by path.
inline Image files_below(base::FileSystem& fs, const std::string& path) {
  Image files;
  if (!fs.is_directory(path)) return files;
  const std::vector<std::string> names = *fs.list(path);
  for (const std::string& name : names) {
    const std::string child = path + "/" + name;
    if (fs.is_directory(child)) {
      files.merge(files_below(fs, child));
    } else {
      files[child] = *base::read_file(fs, child);
    }
  }
  return files;
}

/// Plans and applies; judges everything that must hold of any repair. The plan as it was.
inline RepairPlan repaired(const WholeLog& whole, base::FileSystem& fs) {
  const Image damaged = image_of(fs);
  const Result<RepairPlan> plan = plan_repair(fs, kDir);
  EXPECT_TRUE(plan.ok()) << plan.error().to_string();
  if (!plan.ok()) return {};
  SCOPED_TRACE(text_of(*plan));
  EXPECT_TRUE(image_of(fs) == damaged) << "planning changed a byte";
  const Status applied = apply_repair(fs, *plan, kAside);
  EXPECT_TRUE(applied.ok()) << applied.error().to_string();
  const Result<RepairPlan> again = plan_repair(fs, kDir);
  EXPECT_TRUE(again.ok() && again->empty()) << (again.ok() ? text_of(*again) : again.error().to_string());
  const Result<LogSummary> verified = verify_log(fs, kDir);
  EXPECT_TRUE(verified.ok() && verified->defects.empty());

  const Replayed after = replayed(fs);
  EXPECT_EQ(after.lost, lost_of(*plan));
  EXPECT_EQ(after.lost.size(), plan->lost_records());
  for (const auto& [seqno, bytes] : after.records) {
    const auto original = whole.records.find(seqno);
    EXPECT_TRUE(original != whole.records.end() && original->second == bytes) << "seqno " << seqno;
  }
  const bool may_end_early = plan->is_open_ended() || !plan->notes.empty();
  EXPECT_TRUE(may_end_early || after.records.size() + after.lost.size() == whole.records.size());
  for (const SegmentRewrite& rewrite : plan->rewrites) {
    if (rewrite.source.empty()) continue;
    const Result<std::string> kept = base::read_file(fs, std::string(kAside) + "/" + rewrite.source);
    EXPECT_TRUE(kept.ok() && *kept == damaged.at(rewrite.source)) << rewrite.source << " is not kept";
  }
  return *plan;
}

}  // namespace tidal::wal
