// The table of definitions.
#include "test/sim/declarations.h"

namespace tidal::sim {
namespace {

constexpr auto kGlobal = static_cast<std::uint8_t>(Scope::Global);
constexpr auto kUser = static_cast<std::uint8_t>(Scope::User);

EffectDef sets(Mark mark, std::vector<ValueTest> when = {}) {
  EffectDef effect;
  effect.mark = mark;
  effect.when = std::move(when);
  return effect;
}

/// A field of an item unless said otherwise.
struct FieldWords {
  EntityKind kind = EntityKind::Item;
  FieldType type = FieldType::Keyword;
  bool indexed = true;
  Value otherwise{};
};

Declaration field(std::string_view statement, std::string_view name, FieldWords words) {
  FieldDef def;
  def.kind = words.kind;
  def.name = name;
  def.type = words.type;
  def.indexed = words.indexed;
  def.default_value = std::move(words.otherwise);
  return {.statement = statement, .fields = {def}};
}

/// A signal on items unless said otherwise.
struct SignalWords {
  EntityKind target = EntityKind::Item;
  std::vector<Role> roles{};
  Decay decay{};
  std::vector<Window> windows{};
  bool velocity = false;
  bool has_value = false;
  std::optional<double> value_max{};
  std::uint8_t scopes = kGlobal;
  std::vector<EffectDef> effects{};
};

Declaration signal(std::string_view statement, std::string_view name, SignalWords words) {
  SignalDef def;
  def.name = name;
  def.target = words.target;
  for (const Role role : words.roles) def.roles = static_cast<std::uint16_t>(def.roles | static_cast<unsigned>(role));
  def.decay = words.decay;
  def.windows = std::move(words.windows);
  def.velocity = words.velocity;
  def.has_value = words.has_value;
  def.value_max = words.value_max;
  def.scopes = words.scopes;
  def.effects = std::move(words.effects);
  return {.statement = statement, .signals = {def}};
}

Decay exponential(Duration half_life) { return {Decay::Kind::Exponential, half_life}; }
Decay linear(Duration lifetime) { return {Decay::Kind::Linear, lifetime}; }

std::vector<Declaration> make_fields() {
  return {
      field("DEFINE FIELD item.title TEXT", "title", {.type = FieldType::Text, .indexed = false}),
      field("DEFINE FIELD item.category KEYWORD INDEXED", "category", {}),
      field("DEFINE FIELD item.tags KEYWORD[] INDEXED", "tags", {.type = FieldType::KeywordList}),
      field("DEFINE FIELD item.year INT INDEXED", "year", {.type = FieldType::Int}),
      field("DEFINE FIELD item.length DURATION INDEXED DEFAULT 5m", "length",
            {.type = FieldType::Duration, .otherwise = minutes(5)}),
      field("DEFINE FIELD user.country KEYWORD INDEXED", "country", {.kind = EntityKind::User}),
      field("DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false", "verified",
            {.kind = EntityKind::Creator, .type = FieldType::Bool, .otherwise = false}),
  };
}

std::vector<Declaration> make_signals() {
  return {
      signal("DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY SCOPE global, user "
             "EFFECTS mark seen",
             "view",
             {.roles = {Role::View},
              .decay = exponential(days(7)),
              .windows = {Window::Hour, Window::Day, Window::Week, Window::Month},
              .velocity = true,
              .has_value = true,
              .scopes = kGlobal | kUser,
              .effects = {sets(Mark::Seen)}}),
      signal("DEFINE SIGNAL completion VALUE 0..1 DECAY exponential(30d) WINDOWS 24h, 7d "
             "EFFECTS mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9",
             "completion",
             {.roles = {Role::Completion},
              .decay = exponential(days(30)),
              .windows = {Window::Day, Window::Week},
              .has_value = true,
              .value_max = 1.0,
              .effects = {sets(Mark::Completed, {{ValueTest::Op::Ge, 0.9}}),
                          sets(Mark::InProgress, {{ValueTest::Op::Lt, 0.9}})}}),
      signal("DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 1h, 24h EFFECTS mark liked, mark seen", "like",
             {.roles = {Role::Positive},
              .decay = linear(days(14)),
              .windows = {Window::Hour, Window::Day},
              .effects = {sets(Mark::Liked), sets(Mark::Seen)}}),
      signal(
          "DEFINE SIGNAL dislike ROLE negative DECAY none WINDOWS 24h EFFECTS mark disliked, mark seen", "dislike",
          {.roles = {Role::Negative}, .windows = {Window::Day}, .effects = {sets(Mark::Disliked), sets(Mark::Seen)}}),
      signal("DEFINE SIGNAL watchlist ROLE save, positive DECAY none EFFECTS mark saved", "watchlist",
             {.roles = {Role::Save, Role::Positive}, .effects = {sets(Mark::Saved)}}),
      signal("DEFINE SIGNAL hide DECAY none EFFECTS mark hidden", "hide", {.effects = {sets(Mark::Hidden)}}),
      signal("DEFINE SIGNAL praise ON creators ROLE positive DECAY exponential(1d) WINDOWS 7d", "praise",
             {.target = EntityKind::Creator,
              .roles = {Role::Positive},
              .decay = exponential(days(1)),
              .windows = {Window::Week}}),
  };
}

}  // namespace

const std::vector<Declaration>& first_declarations() {
  static const auto* const table = [] {
    auto* all = new std::vector<Declaration>(make_fields());
    for (Declaration& declaration : make_signals()) all->push_back(std::move(declaration));
    return all;
  }();
  return *table;
}

const std::vector<Declaration>& later_declarations() {
  static const auto* const table = new std::vector<Declaration>{
      signal("DEFINE SIGNAL share DECAY exponential(2d) WINDOWS 1h, 24h, 7d VELOCITY SCOPE global, user "
             "EFFECTS mark shared, mark seen",
             "share",
             {.roles = {Role::Share},
              .decay = exponential(days(2)),
              .windows = {Window::Hour, Window::Day, Window::Week},
              .velocity = true,
              .scopes = kGlobal | kUser,
              .effects = {sets(Mark::Shared), sets(Mark::Seen)}}),
      field("DEFINE FIELD item.rating FLOAT INDEXED", "rating", {.type = FieldType::Float}),
      signal("DEFINE SIGNAL comment DECAY linear(3d) WINDOWS 24h", "comment",
             {.roles = {Role::Comment}, .decay = linear(days(3)), .windows = {Window::Day}}),
      field("DEFINE FIELD user.age INT INDEXED DEFAULT 30", "age",
            {.kind = EntityKind::User, .type = FieldType::Int, .otherwise = std::int64_t{30}}),
  };
  return *table;
}

const std::vector<SettingsChange>& settings_changes() {
  static const auto* const table = new std::vector<SettingsChange>{
      {"ALTER SETTINGS seen_expires:2d", [](Settings& s) { s.seen_expires = days(2); }},
      {"ALTER SETTINGS seen_expires:30d", [](Settings& s) { s.seen_expires = days(30); }},
      {"ALTER SETTINGS seen_expires:never", [](Settings& s) { s.seen_expires = Duration{0}; }},
      {"ALTER SETTINGS create_users:false", [](Settings& s) { s.create_users = false; }},
      {"ALTER SETTINGS create_users:true", [](Settings& s) { s.create_users = true; }},
      {"ALTER SETTINGS future_tolerance:1h", [](Settings& s) { s.future_tolerance = hours(1); }},
      {"ALTER SETTINGS future_tolerance:5m, hot_gravity:1.5",
       [](Settings& s) {
         s.future_tolerance = minutes(5);
         s.hot_gravity = 1.5;
       }},
      {"ALTER SETTINGS past_query_tolerance:1d", [](Settings& s) { s.past_query_tolerance = days(1); }},
      {"ALTER SETTINGS log_retention:1d", [](Settings& s) { s.log_retention = days(1); }},
  };
  return *table;
}

const std::vector<SettingsChange>& small_log_settings() {
  static const auto* const table = new std::vector<SettingsChange>{
      {"ALTER SETTINGS log_bytes:128KiB, log_archive:true",
       [](Settings& s) {
         s.log_bytes = 128 << 10;
         s.log_archive = true;
       }},
      {"ALTER SETTINGS log_bytes:64KiB, log_archive:false",
       [](Settings& s) {
         s.log_bytes = 64 << 10;
         s.log_archive = false;
       }},
      {"ALTER SETTINGS log_bytes:all, log_retention:2h, log_archive:true",
       [](Settings& s) {
         s.log_bytes = 0;
         s.log_retention = hours(2);
         s.log_archive = true;
       }},
  };
  return *table;
}

}  // namespace tidal::sim
