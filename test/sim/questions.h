// Questions put to a database and to the model, and what differs between the two answers.
//
// Exact: keys, order, counts, net counts, marks, fields, creation times, refusals. Exponential decay and formulas:
// 1e-9 relative. Linear decay: within the bound of docs/signals.md.
// Threads: one test's own.
#pragma once

#include <string>

#include "base/random.h"
#include "db/core.h"
#include "test/sim/model.h"

namespace tidal::sim {

/// Runs a script of statements that must be written one after the other; the first error.
[[nodiscard]] Status run_script(db::Core& core, std::string_view text);

/// Asks one random question; "" when the answers agree.
[[nodiscard]] std::string ask_one(db::Core& core, const Model& model, Timestamp now, base::Random& random);
/// Asks for every entity, every mark and every order; "" when all agree.
[[nodiscard]] std::string ask_all(db::Core& core, const Model& model, Timestamp now);

}  // namespace tidal::sim
