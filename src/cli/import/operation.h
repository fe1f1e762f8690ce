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
  std::variant<Operation, Refused> what = Refused{};
  std::uint64_t line = 0;  ///< of the file, from 1
  /// Where it stands in event-time order: kEntitiesFirst, a signal's time, or kTimeless behind all times.
  std::int64_t order = 0;
};

inline constexpr std::int64_t kEntitiesFirst = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kTimeless = std::numeric_limits<std::int64_t>::max();

/// Replaces `out`. decode_operation gives back everything but `order`.
void encode_operation(const ImportedOperation& operation, std::string& out);
/// Corruption on bytes that encode_operation cannot have written.
[[nodiscard]] Result<ImportedOperation> decode_operation(std::string_view bytes);

/// What parsing a line gave: an operation, or the reason why the line is no operation at all.
struct Parsed {
  std::optional<ImportedOperation> operation;
  std::string reason;  ///< why there is none, or why it is Refused
};

/// "" for a valid key (1 to 128 bytes of UTF-8 without control characters), else what is wrong with it.
[[nodiscard]] std::string key_defect(std::string_view key);

}  // namespace tidal::cli
