// RETRIEVE, SEARCH and SUGGEST as values, and the pieces that other statements share with them.
//
// Immutable after parsing; copying is deep. Equality ignores positions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "query/expression.h"
#include "tidal/types.h"

namespace tidal::query {

using Key = Bindable<std::string>;
using Text = Bindable<std::string>;
using Word = Bindable<std::string>;
using Whole = Bindable<std::int64_t>;
using Number = Bindable<double>;
using Time = Bindable<Timestamp>;
using TimeSpan = Bindable<Duration>;
using KeyList = Bindable<std::vector<Key>>;
using Vector = Bindable<std::vector<Number>>;

/// `name` or `name@version`.
struct ProfileRef {
  std::string name;
  std::optional<std::uint32_t> version;
  Span span;
  bool operator==(const ProfileRef&) const = default;
};

/// `item.title`
struct FieldName {
  EntityKind kind = EntityKind::Item;
  Name name;
  Span span;
  bool operator==(const FieldName&) const = default;
};

/// A source, a rule of DIVERSITY or COLD START, or a named sort: `max_per(category):8`.
struct Call {
  Name name;
  bool parentheses = false;
  std::vector<Expr> args;    ///< `limit:500` is an expression whose root is an Option
  std::optional<Word> word;  ///< rules only: after the colon
  Span span;
  bool operator==(const Call&) const = default;
};

struct WindowRef {
  bool all = false;
  TimeSpan length;  ///< meaningless when `all`
  Span span;
  bool operator==(const WindowRef&) const = default;
};

struct Cohort {
  Expr condition;
  bool exact = false;
  bool strict = false;
  bool operator==(const Cohort&) const = default;
};

/// SORT BY: either a named sort or an expression with its direction.
struct Sort {
  std::optional<Call> named;
  Expr by;  ///< empty when `named`
  bool descending = false;
  Span span;
  bool operator==(const Sort&) const = default;
};

struct Explore {
  enum class By : std::uint8_t { Default, Thompson, Epsilon };
  double percent = 0;
  By by = By::Default;
  std::optional<double> per_creator_percent;  ///< profiles only
  Span span;
  bool operator==(const Explore&) const = default;
};

/// `fields(title, length)`
struct FieldList {
  bool every = false;  ///< `fields(*)`
  std::vector<Name> names;
  bool operator==(const FieldList&) const = default;
};

/// WITH: what an entry of the answer carries.
struct With {
  std::optional<FieldList> fields;
  std::vector<Expr> signals;
  bool highlights = false;
  bool explain = false;
  bool vectors = false;
  Span span;
  bool operator==(const With&) const = default;
};

struct Facet {
  Name field;
  std::optional<std::int64_t> limit;
  bool operator==(const Facet&) const = default;
};

/// `VECTOR content:$v`
struct VectorClause {
  std::optional<Name> slot;
  Vector vector;
  Span span;
  bool operator==(const VectorClause&) const = default;
};

// ---- queries --------------------------------------------------------------------------------------------------------

struct Query;

struct Within {
  enum class Kind : std::uint8_t { Trending, Following, Subquery };
  Kind kind = Kind::Trending;
  std::optional<Cohort> cohort;     ///< of TRENDING
  std::optional<WindowRef> window;  ///< of TRENDING
  std::vector<Query> subquery;      ///< exactly one for Subquery (a vector since Query is incomplete here)
  Span span;
  bool operator==(const Within&) const;
};

/// RETRIEVE or SEARCH. Every clause at most once, so a clause is an optional.
struct Query {
  enum class Op : std::uint8_t { Retrieve, Search };
  Op op = Op::Retrieve;
  EntityKind kind = EntityKind::Item;
  // SEARCH only
  std::optional<Text> text;
  std::optional<VectorClause> vector;
  std::vector<Facet> facets;
  // both
  std::optional<Key> for_user;
  std::optional<Key> for_item;
  std::optional<Name> context;
  std::optional<ProfileRef> profile;
  std::vector<Key> similar_to;
  std::vector<Call> from;
  std::optional<Expr> filter;
  std::optional<KeyList> exclude;
  std::optional<Cohort> cohort;
  std::optional<WindowRef> window;
  std::optional<Within> within;
  std::optional<Sort> sort;
  std::vector<Call> diversity;
  std::optional<Explore> explore;
  std::optional<Expr> min_score;
  std::optional<With> with;
  bool record_impressions = false;
  std::optional<Time> as_of;
  std::optional<TimeSpan> deadline;
  std::optional<Text> after;
  std::optional<Whole> limit;
  Span span;
  bool operator==(const Query&) const = default;
};

inline bool Within::operator==(const Within& other) const {
  return kind == other.kind && cohort == other.cohort && window == other.window && subquery == other.subquery;
}

struct Suggest {
  Text prefix;
  std::optional<Key> for_user;
  std::optional<Whole> limit;
  bool operator==(const Suggest&) const = default;
};

using AnyQuery = std::variant<Query, Suggest>;

}  // namespace tidal::query
