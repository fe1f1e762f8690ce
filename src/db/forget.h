// FORGET USER and EXPORT USER: letting go of all that is known of a user, and handing it out before.
//
// Threads: as Core.
#pragma once

#include <string_view>

#include "db/core.h"
#include "db/erased_user.h"
#include "tidal/reply.h"

namespace tidal::db {

/// Appends the Erase record; when this returns no view knows the user. What was removed is counted just before.
/// NotFound: no user of that key; errors of a write.
[[nodiscard]] Result<ForgetReply> forget_user(Core& core, std::string_view key);
/// The same with a salt of the caller's, for whoever needs the same bytes again; it must be random otherwise.
[[nodiscard]] Result<ForgetReply> forget_user(Core& core, std::string_view key, const ErasureSalt& salt);

/// The entity with its fields, its marks, its counts and scores, and the records of log and archive that name the user,
/// each as a row with a line of JSON. NotFound. Cost: reads the whole log.
[[nodiscard]] Result<RowsReply> export_user(const Core& core, std::string_view key);

}  // namespace tidal::db
