// Making a sealed segment anew with some of its records changed: same name, header, seqnos, frames and append times.
//
// An erasure is what needs it. Frames move up where records became shorter, so each is sealed for its new place.
// X1: the new file is whole, synced and read back before anything else may happen to it; the old one is not touched.
// Threads: pure functions over a file that nobody writes meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/record.h"

namespace tidal::wal {

/// Changes a record in place and answers whether it did; the encoded record must not grow. What it makes the record's
/// views point to lives until the next call. Called twice a record, with the same answer.
using RecordEdit = std::function<bool(WalEvent& event)>;

/// Writes to `aside` what becomes of the sealed segment that `file` gives; answers the number of records changed. When
/// that is 0 nothing is written. A failure leaves nothing at `aside`. Cost: reads the segment once, twice and its copy
/// once when there is something to change. Corruption names `path`: it is damaged, or not sealed. IoError,
/// ResourceExhausted.
[[nodiscard]] Result<std::uint64_t> rewrite_segment(base::FileSystem& fs, const base::File& file,
                                                    const std::string& path, const std::string& aside,
                                                    const RecordEdit& edit);

}  // namespace tidal::wal
