// Prints definitions as the statements that recreate them, clauses in the language's canonical order.
#include "schema/statements.h"

#include <algorithm>
#include <optional>

#include "schema/literal_text.h"

namespace tidal::schema {
namespace {

std::string_view compare_text(ValueTest::Op op) {
  switch (op) {
    case ValueTest::Op::Eq: return "=";
    case ValueTest::Op::Ne: return "!=";
    case ValueTest::Op::Lt: return "<";
    case ValueTest::Op::Le: return "<=";
    case ValueTest::Op::Gt: return ">";
    case ValueTest::Op::Ge: return ">=";
  }
  return "=";
}

std::string_view effect_text(EffectDef::Kind kind) {
  switch (kind) {
    case EffectDef::Kind::Preference: return "preference";
    case EffectDef::Kind::Creator: return "creator";
    case EffectDef::Kind::Affinity: return "affinity";
    case EffectDef::Kind::Mark: return "mark";
  }
  return "mark";
}

/// ALTER SETTINGS with what differs from `known`, or with everything; "" when there is nothing to say.
std::string settings_statement(const Settings& settings, const std::optional<Settings>& known) {
  std::string out;
  const auto add = [&](std::string_view name, const auto& member, const auto& print) {
    if (known && (*known).*member == settings.*member) return;
    out += out.empty() ? "ALTER SETTINGS " : ", ";
    out += std::string(name) + ":" + print(settings.*member);
  };
  const auto span = [](Duration d) { return to_string(d); };
  const auto flag = [](bool b) { return std::string(b ? "true" : "false"); };
  add("future_tolerance", &Settings::future_tolerance, span);
  add("past_query_tolerance", &Settings::past_query_tolerance, span);
  add("create_users", &Settings::create_users, flag);
  add("seen_expires", &Settings::seen_expires, span);
  add("hot_gravity", &Settings::hot_gravity, number_text);
  add("interest_vectors", &Settings::interest_vectors, [](std::int64_t n) { return std::to_string(n); });
  add("relationship_half_life", &Settings::relationship_half_life, span);
  add("log_retention", &Settings::log_retention, [&](Duration d) { return d.us == 0 ? "all" : to_string(d); });
  add("log_bytes", &Settings::log_bytes, size_text);
  add("log_archive", &Settings::log_archive, flag);
  return out.empty() ? out : out + ";";
}

/// The clauses that signals and relations share, from DECAY on.
std::string counting_text(const SignalDef& signal) {
  std::string out;
  if (!signal.windows.empty()) out += " WINDOWS " + windows_text(signal.windows);
  if (signal.velocity) out += " VELOCITY";
  if (signal.unique) out += " UNIQUE";
  if (signal.scopes != static_cast<std::uint8_t>(Scope::Global)) out += " SCOPE " + scopes_text(signal.scopes);
  if (!signal.effects.empty()) out += " EFFECTS " + effects_text(signal.effects);
  return out;
}

}  // namespace

std::string roles_text(std::uint16_t roles) {
  std::string out;
  for (const Role role : kAllRoles) {
    if ((roles & static_cast<std::uint16_t>(role)) == 0) continue;
    if (!out.empty()) out += ", ";
    out += role_name(role);
  }
  return out;
}

std::string decay_text(const Decay& decay) {
  switch (decay.kind) {
    case Decay::Kind::None: return "none";
    case Decay::Kind::Exponential: return "exponential(" + to_string(decay.span) + ")";
    case Decay::Kind::Linear: return "linear(" + to_string(decay.span) + ")";
  }
  return "none";
}

std::string windows_text(const std::vector<Window>& windows) {
  std::string out;
  for (const Window w : windows) {
    if (!out.empty()) out += ", ";
    out += window_name(w);
  }
  return out;
}

std::string scopes_text(std::uint8_t scopes) {
  std::string out;
  const auto add = [&](Scope scope, std::string_view name) {
    if ((scopes & static_cast<std::uint8_t>(scope)) == 0) return;
    if (!out.empty()) out += ", ";
    out += name;
  };
  add(Scope::Global, "global");
  add(Scope::Cohort, "cohort");
  add(Scope::User, "user");
  return out;
}

std::string value_range_text(const SignalDef& signal) {
  return number_text(signal.value_min) + ".." + (signal.value_max ? number_text(*signal.value_max) : "");
}

std::string effects_text(const std::vector<EffectDef>& effects) {
  std::string out;
  for (const EffectDef& effect : effects) {
    if (!out.empty()) out += ", ";
    out += effect_text(effect.kind);
    if (effect.kind == EffectDef::Kind::Mark) {
      out += " ";
      out += mark_name(effect.mark);
    } else {
      out += effect.rate < 0 ? " -" : " +";
      out += number_text(effect.rate < 0 ? -effect.rate : effect.rate);
      if (effect.times_value) out += " * value";
    }
    for (std::size_t i = 0; i < effect.when.size(); ++i) {
      out += i == 0 ? " WHEN value " : " AND value ";
      out += compare_text(effect.when[i].op);
      out += " " + number_text(effect.when[i].threshold);
    }
  }
  return out;
}

std::string to_statement(const FieldDef& field) {
  std::string out = "DEFINE FIELD ";
  out += kind_name(field.kind);
  out += "." + field.name + " ";
  out += field_type_name(field.type);
  if (field.indexed) out += " INDEXED";
  if (field.searchable) {
    out += " SEARCHABLE";
    if (field.boost != 1.0) out += " BOOST " + number_text(field.boost);
    if (!field.language.empty()) out += " LANGUAGE " + string_text(field.language);
  }
  if (field.dimension) out += " DIMENSION";
  if (field.interest) out += " INTEREST";
  if (field.required) out += " REQUIRED";
  if (!std::holds_alternative<std::monostate>(field.default_value))
    out += " DEFAULT " + value_text(field.default_value);
  return out + ";";
}

std::string to_statement(const SignalDef& signal) {
  std::string out = "DEFINE SIGNAL " + signal.name;
  if (signal.target != EntityKind::Item) out += " ON " + std::string(kind_name(signal.target)) + "s";
  if (signal.roles != 0) out += " ROLE " + roles_text(signal.roles);
  if (signal.has_value) out += " VALUE " + value_range_text(signal);
  out += " DECAY " + decay_text(signal.decay);
  return out + counting_text(signal) + ";";
}

std::string to_statement(const EmbeddingDef& embedding) {
  std::string out = "DEFINE EMBEDDING ";
  out += kind_name(embedding.kind);
  out += "." + embedding.name + " SIZE " + std::to_string(embedding.size) + " METRIC ";
  out += metric_name(embedding.metric);
  out += " STORAGE ";
  out += storage_name(embedding.storage);
  if (embedding.preference) out += " PREFERENCE";
  return out + ";";
}

std::string to_statement(const RelationDef& relation, const SignalDef& signal) {
  std::string out = "DEFINE RELATION " + relation.name + " FROM ";
  out += kind_name(relation.from);
  out += " TO ";
  out += kind_name(relation.to);
  if (relation.excludes == RelationDef::Excludes::Always) out += " EXCLUDES always";
  if (relation.excludes == RelationDef::Excludes::Feeds) out += " EXCLUDES feeds";
  if (relation.half_life.us != 0) out += " HALF LIFE " + to_string(relation.half_life);
  if (signal.roles != 0) out += " ROLE " + roles_text(signal.roles);
  if (signal.decay.kind != Decay::Kind::None) out += " DECAY " + decay_text(signal.decay);
  return out + counting_text(signal) + ";";
}

std::string to_statement(const SignalDef& signal, const std::vector<RelationDef>& relations) {
  const auto relation = std::ranges::find(relations, signal.name, &RelationDef::name);
  return signal.relation && relation != relations.end() ? to_statement(*relation, signal) : to_statement(signal);
}

std::string to_statement(const Settings& settings) { return settings_statement(settings, Settings()); }

std::string to_full_statement(const Settings& settings) { return settings_statement(settings, std::nullopt); }

std::vector<std::string> to_statements(const SchemaChange& change) {
  std::vector<std::string> out;
  for (const FieldDef& field : change.fields) out.push_back(to_statement(field));
  for (const SignalDef& signal : change.signals) out.push_back(to_statement(signal, change.relations));
  for (const EmbeddingDef& embedding : change.embeddings) out.push_back(to_statement(embedding));
  if (change.has_settings) out.push_back(to_full_statement(change.settings));
  return out;
}

std::string to_statements(const Schema& schema) {
  std::string out;
  for (const FieldDef& field : schema.fields) out += to_statement(field) + "\n";
  for (const SignalDef& signal : schema.signals) out += to_statement(signal, schema.relations) + "\n";
  for (const EmbeddingDef& embedding : schema.embeddings) out += to_statement(embedding) + "\n";
  if (const std::string settings = to_statement(schema.settings); !settings.empty()) out += settings + "\n";
  return out;
}

}  // namespace tidal::schema
