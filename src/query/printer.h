// Statements back to text, clauses in the canonical order of docs/language.md.   Threads: pure functions.
//
// R1: parse(print(s)) == s for every statement that parse() made.
#pragma once

#include <string>

#include "query/ast.h"

namespace tidal::query {

/// On one line, without ";".
[[nodiscard]] std::string print(const Statement& statement);
[[nodiscard]] std::string print(const StatementBody& body);
/// One statement a line, each ended by ";".
[[nodiscard]] std::string print(const Script& script);

[[nodiscard]] std::string print(const Query& query);
/// Conditions AND-combined at the top are joined by commas when `commas`, by AND otherwise.
[[nodiscard]] std::string print(const Expr& expr, bool commas = false);
[[nodiscard]] std::string print(const Literal& literal);

}  // namespace tidal::query
