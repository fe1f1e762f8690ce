// Judging archived segments from the newest to the oldest: each must end before the sound one behind it begins.
#include "wal/repair_archive.h"

#include <algorithm>
#include <utility>

#include "wal/history.h"
#include "wal/reader.h"

namespace tidal::wal {
namespace {

struct Judgement {
  std::string reason{};  ///< "": sound
  SegmentSummary summary{};
};

/// Frames and footer of a segment whose header is sound.
Result<Judgement> judge_content(base::FileSystem& fs, const ArchivedSegment& segment) {
  Judgement judged;
  TIDAL_TRY_ASSIGN(judged.summary, read_segment(fs, segment.path, false, {}));
  for (const Defect& defect : judged.summary.defects) {
    if (defect.code == Code::FailedPrecondition) return Error(defect.code, segment.path + ": " + defect.message);
  }
  if (!judged.summary.defects.empty()) {
    const Defect& defect = judged.summary.defects.front();
    judged.reason = "offset " + std::to_string(defect.offset) + ": " + defect.message;
  } else if (!judged.summary.footer) {
    judged.reason = "the segment in it has no footer";
  } else if (judged.summary.header->first_seqno != segment.first_seqno ||
             judged.summary.last_seqno != segment.header->last_seqno) {
    judged.reason = "its header tells of other records than it holds";
  }
  return judged;
}

/// `next`: where the sound segment behind it begins.
Result<Judgement> judge(base::FileSystem& fs, const ArchivedSegment& segment, std::optional<SeqNo> next) {
  if (segment.problem) {
    const Error& problem = *segment.problem;
    if (problem.code != Code::Corruption && problem.code != Code::NotFound) return problem;
    const bool names_itself = problem.message.starts_with(segment.path + " ");
    return Judgement{.reason = names_itself ? problem.message.substr(segment.path.size() + 1) : problem.message};
  }
  if (next && segment.header->last_seqno >= *next) {
    return Judgement{.reason = "ends with seqno " + std::to_string(segment.header->last_seqno.value) +
                               ", but the segment behind it begins with " + std::to_string(next->value)};
  }
  return judge_content(fs, segment);
}

}  // namespace

Result<JudgedArchive> judge_archive(base::FileSystem& fs, const std::string& archive_dir,
                                    std::optional<SeqNo> log_first) {
  std::vector<ArchivedSegment> segments = list_archive(fs, archive_dir);
  if (log_first) std::erase_if(segments, [&](const ArchivedSegment& s) { return s.first_seqno >= *log_first; });
  JudgedArchive archive;
  std::optional<SeqNo> next = log_first;
  std::optional<SeqNo> next_name = log_first;  // sound or not
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    TIDAL_TRY_ASSIGN(const Judgement judged, judge(fs, *segment, next));
    if (judged.reason.empty()) {
      archive.sound.push_back({.seqnos = {segment->first_seqno, segment->header->last_seqno},
                               .first_append = judged.summary.first_append_time,
                               .last_append = judged.summary.last_append_time});
      archive.last_anonymous = std::max(archive.last_anonymous, judged.summary.last_anonymous);
      next = segment->first_seqno;
    } else {
      SeqnoRange held{segment->first_seqno, segment->header ? segment->header->last_seqno : SeqNo{}};
      if (!segment->header && next_name) held.last = SeqNo{next_name->value - 1};
      archive.damaged.push_back(
          {.name = segment->path.substr(archive_dir.size() + 1), .reason = judged.reason, .held = held});
    }
    next_name = segment->first_seqno;
  }
  std::ranges::reverse(archive.sound);
  std::ranges::reverse(archive.damaged);
  return archive;
}

std::vector<SeqnoRange> holes_in(const JudgedArchive& archive, SeqNo log_first) {
  std::vector<SeqnoRange> holes;
  SeqNo next{1};
  for (const SoundArchive& segment : archive.sound) {
    if (segment.seqnos.empty()) continue;
    if (segment.seqnos.first > next) holes.push_back({next, SeqNo{segment.seqnos.first.value - 1}});
    next = segment.seqnos.last.next();
  }
  if (log_first > next) holes.push_back({next, SeqNo{log_first.value - 1}});
  return holes;
}

Timestamp append_time_of(const JudgedArchive& archive, const SeqnoRange& lost) {
  Timestamp time;
  for (const SoundArchive& segment : archive.sound) {
    if (segment.seqnos.empty()) continue;
    const bool is_before = segment.seqnos.last < lost.first;
    if (!is_before) return time == Timestamp{} ? segment.first_append : time;
    time = segment.last_append;
  }
  return time;
}

}  // namespace tidal::wal
