// JSON of a schema change: the payload of a SchemaChange record.   Threads: pure functions.
//
// J1: decode_change(encode_change(c)) == c.   Members that a later version adds are ignored when read; where that would
// give another schema, that version writes "min_reader", the least format that a reader must know, and older ones
// refuse.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/schema.h"
#include "tidal/result.h"

namespace tidal::schema {

/// 1: fields, signals, settings; what says nothing is of it. 2: embeddings, relations and the settings that go with
/// them; written where a change has any.
inline constexpr std::int64_t kChangeFormat = 2;

[[nodiscard]] std::string encode_change(const SchemaChange& change);
/// Corruption names the member; FailedPrecondition names both formats when a newer reader is asked for.
[[nodiscard]] Result<SchemaChange> decode_change(std::string_view json);

}  // namespace tidal::schema
