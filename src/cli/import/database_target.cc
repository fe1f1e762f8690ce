// Handing batches to the database.
#include "cli/import/database_target.h"

namespace tidal::cli {

Status DatabaseTarget::write(std::span<const Operation> operations, const ImportMark& mark) {
  const auto replies = database_.write(operations, BatchOptions{.import_mark = mark});
  return replies.ok() ? Status() : Status(replies.error());
}

}  // namespace tidal::cli
