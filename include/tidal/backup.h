// What a backup and a restore are asked for, and what they answer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tidal/types.h"

namespace tidal {

/// Called now and then while files are copied and read; must not call the database. Answering false gives it up with
/// Unavailable.
using CopyProgress = std::function<bool(std::uint64_t bytes_done, std::uint64_t bytes_all)>;

struct BackupOptions {
  bool archive = true;  ///< archived segments too, so that it can be restored to moments as old as they are
  CopyProgress progress{};
};

struct BackupReport {
  SeqNo first_seqno;  ///< the earliest it can be restored to; 0: it holds no record
  SeqNo seqno;        ///< the last record in it
  Timestamp time;     ///< when that was appended; 0 without records
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

/// At most one of the targets; without one all that the backup holds.
struct RestoreOptions {
  std::optional<SeqNo> to_seqno{};     ///< the last record to restore
  std::optional<Timestamp> to_time{};  ///< the records appended up to then
  /// Users who were forgotten after the restored moment are forgotten in what is restored too, as far as the backup
  /// knows of it and, unless that is "", this data directory or backup, which nobody may write meanwhile.
  bool erase_again = true;
  std::string erasures_of{};
  CopyProgress progress{};
};

struct RestoreReport {
  SeqNo seqno;                 ///< the last record of the restored database, but for the erasures behind it
  Timestamp time;              ///< when that was appended; 0 when its log holds no record
  SeqNo base;                  ///< what it stands on; 0: the log from its first record
  std::uint64_t erasures = 0;  ///< that came later and were written behind it
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

}  // namespace tidal
