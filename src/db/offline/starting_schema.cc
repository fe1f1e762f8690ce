// Handing the schema's templates up.
#include "db/offline/starting_schema.h"

#include "schema/schema_templates.h"

namespace tidal::db {

std::vector<StartingSchema> starting_schemas() {
  std::vector<StartingSchema> all;
  for (const schema::SchemaTemplate& each : schema::schema_templates()) {
    all.push_back({.name = each.name, .about = each.description, .statements = each.statements});
  }
  return all;
}

std::optional<StartingSchema> starting_schema(std::string_view name) {
  for (const StartingSchema& each : starting_schemas()) {
    if (each.name == name) return each;
  }
  return std::nullopt;
}

}  // namespace tidal::db
