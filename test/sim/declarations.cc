// The table of definitions.
#include "test/sim/declarations.h"

namespace tidal::sim {
namespace {

constexpr auto kGlobal = static_cast<std::uint8_t>(Scope::Global);
constexpr auto kUser = static_cast<std::uint8_t>(Scope::User);

std::uint16_t roles(std::initializer_list<Role> list) {
  unsigned bits = 0;
  for (const Role role : list) bits |= static_cast<unsigned>(role);
  return static_cast<std::uint16_t>(bits);
}

EffectDef sets(Mark mark, std::vector<ValueTest> when = {}) {
  EffectDef effect;
  effect.mark = mark;
  effect.when = std::move(when);
  return effect;
}

Declaration field(std::string_view statement, FieldDef def) { return {.statement = statement, .fields = {def}}; }
Declaration signal(std::string_view statement, SignalDef def) { return {.statement = statement, .signals = {def}}; }

constexpr Decay kNoDecay{};
Decay exponential(Duration half_life) { return {Decay::Kind::Exponential, half_life}; }
Decay linear(Duration lifetime) { return {Decay::Kind::Linear, lifetime}; }

std::vector<Declaration> make_fields() {
  return {
      field("DEFINE FIELD item.title TEXT", {.name = "title", .type = FieldType::Text}),
      field("DEFINE FIELD item.category KEYWORD INDEXED", {.name = "category", .indexed = true}),
      field("DEFINE FIELD item.tags KEYWORD[] INDEXED",
            {.name = "tags", .type = FieldType::KeywordList, .indexed = true}),
      field("DEFINE FIELD item.year INT INDEXED", {.name = "year", .type = FieldType::Int, .indexed = true}),
      field("DEFINE FIELD item.length DURATION INDEXED DEFAULT 5m",
            {.name = "length", .type = FieldType::Duration, .indexed = true, .default_value = minutes(5)}),
      field("DEFINE FIELD user.country KEYWORD INDEXED",
            {.kind = EntityKind::User, .name = "country", .indexed = true}),
      field("DEFINE FIELD creator.verified BOOL INDEXED DEFAULT false",
            {.kind = EntityKind::Creator,
             .name = "verified",
             .type = FieldType::Bool,
             .indexed = true,
             .default_value = false}),
  };
}

std::vector<Declaration> make_signals() {
  return {
      signal("DEFINE SIGNAL view VALUE 0.. DECAY exponential(7d) WINDOWS 1h, 24h, 7d, 30d VELOCITY SCOPE global, user "
             "EFFECTS mark seen",
             {.name = "view",
              .roles = roles({Role::View}),
              .decay = exponential(days(7)),
              .windows = {Window::Hour, Window::Day, Window::Week, Window::Month},
              .velocity = true,
              .has_value = true,
              .scopes = kGlobal | kUser,
              .effects = {sets(Mark::Seen)}}),
      signal("DEFINE SIGNAL completion VALUE 0..1 DECAY exponential(30d) WINDOWS 24h, 7d "
             "EFFECTS mark completed WHEN value >= 0.9, mark in_progress WHEN value < 0.9",
             {.name = "completion",
              .roles = roles({Role::Completion}),
              .decay = exponential(days(30)),
              .windows = {Window::Day, Window::Week},
              .has_value = true,
              .value_max = 1.0,
              .effects = {sets(Mark::Completed, {{ValueTest::Op::Ge, 0.9}}),
                          sets(Mark::InProgress, {{ValueTest::Op::Lt, 0.9}})}}),
      signal("DEFINE SIGNAL like ROLE positive DECAY linear(14d) WINDOWS 1h, 24h EFFECTS mark liked, mark seen",
             {.name = "like",
              .roles = roles({Role::Positive}),
              .decay = linear(days(14)),
              .windows = {Window::Hour, Window::Day},
              .effects = {sets(Mark::Liked), sets(Mark::Seen)}}),
      signal("DEFINE SIGNAL dislike ROLE negative DECAY none WINDOWS 24h EFFECTS mark disliked, mark seen",
             {.name = "dislike",
              .roles = roles({Role::Negative}),
              .decay = kNoDecay,
              .windows = {Window::Day},
              .effects = {sets(Mark::Disliked), sets(Mark::Seen)}}),
      signal("DEFINE SIGNAL watchlist ROLE save, positive DECAY none EFFECTS mark saved",
             {.name = "watchlist",
              .roles = roles({Role::Save, Role::Positive}),
              .decay = kNoDecay,
              .effects = {sets(Mark::Saved)}}),
      signal("DEFINE SIGNAL hide DECAY none EFFECTS mark hidden",
             {.name = "hide", .decay = kNoDecay, .effects = {sets(Mark::Hidden)}}),
      signal("DEFINE SIGNAL praise ON creators ROLE positive DECAY exponential(1d) WINDOWS 7d",
             {.name = "praise",
              .target = EntityKind::Creator,
              .roles = roles({Role::Positive}),
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
             {.name = "share",
              .roles = roles({Role::Share}),
              .decay = exponential(days(2)),
              .windows = {Window::Hour, Window::Day, Window::Week},
              .velocity = true,
              .scopes = kGlobal | kUser,
              .effects = {sets(Mark::Shared), sets(Mark::Seen)}}),
      field("DEFINE FIELD item.rating FLOAT INDEXED", {.name = "rating", .type = FieldType::Float, .indexed = true}),
      signal("DEFINE SIGNAL comment DECAY linear(3d) WINDOWS 24h",
             {.name = "comment",
              .roles = roles({Role::Comment}),
              .decay = linear(days(3)),
              .windows = {Window::Day}}),
      field("DEFINE FIELD user.age INT INDEXED DEFAULT 30",
            {.kind = EntityKind::User,
             .name = "age",
             .type = FieldType::Int,
             .indexed = true,
             .default_value = std::int64_t{30}}),
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
  };
  return *table;
}

}  // namespace tidal::sim
