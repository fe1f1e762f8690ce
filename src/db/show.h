// SHOW and HELP: what the database knows about itself, as rows and as text for people.
#pragma once

#include <optional>
#include <string_view>

#include "db/core.h"
#include "query/ast.h"
#include "tidal/reply.h"

namespace tidal::db {

/// FailedPrecondition for what this version does not have; NotFound for a schema version that never was.
/// `key`: of SHOW RELATIONS OF, bound.
[[nodiscard]] Result<Reply> show(const Core& core, const query::Show& show, std::string_view key);

/// The topics, or one of them with an example. NotFound names the nearest.
[[nodiscard]] Result<Reply> help(std::optional<std::string_view> topic);

}  // namespace tidal::db
