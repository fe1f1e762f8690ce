// Which records are duplicates: decided once, when seqnos are given out, by the one thread that appends.
//
// What was applied is the view's business (AppliedIds); what has a seqno and is not applied yet is kept here.
// D1: of two records with one id, in flight or within the window, the first is written and the other is not, unless it
//     keeps duplicates: then it is written and its id is in flight like any other's.
// D2: an id is let go when its record was applied, so a record that turned out void leaves its id free again.
// D3: between claim() and release() an id is found here or in AppliedIds: release() comes after the apply.
// Threads: claim() on the appending thread, release() on any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "tidal/types.h"
#include "wal/record.h"

namespace tidal::wal {

class RecordBatch;

/// The ids of applied records, as far back as duplicates are looked for. Thread-safe.
class AppliedIds {
 public:
  virtual ~AppliedIds() = default;
  /// Of each id, the first record with it that a record appended at `now` would repeat; 0: none, or no id. `first` is
  /// as long as `ids`.
  virtual void find_first(std::span<const EventId> ids, Timestamp now, std::span<SeqNo> first) const = 0;
  /// It is among them, however long ago.
  [[nodiscard]] virtual bool holds(const EventId& id) const = 0;
};

/// A record of a batch that is not written, since another one says the same.
struct Duplicate {
  std::uint32_t position = 0;  ///< in the batch
  SeqNo first;                 ///< the record it repeats
  bool was_pending = false;    ///< `first` was not applied yet when this was decided: it may still turn out void
  SeqNo last{};                ///< then the last record in flight with the same id, by which its fate can be told
};

class PendingIds {
 public:
  /// `applied` outlives this.
  explicit PendingIds(const AppliedIds& applied);
  ~PendingIds();
  PendingIds(const PendingIds&) = delete;
  PendingIds& operator=(const PendingIds&) = delete;

  /// The batch is to be appended at `now`; its records that are no duplicates get consecutive seqnos from `next` on.
  /// Answers the duplicates in ascending order. Cost: a hash lookup or two a record with an id.
  [[nodiscard]] std::vector<Duplicate> claim(const RecordBatch& batch, SeqNo next, Timestamp now);
  /// The records were applied, or could not be written.
  void release(std::span<const EventId> ids);

 private:
  struct Ids;

  const AppliedIds& applied_;
  base::Mutex mutex_;
  std::unique_ptr<Ids> ids_ TIDAL_GUARDED_BY(mutex_);
  std::vector<SeqNo> applied_first_ TIDAL_GUARDED_BY(mutex_);  // of the batch being claimed
};

}  // namespace tidal::wal
