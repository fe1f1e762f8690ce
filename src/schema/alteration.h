// The ALTER statement that would turn one definition into another, for the refusal of a second, different DEFINE.
#pragma once

#include <string>

#include "tidal/schema.h"

namespace tidal::schema {

/// What to write instead: an ALTER naming the clauses that differ, or a DROP where no ALTER leads there.
[[nodiscard]] std::string alter_hint(const FieldDef& known, const FieldDef& wanted);
[[nodiscard]] std::string alter_hint(const SignalDef& known, const SignalDef& wanted);
[[nodiscard]] std::string alter_hint(const EmbeddingDef& known, const EmbeddingDef& wanted);

}  // namespace tidal::schema
