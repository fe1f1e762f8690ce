// Sealed segments as compressed files: making one, and reading one as if it were the segment.
//
// A1: an archive under its final name is whole, was synced and was compared with its segment byte by byte.
// A2: archive_segment() that fails leaves no new file behind, and never touches the segment.
// A3: what is read is what the segment held, or Corruption.
// Layout: docs/formats/archive.md. Threads: as each function says.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/archive_format.h"

namespace tidal::wal {

/// Makes `archive_dir`/NAME.wal.zst of the sealed segment at `segment_path`: durable when this returns ok (A1). Does
/// nothing but make it durable when it is there already; replaces a damaged one. One call for one segment at a time.
/// Cost: reads the segment three times. Corruption when the segment is damaged or not sealed, AlreadyExists when the
/// name is taken by another segment's archive, FailedPrecondition by one of a newer format; IoError,
/// ResourceExhausted.
[[nodiscard]] Result<ArchiveHeader> archive_segment(base::FileSystem& fs, const std::string& segment_path,
                                                    const std::string& archive_dir);

/// Makes the archive of the same name anew from the sealed segment at `segment_path`, whatever its file is called: the
/// old one is there until the new one was synced and compared. The same errors.
[[nodiscard]] Status replace_archive(base::FileSystem& fs, const std::string& segment_path,
                                     const std::string& archive_dir);

/// A read-only file with the bytes of the segment (A3); writing and syncing give IoError. Decompresses a chunk at a
/// time and keeps the last one: 2 MiB of memory. Thread-safe for reads. NotFound, IoError, Corruption naming `path`;
/// FailedPrecondition for a newer format.
[[nodiscard]] Result<std::unique_ptr<base::File>> open_archived(base::FileSystem& fs, const std::string& path);

/// The header alone; the same errors.
[[nodiscard]] Result<ArchiveHeader> read_archive_header(base::FileSystem& fs, const std::string& path);

/// Opens a segment for reading whichever form it has: archived when its name or its first bytes say so. The same
/// errors.
[[nodiscard]] Result<std::unique_ptr<base::File>> open_segment(base::FileSystem& fs, const std::string& path);

/// Removes what an interrupted archive_segment() or rewrite of an archive left in `archive_dir`, as far as it can:
/// nothing reads it.
void tidy_archive(base::FileSystem& fs, const std::string& archive_dir);

}  // namespace tidal::wal
