// Definitions as text: whole statements, and the operands of their clauses.   Threads: pure functions.
//
// D1: for a schema that validate() accepted, parsing and validating to_statements() on an empty schema gives equal
// definitions, in the same order.
#pragma once

#include <string>
#include <vector>

#include "schema/schema.h"

namespace tidal::schema {

/// Statements that recreate the schema exactly, one a line, each ended by ";".
[[nodiscard]] std::string to_statements(const Schema& schema);
[[nodiscard]] std::string to_statement(const FieldDef& field);
/// Of a signal that is no relation's.
[[nodiscard]] std::string to_statement(const SignalDef& signal);
[[nodiscard]] std::string to_statement(const EmbeddingDef& embedding);
/// `signal`: the one of the relation's name.
[[nodiscard]] std::string to_statement(const RelationDef& relation, const SignalDef& signal);
/// The statement that declared the signal: its own or its relation's, which is among `relations`.
[[nodiscard]] std::string to_statement(const SignalDef& signal, const std::vector<RelationDef>& relations);
/// ALTER SETTINGS with what differs from the defaults; "" when nothing does.
[[nodiscard]] std::string to_statement(const Settings& settings);

/// ALTER SETTINGS with every setting, also those that stand at their defaults.
[[nodiscard]] std::string to_full_statement(const Settings& settings);
/// The statements that made the change, each ended by ";": what an export carries in the change's place.
[[nodiscard]] std::vector<std::string> to_statements(const SchemaChange& change);

/// "view, positive"
[[nodiscard]] std::string roles_text(std::uint16_t roles);
/// "exponential(7d)", "none"
[[nodiscard]] std::string decay_text(const Decay& decay);
/// "1h, 24h"
[[nodiscard]] std::string windows_text(const std::vector<Window>& windows);
/// "global, cohort"
[[nodiscard]] std::string scopes_text(std::uint8_t scopes);
/// "0..1", "0.."
[[nodiscard]] std::string value_range_text(const SignalDef& signal);
/// "preference +0.1 * value WHEN value >= 0.5, mark seen"
[[nodiscard]] std::string effects_text(const std::vector<EffectDef>& effects);

}  // namespace tidal::schema
