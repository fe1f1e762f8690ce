// DEFINE and ALTER as values.
//
// Immutable after parsing; copying is deep. Equality ignores positions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "query/ast_query.h"
#include "query/expression.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::query {

struct FieldFlag {
  enum class Kind : std::uint8_t { Indexed, Searchable, Dimension, Interest, Required, Default };
  Kind kind = Kind::Indexed;
  bool negated = false;  ///< ALTER only
  std::optional<double> boost;
  std::optional<std::string> language;
  Literal value;  ///< of DEFAULT
  Span span;
  bool operator==(const FieldFlag&) const = default;
};

/// Flags in canonical order (that of FieldFlag::Kind), each at most once.
struct DefineField {
  FieldName name;
  FieldType type = FieldType::Keyword;
  Span type_span;
  std::vector<FieldFlag> flags;
  bool operator==(const DefineField&) const = default;
};

struct EmbeddingOptions {
  enum class Metric : std::uint8_t { Cosine, Dot, L2 };
  enum class Storage : std::uint8_t { F32, F16, I8 };
  std::optional<std::int64_t> size;
  std::optional<Metric> metric;
  std::optional<Storage> storage;
  bool rescore = false;
  bool preference = false;
  bool operator==(const EmbeddingOptions&) const = default;
};

struct DefineEmbedding {
  FieldName name;
  EmbeddingOptions options;
  bool operator==(const DefineEmbedding&) const = default;
};

/// `preference -0.05 * value WHEN value < 0.1`, `mark seen`
struct Effect {
  EffectDef::Kind kind = EffectDef::Kind::Mark;
  Name mark;           ///< of Kind::Mark
  bool minus = false;  ///< the sign before the rate
  Expr rate;           ///< empty for Kind::Mark
  std::optional<Expr> when;
  Span span;
  bool operator==(const Effect&) const = default;
};

struct SignalSwitch {
  bool on = true;  ///< false: NOT, in ALTER only
  Span span;
  bool operator==(const SignalSwitch&) const = default;
};

struct ValueClause {
  double min = 0;
  std::optional<double> max;  ///< none: unbounded
  Span span;
  bool operator==(const ValueClause&) const = default;
};

struct DecayClause {
  Decay decay;
  Span span;
  bool operator==(const DecayClause&) const = default;
};

struct WindowClause {
  Duration length;
  Span span;
  bool operator==(const WindowClause&) const = default;
};

struct ScopeClause {
  Scope scope = Scope::Global;
  Span span;
  bool operator==(const ScopeClause&) const = default;
};

struct SignalOptions {
  std::vector<Name> roles;
  std::optional<ValueClause> value;
  std::optional<DecayClause> decay;
  std::vector<WindowClause> windows;
  std::optional<SignalSwitch> velocity;
  std::optional<SignalSwitch> unique;
  std::vector<ScopeClause> scopes;
  std::vector<Effect> effects;
  bool operator==(const SignalOptions&) const = default;
};

struct DefineSignal {
  Name name;
  std::optional<EntityKind> on;  ///< items when not written
  SignalOptions options;
  bool operator==(const DefineSignal&) const = default;
};

struct RelationOptions {
  enum class Excludes : std::uint8_t { Always, Feeds };
  std::optional<Excludes> excludes;
  std::optional<Duration> half_life;
  SignalOptions signal;
  bool operator==(const RelationOptions&) const = default;
};

struct DefineRelation {
  Name name;
  EntityKind from = EntityKind::User;
  EntityKind to = EntityKind::Creator;
  RelationOptions options;
  bool operator==(const DefineRelation&) const = default;
};

struct Bucket {
  std::string word;
  std::vector<Literal> values;  ///< empty: a range such as `18-24` or `65+`
  Span span;
  bool operator==(const Bucket&) const = default;
};

struct DimensionOptions {
  std::vector<Name> aliases;
  std::vector<Bucket> buckets;
  bool operator==(const DimensionOptions&) const = default;
};

struct DefineDimension {
  Name name;
  FieldName on;
  DimensionOptions options;
  bool operator==(const DefineDimension&) const = default;
};

/// DEFINE and ALTER alike.
struct CohortDefinition {
  Name name;
  Expr as;
  std::optional<Expr> until;
  bool backfill = false;
  std::optional<Duration> backfill_span;
  bool operator==(const CohortDefinition&) const = default;
};

enum class Stage : std::uint8_t { Base, Personal, Relation, Signals, Recency, Penalty };
inline constexpr std::size_t kStages = 6;

struct DefineProfile {
  ProfileRef name;
  std::optional<EntityKind> on;
  std::optional<ProfileRef> extends;
  std::vector<Call> from;
  std::optional<Expr> stages[kStages];  ///< by Stage
  std::optional<Expr> gate;
  std::vector<Call> cold_start;
  std::optional<Expr> compose;
  std::optional<Explore> explore;
  std::vector<Call> diversity;
  bool draft = false;
  bool operator==(const DefineProfile&) const = default;
};

struct Arm {
  ProfileRef profile;
  std::int64_t weight = 0;
  bool operator==(const Arm&) const = default;
};

struct DefineExperiment {
  Name name;
  Name profile;
  std::vector<Arm> split;
  std::vector<Name> outcomes;
  bool operator==(const DefineExperiment&) const = default;
};

/// DEFINE and ALTER alike.
struct SynonymDefinition {
  Name name;
  std::vector<std::string> words;
  std::vector<std::string> to;
  bool operator==(const SynonymDefinition&) const = default;
};

using Define = std::variant<DefineField, DefineEmbedding, DefineSignal, DefineRelation, DefineDimension,
                            CohortDefinition, DefineProfile, DefineExperiment, SynonymDefinition>;

struct AlterField {
  FieldName name;
  std::vector<FieldFlag> flags;
  bool operator==(const AlterField&) const = default;
};

struct AlterEmbedding {
  FieldName name;
  EmbeddingOptions options;
  bool operator==(const AlterEmbedding&) const = default;
};

struct AlterSignal {
  Name name;
  SignalOptions options;
  bool operator==(const AlterSignal&) const = default;
};

struct AlterRelation {
  Name name;
  RelationOptions options;
  bool operator==(const AlterRelation&) const = default;
};

struct AlterDimension {
  Name name;
  DimensionOptions options;
  bool operator==(const AlterDimension&) const = default;
};

struct ServeProfile {
  Name name;
  std::uint32_t version = 0;
  bool operator==(const ServeProfile&) const = default;
};

struct AlterExperiment {
  Name name;
  bool stop = false;
  std::vector<Arm> split;  ///< empty when `stop`
  bool operator==(const AlterExperiment&) const = default;
};

struct Setting {
  Name name;
  Word value;
  bool operator==(const Setting&) const = default;
};

struct AlterSettings {
  std::vector<Setting> settings;
  bool operator==(const AlterSettings&) const = default;
};

struct Alter {
  std::variant<AlterField, AlterEmbedding, AlterSignal, AlterRelation, AlterDimension, CohortDefinition, ServeProfile,
               AlterExperiment, SynonymDefinition, AlterSettings>
      what;
  bool from_history = false;
  bool force = false;
  bool operator==(const Alter&) const = default;
};

}  // namespace tidal::query
