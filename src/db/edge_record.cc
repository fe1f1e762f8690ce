// The bytes of edge and undo payloads.
//
//   edge: [string relation][flags u8][weight f64, if flag 2][string from, if flag 4]
//   undo: [string signal][flags u8]
// Flag 1: it stood. A weight of 1 and an empty key are never written, so every payload has exactly one encoding.
#include "db/edge_record.h"

#include <cmath>

#include "base/coding.h"

namespace tidal::db {
namespace {

constexpr std::uint8_t kStood = 1;
constexpr std::uint8_t kHasWeight = 2;
constexpr std::uint8_t kHasFrom = 4;

Error damaged(std::string_view what, std::size_t bytes) {
  return Error(Code::Corruption,
               std::string(what) + " payload of " + std::to_string(bytes) + " bytes: not in canonical form");
}

}  // namespace

std::string encode_edge(const EdgePayload& payload) {
  const bool has_weight = payload.weight != 1.0;
  base::Encoder out;
  out.string(payload.relation);
  out.u8(static_cast<std::uint8_t>((payload.stood ? kStood : 0) | (has_weight ? kHasWeight : 0) |
                                   (payload.from.empty() ? 0 : kHasFrom)));
  if (has_weight) out.f64(payload.weight);
  if (!payload.from.empty()) out.string(payload.from);
  return out.take();
}

std::string encode_undo(const UndoPayload& payload) {
  base::Encoder out;
  out.string(payload.signal);
  out.u8(payload.stood ? kStood : 0);
  return out.take();
}

Result<EdgePayload> decode_edge(std::string_view bytes) {
  base::Decoder in(bytes);
  EdgePayload payload;
  payload.relation = in.string();
  const std::uint8_t flags = in.u8();
  payload.stood = (flags & kStood) != 0;
  if ((flags & kHasWeight) != 0) payload.weight = in.f64();
  if ((flags & kHasFrom) != 0) payload.from = in.string();
  const bool sound = in.ok() && in.at_end() && std::isfinite(payload.weight) && payload.weight >= 0;
  if (!sound || encode_edge(payload) != bytes) return damaged("edge", bytes.size());
  return payload;
}

Result<UndoPayload> decode_undo(std::string_view bytes) {
  base::Decoder in(bytes);
  UndoPayload payload;
  payload.signal = in.string();
  payload.stood = in.u8() == kStood;
  if (!in.ok() || !in.at_end() || encode_undo(payload) != bytes) return damaged("undo", bytes.size());
  return payload;
}

}  // namespace tidal::db
