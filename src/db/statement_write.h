// Write statements to operations: parameters bound, JSON content typed by the schema.
#pragma once

#include "db/prepare.h"
#include "query/ast.h"
#include "query/read_views.h"
#include "schema/schema.h"
#include "tidal/db.h"

namespace tidal::db {

/// The statement must hold a Write. InvalidArgument with a position; FailedPrecondition for what this version does not
/// execute. `schema` is the one in force for the statement (definitions staged in its batch included).
[[nodiscard]] Result<Operation> to_operation(const query::Statement& statement, const schema::Schema& schema,
                                             const query::QueryContext& context);

/// Where that part of a write statement stands; the whole statement for a part it does not spell out.
[[nodiscard]] query::Span place_of(const query::Statement& statement, Part part);

/// The written key, or the parameter's. InvalidArgument when nothing or no string is bound to it.
[[nodiscard]] Result<std::string> bind_text(const query::Bindable<std::string>& text,
                                            const query::QueryContext& context);

}  // namespace tidal::db
