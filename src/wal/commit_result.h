// What became of the records of one batch: their places in the log, and which of them count.
//
// Threads: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tidal/types.h"
#include "wal/duplicates.h"

namespace tidal::wal {

struct CommitResult {
  SeqNo first_seqno;
  SeqNo last_seqno;                         ///< before first_seqno when nothing was written: all were duplicates
  std::vector<std::uint32_t> void_records;  ///< positions in the batch that were void when applied; ascending
  std::vector<Duplicate> duplicates;        ///< ascending

  /// The record's; of a duplicate the first one's.
  [[nodiscard]] SeqNo seqno_of(std::size_t position) const;
  [[nodiscard]] bool is_void(std::size_t position) const;
  [[nodiscard]] bool is_duplicate(std::size_t position) const;
  /// In the batch, of the written record with that seqno.
  [[nodiscard]] std::uint32_t position_of(SeqNo seqno) const;
};

}  // namespace tidal::wal
