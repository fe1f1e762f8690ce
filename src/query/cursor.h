// Cursors: an opaque, authenticated text that continues a list where a page ended.
//
// C1: a cursor opens only with the key that sealed it and for the statement, parameters, user and schema version that
// it was made for. C2: what it says was fixed at the first page: moment, seqno, seed; and where the last page ended.
// C3: no entity of an earlier page comes again: the served keys are in it, up to kServedMax.
// Layout (before base64url): docs/queries.md.   Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::query {

/// Keys that one list may serve over all its pages.
inline constexpr std::size_t kServedMax = 2'000;
/// How long a list can be continued after its first page.
inline constexpr Duration kCursorLife = hours(1);

struct Cursor {
  Timestamp now;     ///< of the first page's answer
  Timestamp issued;  ///< by the clock that moves, at the first page
  SeqNo seqno;
  std::uint64_t seed = 0;
  std::uint32_t reached = 0;    ///< entities on all pages so far
  std::uint64_t last_rank = 0;  ///< of the last entity, as top_k.h ranks
  std::string last_text;        ///< of an order by text
  std::string last_key;
  std::vector<std::uint64_t> served;  ///< fingerprints of the keys on all pages
};

/// What a served key leaves in a cursor.
[[nodiscard]] std::uint64_t fingerprint(std::string_view key);

/// `binding`: everything the cursor belongs to, as text. `key`: 32 bytes.
[[nodiscard]] std::string seal(const Cursor& cursor, std::string_view binding, std::string_view key);

/// InvalidArgument (not a cursor, altered, or of another query), FailedPrecondition (expired).
[[nodiscard]] Result<Cursor> open(std::string_view text, std::string_view binding, std::string_view key,
                                  Timestamp clock_now);

}  // namespace tidal::query
