// The payloads of Relate, Unrelate and Unsignal records: whose edge or signal, and whether it stood.
//
// Whether it stood is decided before the record is written, by whoever writes it, one at a time: so the record alone
// tells every view what it takes back or gives. A record older than the latest about its edge gives and takes nothing:
// an Unrelate then says that nothing stood, a Relate that the edge did.
#pragma once

#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::db {

struct EdgePayload {
  std::string_view relation;
  bool stood = false;
  double weight = 1.0;      ///< finite, >= 0; 1 in an Unrelate
  std::string_view from{};  ///< key; "" when the edge begins at the record's acting user
};

struct UndoPayload {
  std::string_view signal;
  bool stood = false;
};

[[nodiscard]] std::string encode_edge(const EdgePayload& payload);
[[nodiscard]] std::string encode_undo(const UndoPayload& payload);
/// Corruption on any byte string that the encoders cannot have written. Views point into `bytes`.
[[nodiscard]] Result<EdgePayload> decode_edge(std::string_view bytes);
[[nodiscard]] Result<UndoPayload> decode_undo(std::string_view bytes);

}  // namespace tidal::db
