// Checks new definitions one after the other against the schema as it grows, and collects every problem.
#include "schema/validation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.h"
#include "schema/alteration.h"
#include "schema/field_value.h"
#include "schema/findings.h"

namespace tidal::schema {
namespace {

// Positions of signals are 16 bits in the log's event ids, and views keep one line per item and signal.
constexpr std::size_t kSignalsMax = 1'000;
constexpr std::size_t kFieldsMax = 1'000;  // of one kind
constexpr std::size_t kEffectsMax = 64;
constexpr std::size_t kEmbeddingsMax = 16;
constexpr std::size_t kRelationsMax = 200;  // views keep one number a relation in 8 bits
constexpr std::size_t kDefaultBytesMax = 4'096;

/// "en", "pt-BR"
bool is_language_tag(std::string_view tag) {
  const auto letters = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  };
  const std::size_t dash = std::min(tag.find('-'), tag.size());
  const std::string_view primary = tag.substr(0, dash);
  const std::string_view region = tag.substr(std::min(dash + 1, tag.size()));
  if (primary.size() < 2 || primary.size() > 3 || !letters(primary)) return false;
  return dash == tag.size() || (region.size() >= 2 && region.size() <= 4 && letters(region));
}

bool matches_type(FieldType type, const Value& value) {
  switch (type) {
    case FieldType::Keyword: return std::holds_alternative<std::string>(value);
    case FieldType::Int: return std::holds_alternative<std::int64_t>(value);
    case FieldType::Float: return std::holds_alternative<double>(value) || std::holds_alternative<std::int64_t>(value);
    case FieldType::Bool: return std::holds_alternative<bool>(value);
    case FieldType::Timestamp: return std::holds_alternative<Timestamp>(value);
    case FieldType::Duration: return std::holds_alternative<Duration>(value);
    case FieldType::KeywordList:
    case FieldType::Text: return false;
  }
  return false;
}

void check_default(Findings& found, FieldDef& field) {
  if (std::holds_alternative<std::monostate>(field.default_value)) return;
  if (field.type == FieldType::Text || field.type == FieldType::KeywordList) {
    found.add({.aspect = Aspect::Default,
               .message = "a " + std::string(field_type_name(field.type)) + " field takes no DEFAULT",
               .hint = "leave DEFAULT out; an absent value counts as empty"});
    return;
  }
  if (!matches_type(field.type, field.default_value)) {
    found.add({.aspect = Aspect::Default,
               .message = "the DEFAULT is not a " + std::string(field_type_name(field.type)),
               .hint = "write a literal of the field's own type"});
    return;
  }
  if (const auto* whole = std::get_if<std::int64_t>(&field.default_value);
      whole && field.type == FieldType::Int && !is_exact_int(*whole)) {
    found.add({.aspect = Aspect::Default,
               .message = "the DEFAULT: " + expected_int(std::to_string(*whole)),
               .hint = std::string(kIntHint)});
  }
  if (const auto* whole = std::get_if<std::int64_t>(&field.default_value); whole && field.type == FieldType::Float) {
    field.default_value = static_cast<double>(*whole);
  }
  if (const auto* real = std::get_if<double>(&field.default_value); real && !std::isfinite(*real)) {
    found.add({.aspect = Aspect::Default, .message = "the DEFAULT is not a finite number"});
  }
  if (const auto* text = std::get_if<std::string>(&field.default_value)) {
    if (text->size() > kDefaultBytesMax || !base::is_utf8(*text)) {
      found.add({.aspect = Aspect::Default, .message = "the DEFAULT must be UTF-8 of at most 4096 bytes"});
    }
  }
  if (const auto* span = std::get_if<Duration>(&field.default_value); span && !is_whole_milliseconds(*span)) {
    found.add({.aspect = Aspect::Default, .message = "the DEFAULT must be whole milliseconds"});
  }
}

void check_text_flags(Findings& found, FieldDef& field) {
  if (!field.searchable) {
    field.boost = 1.0;
    field.language.clear();
    return;
  }
  const bool words =
      field.type == FieldType::Text || field.type == FieldType::Keyword || field.type == FieldType::KeywordList;
  if (!words) {
    found.add(
        {.aspect = Aspect::Searchable,
         .message = "SEARCHABLE needs TEXT, KEYWORD or KEYWORD[], not " + std::string(field_type_name(field.type))});
  }
  if (!(field.boost > 0) || !std::isfinite(field.boost)) {
    found.add({.aspect = Aspect::Searchable, .message = "BOOST must be above 0", .hint = "1 is neutral"});
  }
  if (!field.language.empty() && !is_language_tag(field.language)) {
    found.add({.aspect = Aspect::Searchable,
               .message = "LANGUAGE is no language tag",
               .hint = "write a tag such as \"en\" or \"pt-BR\""});
  }
}

void check_field(Findings& found, FieldDef& field) {
  if (check_name(found, field.name) && is_computed_name(field.kind, field.name)) {
    found.add({.aspect = Aspect::Name,
               .message = quoted(field.name) + " is reserved: the database computes it",
               .hint = "choose another name, such as 'own_" + field.name + "'"});
  }
  if (field.indexed && field.type == FieldType::Text) {
    found.add({.aspect = Aspect::Indexed,
               .message = "TEXT cannot be INDEXED",
               .hint = "use SEARCHABLE for words, or KEYWORD INDEXED for whole values"});
  }
  check_text_flags(found, field);
  const bool keyword = field.type == FieldType::Keyword || field.type == FieldType::KeywordList;
  if (field.dimension && field.kind != EntityKind::User) {
    found.add({.aspect = Aspect::Dimension, .message = "only user fields can be a DIMENSION"});
  } else if (field.dimension && !keyword && field.type != FieldType::Int && field.type != FieldType::Bool) {
    found.add({.aspect = Aspect::Dimension,
               .message =
                   "DIMENSION needs KEYWORD, KEYWORD[], INT or BOOL, not " + std::string(field_type_name(field.type))});
  }
  if (field.interest && (field.kind != EntityKind::Item || !keyword)) {
    found.add({.aspect = Aspect::Interest, .message = "INTEREST needs an item field of type KEYWORD or KEYWORD[]"});
  }
  check_default(found, field);
}

void check_value_and_decay(Findings& found, SignalDef& signal) {
  if (!signal.has_value) {
    signal.value_min = 0;
    signal.value_max.reset();
  } else if (!std::isfinite(signal.value_min) || (signal.value_max && !std::isfinite(*signal.value_max))) {
    found.add(
        {.aspect = Aspect::Value, .message = "VALUE must have finite bounds", .hint = "`VALUE 0..` has no upper one"});
  } else if (signal.value_max && *signal.value_max < signal.value_min) {
    found.add(
        {.aspect = Aspect::Value, .message = "the VALUE range is inverted", .hint = "write the smaller bound first"});
  }
  if (signal.decay.kind == Decay::Kind::None) {
    signal.decay.span = Duration{0};
  } else if (signal.decay.span.us <= 0) {
    const bool exponential = signal.decay.kind == Decay::Kind::Exponential;
    found.add({.aspect = Aspect::Decay,
               .message = std::string(exponential ? "the half-life" : "the lifetime") + " must be above 0",
               .hint = "use DECAY none for a score that never fades"});
  } else if (!is_whole_milliseconds(signal.decay.span)) {
    found.add({.aspect = Aspect::Decay, .message = "the decay must be whole milliseconds"});
  }
}

void check_windows(Findings& found, SignalDef& signal) {
  for (std::size_t i = 0; i < signal.windows.size(); ++i) {
    const Window w = signal.windows[i];
    if (w >= Window::All) {
      found.add({.aspect = Aspect::Windows,
                 .message = "the window 'all' is always there",
                 .hint = "declare any of 1h, 24h, 7d, 30d",
                 .part = i});
    } else if (std::find(signal.windows.begin(), signal.windows.begin() + static_cast<std::ptrdiff_t>(i), w) !=
               signal.windows.begin() + static_cast<std::ptrdiff_t>(i)) {
      found.add({.aspect = Aspect::Windows,
                 .message = "the window " + std::string(window_name(w)) + " is given twice",
                 .part = i});
    }
  }
  std::sort(signal.windows.begin(), signal.windows.end());
  if (signal.velocity && signal.windows.empty()) {
    found.add({.aspect = Aspect::Velocity,
               .message = "VELOCITY needs a window",
               .hint = "add WINDOWS with any of 1h, 24h, 7d, 30d"});
  }
}

void check_effects(Findings& found, const SignalDef& signal) {
  if (signal.effects.size() > kEffectsMax) {
    found.add({.aspect = Aspect::Effects, .message = "more than 64 effects"});
  }
  for (std::size_t i = 0; i < signal.effects.size(); ++i) {
    const EffectDef& effect = signal.effects[i];
    const bool item_only = effect.kind == EffectDef::Kind::Mark || effect.kind == EffectDef::Kind::Affinity;
    if (item_only && signal.target != EntityKind::Item) {
      found.add({.aspect = Aspect::Effects,
                 .message = "marks and affinity are between a user and an item; this signal is about creators",
                 .part = i});
    }
    if (!std::isfinite(effect.rate)) {
      found.add({.aspect = Aspect::Effects, .message = "the rate of an effect must be finite", .part = i});
    }
    for (const ValueTest& test : effect.when) {
      if (!std::isfinite(test.threshold)) {
        found.add({.aspect = Aspect::Effects, .message = "the threshold of WHEN must be finite", .part = i});
      }
    }
    if ((effect.times_value || !effect.when.empty()) && !signal.has_value) {
      found.add({.aspect = Aspect::Effects,
                 .message = "the effect speaks of `value`, but the signal declares none",
                 .hint = "add VALUE with a range, such as VALUE 0..1",
                 .part = i});
    }
  }
}

/// A signal named like a role has that role unless it says otherwise; a report also counts as negative.
void complete_roles(SignalDef& signal) {
  constexpr auto bit = [](Role r) { return static_cast<std::uint16_t>(r); };
  for (const Role role : kAllRoles) {
    if (signal.roles == 0 && signal.name == role_name(role)) signal.roles = bit(role);
  }
  if (signal.has_role(Role::Report)) signal.roles = static_cast<std::uint16_t>(signal.roles | bit(Role::Negative));
}

/// In canonical form, so that definitions that mean the same are equal.
void normalize_effects(SignalDef& signal) {
  for (EffectDef& effect : signal.effects) {
    if (effect.kind == EffectDef::Kind::Mark) {
      effect.rate = 0;
      effect.times_value = false;
    } else {
      effect.mark = Mark::Seen;
    }
  }
}

void check_signal(Findings& found, SignalDef& signal) {
  if (check_name(found, signal.name)) {
    const bool owner = signal.name == "item" || signal.name == "user" || signal.name == "creator";
    if (owner) {
      found.add({.aspect = Aspect::Name,
                 .message = quoted(signal.name) + " stands for the owner in `" + signal.name + ".count(24h)`",
                 .hint = "choose another name"});
    } else if (is_computed_name(EntityKind::Item, signal.name)) {
      found.add({.aspect = Aspect::Name,
                 .message = quoted(signal.name) + " is reserved: the database computes it",
                 .hint = "choose another name, such as '" + signal.name + "_event'"});
    }
  }
  if (signal.target == EntityKind::User && !signal.relation) {
    found.add({.aspect = Aspect::Target,
               .message = "a signal is about items or creators, not users",
               .hint = "write ON items or ON creators"});
  }
  constexpr unsigned kScopes = 7;
  if (signal.scopes == 0 || signal.scopes > kScopes) {
    found.add({.aspect = Aspect::Scope, .message = "SCOPE needs any of global, cohort, user"});
  }
  complete_roles(signal);
  check_value_and_decay(found, signal);
  check_windows(found, signal);
  check_effects(found, signal);
  normalize_effects(signal);
}

/// What would change a definition, and what there is until that exists.
std::string later(const std::string& alteration, const std::string& shown_by) {
  return "repeat it as " + shown_by +
         " prints it, or choose another name; what would change it is not available yet: " + alteration;
}

/// Takes definitions one by one; `next` is the base and everything accepted so far.
class Checker {
 public:
  explicit Checker(const Schema& base) : version_(base.version) { checked_.validated.next = base; }

