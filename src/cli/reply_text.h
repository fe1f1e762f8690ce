// Replies as a person reads them (tables, trees, one line) or as a program does (JSON lines, CSV).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "cli/table.h"
#include "tidal/reply.h"

namespace tidal::cli {

enum class Format {
  Table,
  Json,   ///< one reply object a line
  Jsonl,  ///< the same; the name that other tools use
  Csv,
};

/// The field that names an entity to people, per EntityKind; "" none. The first TEXT field of the schema.
using TitleFields = std::array<std::string, kEntityKinds>;

/// Reads the first TEXT field of each kind out of the statements that SHOW SCHEMA prints.
[[nodiscard]] TitleFields title_fields(std::string_view schema_text);

/// A value in a cell: lists joined by ", ", times and durations as the language writes them, null as "".
[[nodiscard]] std::string value_text(const Value& value);

/// Every line ended by a line break. `width`: columns that a table may take.
[[nodiscard]] std::string reply_text(const Reply& reply, Format format, const TitleFields& titles, std::size_t width);

/// What stands under an answer: its warnings (which tell why an empty page is empty), then "20 items, 4,812 candidates,
/// 1.9 ms"; every line ended by a line break.
[[nodiscard]] std::string reply_footer(const Reply& reply);

}  // namespace tidal::cli
