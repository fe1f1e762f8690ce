// An open database as the target of an import.
#pragma once

#include "cli/import/importer.h"
#include "tidal/db.h"

namespace tidal::cli {

class DatabaseTarget final : public ImportTarget {
 public:
  explicit DatabaseTarget(Database& database) : database_(database) {}
  [[nodiscard]] std::string schema_text() const override { return database_.schema_text(); }
  [[nodiscard]] Result<std::string> schema_after(const std::string& schema,
                                                 const std::string& statements) const override;
  [[nodiscard]] std::uint64_t position(std::string_view import_id) const override {
    return database_.import_position(import_id);
  }
  [[nodiscard]] Result<std::uint64_t> write(std::span<const Operation> operations,
                                            const BatchOptions& options) override;
  [[nodiscard]] Status define(const Definitions& definitions, const ImportMark& mark) override;

 private:
  Database& database_;
};

}  // namespace tidal::cli
