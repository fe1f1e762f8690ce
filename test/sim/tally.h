// What histories did and what they found, added up.
//
// Threads: one test's own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "test/sim/policies.h"

namespace tidal::sim {

/// Classes of steps and faults; a run in which one hardly occurs proves little and fails.
enum class Happening : std::uint8_t {
  Commit,
  Batch,         ///< of several operations
  LateCommit,    ///< prepared, then overtaken by another client's write
  VoidRecord,    ///< overtaken by the deletion of what it is about
  RefusedWrite,  ///< by validation
  Question,
  SchemaChange,
  Checkpoint,
  Archiving,        ///< a compaction that archived segments
  SegmentsRemoved,  ///< a compaction that let segments go for good
  WriteInsideCheckpoint,
  QuestionInsideCheckpoint,
  QuestionInsideLog,
  ClockBack,
  ClockLeap,
  QuestionOfThePast,  ///< refused
  CleanClose,
  NextSegment,
  PowerCutBetween,
  PowerCutInside,  ///< an operation on files
  PowerCutInRecovery,
  WriteError,
  SyncError,
  OtherError,
  WriteToPoisoned,  ///< refused
  WriteToFull,      ///< refused
  InDoubtThere,
  InDoubtGone,
  OpenFromCheckpoint,
  TornTail,
  LifeSync,
  LifeBatched,
  LifeAsync,
  Duplicate,         ///< of an event that was applied before
  DuplicateInBatch,  ///< of an earlier record of the batch
  DuplicateForgotten,
  DuplicateKept,
  RetryFound,    ///< a batch without answer was sent again: something of it was there
  RetryWritten,  ///< nothing of it was there, or has an identity
  DiskFull,
  FewFiles,
  ReadOnlyDisk,
  WriteWithoutFiles,  ///< refused for lack of descriptors
  OpenWithoutFiles,   ///< refused
  OpenReadOnly,       ///< refused
  CheckpointDamaged,
  CheckpointsLost,
  StoreLost,
  StoreReplaced,
  BaseLost,
  ArchiveLost,
  OpenFromBase,
  OpenRefused,  ///< for what was lost
  AsyncLoss,    ///< acknowledged, not yet synced, gone: what Durability::Async says
  Import,
  Forgotten,           ///< a user
  ForgetRefused,       ///< nobody knows the user
  ForgottenMeanwhile,  ///< by somebody else, before the record came
  ErasureCarriedOut,   ///< a compaction that rewrote segments
  KeySought,           ///< in all files, after a compaction
  Backup,
  BackupGivenUp,  ///< for an error
  BackupCut,      ///< by the power
  WriteInsideBackup,
  UnfinishedRefused,  ///< by whatever could read it
  RestoreToEnd,
  RestoreToRecord,
  RestoreToTime,
  RestoreRefused,  ///< it is not reached
  RestoreAfterCrash,
  Count
};
[[nodiscard]] std::string_view happening_name(Happening what);

/// What a history found wrong.
enum class Fault : std::uint8_t {
  None,
  Lost,       ///< something acknowledged is gone
  Doubled,    ///< something is there that was not written, or half of a batch
  Digest,     ///< recovered state differs from a replay of the log
  Model,      ///< an answer differs from the model's
  Unopened,   ///< the database does not open
  Behaviour,  ///< an error where none was due, or none where one was
  Remembered  ///< a file holds the key of a user who was forgotten
};
[[nodiscard]] std::string_view fault_name(Fault fault);

struct Tally {
  std::uint64_t histories = 0;
  std::uint64_t steps = 0;
  std::uint64_t crashes = 0;
  std::uint64_t injected = 0;  ///< errors and full disks
  std::array<std::uint64_t, static_cast<std::size_t>(Happening::Count)> happened{};
  std::array<std::uint64_t, 8> faults{};
  PoliciesLosses policies{};

  void count(Happening what) { ++happened[static_cast<std::size_t>(what)]; }
  [[nodiscard]] std::uint64_t of(Happening what) const { return happened[static_cast<std::size_t>(what)]; }
  [[nodiscard]] std::uint64_t of(Fault fault) const { return faults[static_cast<std::size_t>(fault)]; }
  [[nodiscard]] std::uint64_t restores() const {
    return of(Happening::RestoreToEnd) + of(Happening::RestoreToRecord) + of(Happening::RestoreToTime);
  }
  /// The classes that fewer than one in two hundred histories had, or "".
  [[nodiscard]] std::string rare() const;
  /// Every class with its count, on one line.
  [[nodiscard]] std::string coverage() const;
};

}  // namespace tidal::sim