  void take(std::size_t index, FieldDef field) {
    Findings found(checked_.problems, Problem::Of::Field, index,
                   "field " + std::string(kind_name(field.kind)) + "." + field.name);
    check_field(found, field);
    Schema& next = checked_.validated.next;
    if (const FieldDef* known = next.field(field.kind, field.name)) {
      if (*known == field || !found.none()) return;
      found.add({.message = "is defined differently already",
                 .hint = later(alter_hint(*known, field), "SHOW FIELDS"),
                 .code = Code::AlreadyExists});
      return;
    }
    const auto same_kind = [&](const FieldDef& f) { return f.kind == field.kind; };
    if (std::count_if(next.fields.begin(), next.fields.end(), same_kind) >= std::ptrdiff_t{kFieldsMax}) {
      found.add({.message = "a kind has at most 1000 fields", .code = Code::FailedPrecondition});
    }
    if (!found.none()) return;
    next.fields.push_back(field);
    checked_.validated.change.fields.push_back(std::move(field));
  }

  void take(std::size_t index, SignalDef signal) {
    Findings found(checked_.problems, Problem::Of::Signal, index, "signal " + signal.name);
    check_signal(found, signal);
    Schema& next = checked_.validated.next;
    if (const SignalDef* known = next.signal(signal.name)) {
      if (*known == signal || !found.none()) return;
      if (known->relation) {
        found.add({.aspect = Aspect::Name,
                   .message = "a relation has that name, and counts its edges under it",
                   .hint = "choose another name, or write edges with RELATE",
                   .code = Code::AlreadyExists});
        return;
      }
      found.add({.message = "is defined differently already",
                 .hint = later(alter_hint(*known, signal), "SHOW SIGNALS"),
                 .code = Code::AlreadyExists});
      return;
    }
    if (next.signals.size() >= kSignalsMax) {
      found.add({.message = "a schema has at most 1000 signals", .code = Code::FailedPrecondition});
    }
    if (!found.none()) return;
    next.signals.push_back(signal);
    checked_.validated.change.signals.push_back(std::move(signal));
  }

