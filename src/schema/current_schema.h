// The schema in force, for views that must not care which catalog they follow: a rebuilt one changes from a catalog of
// its own to the database's.
#pragma once

#include "schema/schema.h"

namespace tidal::schema {

class CurrentSchema {
 public:
  virtual ~CurrentSchema() = default;
  /// As of the event being applied. The reference stays valid as long as the catalog behind it.
  [[nodiscard]] virtual const Schema& current() const = 0;
};

}  // namespace tidal::schema
