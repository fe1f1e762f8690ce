// Importing one file: read and order it in one thread, write it in batches from another.
//
// I1: importing a file twice changes nothing. I2: an import that was stopped goes on where the log ends; the result is
// that of one that was not. I3: a bad line changes nothing; the lines around it are applied.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "cli/import/import_target.h"
#include "tidal/result.h"

namespace tidal::cli {

struct ImportOptions {
  std::vector<std::string> maps{};  ///< for tables; several maps make several operations of a row
  bool as_is = false;               ///< file order instead of event-time order; exports are always
  bool created_at_now = false;
  std::uint64_t rejects_max = 1000;
  std::string rejects_path{};      ///< "": the file's path and ".rejects"
  bool rejects_must_work = false;  ///< nothing is imported when the rejects cannot be written there
  std::string spill_folder{};      ///< for files larger than sort_bytes
  std::size_t sort_bytes = std::size_t{256} << 20;
  std::size_t batch_operations = 2000;
};

struct ImportReport {
  std::uint64_t operations = 0;  ///< in the file, bad lines left out
  std::uint64_t applied = 0;     ///< by this run
  std::uint64_t skipped = 0;     ///< because the log holds them already
  std::uint64_t duplicates = 0;  ///< of applied: signals that the database held and did not count again
  std::uint64_t rejected = 0;
  std::uint64_t rejected_earlier = 0;  ///< of these: by earlier runs, passed over by this one
  std::string rejects_path;            ///< "" when there is no such file
  std::string rejects_defect;          ///< why it could not be written, or ""
  std::string first_reject;
  std::optional<Timestamp> newest;  ///< event time in the file
  bool interrupted = false;         ///< stopped between two batches; run it again to go on
};

/// Told now and then: what is being done, how much of it, and which share (negative: unknown).
using ImportProgress = std::function<void(std::string_view stage, std::uint64_t operations, double share)>;

/// Identity of an import: BLAKE3 over its decompressed content, maps and order; 32 bytes. The maps of a table only.
[[nodiscard]] Result<std::string> import_identity(base::FileSystem& fs, const std::string& path,
                                                  const ImportOptions& options);

/// InvalidArgument (bad map, too many bad lines), NotFound, IoError …. What was written before an error stays, and the
/// same import run again goes on behind it.
[[nodiscard]] Result<ImportReport> import_file(base::FileSystem& fs, ImportTarget& target, const std::string& path,
                                               ImportOptions options, const ImportProgress& progress);

}  // namespace tidal::cli
