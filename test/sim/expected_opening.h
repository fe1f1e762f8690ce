// From what an open begins, told by the files alone: the rule that recovery is held against.
//
// The newest checkpoint that is sound, whose records behind it are all there, which no store is behind, and which
// is not older than the newest base; else the newest base that is sound and whose records behind it are there; else an
// older checkpoint; else the first record; else the open is refused. So is one that would have to replay a record that
// an erasure made anonymous. Threads: pure functions, and one that reads files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "tidal/types.h"

namespace tidal::sim {

/// A checkpoint or a base.
struct StateFiles {
  std::uint64_t seqno = 0;
  bool is_sound = true;
};

struct DirectoryState {
  std::uint64_t history_first = 1;        ///< from which on log and archive hold every record
  std::uint64_t last = 0;                 ///< where the log ends
  std::vector<std::uint64_t> stores{};    ///< their seqnos; 0: gone or damaged
  std::vector<StateFiles> checkpoints{};  ///< newest first
  std::optional<StateFiles> base{};       ///< the newest that is sound, else the newest
  std::uint64_t newest_base = 0;          ///< by its manifest, sound or not: the log before it may be anonymous
  std::uint64_t anonymous_through = 0;    ///< seqno of the last record that an erasure made anonymous
};

struct ExpectedOpening {
  bool is_refused = false;
  std::uint64_t checkpoint = 0;  ///< 0: not from one
  std::uint64_t base = 0;
};

[[nodiscard]] ExpectedOpening expected_opening(const DirectoryState& state);
/// Of a database that is closed and keeps its stores in files of the memory store. Changes nothing.
[[nodiscard]] Result<DirectoryState> state_of(base::FileSystem& fs, const std::string& database);

}  // namespace tidal::sim
