// The schemas to start from, for tools above the schema.
#pragma once

#include <optional>
#include <string_view>

namespace tidal::db {

struct StartingSchema {
  std::string_view about;       ///< one line
  std::string_view statements;  ///< one batch
};

/// "video", "articles", "shop", "social"; nothing for an unknown name.
[[nodiscard]] std::optional<StartingSchema> starting_schema(std::string_view name);

}  // namespace tidal::db