  void take(std::size_t index, EmbeddingDef embedding) {
    Findings found(checked_.problems, Problem::Of::Embedding, index,
                   "embedding " + std::string(kind_name(embedding.kind)) + "." + embedding.name);
    check_embedding(found, embedding);
    Schema& next = checked_.validated.next;
    if (const EmbeddingDef* known = next.embedding(embedding.kind, embedding.name)) {
      if (*known == embedding || !found.none()) return;
      found.add({.message = "is defined differently already",
                 .hint = later(alter_hint(*known, embedding), "SHOW SCHEMA"),
                 .code = Code::AlreadyExists});
      return;
    }
    if (const int slot = next.preference_slot(); embedding.preference && slot >= 0) {
      found.add({.aspect = Aspect::Preference,
                 .message = "preferences follow item." + next.embeddings[static_cast<std::size_t>(slot)].name +
                            " already, and one slot only",
                 .code = Code::FailedPrecondition});
    }
    if (next.embeddings.size() >= kEmbeddingsMax) {
      found.add({.message = "a schema has at most 16 embeddings", .code = Code::FailedPrecondition});
    }
    if (!found.none()) return;
    next.embeddings.push_back(embedding);
    checked_.validated.change.embeddings.push_back(std::move(embedding));
  }

  /// `signal` has the relation's name and is about what its edges end at.
  void take(std::size_t index, RelationDef relation, SignalDef signal) {
    Findings found(checked_.problems, Problem::Of::Relation, index, "relation " + relation.name);
    check_signal(found, signal);
    check_relation(found, relation, signal);
    Schema& next = checked_.validated.next;
    const SignalDef* known_signal = next.signal(relation.name);
    if (const RelationDef* known = next.relation(relation.name)) {
      if ((*known == relation && known_signal != nullptr && *known_signal == signal) || !found.none()) return;
      found.add({.message = "is defined differently already",
                 .hint = later("ALTER RELATION " + relation.name, "SHOW SCHEMA"),
                 .code = Code::AlreadyExists});
      return;
    }
    if (known_signal != nullptr) {
      found.add({.aspect = Aspect::Name,
                 .message = "a signal has that name, and a relation counts its edges under its own",
                 .hint = "choose another name",
                 .code = Code::AlreadyExists});
    }
    if (next.relations.size() >= kRelationsMax || next.signals.size() >= kSignalsMax) {
      found.add({.message = "a schema has at most 200 relations, and 1000 signals and relations together",
                 .code = Code::FailedPrecondition});
    }
    if (!found.none()) return;
    next.signals.push_back(signal);
    next.relations.push_back(relation);
    checked_.validated.change.signals.push_back(std::move(signal));
    checked_.validated.change.relations.push_back(std::move(relation));
  }

