// Lookups in one version of the schema.
#include "schema/schema.h"

#include <algorithm>

namespace tidal::schema {
namespace {

template <class Def, class Is>
int position(const std::vector<Def>& defs, Is is) {
  const auto found = std::ranges::find_if(defs, is);
  return found == defs.end() ? -1 : static_cast<int>(found - defs.begin());
}

/// Where the known one stands, else at the end (S1).
template <class Def>
void place(std::vector<Def>& defs, int at, const Def& def) {
  if (at < 0) {
    defs.push_back(def);
  } else {
    defs[static_cast<std::size_t>(at)] = def;
  }
}

}  // namespace

const FieldDef* Schema::field(EntityKind kind, std::string_view name) const {
  const int i = field_index(kind, name);
  return i < 0 ? nullptr : &fields[static_cast<std::size_t>(i)];
}

int Schema::field_index(EntityKind kind, std::string_view name) const {
  return position(fields, [&](const FieldDef& f) { return f.kind == kind && f.name == name; });
}

const SignalDef* Schema::signal(std::string_view name) const {
  const int i = signal_index(name);
  return i < 0 ? nullptr : &signals[static_cast<std::size_t>(i)];
}

const EmbeddingDef* Schema::embedding(EntityKind kind, std::string_view name) const {
  const int i = embedding_index(kind, name);
  return i < 0 ? nullptr : &embeddings[static_cast<std::size_t>(i)];
}

const RelationDef* Schema::relation(std::string_view name) const {
  const int i = relation_index(name);
  return i < 0 ? nullptr : &relations[static_cast<std::size_t>(i)];
}

int Schema::signal_index(std::string_view name) const {
  return position(signals, [&](const SignalDef& s) { return s.name == name; });
}

int Schema::embedding_index(EntityKind kind, std::string_view name) const {
  return position(embeddings, [&](const EmbeddingDef& e) { return e.kind == kind && e.name == name; });
}

int Schema::relation_index(std::string_view name) const {
  return position(relations, [&](const RelationDef& r) { return r.name == name; });
}

int Schema::preference_slot() const {
  return position(embeddings, [](const EmbeddingDef& e) { return e.preference; });
}

void Schema::absorb(const SchemaChange& change) {
  for (const FieldDef& f : change.fields) place(fields, field_index(f.kind, f.name), f);
  for (const SignalDef& s : change.signals) place(signals, signal_index(s.name), s);
  for (const EmbeddingDef& e : change.embeddings) place(embeddings, embedding_index(e.kind, e.name), e);
  for (const RelationDef& r : change.relations) place(relations, relation_index(r.name), r);
  if (change.has_settings) settings = change.settings;
  ++version;
}

}  // namespace tidal::schema
