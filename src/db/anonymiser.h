// What an erasure does to records of the log: takes the user out of them.
//
// A record belongs to an erased user when it was appended before an Erase record of that user's key. Its user's signals
// lose user, idempotency key and context; what is about the user as a subject becomes an Empty record; both get the
// flag kFlagErased, as does the Erase record itself. Z1: editing twice is editing once. Z2: what is not the user's
// stays as it is. Z3: a record that was made anonymous tells less than it did, so no state may be replayed from it:
// state begins after. Threads: externally synchronized.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "db/erased_user.h"
#include "tidal/result.h"
#include "wal/reader.h"
#include "wal/record.h"

namespace tidal::db {

class Anonymiser {
 public:
  /// Notes the Erase records among the events.
  void add(std::span<const wal::WalEvent> events);
  [[nodiscard]] bool empty() const { return users_.empty(); }

  /// Whether it changed the record; all Erase records of later seqnos must have been added. Cost: XXH3 of the keys, and
  /// a BLAKE3 for each erased user of the same partition.
  bool edit(wal::WalEvent& event);
  /// How many Erase records before `end` it has flagged.
  [[nodiscard]] std::size_t flagged_before(SeqNo end) const {
    return static_cast<std::size_t>(std::distance(flagged_.begin(), flagged_.lower_bound(end)));
  }

 private:
  struct Erasure {
    SeqNo at;
    ErasedUser user;
  };
  [[nodiscard]] bool is_erased(std::string_view key, SeqNo seqno) const;

  std::unordered_map<std::uint16_t, std::vector<Erasure>> users_;  // by partition
  std::set<SeqNo> flagged_;
};

/// FailedPrecondition for the first record that a newer program wrote: the state would lack it.
[[nodiscard]] Status check_known(std::span<const wal::WalEvent> events);
/// Z3. Corruption when one of them, which are to be replayed into views, was made anonymous; FailedPrecondition when a
/// newer program wrote it: of a type or a payload that this one does not know.
[[nodiscard]] Status check_replayable(std::span<const wal::WalEvent> events);
/// Whether one of its records was.
[[nodiscard]] bool holds_anonymous(const wal::FrameView& frame);

}  // namespace tidal::db
