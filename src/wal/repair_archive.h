// Judging the archive of a log that is repaired, and filling the holes in it that nothing else stands for.
//
// Q1: judging only reads. Q2: a segment counts as sound when every frame of it is, and it ends before what follows it
// begins. Threads: nobody else may have the log open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/result.h"
#include "wal/repair.h"

namespace tidal::wal {

struct DamagedArchive {
  std::string name;    ///< of the file
  std::string reason;  ///< names it no more
  SeqnoRange held;     ///< as far as its header or its neighbours tell
};

/// A sound segment in the archive.
struct SoundArchive {
  SeqnoRange seqnos;
  Timestamp first_append;
  Timestamp last_append;
};

struct JudgedArchive {
  std::vector<SoundArchive> sound;      ///< in order; no two hold the same seqno
  std::vector<DamagedArchive> damaged;  ///< in order
  SeqNo last_anonymous;                 ///< of the last sound record that an erasure made anonymous; 0: none
  /// Of the last sound record; 0: none.
  [[nodiscard]] SeqNo last_seqno() const { return sound.empty() ? SeqNo{} : sound.back().seqnos.last; }
};

/// Reads the archived segments before `log_first` (nothing: all); later ones are copies of what the log has, which
/// nobody reads. FailedPrecondition when one is of a newer format; PermissionDenied, ResourceExhausted, IoError.
[[nodiscard]] Result<JudgedArchive> judge_archive(base::FileSystem& fs, const std::string& archive_dir,
                                                  std::optional<SeqNo> log_first);

/// The seqnos before `log_first` that no sound segment holds, in order.
[[nodiscard]] std::vector<SeqnoRange> holes_in(const JudgedArchive& archive, SeqNo log_first);

/// Archives a segment of Empty records with kFlagLost under these seqnos, appended when their neighbours were; durable
/// on return. No other archive may have its name. IoError, ResourceExhausted.
[[nodiscard]] Status fill_archive(base::FileSystem& fs, const std::string& archive_dir, const SeqnoRange& lost,
                                  Timestamp appended);
/// When that was, as far as the sound neighbours tell.
[[nodiscard]] Timestamp append_time_of(const JudgedArchive& archive, const SeqnoRange& lost);

}  // namespace tidal::wal
