// The payload of entity records in the log, and of entities in the store: fields by name, typed, self-contained.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tidal/result.h"
#include "tidal/types.h"

namespace tidal::entity {

/// One entity's content, or a change to it. In an UPDATE: an absent member stays, a null field is removed.
struct EntityContent {
  std::optional<std::string> creator;   ///< key of an item's creator; "" in an UPDATE removes it
  std::optional<Timestamp> created_at;  ///< none in a PUT: open, the earliest signal decides (import)
  Fields fields;
  bool operator==(const EntityContent&) const = default;
};

[[nodiscard]] std::string encode_content(const EntityContent& content);
/// Corruption on any byte string that encode_content cannot have written.
[[nodiscard]] Result<EntityContent> decode_content(std::string_view bytes);

}  // namespace tidal::entity
