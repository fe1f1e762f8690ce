// Records of the log as JSON objects: the lines that export writes and import reads.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <string>

#include "tidal/result.h"
#include "wal/record.h"

namespace tidal::db {

/// The record as an import line, without a line break: {"op":"signal",…}, {"op":"item",…}, {"op":"update",…},
/// {"op":"delete",…}, {"op":"schema",…}. Nothing for import marks and empty places. Corruption.
[[nodiscard]] Result<std::optional<std::string>> import_line(const wal::Record& record);

/// An entity's fields, as a store keeps them: {"title":"…"}. Corruption.
[[nodiscard]] Result<std::string> fields_json(std::string_view encoded);

/// Everything there is to say about a logged record, for people: {"seqno":…,"append_time":…,"type":…,"record":{…}}.
[[nodiscard]] std::string dump_line(const wal::WalEvent& event);

/// "signal", "put", "update", "delete", "schema", "import_mark", "empty"; "unknown" for a number that
/// this program does not know.
[[nodiscard]] std::string_view record_type_name(wal::RecordType type);

}  // namespace tidal::db
