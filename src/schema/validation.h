// Checks a set of new definitions against a schema: finds every error at once, applies all or nothing.
//
// V1: a schema built through validate() alone is printed by to_statements() in a form that rebuilds it exactly.
// Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.h"
#include "tidal/result.h"

namespace tidal::schema {

struct Validated {
  Schema next;          ///< version is one above the base's unless nothing changed
  SchemaChange change;  ///< only what is really new; empty: everything was there already ("unchanged")
};

/// Error::others carries the second and later errors. InvalidArgument (bad definition), AlreadyExists (a different
/// definition of that name; the hint names the ALTER that would do it), FailedPrecondition (limits).
[[nodiscard]] Result<Validated> validate(const Schema& base, const SchemaChange& proposed);

/// The part of a definition that a problem is about, so that whoever knows the text can point at it.
enum class Aspect : std::uint8_t {
  Whole,
  Name,
  Type,
  Indexed,
  Searchable,
  Dimension,
  Interest,
  Default,
  Target,
  Value,
  Decay,
  Windows,
  Velocity,
  Scope,
  Effects,
  Size,
  Storage,
  Preference,
  Ends,
  Excludes,
  HalfLife,
  FutureTolerance,
  PastQueryTolerance,
  SeenExpires,
  LogRetention,
  LogBytes,
  HotGravity,
  InterestVectors,
  RelationshipHalfLife
};

struct Problem {
  enum class Of : std::uint8_t { Field, Signal, Embedding, Relation, Settings };
  Of of = Of::Field;
  std::size_t index = 0;  ///< in the proposed list of these
  Aspect aspect = Aspect::Whole;
  std::size_t part = 0;  ///< which window or effect
  Code code = Code::InvalidArgument;
  std::string message;
  std::string hint;
};

struct Checked {
  Validated validated;  ///< meaningless when there are problems
  std::vector<Problem> problems;
};

/// validate() for callers that add positions of their own to each problem.
[[nodiscard]] Checked check(const Schema& base, const SchemaChange& proposed);

/// True for a name the language reserves (docs/language.md), in any case.
[[nodiscard]] bool is_reserved(std::string_view name);
/// Name computed by the database for entities of that kind (created_at, age, key, creator, the flags …).
[[nodiscard]] bool is_computed_name(EntityKind kind, std::string_view name);
/// [A-Za-z_][A-Za-z0-9_]*, at most 64.
[[nodiscard]] bool is_identifier(std::string_view name);
/// The name among `known` closest to `name` (edit distance at most 2, or a third of its length), or "".
[[nodiscard]] std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

}  // namespace tidal::schema
