// Schemas to start from: `tidal init --template NAME`.
#pragma once

#include <string_view>
#include <vector>

namespace tidal::schema {

struct SchemaTemplate {
  std::string_view name;         ///< "video"
  std::string_view description;  ///< one line
  std::string_view statements;   ///< one batch, BEGIN to COMMIT, with comments
};

/// In the order to offer them.
[[nodiscard]] const std::vector<SchemaTemplate>& schema_templates();

}  // namespace tidal::schema
