// Positions in a batch to seqnos and back.
#include "wal/commit_result.h"

#include <algorithm>

namespace tidal::wal {

SeqNo CommitResult::seqno_of(std::size_t position) const {
  std::uint64_t skipped = 0;
  for (const Duplicate& duplicate : duplicates) {
    if (duplicate.position == position) return duplicate.first;
    if (duplicate.position > position) break;
    ++skipped;
  }
  return SeqNo{first_seqno.value + position - skipped};
}

bool CommitResult::is_void(std::size_t position) const {
  return std::ranges::binary_search(void_records, position, {}, [](std::uint32_t p) { return std::size_t{p}; });
}

bool CommitResult::is_duplicate(std::size_t position) const {
  return std::ranges::binary_search(duplicates, position, {},
                                    [](const Duplicate& d) { return std::size_t{d.position}; });
}

std::uint32_t CommitResult::position_of(SeqNo seqno) const {
  auto position = static_cast<std::uint32_t>(seqno.value - first_seqno.value);
  for (const Duplicate& duplicate : duplicates) {
    if (duplicate.position > position) break;
    ++position;
  }
  return position;
}

}  // namespace tidal::wal
