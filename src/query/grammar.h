// What the grammar found in one statement: a flat syntax tree, or the farthest place that did not fit.
//
// Internal to the parser. Offsets are bytes from the start of the text that was matched.
// G1: a node's children follow it directly; `next` is the index past its last descendant.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tidal::query {

enum class Tag : std::uint8_t {
  // Tokens.
  Ident,
  RawKey,
  Param,
  String,
  Int,
  Real,
  Duration,
  Moment,
  BareWord,
  Percent,
  ProfileRef,
  Version,
  Choice,  // one of several keywords; the text says which
  Mark,    // a keyword whose presence is the information
  Op,      // an operator sign
  // Values and lists.
  Numeric,  // [ "-" ] number or a parameter
  Keys,
  Numbers,
  FieldName,
  Window,
  // Expressions.
  Condition,
  Or,
  And,
  Not,
  Compare,
  In,
  All,
  Between,
  List,
  Sum,
  Product,
  Neg,
  Option,
  Path,
  Args,
  Call,
  // JSON.
  JsonObject,
  JsonMember,
  JsonArray,
  JsonNumber,
  JsonWord,
  // Queries.
  Retrieve,
  Search,
  Suggest,
  Explain,
  DryRun,
  History,
  Slot,
  // Clauses. The first child of a clause is its operand.
  QueryText,
  VectorOf,
  Facets,
  Facet,
  ForUser,
  ForItem,
  Context,
  UsingProfile,
  SimilarTo,
  From,
  Filter,
  Exclude,
  Cohort,
  WindowOf,
  Within,
  SortBy,
  NamedSort,
  Diversity,
  Explore,
  PerCreator,
  MinScore,
  With,
  WithFields,
  WithSignals,
  RecordImpressions,
  AsOf,
  Deadline,
  After,
  Limit,
  By,
  Until,
  // Writes.
  SignalWrite,
  Unsignal,
  Put,
  Update,
  Delete,
  Relate,
  Unrelate,
  Hide,
  Unhide,
  Forget,
  ByUser,
  ValueIs,
  WeightIs,
  AtTime,
  EventKey,
  EventContext,
  Reason,
  // Control and show.
  Begin,
  Commit,
  Rollback,
  Get,
  Export,
  CancelMigration,
  Help,
  ShowSchema,
  ShowChanges,
  ShowRelations,
  ShowProfile,
  ShowCohort,
  ShowExperiment,
  ShowList,
  // Definitions. Alter and Drop wrap one of them.
  Alter,
  Drop,
  Field,
  Embedding,
  Signal,
  Relation,
  Dimension,
  CohortDefinition,
  Profile,
  Experiment,
  Synonym,
  Serve,
  Stop,
  Settings,
  Force,
  FromHistory,
  // Their clauses.
  FieldType,
  Flag,
  Boost,
  Language,
  Default,
  Negated,
  Size,
  Metric,
  Storage,
  Rescore,
  Preference,
  On,
  Role,
  Value,
  Decay,
  Windows,
  Velocity,
  Unique,
  Scope,
  Effects,
  Effect,
  When,
  Excludes,
  HalfLife,
  Alias,
  Buckets,
  Bucket,
  As,
  Backfill,
  Extends,
  Stage,
  Gate,
  ColdStart,
  Compose,
  Draft,
  Split,
  Arm,
  Outcomes,
  To
};

struct Node {
  Tag tag = Tag::Ident;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;  ///< of its last token, without the blanks after it
  std::uint32_t next = 0;
};

/// Why a text did not fit.
struct Misfit {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;                ///< 0: the token found there
  std::vector<std::string_view> expected;  ///< in grammar order, without duplicates
  std::vector<std::string_view> keywords;  ///< of them or within them, the keywords
  std::string message;                     ///< a token's own complaint; then `hint` goes with it
  std::string hint;
};

struct Matched {
  std::vector<Node> nodes;  ///< nodes[0] is the statement
  std::optional<Misfit> misfit;
};

/// Matches one statement, without its ";". `nesting_max` is at most 64.
[[nodiscard]] Matched match_statement(std::string_view text, std::size_t nesting_max);
/// Matches one JSON object.
[[nodiscard]] Matched match_json(std::string_view text, std::size_t nesting_max);

/// Bytes of the string token at the front of `text` (which starts with a quote), both quotes included; 0 when it is
/// not closed on its line.
[[nodiscard]] std::size_t string_token(std::string_view text);

}  // namespace tidal::query
