// The schemas to start from, for tools above the schema.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace tidal::db {

struct StartingSchema {
  std::string_view name;        ///< "video"
  std::string_view about;       ///< one line
  std::string_view statements;  ///< one batch
};

/// In the order to offer them.
[[nodiscard]] std::vector<StartingSchema> starting_schemas();
/// Nothing for an unknown name.
[[nodiscard]] std::optional<StartingSchema> starting_schema(std::string_view name);

}  // namespace tidal::db
