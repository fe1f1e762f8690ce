// Lookups in one version of the schema.
#include "schema/schema.h"

namespace tidal::schema {

const FieldDef* Schema::field(EntityKind kind, std::string_view name) const {
  for (const FieldDef& f : fields) {
    if (f.kind == kind && f.name == name) return &f;
  }
  return nullptr;
}

const SignalDef* Schema::signal(std::string_view name) const {
  const int i = signal_index(name);
  return i < 0 ? nullptr : &signals[static_cast<std::size_t>(i)];
}

int Schema::signal_index(std::string_view name) const {
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (signals[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void Schema::absorb(const SchemaChange& change) {
  for (const FieldDef& f : change.fields) {
    if (const FieldDef* known = field(f.kind, f.name)) {
      fields[static_cast<std::size_t>(known - fields.data())] = f;
    } else {
      fields.push_back(f);
    }
  }
  for (const SignalDef& s : change.signals) {
    if (const int i = signal_index(s.name); i >= 0) {
      signals[static_cast<std::size_t>(i)] = s;
    } else {
      signals.push_back(s);
    }
  }
  if (change.has_settings) settings = change.settings;
  ++version;
}

}  // namespace tidal::schema
