// What the schema declares, as far as an import must know it: types of fields, names of signals.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::cli {

struct Declared {
  std::array<std::map<std::string, FieldType, std::less<>>, kEntityKinds> fields;  ///< by EntityKind
  std::vector<std::string> signals;                                                ///< in the order of definition

  [[nodiscard]] std::optional<FieldType> field(EntityKind kind, std::string_view name) const;
  [[nodiscard]] bool has_signal(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> field_names(EntityKind kind) const;
};

/// Reads the statements that Database::schema_text() gives; what it does not know it passes over.
[[nodiscard]] Declared read_declared(std::string_view schema_text);

/// "item 'x' has no field…": the reason for a name that is not declared, with what is.
[[nodiscard]] std::string unknown_field_reason(const Declared& declared, EntityKind kind, std::string_view name);
[[nodiscard]] std::string unknown_signal_reason(const Declared& declared, std::string_view name);

}  // namespace tidal::cli
