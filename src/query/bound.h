// Expressions after the second pass: every name resolved, every type known, nothing left to look up.
//
// B1: the children of node i have indices below i, as in the syntax tree. B2: a Const node of a numeric type has no
// children: constants are folded when bound. Immutable once bound.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "entity/entity_store.h"
#include "index/field_index.h"
#include "query/expression.h"
#include "signal/ledger.h"
#include "tidal/schema.h"
#include "tidal/types.h"

namespace tidal::query {

/// Real, Bool, Moment and Duration are computed in columns of doubles (Bool as 0 and 1, times in microseconds).
enum class Type : std::uint8_t { Real, Bool, Moment, Duration, String, StringList, Entity };

[[nodiscard]] constexpr bool is_scalar(Type t) { return t == Type::Real || t == Type::Moment || t == Type::Duration; }
/// "number", "bool", …
[[nodiscard]] std::string_view type_name(Type t);

/// "Not there" in a column that feeds a comparison: every comparison with it is false. No result of arithmetic is it.
inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// Creation time of an entity whose creation is open: it counts as old.
inline constexpr double kOpenCreationUs = static_cast<double>(entity::kOpenCreation.us);

/// One column that is read from the views.
struct FeatureRef {
  enum class Kind : std::uint8_t {
    Field,        ///< through its index
    StoredField,  ///< by reading the entity
    CreatedAt,
    Age,
    KeyOrdinal,      ///< the entity's own ordinal
    CreatorOrdinal,  ///< its creator's, or missing
    Random,
    Count,
    YearCount,  ///< of 365 days, today's included, from the histories
    Unique,
    Sum,
    Mean,
    Velocity,
    Acceleration,
    DecayScore,
    Net,
    TimeOf,
    PreferenceMatch,
    CreatorAffinity,  ///< of a creator, or at an item's creator
    ItemAffinity,
    Interest,  ///< field; value when the text is not empty
    CoEngagement,
    SourceScore,  ///< what the sources found it with
    Score,        ///< what the sort gave; MIN SCORE only
  };
  Kind kind = Kind::Field;
  EntityKind entity = EntityKind::Item;  ///< whose value it is
  bool of_creator = false;               ///< read at the candidate's creator instead of the candidate
  std::string field{};
  signal::SignalIndex signal = 0;
  Window window = Window::All;
  Duration ago{0};
  Mark mark = Mark::Seen;
  std::uint64_t seed = 0;
  std::string text{};  ///< Interest in one value
  double missing = 0;  ///< read where there is no value: the default, 0, or kMissing under a comparison
};

/// A condition that an index answers with a set of entities.
struct SetRef {
  enum class Kind : std::uint8_t { Keywords, AllKeywords, Ranges, Having, Marked, Related };
  Kind kind = Kind::Keywords;
  EntityKind entity = EntityKind::Item;
  bool of_creator = false;
  /// Keywords, AllKeywords, Ranges: entities that have the field but do not match. Marked: those without the mark.
  bool negated = false;
  std::string field{};
  std::vector<std::string> values{};
  std::vector<index::NumberRange> ranges{};
  Mark mark = Mark::Seen;
  std::uint16_t relation = 0;  ///< Related: position in the schema
};

/// A condition on a field without an index: answered by reading the entity.
struct StoredTest {
  enum class Kind : std::uint8_t { AnyOf, AllOf, Having };
  Kind kind = Kind::AnyOf;
  EntityKind entity = EntityKind::Item;
  bool of_creator = false;
  bool negated = false;  ///< false all the same where the field is missing
  std::string field{};
  std::vector<std::string> values{};
};

enum class Op : std::uint8_t {
  Unused,  ///< belongs to its parent's meaning (a window, a mark); never evaluated
  Const,
  Feature,
  Set,
  Stored,
  // conditions
  And,
  Or,
  Not,
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  InNumbers,
  Between,
  // arithmetic
  Add,
  Sub,
  Mul,
  Div,
  Neg,
  // functions
  Min,
  Max,
  Abs,
  Sign,
  Sqrt,
  Ln,
  Log10,
  Log1p,
  Exp,
  Pow,
  Clamp,
  If,
  Recency,
  Wilson,
  // over all candidates
  Norm,
  Zscore,
  Rank,
};

struct BoundNode {
  Op op = Op::Unused;
  Type type = Type::Real;
  bool negated = false;     ///< InNumbers, Between
  bool from_param = false;  ///< a bound string may also stand for a key
  bool beyond_int = false;  ///< a Const made of a whole number outside schema::kIntMax: its units are lost
  double constant = 0;      ///< Const
  std::string text{};       ///< Const of String or Key
  std::uint32_t ref = 0;    ///< Feature, Stored: which; Norm, Zscore, Rank: number of its column
  std::int32_t set = -1;    ///< the same condition as a set, or -1
  std::vector<std::uint32_t> children{};
  std::vector<double> numbers{};     ///< InNumbers
  std::vector<std::string> texts{};  ///< Const of StringList
  std::uint32_t syntax = 0;          ///< the node of the syntax tree it comes from
  Span span{};
};

struct Bound {
  std::vector<BoundNode> nodes;
  std::vector<FeatureRef> features;
  std::vector<SetRef> sets;
  std::vector<StoredTest> tests;
  std::uint32_t relative_columns = 0;          ///< how many Norm, Zscore and Rank nodes there are
  bool wants_hidden = false;                   ///< the flag `hidden` stands in it un-negated
  std::vector<std::size_t> wants_relations{};  ///< positions of relations whose flag stands in it un-negated
  bool wants_scheduled = false;                ///< the flag `scheduled` stands in it un-negated

  [[nodiscard]] std::uint32_t root() const { return static_cast<std::uint32_t>(nodes.size()) - 1; }
  [[nodiscard]] Type type() const { return nodes.back().type; }
  [[nodiscard]] bool empty() const { return nodes.empty(); }
  /// Its evaluation reads entities, a candidate at a time.
  [[nodiscard]] bool reads_entities() const {
    return !tests.empty() || std::any_of(features.begin(), features.end(),
                                         [](const FeatureRef& f) { return f.kind == FeatureRef::Kind::StoredField; });
  }
};

}  // namespace tidal::query
