// The whole content of a key-value store as one file, which any backend can be filled from again.
//
// File: magic "TDLSTORE", format u32, minimum reader u32, seqno u64, then in key order 1 u8, key string, value string,
// and at the end 0 u8, count u64. Whoever keeps the file keeps its checksum (docs/formats/base.md).
// Threads: pure functions; the store may be read and written meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/file_writer.h"
#include "storage/kv.h"

namespace tidal::storage {

inline constexpr std::uint32_t kDumpFormat = 1;

/// Writes a snapshot of the store, which must be at `seqno`: FailedPrecondition when it is not. IoError, Corruption
/// (of the store), ResourceExhausted.
[[nodiscard]] Status write_dump(const KeyValueStore& store, SeqNo seqno, base::FileWriter& out);

struct DumpSummary {
  std::uint32_t format = 0;
  SeqNo seqno;
  std::uint64_t pairs = 0;
};
/// The format of the dump at `path`. Corruption when its beginning is none; FailedPrecondition for a newer format.
[[nodiscard]] Result<std::uint32_t> read_dump_format(base::FileSystem& fs, const std::string& path);

/// Reads a dump once, in pieces, and hands over its pairs in order; an error of the visitor's ends it. Corruption when
/// the file is malformed; FailedPrecondition for a newer format.
[[nodiscard]] Result<DumpSummary> read_dump(
    base::FileSystem& fs, const std::string& path,
    const std::function<Status(std::string_view key, std::string_view value)>& visit);

/// Replaces the content of the store by that of the file; the store is at `seqno` only when all of it is in. Corruption
/// when the file is malformed or of another seqno; FailedPrecondition for a newer format. Cost: reads the file once, in
/// pieces.
[[nodiscard]] Status load_dump(base::FileSystem& fs, const std::string& path, SeqNo seqno, KeyValueStore& store);

}  // namespace tidal::storage
