// Test stand-in for a database: applies batches to a list, refuses signals on unknown items, fails on demand.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/import/importer.h"

namespace tidal::cli {

/// What an operation was, as a line that tests compare: "item i1", "like i1 u1".
inline std::string summary(const Operation& operation) {
  if (const auto* signal = std::get_if<Signal>(&operation)) {
    return signal->kind + " " + signal->item + " " + signal->user +
           (signal->value ? " " + std::to_string(*signal->value).substr(0, 3) : "");
  }
  if (const auto* put = std::get_if<PutOperation>(&operation)) {
    return (put->update ? "update " : "") + std::string(kind_name(put->kind)) + " " + put->key;
  }
  const auto& removed = std::get<DeleteOperation>(operation);
  return "delete " + std::string(kind_name(removed.kind)) + " " + removed.key;
}

class FakeTarget final : public ImportTarget {
 public:
  std::string schema =
      "DEFINE FIELD item.title TEXT;\nDEFINE FIELD item.tags KEYWORD[] INDEXED;\nDEFINE FIELD item.year INT INDEXED;\n"
      "DEFINE SIGNAL view VALUE 0..;\nDEFINE SIGNAL like ROLE positive;\n";
  std::vector<std::string> applied;
  std::set<std::string> items;
  std::map<std::string, std::uint64_t, std::less<>> positions;
  std::size_t batches_before_failure = ~std::size_t{0};
  bool check_items = true;

  [[nodiscard]] std::string schema_text() const override { return schema; }
  [[nodiscard]] std::uint64_t position(std::string_view import_id) const override {
    const auto at = positions.find(import_id);
    return at == positions.end() ? 0 : at->second;
  }
  [[nodiscard]] Result<std::string> schema_after(const std::string& text,
                                                 const std::string& statements) const override {
    if (statements.find("refuse") != std::string::npos) return Error(Code::AlreadyExists, "injected refusal");
    return text + statements;
  }
  [[nodiscard]] Status define(const Definitions& definitions, const ImportMark& mark) override {
    if (batches_before_failure == 0) return Error(Code::IoError, "injected failure");
    --batches_before_failure;
    schema += definitions.statements;
    applied.push_back(definitions.statements.substr(0, definitions.statements.find(';')));
    positions[mark.id] = mark.position;
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> write(std::span<const Operation> operations,
                                            const BatchOptions& options) override {
    if (batches_before_failure == 0) return Error(Code::IoError, "injected failure");
    std::set<std::string> known = items;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      if (const auto* put = std::get_if<PutOperation>(&operations[i])) known.insert(put->key);
      const auto* signal = std::get_if<Signal>(&operations[i]);
      if (!check_items || signal == nullptr || known.count(signal->item) > 0) continue;
      ErrorDetail detail;
      detail.statement = static_cast<std::uint32_t>(i + 1);
      return Error(Code::NotFound, "there is no item '" + signal->item + "'", detail);
    }
    --batches_before_failure;
    items = known;
    for (const Operation& operation : operations) applied.push_back(summary(operation));
    positions[options.import_mark->id] = options.import_mark->position;
    return std::uint64_t{0};
  }
};

}  // namespace tidal::cli
