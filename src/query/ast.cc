// Special members of statements: out of line, since those of a variant of everything are long.
#include "query/ast.h"

namespace tidal::query {

Statement::Statement() = default;
Statement::Statement(const Statement&) = default;
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(const Statement&) = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

bool Statement::operator==(const Statement& other) const { return body == other.body; }

}  // namespace tidal::query
