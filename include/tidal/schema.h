// Definitions as plain values: what DEFINE declares, and what the C++ builder hands over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tidal/types.h"

namespace tidal {

enum class FieldType : std::uint8_t { Keyword, KeywordList, Text, Int, Float, Bool, Timestamp, Duration };

/// "KEYWORD", "KEYWORD[]", "TEXT" … as the language spells it.
[[nodiscard]] std::string_view field_type_name(FieldType type);

/// One typed field of items, users or creators.
struct FieldDef {
  EntityKind kind = EntityKind::Item;
  std::string name;
  FieldType type = FieldType::Keyword;
  bool indexed = false;     ///< filterable through bitmaps or columns
  bool searchable = false;  ///< in the text index
  double boost = 1.0;       ///< text weight, > 0
  std::string language;     ///< of a searchable text, "" = none
  bool dimension = false;   ///< a user attribute for cohorts
  bool interest = false;    ///< an item field whose values users can be interested in
  bool required = false;
  Value default_value;  ///< null: none
  bool operator==(const FieldDef&) const = default;
};

/// What a signal means to built-in sorts and profiles. A set: one bit each.
enum class Role : std::uint16_t {
  View = 1 << 0,
  Positive = 1 << 1,
  Negative = 1 << 2,
  Share = 1 << 3,
  Comment = 1 << 4,
  Save = 1 << 5,
  Completion = 1 << 6,
  Report = 1 << 7,
  Impression = 1 << 8,
};
inline constexpr Role kAllRoles[] = {Role::View, Role::Positive,   Role::Negative, Role::Share,     Role::Comment,
                                     Role::Save, Role::Completion, Role::Report,   Role::Impression};

/// "view", "positive" …
[[nodiscard]] std::string_view role_name(Role role);

struct Decay {
  enum class Kind : std::uint8_t { None, Exponential, Linear };
  Kind kind = Kind::None;
  Duration span;  ///< half-life (Exponential) or lifetime (Linear), > 0; 0 for None
  bool operator==(const Decay&) const = default;
};

/// How two vectors of a slot are compared.
enum class VectorMetric : std::uint8_t { Cosine, Dot, L2 };
/// "cosine", "dot", "l2".
[[nodiscard]] std::string_view metric_name(VectorMetric metric);

/// How a slot's vectors are kept in memory; a record in the log carries them as they were given.
enum class VectorStorage : std::uint8_t { F32, F16 };
/// "f32", "f16".
[[nodiscard]] std::string_view storage_name(VectorStorage storage);

/// A place for one vector on every entity of a kind.
struct EmbeddingDef {
  EntityKind kind = EntityKind::Item;
  std::string name;
  std::uint32_t size = 0;  ///< dimensions, 1 to 4096
  VectorMetric metric = VectorMetric::Cosine;
  VectorStorage storage = VectorStorage::F32;
  bool preference = false;  ///< users' preferences follow this slot; of one item slot at most
  bool operator==(const EmbeddingDef&) const = default;
};

enum class Window : std::uint8_t { Hour = 0, Day = 1, Week = 2, Month = 3, All = 4 };
inline constexpr std::size_t kRingWindows = 4;  ///< the windows that rings serve: all but All

/// 1h, 24h, 7d, 30d; 0 for All.
[[nodiscard]] Duration window_span(Window w);
/// "1h", "24h", "7d", "30d", "all".
[[nodiscard]] std::string_view window_name(Window w);

/// The state a signal can set between a user and an item.
enum class Mark : std::uint8_t { Seen, Liked, Disliked, Saved, Shared, Completed, InProgress, Hidden };
inline constexpr std::size_t kMarks = 8;
/// "seen", "in_progress" …
[[nodiscard]] std::string_view mark_name(Mark mark);

/// A condition of an effect on the signal's value: `value >= threshold`. And-combined when several.
struct ValueTest {
  enum class Op : std::uint8_t { Eq, Ne, Lt, Le, Gt, Ge };
  Op op = Op::Ge;
  double threshold = 0;
  bool operator==(const ValueTest&) const = default;
};

/// What one signal does to derived state besides counting.
struct EffectDef {
  enum class Kind : std::uint8_t { Preference, Creator, Affinity, Mark };
  Kind kind = Kind::Mark;
  Mark mark = Mark::Seen;    ///< for Kind::Mark
  double rate = 0;           ///< for the other kinds, signed
  bool times_value = false;  ///< rate is multiplied by the signal's value
  std::vector<ValueTest> when;
  bool operator==(const EffectDef&) const = default;
};

/// The scopes a signal is counted at; one bit each.
enum class Scope : std::uint8_t { Global = 1, Cohort = 2, User = 4 };

/// One type of event.
struct SignalDef {
  std::string name;
  EntityKind target = EntityKind::Item;
  std::uint16_t roles = 0;  ///< of Role
  Decay decay;
  std::vector<Window> windows;  ///< ascending, without All
  bool velocity = false;
  bool unique = false;
  bool has_value = false;
  double value_min = 0;
  std::optional<double> value_max;  ///< none: unbounded
  std::uint8_t scopes = static_cast<std::uint8_t>(Scope::Global);
  std::vector<EffectDef> effects;
  bool relation = false;  ///< counts the edges of the relation of this name; written by RELATE, not by SIGNAL
  bool operator==(const SignalDef&) const = default;

  [[nodiscard]] bool has_role(Role r) const { return (roles & static_cast<std::uint16_t>(r)) != 0; }
  [[nodiscard]] bool in_scope(Scope s) const { return (scopes & static_cast<std::uint8_t>(s)) != 0; }
};

/// A type of edge that the application writes. What an edge counts and does is the signal of the same name.
struct RelationDef {
  /// What an edge keeps from the one it begins at: nothing, what the other end made in feeds, or everywhere.
  enum class Excludes : std::uint8_t { Nothing, Feeds, Always };
  std::string name;
  EntityKind from = EntityKind::User;
  EntityKind to = EntityKind::Creator;
  Excludes excludes = Excludes::Nothing;
  Duration half_life{0};  ///< of an edge's weight when it is read; 0: it does not decay
  bool operator==(const RelationDef&) const = default;
};

/// Settings that influence derived state or which records are accepted; changed by ALTER SETTINGS.
struct Settings {
  Duration future_tolerance = minutes(5);      ///< how far ahead of the clock an event time may lie
  Duration past_query_tolerance = minutes(5);  ///< how far behind the newest event a query's now may lie
  bool create_users = true;                    ///< an unknown user of a signal is created
  Duration seen_expires{0};                    ///< 0: never
  double hot_gravity = 1.8;                    ///< of the sort `hot`, > 0
  std::int64_t interest_vectors = 4;           ///< a user has at most so many beside the preference, 0 to 8
  Duration relationship_half_life = days(30);  ///< of the weights that signals give, > 0
  Duration log_retention{0};                   ///< records appended longer ago may leave the log; 0: age removes none
  std::int64_t log_bytes = 10LL << 30;         ///< of wal/: beyond, the oldest segments leave it; 0: size removes none
  bool log_archive = true;                     ///< what leaves the log is kept compressed in archive/, else removed
  bool operator==(const Settings&) const = default;
};

}  // namespace tidal
