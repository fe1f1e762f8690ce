// Refuses a directory of which a newer program has written a file, before anything in it is written.
//
// Every file of ours begins with a magic, its format and the oldest format whose readers may read it. The readers judge
// that too, but some come to their file after others have written: here all are asked first. What is damaged passes:
// whoever reads it tells, or rebuilds what is a cache. Threads: pure function of files that nobody writes meanwhile.
#pragma once

#include <string>

#include "base/file_system.h"
#include "tidal/result.h"

namespace tidal::db {

/// FailedPrecondition names the first file of a newer format in the folders of a database or a backup, and both
/// formats. Stores besides: they are judged when they are opened. Cost: reads the beginnings of all files, and the
/// manifests.
[[nodiscard]] Status check_formats(base::FileSystem& fs, const std::string& directory);

}  // namespace tidal::db