  void take(const Settings& settings) {
    Findings found(checked_.problems, Problem::Of::Settings, 0, "settings");
    check_settings(found, settings);
    if (!found.none() || settings == checked_.validated.next.settings) return;
    checked_.validated.next.settings = settings;
    checked_.validated.change.has_settings = true;
    checked_.validated.change.settings = settings;
  }

  [[nodiscard]] Checked finish() {
    if (!checked_.validated.change.empty()) checked_.validated.next.version = version_ + 1;
    return std::move(checked_);
  }

 private:
  std::uint32_t version_;
  Checked checked_;
};

}  // namespace

Checked check(const Schema& base, const SchemaChange& proposed) {
  Checker checker(base);
  for (std::size_t i = 0; i < proposed.fields.size(); ++i) checker.take(i, proposed.fields[i]);
  // A relation is taken where its signal stands, so that the order of the statements stays.
  for (std::size_t i = 0, signals = 0; i < proposed.signals.size(); ++i) {
    const SignalDef& signal = proposed.signals[i];
    const auto relation = std::ranges::find(proposed.relations, signal.name, &RelationDef::name);
    if (signal.relation && relation != proposed.relations.end()) {
      checker.take(static_cast<std::size_t>(relation - proposed.relations.begin()), *relation, signal);
    } else {
      checker.take(signals++, signal);
    }
  }
  for (std::size_t i = 0; i < proposed.embeddings.size(); ++i) checker.take(i, proposed.embeddings[i]);
  if (proposed.has_settings) checker.take(proposed.settings);
  return checker.finish();
}

Result<Validated> validate(const Schema& base, const SchemaChange& proposed) {
  Checked checked = check(base, proposed);
  if (checked.problems.empty()) return std::move(checked.validated);
  const auto to_error = [](Problem& p) {
    ErrorDetail detail;
    detail.hint = std::move(p.hint);
    return Error(p.code, std::move(p.message), std::move(detail));
  };
  Error first = to_error(checked.problems.front());
  for (std::size_t i = 1; i < checked.problems.size(); ++i) first.others.push_back(to_error(checked.problems[i]));
  return first;
}

}  // namespace tidal::schema
