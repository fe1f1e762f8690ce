// JSON of a schema change: the payload of a SchemaChange record.   Threads: pure functions.
//
// J1: decode_change(encode_change(c)) == c.   Members that a later version adds are ignored when read.
#pragma once

#include <string>
#include <string_view>

#include "schema/schema.h"
#include "tidal/result.h"

namespace tidal::schema {

[[nodiscard]] std::string encode_change(const SchemaChange& change);
/// Corruption names the member.
[[nodiscard]] Result<SchemaChange> decode_change(std::string_view json);

}  // namespace tidal::schema
