// The parser's own answer, and batches, which a prompt collects whole.
#include "db/offline/script_text.h"

#include <variant>

#include "query/parser.h"
#include "schema/validation.h"

namespace tidal::db {
namespace {

template <class T>
bool is_control(const query::Statement& statement) {
  const auto* control = std::get_if<query::Control>(&statement.body);
  return control != nullptr && std::holds_alternative<T>(*control);
}

}  // namespace

bool is_complete(std::string_view text) {
  if (!query::is_complete(text)) return false;
  const Result<query::Script> script = query::parse(text);
  if (!script.ok()) return true;  // running it shows the error
  bool open = false;
  for (const query::Statement& statement : script->statements) {
    if (is_control<query::Begin>(statement)) open = true;
    if (is_control<query::Commit>(statement) || is_control<query::Rollback>(statement)) open = false;
  }
  return !open;
}

std::vector<std::string> statements_of(std::string_view text) {
  std::vector<std::string> list;
  const Result<query::Script> script = query::parse(text);
  if (!script.ok()) return list;
  for (const query::Statement& statement : script->statements) list.emplace_back(statement.text());
  return list;
}

bool has_batch(std::string_view text) {
  const Result<query::Script> script = query::parse(text);
  if (!script.ok()) return false;
  for (const query::Statement& statement : script->statements) {
    if (is_control<query::Begin>(statement)) return true;
  }
  return false;
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& known) {
  return schema::nearest_name(word, known);
}

}  // namespace tidal::db
