// The application key of an ordinal: what a digest names entities by.
//
// Views hold ordinals; the key map lives above them. The composition root supplies it.
#pragma once

#include <string_view>

#include "tidal/types.h"

namespace tidal::materializer {

class KeyNames {
 public:
  virtual ~KeyNames() = default;
  /// Key of a known ordinal; "" for an unknown one. The view stays valid for the map's life.
  [[nodiscard]] virtual std::string_view key_of(EntityKind kind, Ordinal ordinal) const = 0;
};

}  // namespace tidal::materializer
