// The entities that a log tells of: who is alive, with which fields, whose creator is who, created when.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "test/fold/told.h"

namespace tidal::test::fold {

struct LivingEntity {
  Ordinal creator = Ordinal::None;
  bool is_open = false;  ///< the earliest signal decides when it was created
  std::optional<Timestamp> created_at;
  Fields fields;
};

/// The living, by kind.
using LivingEntities = std::array<std::map<Ordinal, LivingEntity>, kEntityKinds>;
[[nodiscard]] LivingEntities fold_entities(const Told& told);

}  // namespace tidal::test::fold
