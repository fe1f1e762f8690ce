// Handing the schema's templates up.
#include "db/offline/starting_schema.h"

#include "schema/schema_templates.h"

namespace tidal::db {

std::optional<StartingSchema> starting_schema(std::string_view name) {
  const std::optional<schema::SchemaTemplate> found = schema::schema_template(name);
  if (!found) return std::nullopt;
  return StartingSchema{.about = found->description, .statements = found->statements};
}

}  // namespace tidal::db
