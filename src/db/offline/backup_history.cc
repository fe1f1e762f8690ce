// Reading the ends of segments, and looking for moments between them.
#include "db/offline/backup_history.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "db/anonymiser.h"
#include "db/backup.h"
#include "wal/archive.h"
#include "wal/archive_format.h"
#include "wal/reader.h"
#include "wal/segment.h"

namespace tidal::db {
namespace {

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Of "base/00000000000000000042/MANIFEST".
std::optional<SeqNo> base_of(const std::string& path) {
  constexpr std::string_view kBegin = "base/";
  constexpr std::string_view kEnd = "/MANIFEST";
  if (!path.starts_with(kBegin) || !path.ends_with(kEnd)) return std::nullopt;
  SeqNo seqno;
  const char* const begin = path.data() + kBegin.size();
  const char* const end = path.data() + path.size() - kEnd.size();
  const auto [rest, ec] = std::from_chars(begin, end, seqno.value);
  if (ec != std::errc{} || rest != end) return std::nullopt;
  return seqno;
}

/// Of a segment in wal/; of one without footer the last record is that of the backup.
Result<BackupSegment> describe_segment(base::FileSystem& fs, const std::string& backup, const std::string& path,
                                       SeqNo last) {
  TIDAL_TRY_ASSIGN(const std::unique_ptr<base::File> file, fs.open(backup + "/" + path, base::OpenMode::Read));
  TIDAL_TRY_ASSIGN(const wal::SegmentHeader header, wal::read_segment_header(*file, backup + "/" + path));
  TIDAL_TRY_ASSIGN(const std::optional<wal::SegmentFooter> footer,
                   wal::read_segment_footer(*file, header, backup + "/" + path));
  return BackupSegment{
      .path = path, .first_seqno = header.first_seqno, .last_seqno = footer ? footer->last_seqno : last};
}

}  // namespace

Result<BackupHistory> BackupHistory::read(base::FileSystem& fs, const std::string& backup,
                                          const BackupManifest& manifest) {
  BackupHistory history(fs, backup);
  TIDAL_TRY(history.list(manifest));
  TIDAL_TRY(history.join());
  return history;
}

Status BackupHistory::list(const BackupManifest& manifest) {
  last_ = manifest.seqno;
  for (const BackupFile& file : manifest.files) {
    if (const std::optional<SeqNo> base = base_of(file.path)) {
      bases_.push_back(*base);
    } else if (file.path.starts_with("archive/") && wal::parse_archive_file_name(name_of(file.path))) {
      TIDAL_TRY_ASSIGN(const wal::ArchiveHeader header, wal::read_archive_header(fs_, backup_ + "/" + file.path));
      segments_.push_back({.path = file.path, .first_seqno = header.first_seqno, .last_seqno = header.last_seqno});
    } else if (file.path.starts_with("wal/") && wal::parse_segment_file_name(name_of(file.path))) {
      TIDAL_TRY_ASSIGN(BackupSegment segment, describe_segment(fs_, backup_, file.path, last_));
      segments_.push_back(std::move(segment));
    }
  }
  std::ranges::sort(bases_);
  std::ranges::sort(segments_, {}, &BackupSegment::first_seqno);
  return {};
}

/// The log must be whole from a base on, or from its first record.
Status BackupHistory::join() {
  const auto damaged = [this](const std::string& what) { return Error(Code::Corruption, backup_ + ": " + what); };
  if (segments_.empty() || segments_.back().is_archived()) return damaged("the backup holds no log");
  if (segments_.back().last_seqno != last_) {
    return damaged("the log ends at seqno " + std::to_string(segments_.back().last_seqno.value) + ", expected " +
                   std::to_string(last_.value));
  }
  joined_begin_ = segments_.size() - 1;
  while (joined_begin_ > 0 && segments_[joined_begin_ - 1].last_seqno.next() == segments_[joined_begin_].first_seqno) {
    --joined_begin_;
  }
  const SeqNo history_first = segments_[joined_begin_].first_seqno;
  std::erase_if(bases_, [&](SeqNo base) { return base.next() < history_first || base > last_; });
  if (history_first != SeqNo{1} && bases_.empty()) {
    return damaged("the log begins with seqno " + std::to_string(history_first.value) +
                   ", and there is no base that it could stand on");
  }
  const SeqNo oldest_base = bases_.empty() ? SeqNo{} : bases_.front();
  TIDAL_TRY_ASSIGN(const bool is_anonymous, is_anonymous_before(oldest_base));
  first_ = first_restorable(
      {.history_first = history_first, .is_anonymous = is_anonymous, .oldest_base = oldest_base, .last = last_});
  return {};
}

/// Whether an erasure emptied a record that only a replay from the first record would need.
Result<bool> BackupHistory::is_anonymous_before(SeqNo base) const {
  bool found = false;
  const auto look = [&](const wal::FrameView& frame) -> Status {
    found = found || holds_anonymous(frame);
    return {};
  };
  for (std::size_t at = joined_begin_; at < segments_.size() && segments_[at].first_seqno <= base && !found; ++at) {
    TIDAL_TRY(wal::read_segment(fs_, backup_ + "/" + segments_[at].path, at + 1 == segments_.size(), look));
  }
  return found;
}

SeqNo BackupHistory::base_before(SeqNo seqno) const {
  const auto after = std::ranges::upper_bound(bases_, seqno);
  return after == bases_.begin() ? SeqNo{} : *std::prev(after);
}

std::size_t BackupHistory::last_segment_for(SeqNo seqno) const {
  std::size_t at = segments_.size() - 1;
  while (at > joined_begin_ && segments_[at].first_seqno > seqno) --at;
  return at;
}

Result<SeqNo> BackupHistory::last_appended_by(Timestamp time) const {
  // Newest first: append times never go back.
  for (std::size_t at = segments_.size(); at > joined_begin_; --at) {
    SeqNo found;
    TIDAL_TRY_ASSIGN(
        const wal::SegmentSummary summary,
        wal::read_segment(fs_, path_of(segments_[at - 1]), false, [&](const wal::FrameView& frame) -> Status {
          if (frame.header.record_count > 0 && frame.header.append_time <= time) {
            found = frame.header.last_seqno();
          }
          return {};
        }));
    if (!summary.defects.empty()) {
      const wal::Defect& defect = summary.defects.front();
      return Error(Code::Corruption,
                   defect.segment + " offset " + std::to_string(defect.offset) + ": " + defect.message);
    }
    if (found != SeqNo{}) return found;
  }
  return SeqNo{};
}

Result<std::optional<Timestamp>> BackupHistory::append_time_of(SeqNo seqno) const {
  const BackupSegment& segment = segments_[last_segment_for(seqno)];
  std::optional<Timestamp> time;
  if (seqno == SeqNo{} || seqno < segment.first_seqno || seqno > segment.last_seqno) return time;
  TIDAL_TRY_ASSIGN(const wal::SegmentSummary summary,
                   wal::read_segment(fs_, path_of(segment), false, [&](const wal::FrameView& frame) -> Status {
                     const wal::FrameHeader& header = frame.header;
                     if (header.first_seqno <= seqno && seqno <= header.last_seqno()) {
                       time = header.append_time;
                     }
                     return {};
                   }));
  static_cast<void>(summary);  // what is damaged is not asked here
  return time;
}

Result<std::string> BackupHistory::range_text() const {
  std::string text;
  for (const auto& [between, seqno] : {std::pair("", first_), std::pair(" to ", last_)}) {
    TIDAL_TRY_ASSIGN(const std::optional<Timestamp> time, append_time_of(seqno));
    text += between + ("seqno " + std::to_string(seqno.value));
    if (time) text += " (appended " + to_string(*time) + ")";
  }
  return text;
}

}  // namespace tidal::db
