// From DEFINE and ALTER SETTINGS statements to a validated schema change, with errors that point into the text.
//
// Threads: pure functions.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "query/ast.h"
#include "schema/validation.h"
#include "tidal/result.h"

namespace tidal::query {

/// Checks all definitions of the statements (others are passed over) against `base`, in order, and applies all or
/// nothing. Every problem of every statement is found: Error::others carries the second and later ones. Codes as
/// schema::validate; FailedPrecondition for what is not available yet.
[[nodiscard]] Result<schema::Validated> validate_definitions(const schema::Schema& base,
                                                             std::span<const Statement> statements);

/// True for statements that validate_definitions takes: DEFINE, and ALTER SETTINGS.
[[nodiscard]] bool is_definition(const Statement& statement);

/// "DEFINE PROFILE", "ALTER SIGNAL", "SHOW COHORTS", "SUGGEST": what the statement is, in its own keywords.
[[nodiscard]] std::string describe(const StatementBody& body);

/// FailedPrecondition "DEFINE PROFILE is not available yet" at the statement.
[[nodiscard]] Error not_available_yet(const Statement& statement);

}  // namespace tidal::query
