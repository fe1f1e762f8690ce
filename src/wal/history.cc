// Listing an archive and joining it to a log.
#include "wal/history.h"

#include <algorithm>

#include "wal/archive.h"

namespace tidal::wal {
namespace {

ArchivedSegment describe(base::FileSystem& fs, const std::string& archive_dir, const std::string& name, SeqNo first) {
  ArchivedSegment segment{.path = archive_dir + "/" + name, .first_seqno = first, .header = {}, .problem = {}};
  Result<ArchiveHeader> header = read_archive_header(fs, segment.path);
  if (!header.ok()) {
    segment.problem = header.error();
  } else if (header->first_seqno != first) {
    segment.problem =
        Error(Code::Corruption, segment.path + " offset 0: header is of " + archive_file_name(header->first_seqno));
  } else {
    segment.header = *header;
  }
  return segment;
}

std::string range(SeqNo first, SeqNo last) {
  return "the records with seqnos " + std::to_string(first.value) + " to " + std::to_string(last.value);
}

}  // namespace

SegmentEntry ArchivedSegment::entry() const {
  return {.path = path,
          .header = {.shard_id = header->shard_id,
                     .first_seqno = header->first_seqno,
                     .created_at = header->created_at,
                     .segment_bytes = header->segment_bytes,
                     .check = header->segment_check}};
}

std::vector<ArchivedSegment> list_archive(base::FileSystem& fs, const std::string& archive_dir) {
  std::vector<ArchivedSegment> segments;
  if (archive_dir.empty() || !fs.exists(archive_dir)) return segments;
  const Result<std::vector<std::string>> names = fs.list(archive_dir);
  if (!names.ok()) {
    segments.push_back({.path = archive_dir, .first_seqno = SeqNo{}, .header = {}, .problem = names.error()});
    return segments;
  }
  for (const std::string& name : *names) {  // sorted, so by seqno
    const std::optional<SeqNo> first = parse_archive_file_name(name);
    if (first) segments.push_back(describe(fs, archive_dir, name, *first));
  }
  return segments;
}

JoinedArchive join_archive(const std::vector<ArchivedSegment>& archive, SeqNo wal_first) {
  const auto end = std::ranges::find_if(archive, [&](const ArchivedSegment& s) { return s.first_seqno >= wal_first; });
  JoinedArchive joined;
  joined.end = static_cast<std::size_t>(end - archive.begin());
  joined.begin = joined.end;
  SeqNo next = wal_first;
  while (joined.begin > 0) {
    const ArchivedSegment& before = archive[joined.begin - 1];
    if (!before.header || before.header->last_seqno.next() != next) break;
    next = before.first_seqno;
    --joined.begin;
  }
  return joined;
}

Error missing_records(const std::vector<ArchivedSegment>& archive, SeqNo wal_first, SeqNo from) {
  const JoinedArchive joined = join_archive(archive, wal_first);
  const SeqNo history_first = joined.begin == joined.end ? wal_first : archive[joined.begin].first_seqno;
  const SeqNo last{history_first.value - 1};
  if (joined.begin == 0) {
    return Error(Code::Corruption, range(from, last) + " are missing: neither the log nor its archive holds them");
  }
  const ArchivedSegment& before = archive[joined.begin - 1];
  if (before.problem) {
    const Code code = before.problem->code == Code::NotFound ? Code::Corruption : before.problem->code;
    return Error(code, range(std::max(from, before.first_seqno), last) + " cannot be read: " + before.problem->message);
  }
  if (before.header->last_seqno >= history_first) {
    return Error(Code::Corruption, before.path + " ends with seqno " + std::to_string(before.header->last_seqno.value) +
                                       ", but the segment behind it begins with " +
                                       std::to_string(history_first.value));
  }
  return Error(Code::Corruption, range(std::max(from, before.header->last_seqno.next()), last) +
                                     " are missing: neither the log nor its archive holds them");
}

Status check_archive_end(const std::vector<ArchivedSegment>& archive, const std::string& wal_dir, SeqNo last_seqno) {
  for (const ArchivedSegment& segment : archive) {
    const SeqNo end = segment.header ? segment.header->last_seqno : segment.first_seqno;
    if (end <= last_seqno) continue;
    return Error(Code::Corruption, segment.path + " holds records up to seqno " + std::to_string(end.value) + ", but " +
                                       wal_dir + " ends at seqno " + std::to_string(last_seqno.value) +
                                       ": segments are missing from the log, or the archive is another log's. Put its "
                                       "files back, or move the archive away");
  }
  return {};
}

}  // namespace tidal::wal
