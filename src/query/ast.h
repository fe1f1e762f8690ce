// Statements as values: what the parser makes from text and a builder makes in C++. The whole grammar of
// docs/language.md, also what this version does not execute.
//
// Immutable after parsing; copying is deep. Equality ignores positions.
// A3: a list clause that is present is not empty, except `EXCLUDE []` and `WITH fields()`.
// A4: names are as written; nothing here has been checked against a schema.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "query/ast_definition.h"
#include "query/ast_query.h"
#include "query/expression.h"
#include "query/json.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::query {

// ---- queries --------------------------------------------------------------------------------------------------------

struct Explain {
  bool analyze = false;
  std::optional<Key> item;  ///< EXPLAIN ITEM @i IN …
  AnyQuery query;
  bool operator==(const Explain&) const = default;
};

struct History {
  enum class Step : std::uint8_t { Default, Minute, Hour, Day };
  std::vector<Name> signals;
  std::optional<EntityKind> kind;  ///< items when not written
  Key key;
  std::optional<WindowRef> window;
  Step by = Step::Default;
  std::optional<Time> until;
  std::optional<Cohort> cohort;
  bool operator==(const History&) const = default;
};

// ---- writes ---------------------------------------------------------------------------------------------------------

struct SignalWrite {
  Name signal;
  Key target;  ///< an item or a creator, by the signal's declaration
  std::optional<Key> by;
  std::optional<Number> value;
  std::optional<Number> weight;
  std::optional<Time> at;
  std::optional<Text> key;  ///< idempotency key
  std::optional<Json> context;
  bool operator==(const SignalWrite&) const = default;
};

struct Unsignal {
  Name signal;
  Key target;
  Key by;
  std::optional<Time> at;
  bool operator==(const Unsignal&) const = default;
};

/// PUT replaces an entity, UPDATE changes the named members.
struct EntityWrite {
  bool update = false;
  EntityKind kind = EntityKind::Item;
  Key key;
  Json content;  ///< an object
  bool operator==(const EntityWrite&) const = default;
};

struct DeleteEntity {
  EntityKind kind = EntityKind::Item;
  Key key;
  bool operator==(const DeleteEntity&) const = default;
};

/// RELATE, or UNRELATE (without a weight).
struct Relate {
  bool remove = false;
  Key from;
  Name relation;
  Key to;
  std::optional<Number> weight;
  std::optional<Time> at;
  bool operator==(const Relate&) const = default;
};

/// HIDE, or UNHIDE (without a reason).
struct Hide {
  bool unhide = false;
  EntityKind kind = EntityKind::Item;
  Key key;
  std::optional<Text> reason;
  bool operator==(const Hide&) const = default;
};

struct Forget {
  Key user;
  bool operator==(const Forget&) const = default;
};

using Write = std::variant<SignalWrite, Unsignal, EntityWrite, DeleteEntity, Relate, Hide, Forget>;

/// What DEFINE, DROP and SHOW speak of.
enum class Definition : std::uint8_t {
  Field,
  Embedding,
  Signal,
  Relation,
  Dimension,
  Cohort,
  Profile,
  Experiment,
  Synonym
};

struct Drop {
  Definition what = Definition::Field;
  EntityKind kind = EntityKind::Item;  ///< Field and Embedding: `kind.name`
  Name name;
  std::optional<std::uint32_t> version;  ///< Profile
  bool force = false;
  bool operator==(const Drop&) const = default;
};

using Change = std::variant<Write, Define, Alter, Drop>;

struct DryRun {
  Change change;
  bool operator==(const DryRun&) const = default;
};

// ---- show, control --------------------------------------------------------------------------------------------------

struct Show {
  enum class What : std::uint8_t {
    Schema,
    SchemaChanges,
    RelationsOf,
    Profile,
    Cohort,
    Experiment,
    Fields,
    Signals,
    Profiles,
    Cohorts,
    Experiments,
    Migrations,
    Settings,
    Stats,
    Sorts,
    Filters,
    Features,
    Sources
  };
  What what = What::Schema;
  std::optional<std::uint32_t> version;  ///< Schema, Profile
  std::optional<EntityKind> kind;        ///< RelationsOf
  std::optional<Key> key;                ///< RelationsOf
  std::optional<Name> name;              ///< Profile, Cohort, Experiment
  bool operator==(const Show&) const = default;
};

struct Get {
  EntityKind kind = EntityKind::Item;
  Key key;
  std::optional<With> with;
  bool operator==(const Get&) const = default;
};

struct ExportUser {
  Key user;
  bool operator==(const ExportUser&) const = default;
};

struct CancelMigration {
  Whole id;
  bool operator==(const CancelMigration&) const = default;
};

struct Help {
  std::optional<Name> topic;
  bool operator==(const Help&) const = default;
};

struct Begin {
  bool operator==(const Begin&) const = default;
};
struct Commit {
  bool operator==(const Commit&) const = default;
};
struct Rollback {
  bool operator==(const Rollback&) const = default;
};

using Control = std::variant<Begin, Commit, Rollback, Get, ExportUser, CancelMigration, Help>;

// ---- statement and script -------------------------------------------------------------------------------------------

using StatementBody = std::variant<Query, Suggest, Explain, DryRun, History, Write, Define, Alter, Drop, Show, Control>;

struct Statement {
  // Out of line (ast.cc): every file that holds a script would compile copies and moves of the whole language.
  Statement();
  Statement(const Statement& other);
  Statement(Statement&& other) noexcept;
  Statement& operator=(const Statement& other);
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();
  [[nodiscard]] bool operator==(const Statement& other) const;  ///< the body's

  StatementBody body;
  std::uint32_t number = 1;                   ///< in its script, from 1; empty statements do not count
  Span span;                                  ///< without the ";"
  std::shared_ptr<const std::string> source;  ///< the script, shared by its statements; null when built in C++
  /// The statement's own words, "" when built in C++.
  [[nodiscard]] std::string_view text() const {
    return source ? std::string_view(*source).substr(span.offset, span.length) : std::string_view();
  }
};

struct Script {
  std::vector<Statement> statements;
  bool operator==(const Script&) const = default;
};

}  // namespace tidal::query
