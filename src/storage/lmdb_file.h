// Reads a data file of LMDB (0.9, 64 bit, little-endian) without LMDB, to tell whether LMDB may be let near it.
//
// LMDB maps its file and follows page numbers and offsets in it as they are: a damaged page can end the process. Here
// every page that the newest commit reaches is judged first: it lies within the file and is used once, its entries lie
// within it and in order, and every value has the checksum of its key (sealed_value.h). What passes can be read and
// written safely. Page layout: LMDB's mdb.c, "Page Format".
// Threads: pure functions over a file that nobody writes meanwhile. Never writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "storage/kv.h"

namespace tidal::storage {

/// What is in a store of ours: its tables, their keys and how values are sealed. LMDB's data has a version of its own.
inline constexpr std::uint32_t kLmdbStoreFormat = 1;
/// The entry of the table "meta" that holds it (u32); a store without one is of format 1.
inline constexpr std::string_view kLmdbFormatKey = "format";

struct LmdbFileSummary {
  SeqNo seqno;
  std::uint64_t values = 0;
  std::uint64_t pages = 0;
  std::uint64_t page_bytes = 0;
};

/// True when these first bytes of a file are those of an LMDB data file.
[[nodiscard]] bool starts_lmdb_file(std::string_view head);

/// Judges the store in the file at `path`. Corruption names page or key; FailedPrecondition names both formats of a
/// newer one; IoError. Cost: reads the whole file once: 240 ms for a million values of 200 bytes.
[[nodiscard]] Result<LmdbFileSummary> check_lmdb_file(base::FileSystem& fs, const std::string& path);

}  // namespace tidal::storage
