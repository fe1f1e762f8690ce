// Database::write: operations, and definitions before them, as one batch.
//
// Threads: thread-safe.
#pragma once

#include <span>
#include <vector>

#include "db/core.h"
#include "tidal/db.h"

namespace tidal::db {

/// All or none, in one frame; waits until it is durable and applied. InvalidArgument when the definitions hold another
/// kind of statement.
[[nodiscard]] Result<std::vector<WriteReply>> write_batch(Core& core, std::span<const Operation> operations,
                                                          const BatchOptions& options);

}  // namespace tidal::db
