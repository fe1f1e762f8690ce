// Handing batches to the database.
#include "cli/import/database_target.h"

#include <algorithm>

namespace tidal::cli {

Result<std::string> DatabaseTarget::schema_after(const std::string& schema, const std::string& statements) const {
  TIDAL_TRY_ASSIGN(Database trial, Database::open_in_memory());
  for (const std::string& each : {schema, statements}) {
    const auto defined = trial.write({}, BatchOptions{.definitions = Definitions{.statements = each}});
    if (!defined.ok()) return defined.error();
  }
  return trial.schema_text();
}

Status DatabaseTarget::define(const Definitions& definitions, const ImportMark& mark) {
  const auto replies = database_.write({}, BatchOptions{.import_mark = mark, .definitions = definitions});
  return replies.ok() ? Status() : Status(replies.error());
}

Result<std::uint64_t> DatabaseTarget::write(std::span<const Operation> operations, const BatchOptions& options) {
  TIDAL_TRY_ASSIGN(const std::vector<WriteReply> replies, database_.write(operations, options));
  return static_cast<std::uint64_t>(std::ranges::count(replies, std::string_view("deduplicated"), &WriteReply::status));
}

}  // namespace tidal::cli
