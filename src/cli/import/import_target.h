// Where an import goes: a database, or a test's stand-in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tidal/db.h"
#include "tidal/result.h"

namespace tidal::cli {

/// Threads: schema_after() may be called beside the others.
class ImportTarget {
 public:
  virtual ~ImportTarget() = default;
  [[nodiscard]] virtual std::string schema_text() const = 0;
  /// What schema_text() would be if it were `schema` and the statements were run; or why they would be refused.
  [[nodiscard]] virtual Result<std::string> schema_after(const std::string& schema,
                                                         const std::string& statements) const = 0;
  [[nodiscard]] virtual std::uint64_t position(std::string_view import_id) const = 0;
  /// How many of them the database held already and did not count again.
  [[nodiscard]] virtual Result<std::uint64_t> write(std::span<const Operation> operations,
                                                    const BatchOptions& options) = 0;
  [[nodiscard]] virtual Status define(const Definitions& definitions, const ImportMark& mark) = 0;
};

}  // namespace tidal::cli
