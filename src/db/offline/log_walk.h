// Reading the records of a data directory without opening the database, and without ever writing.
//
// Threads: one at a time; a log that somebody writes meanwhile is read up to where it was.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/reader.h"
#include "wal/record.h"

namespace tidal::db {

/// Called for each record; an error ends the walk with it.
using RecordVisitor = std::function<Status(const wal::WalEvent& event)>;
/// As wal::FrameVisitor, for whoever wants records.
[[nodiscard]] wal::FrameVisitor each_record(RecordVisitor visit);

/// Where a data directory keeps its archived log segments.
[[nodiscard]] std::string archive_folder(const std::string& directory);

/// Every sound record of the log in `directory`/wal and its archive, in order; what is not sound stands in the summary.
/// NotFound when there is no log.
[[nodiscard]] Result<wal::LogSummary> walk_log(base::FileSystem& fs, const std::string& directory,
                                               const RecordVisitor& visit);

[[nodiscard]] std::string to_text(const wal::Defect& defect);
[[nodiscard]] std::string to_text(const wal::Gap& gap);
/// Seqnos from 1 to the end of the log that no file holds, in order: of archives that were moved away, and of segments
/// that were removed. Their effect is in the base.
[[nodiscard]] std::vector<wal::Gap> missing_records(const wal::LogSummary& log);
/// What else is unusual but no damage, a line each: an end in a write that was never acknowledged, an archive whose
/// segment was not removed yet.
[[nodiscard]] std::vector<std::string> notes_on(const wal::LogSummary& log);

}  // namespace tidal::db
