// The ALTER statement that would turn one definition into another.
#include "schema/alteration.h"

#include "schema/literal_text.h"
#include "schema/statements.h"

namespace tidal::schema {
namespace {

std::string drop_and_define(const std::string& what) {
  return "no ALTER leads there; DROP " + what + " FORCE, then define it again";
}

}  // namespace

std::string alter_hint(const FieldDef& known, const FieldDef& wanted) {
  const std::string name = std::string(kind_name(known.kind)) + "." + known.name;
  const bool default_removed = std::holds_alternative<std::monostate>(wanted.default_value) &&
                               !std::holds_alternative<std::monostate>(known.default_value);
  if (known.type != wanted.type || default_removed) return drop_and_define("FIELD " + name);
  std::string out = "ALTER FIELD " + name;
  const auto flag = [&](bool before, bool after, const char* word) {
    if (before != after) out += std::string(after ? " " : " NOT ") + word;
  };
  flag(known.indexed, wanted.indexed, "INDEXED");
  const bool text_differs = known.boost != wanted.boost || known.language != wanted.language;
  if (known.searchable && !wanted.searchable) {
    out += " NOT SEARCHABLE";
  } else if (wanted.searchable && (!known.searchable || text_differs)) {
    out += " SEARCHABLE";
    if (wanted.boost != 1.0 || known.boost != wanted.boost) out += " BOOST " + number_text(wanted.boost);
    if (!wanted.language.empty()) out += " LANGUAGE " + string_text(wanted.language);
  }
  flag(known.dimension, wanted.dimension, "DIMENSION");
  flag(known.interest, wanted.interest, "INTEREST");
  flag(known.required, wanted.required, "REQUIRED");
  if (known.default_value != wanted.default_value) out += " DEFAULT " + value_text(wanted.default_value);
  return out;
}

std::string alter_hint(const SignalDef& known, const SignalDef& wanted) {
  // ALTER replaces a list by another, but has no words for "none".
  const bool emptied = (wanted.roles == 0 && known.roles != 0) || (!wanted.has_value && known.has_value) ||
                       (wanted.windows.empty() && !known.windows.empty()) ||
                       (wanted.effects.empty() && !known.effects.empty());
  if (known.target != wanted.target || emptied) return drop_and_define("SIGNAL " + known.name);
  std::string out = "ALTER SIGNAL " + known.name;
  const bool value_differs =
      known.has_value != wanted.has_value || known.value_min != wanted.value_min || known.value_max != wanted.value_max;
  if (known.roles != wanted.roles) out += " ROLE " + roles_text(wanted.roles);
  if (value_differs) out += " VALUE " + value_range_text(wanted);
  if (!(known.decay == wanted.decay)) out += " DECAY " + decay_text(wanted.decay);
  if (known.windows != wanted.windows) out += " WINDOWS " + windows_text(wanted.windows);
  if (known.velocity != wanted.velocity) out += wanted.velocity ? " VELOCITY" : " NOT VELOCITY";
  if (known.unique != wanted.unique) out += wanted.unique ? " UNIQUE" : " NOT UNIQUE";
  if (known.scopes != wanted.scopes) out += " SCOPE " + scopes_text(wanted.scopes);
  if (!(known.effects == wanted.effects)) out += " EFFECTS " + effects_text(wanted.effects);
  return out;
}

std::string alter_hint(const EmbeddingDef& known, const EmbeddingDef& wanted) {
  const std::string name = std::string(kind_name(known.kind)) + "." + known.name;
  if (known.size != wanted.size || (known.preference && !wanted.preference))
    return drop_and_define("EMBEDDING " + name);
  std::string out = "ALTER EMBEDDING " + name;
  if (known.metric != wanted.metric) out += " METRIC " + std::string(metric_name(wanted.metric));
  if (known.storage != wanted.storage) out += " STORAGE " + std::string(storage_name(wanted.storage));
  if (known.preference != wanted.preference) out += " PREFERENCE";
  return out;
}

}  // namespace tidal::schema
