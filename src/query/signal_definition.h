// The parts of DEFINE SIGNAL and DEFINE RELATION that need reading: roles, windows, effects.   Threads: pure functions.
#pragma once

#include <vector>

#include "query/ast.h"
#include "tidal/result.h"
#include "tidal/schema.h"

namespace tidal::query {

/// The definition as a value; every problem is appended to `errors`, which then makes the value meaningless.
[[nodiscard]] SignalDef signal_of(const DefineSignal& define, const Statement& statement, std::vector<Error>& errors);
/// The signal that counts the relation's edges, likewise.
[[nodiscard]] SignalDef signal_of(const DefineRelation& define, const Statement& statement, std::vector<Error>& errors);

}  // namespace tidal::query
