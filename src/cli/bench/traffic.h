// Signals as clients send them while a benchmark measures, and their writing with a check that each was new.
#pragma once

#include <cstdint>
#include <span>

#include "base/random.h"
#include "tidal/tidal.h"

namespace tidal::cli {

/// One client's signals. No two of a process give the same stream: a round that repeated an earlier one's keys would
/// measure how fast duplicates are refused. One thread at a time.
class Traffic {
 public:
  /// `has_keys`: each signal has an idempotency key of its own, as of a client that may repeat itself.
  Traffic(std::uint64_t items, std::uint64_t users, bool has_keys);

  /// Overwrites each of `signals`: nine views to a like, items and users at random.
  void fill(std::span<Signal> signals);

 private:
  std::uint64_t items_;
  std::uint64_t users_;
  bool has_keys_;
  base::Random random_;
};

/// One batch. FailedPrecondition when one of them was not applied, which would flatter the figure.
[[nodiscard]] Status write_new(Database& db, std::span<const Signal> signals);

}  // namespace tidal::cli
