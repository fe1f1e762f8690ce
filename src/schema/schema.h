// One version of the schema: an immutable value that every view and every query validates against.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::schema {

/// What one SchemaChange record carries: all definitions of one statement or batch.
struct SchemaChange {
  std::vector<FieldDef> fields;
  std::vector<SignalDef> signals;
  std::vector<EmbeddingDef> embeddings;
  std::vector<RelationDef> relations;  ///< each with a signal of its name in `signals`
  bool has_settings = false;
  Settings settings;  ///< all of them, when has_settings
  [[nodiscard]] bool empty() const {
    return fields.empty() && signals.empty() && embeddings.empty() && relations.empty() && !has_settings;
  }
  bool operator==(const SchemaChange&) const = default;
};

/// Immutable once published. S1: the position of a definition never changes in later versions (only appended).
struct Schema {
  std::uint32_t version = 0;  ///< 0: nothing defined yet
  std::vector<FieldDef> fields;
  std::vector<SignalDef> signals;
  std::vector<EmbeddingDef> embeddings;
  std::vector<RelationDef> relations;
  Settings settings;

  /// nullptr when unknown. Case-sensitive. Cost: a scan of a short list.
  [[nodiscard]] const FieldDef* field(EntityKind kind, std::string_view name) const;
  [[nodiscard]] const SignalDef* signal(std::string_view name) const;
  [[nodiscard]] const EmbeddingDef* embedding(EntityKind kind, std::string_view name) const;
  [[nodiscard]] const RelationDef* relation(std::string_view name) const;
  /// Position in the list, or -1.
  [[nodiscard]] int field_index(EntityKind kind, std::string_view name) const;
  [[nodiscard]] int signal_index(std::string_view name) const;
  [[nodiscard]] int embedding_index(EntityKind kind, std::string_view name) const;
  [[nodiscard]] int relation_index(std::string_view name) const;
  /// Position of the item slot that preferences follow, or -1.
  [[nodiscard]] int preference_slot() const;
  /// Makes this the next version: a known name takes the new definition in its place (S1), a new one is appended.
  void absorb(const SchemaChange& change);
  bool operator==(const Schema&) const = default;
};

}  // namespace tidal::schema
