// tidal init: a data directory with a schema, and the next command to type.
#include <optional>
#include <ostream>

#include "cli/commands.h"
#include "cli/error_text.h"
#include "cli/import/declared.h"
#include "cli/input.h"
#include "cli/open_database.h"
#include "cli/quantity_text.h"
#include "db/offline/starting_schema.h"

namespace tidal::cli {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

Result<std::string> chosen_schema(const InitOptions& options) {
  if (!options.schema_path.empty()) return read_text(options.schema_path);
  const std::optional<db::StartingSchema> chosen = db::starting_schema(options.template_name);
  return std::string(chosen ? chosen->statements : "");
}

/// A query that makes sense with the template.
std::string_view example_query(std::string_view template_name) {
  if (template_name == "video") return "RETRIEVE items FILTER category = \"music\" SORT BY hot LIMIT 10;";
  if (template_name == "articles") return "RETRIEVE items FILTER section = \"science\" SORT BY trending LIMIT 10;";
  if (template_name == "shop") return "RETRIEVE items FILTER in_stock = true, price < 50 SORT BY trending LIMIT 10;";
  if (template_name == "social") return "RETRIEVE items FILTER format = \"text\" SORT BY hot LIMIT 25;";
  return "RETRIEVE items SORT BY new LIMIT 10;";
}

void tell(const Terminal& terminal, const InitOptions& options, const std::string& schema_text) {
  const Declared declared = read_declared(schema_text);
  const std::string& dir = options.directory;
  std::ostream& out = terminal.out;
  out << "Made " << dir << ": an empty database";
  if (const auto chosen = db::starting_schema(options.template_name)) out << " for " << chosen->about;
  out << ".\n";
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    const auto entity_kind = static_cast<EntityKind>(kind);
    out << "  " << kind_name(entity_kind) << " fields: " << joined(declared.field_names(entity_kind)) << "\n";
  }
  out << "  signals: " << joined(declared.signals) << "\n";
  if (declared.signals.empty()) {
    out << "Say what it holds (tidal init --template video shows how):\n"
        << "  tidal exec " << dir << " 'DEFINE FIELD item.title TEXT; DEFINE SIGNAL like ROLE positive;'\n";
    return;
  }
  out << "Fill it, then ask it:\n"
      << "  tidal import " << dir << " events.csv\n"
      << "  tidal exec " << dir << " '" << example_query(options.template_name) << "'\n"
      << "Next: tidal shell " << dir << "   (HELP; lists statements, SHOW SCHEMA; prints this schema)\n";
}

}  // namespace

Exit run_init(const Terminal& terminal, const CommonOptions& common, const InitOptions& options) {
  const Result<std::string> schema = chosen_schema(options);
  if (!schema.ok()) return fail(terminal, schema.error());
  Result<Database> database = create_directory(options.directory, *schema, common);
  if (!database.ok()) return fail(terminal, database.error());
  const std::string schema_text = database->schema_text();
  if (const Status closed = database->close(); !closed.ok()) return fail(terminal, closed.error());
  if (!terminal.quiet) tell(terminal, options, schema_text);
  return Exit::Ok;
}

}  // namespace tidal::cli
