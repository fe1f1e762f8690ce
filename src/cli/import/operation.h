// One imported operation on its way from a line to the log, and its bytes while it is being sorted.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tidal/db.h"
#include "tidal/result.h"

namespace tidal::cli {

/// A line that keeps its place in the applied order although it cannot be applied: what it fails at may be the schema,
/// and positions must not depend on the schema, or a resumed import would miscount.
struct Refused {};

struct ImportedOperation {
  std::variant<Operation, Definitions, Refused> what = Refused{};
  std::uint64_t line = 0;  ///< of the file, from 1
  /// Where it stands in event-time order: kEntitiesFirst, a signal's time, or kTimeless behind all times.
  std::int64_t order = 0;
  /// A barrier: what stands before it in the file is applied before it in any order, and what follows after it.
  bool keeps_place = false;
};

inline constexpr std::int64_t kEntitiesFirst = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kTimeless = std::numeric_limits<std::int64_t>::max();

/// Replaces `out`. decode_operation gives back everything but `order` and `keeps_place`.
void encode_operation(const ImportedOperation& operation, std::string& out);
/// Corruption on bytes that encode_operation cannot have written.
[[nodiscard]] Result<ImportedOperation> decode_operation(std::string_view bytes);

/// What parsing a line gave: an operation, the mark of an export, or the reason why the line is neither.
struct Parsed {
  std::optional<ImportedOperation> operation;
  std::string reason;           ///< why there is none, or why it is Refused
  bool is_export_mark = false;  ///< the lines stand in the order of a log
};

/// "" for a valid key (1 to 128 bytes of UTF-8 without control characters), else what is wrong with it.
[[nodiscard]] std::string key_defect(std::string_view key);

}  // namespace tidal::cli
