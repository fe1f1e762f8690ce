// Picking kinds, names and types out of DEFINE statements.
#include "cli/import/declared.h"

#include <algorithm>

namespace tidal::cli {
namespace {

std::string_view next_word(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return text = {};
  text.remove_prefix(begin);
  const std::string_view word = text.substr(0, text.find_first_of(" ;"));
  text.remove_prefix(word.size());
  return word;
}

std::optional<FieldType> type_named(std::string_view name) {
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(FieldType::Duration); ++i) {
    if (field_type_name(static_cast<FieldType>(i)) == name) return static_cast<FieldType>(i);
  }
  return std::nullopt;
}

void read_field(std::string_view rest, Declared& declared) {
  const std::string_view name = next_word(rest);
  const std::optional<FieldType> type = type_named(next_word(rest));
  const std::size_t dot = name.find('.');
  if (!type || dot == std::string_view::npos) return;
  for (std::size_t kind = 0; kind < kEntityKinds; ++kind) {
    if (name.substr(0, dot) == kind_name(static_cast<EntityKind>(kind))) {
      declared.fields[kind].emplace(std::string(name.substr(dot + 1)), *type);
    }
  }
}

/// The names, joined; cut after a dozen.
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < 12; ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() > 12 ? text + " …" : text;
}

}  // namespace

std::optional<FieldType> Declared::field(EntityKind kind, std::string_view name) const {
  const auto& of_kind = fields[static_cast<std::size_t>(kind)];
  const auto at = of_kind.find(name);
  return at == of_kind.end() ? std::nullopt : std::optional(at->second);
}

bool Declared::has_signal(std::string_view name) const {
  return std::find(signals.begin(), signals.end(), name) != signals.end();
}

std::vector<std::string> Declared::field_names(EntityKind kind) const {
  std::vector<std::string> names;
  for (const auto& [name, type] : fields[static_cast<std::size_t>(kind)]) names.push_back(name);
  return names;
}

Declared read_declared(std::string_view schema_text) {
  Declared declared;
  while (!schema_text.empty()) {
    const std::size_t end = schema_text.find('\n');
    std::string_view line = schema_text.substr(0, end);
    schema_text.remove_prefix(end == std::string_view::npos ? schema_text.size() : end + 1);
    if (next_word(line) != "DEFINE") continue;
    const std::string_view what = next_word(line);
    if (what == "FIELD") read_field(line, declared);
    if (what == "SIGNAL") declared.signals.emplace_back(next_word(line));
  }
  return declared;
}

std::string unknown_field_reason(const Declared& declared, EntityKind kind, std::string_view name) {
  const std::vector<std::string> names = declared.field_names(kind);
  std::string reason = std::string(kind_name(kind)) + "s have no field '" + std::string(name) + "'";
  return names.empty() ? reason + " (none is declared)" : reason + ", expected one of " + listed(names);
}

std::string unknown_signal_reason(const Declared& declared, std::string_view name) {
  const std::string reason = "there is no signal '" + std::string(name) + "'";
  return declared.signals.empty() ? reason + " (none is declared)"
                                  : reason + ", expected one of " + listed(declared.signals);
}

}  // namespace tidal::cli
