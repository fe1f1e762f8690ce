// Names: fields, computed names, flags, and what stands behind `creator.` and `user.`.
#include <algorithm>
#include <array>
#include <string>

#include "query/expression_binder.h"

namespace tidal::query {
namespace {

// Features whose views do not exist in this version, and what they need.
struct Missing {
  std::string_view name;
  std::string_view what;
};
constexpr std::array kMissingFeatures = {
    Missing{"text_score", "text_score"},
    Missing{"vector_score", "vector_score"},
    Missing{"base", "the profile stage 'base'"},
    Missing{"personal", "the profile stage 'personal'"},
    Missing{"relation", "the profile stage 'relation'"},
    Missing{"signals", "the profile stage 'signals'"},
    Missing{"penalty", "the profile stage 'penalty'"},
    Missing{"cold", "the profile stage 'cold'"},
};

/// Columns between the asking user and the candidate.
struct Personal {
  std::string_view name;
  FeatureRef::Kind kind;
  bool of_creators;  ///< creators have it too
};
constexpr std::array kPersonal = {
    Personal{"preference_match", FeatureRef::Kind::PreferenceMatch, false},
    Personal{"creator_affinity", FeatureRef::Kind::CreatorAffinity, true},
    Personal{"item_affinity", FeatureRef::Kind::ItemAffinity, false},
    Personal{"co_engagement", FeatureRef::Kind::CoEngagement, false},
};

constexpr std::array<std::string_view, 2> kOtherFlags = {"unseen", "scheduled"};

std::vector<std::string> field_names(const schema::Schema& schema, EntityKind kind) {
  std::vector<std::string> names;
  for (const FieldDef& field : schema.fields) {
    if (field.kind == kind) names.push_back(field.name);
  }
  return names;
}

Type type_of(FieldType type) {
  switch (type) {
    case FieldType::Keyword:
    case FieldType::Text: return Type::String;
    case FieldType::KeywordList: return Type::StringList;
    case FieldType::Int:
    case FieldType::Float: return Type::Real;
    case FieldType::Bool: return Type::Bool;
    case FieldType::Timestamp: return Type::Moment;
    case FieldType::Duration: return Type::Duration;
  }
  return Type::Real;
}

double number_of(const Value& value, double missing) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* t = std::get_if<Timestamp>(&value)) return static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) return static_cast<double>(d->us);
  return missing;
}

}  // namespace

Status ExpressionBinder::bind_option(const ExprNode& ast) {
  const std::string& name = ast.path[0].text;
  const auto* word = std::get_if<std::string>(&ast.literal);
  if (name == "relation") return bind_relation(ast, word != nullptr ? *word : std::string());
  const FieldDef* field = scope_.schema().field(scope_.kind, name);
  std::string hint;
  if (field != nullptr) {
    const std::string value = "\"" + (word != nullptr ? *word : std::string("…")) + "\"";
    hint =
        "compare the field: " + name + (field->type == FieldType::KeywordList ? " IN (" + value + ")" : " = " + value);
  }
  return not_yet(scope_.context, ast.span, "a dimension ('" + name + ":…')", std::move(hint));
}

Status ExpressionBinder::bind_relation(const ExprNode& ast, const std::string& name) {
  const std::vector<RelationDef>& relations = scope_.schema().relations;
  const int position = scope_.schema().relation_index(name);
  if (position < 0) {
    std::vector<std::string> known;
    for (const RelationDef& each : relations) known.push_back(each.name);
    return refuse(scope_.context, ast.span, "no relation '" + name + "' is declared",
                  nearest_remedy(name, known, known));
  }
  const RelationDef& def = relations[static_cast<std::size_t>(position)];
  const bool fits = def.to == scope_.kind || (scope_.kind == EntityKind::Item && def.to == EntityKind::Creator);
  if (def.from != EntityKind::User || !fits) {
    return refuse(scope_.context, ast.span,
                  "the relation '" + name + "' goes from " + std::string(kind_name(def.from)) + " to " +
                      std::string(kind_name(def.to)) + ": it is no flag of " + std::string(plural(scope_.kind)));
  }
  if (!scope_.has_user()) return needs_user(ast, "the flag relation:" + name);
  bound_.sets.push_back(
      SetRef{.kind = SetRef::Kind::Related, .entity = scope_.kind, .relation = static_cast<std::uint16_t>(position)});
  push(BoundNode{
      .op = Op::Set, .type = Type::Bool, .set = static_cast<std::int32_t>(bound_.sets.size()) - 1, .span = ast.span});
  return {};
}

bool ExpressionBinder::bind_personal(const ExprNode& ast, Status& status) {
  const std::string& name = ast.path[0].text;
  if (name == "source_score" && scope_.kind == EntityKind::Item) {
    push_column({.kind = FeatureRef::Kind::SourceScore}, Type::Real, ast.span);
    return true;
  }
  const auto* found = std::ranges::find(kPersonal, name, &Personal::name);
  if (found == kPersonal.end()) return false;
  if (scope_.kind != EntityKind::Item && !(found->of_creators && scope_.kind == EntityKind::Creator)) {
    status = refuse(scope_.context, ast.span, std::string(plural(scope_.kind)) + " have no '" + name + "'");
  } else if (!scope_.has_user()) {
    status = needs_user(ast, name);
  } else {
    const bool at_creator = found->of_creators && scope_.kind == EntityKind::Item;
    push_column({.kind = found->kind,
                 .entity = found->of_creators ? EntityKind::Creator : scope_.kind,
                 .of_creator = at_creator},
                Type::Real, ast.span);
  }
  return true;
}

Status ExpressionBinder::bind_path(const ExprNode& ast) {
  const std::size_t parts = ast.path.size();
  if (parts == 1) return ast.call ? bind_function(ast) : bind_name(ast);
  const std::string& first = ast.path[0].text;
  const bool owner = (first == "creator" && scope_.kind == EntityKind::Item) || first == "user";
  if (owner) return bind_owner(ast);
  if (parts == 2) return bind_signal(ast, 0, scope_.kind, Owner::Candidate);
  return refuse(scope_.context, ast.path[0].span, "'" + first + "' owns no fields and no signals",
                {.expected = {"creator", "user"}});
}

Status ExpressionBinder::bind_owner(const ExprNode& ast) {
  const bool of_user = ast.path[0].text == "user";
  const EntityKind entity = of_user ? EntityKind::User : EntityKind::Creator;
  if (of_user && !scope_.has_user()) return needs_user(ast, "user." + ast.path[1].text);
  if (ast.path.size() > 3) {
    return refuse(scope_.context, ast.span, "a name has at most three parts", {.hint = "creator.view.count(24h)"});
  }
  if (ast.path.size() == 3) return bind_signal(ast, 1, entity, of_user ? Owner::Asker : Owner::Creator);
  const Name& name = ast.path[1];
  if (ast.call) {
    return refuse(scope_.context, ast.span,
                  "'" + name.text + "' is no function of a " + std::string(kind_name(entity)));
  }
  if (of_user) {
    const FieldDef* field = scope_.schema().field(entity, name.text);
    if (field != nullptr) return bind_user_field(*field, ast.span);
  }
  return bind_field(entity, of_user ? Owner::Asker : Owner::Creator, name, ast.span);
}

void ExpressionBinder::push_column(FeatureRef feature, Type type, Span span) {
  bound_.features.push_back(std::move(feature));
  push(BoundNode{
      .op = Op::Feature, .type = type, .ref = static_cast<std::uint32_t>(bound_.features.size()) - 1, .span = span});
}

Status ExpressionBinder::push_feature(FeatureRef feature, Owner owner, Type type, Span span) {
  feature.of_creator = owner == Owner::Creator;
  if (owner == Owner::Asker) {
    // One value for the whole query.
    const Ordinal user = scope_.reader.user();
    double value = 0;
    TIDAL_TRY(scope_.reader.read(feature, {&user, 1}, {&value, 1}));
    if (user == Ordinal::None) {  // a new user begins now
      if (feature.kind == FeatureRef::Kind::CreatedAt) value = static_cast<double>(scope_.reader.now().us);
      if (feature.kind == FeatureRef::Kind::Age) value = 0;
    }
    push_number(value, type, span);
    return {};
  }
  push_column(std::move(feature), type, span);
  return {};
}

Status ExpressionBinder::bind_user_field(const FieldDef& field, Span span) {
  TIDAL_TRY_ASSIGN(const Value value, scope_.reader.stored(EntityKind::User, field.name, scope_.reader.user()));
  BoundNode node{.op = Op::Const, .type = type_of(field.type), .constant = number_of(value, kMissing), .span = span};
  if (const auto* s = std::get_if<std::string>(&value)) node.text = *s, node.constant = 0;
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) node.texts = *list;
  push(std::move(node));
  return {};
}

Status ExpressionBinder::bind_field(EntityKind entity, Owner owner, const Name& name, Span span) {
  FeatureRef feature{.entity = entity, .of_creator = owner == Owner::Creator, .field = name.text};
  const FieldDef* def = scope_.schema().field(entity, name.text);
  // A declared field of that name wins on users and creators; on items these names are reserved.
  if (def == nullptr && (name.text == "created_at" || name.text == "age")) {
    feature.kind = name.text == "age" ? FeatureRef::Kind::Age : FeatureRef::Kind::CreatedAt;
    return push_feature(std::move(feature), owner, name.text == "age" ? Type::Duration : Type::Moment, span);
  }
  if (def == nullptr && name.text == "key" && owner == Owner::Candidate) {
    feature.kind = FeatureRef::Kind::KeyOrdinal;
    push_column(std::move(feature), Type::Entity, span);
    return {};
  }
  if (def == nullptr) {
    Remedy remedy = nearest_remedy(name.text, field_names(scope_.schema(), entity), {"field"});
    if (remedy.hint.empty()) remedy.hint = "SHOW FIELDS lists them";
    return refuse(scope_.context, name.span, std::string(plural(entity)) + " have no field '" + name.text + "'",
                  std::move(remedy));
  }
  const Type type = type_of(def->type);
  feature.kind =
      scope_.views.fields->is_indexed(entity, name.text) ? FeatureRef::Kind::Field : FeatureRef::Kind::StoredField;
  if (type != Type::String && type != Type::StringList) feature.missing = number_of(def->default_value, 0);
  // Strings and lists are not read in columns: they wait for the comparison above them.
  push_column(std::move(feature), type, span);
  return {};
}

void ExpressionBinder::push_flag(Span span, std::string_view name) {
  for (std::size_t m = 0; m < kMarks; ++m) {
    const auto mark = static_cast<Mark>(m);
    const bool unseen = mark == Mark::Seen && name == "unseen";
    if (name != mark_name(mark) && !unseen) continue;
    bound_.sets.push_back(
        SetRef{.kind = SetRef::Kind::Marked, .entity = EntityKind::Item, .negated = unseen, .mark = mark});
    push(BoundNode{
        .op = Op::Set, .type = Type::Bool, .set = static_cast<std::int32_t>(bound_.sets.size()) - 1, .span = span});
    return;
  }
  push_column(FeatureRef{.kind = FeatureRef::Kind::CreatedAt}, Type::Moment, span);
  const std::uint32_t created = bound_.root();
  const std::uint32_t now = push_number(static_cast<double>(scope_.reader.now().us), Type::Moment, span);
  push(BoundNode{.op = Op::Gt, .type = Type::Bool, .children = {created, now}, .span = span});
}

Status ExpressionBinder::bind_name(const ExprNode& ast) {
  const Name& name = ast.path[0];
  const bool is_mark = [&] {
    if (std::find(kOtherFlags.begin(), kOtherFlags.end(), name.text) != kOtherFlags.end()) return true;
    for (std::size_t m = 0; m < kMarks; ++m) {
      if (name.text == mark_name(static_cast<Mark>(m))) return true;
    }
    return false;
  }();
  if (scope_.kind == EntityKind::Item && is_mark) {
    if (!scope_.has_user() && name.text != "scheduled") return needs_user(ast, "the flag '" + name.text + "'");
    push_flag(ast.span, name.text);
    return {};
  }
  if (scope_.schema().field(scope_.kind, name.text) == nullptr) {
    if (name.text == "creator" && scope_.kind == EntityKind::Item) {
      push_column({.kind = FeatureRef::Kind::CreatorOrdinal, .entity = EntityKind::Creator}, Type::Entity, ast.span);
      return {};
    }
    if (name.text == "score" && use_ == Use::MinScore) {
      push_column({.kind = FeatureRef::Kind::Score, .entity = scope_.kind}, Type::Real, ast.span);
      return {};
    }
    if (Status status; bind_personal(ast, status)) return status;
    for (const Missing& missing : kMissingFeatures) {
      if (name.text == missing.name) return not_yet(scope_.context, ast.span, missing.what);
    }
    const bool computed = name.text == "created_at" || name.text == "age" || name.text == "key";
    if (!computed) return unknown_name(ast);
  }
  return bind_field(scope_.kind, Owner::Candidate, name, ast.span);
}

Error ExpressionBinder::unknown_name(const ExprNode& ast) const {
  const Name& name = ast.path[0];
  const auto& schema = scope_.schema();
  if (const SignalDef* signal = schema.signal(name.text)) {
    const std::string window = signal->windows.empty() ? "all" : std::string(window_name(signal->windows.front()));
    return refuse(scope_.context, ast.span, "signal '" + name.text + "' does not say what to read of it",
                  {.expected = {"." + std::string("count(") + window + ")", ".decay_score", ".net"},
                   .hint = "write " + name.text + ".count(" + window + ")"});
  }
  std::vector<std::string> known = field_names(schema, scope_.kind);
  for (const SignalDef& signal : schema.signals) known.push_back(signal.name);
  if (scope_.kind == EntityKind::Item) {
    for (std::size_t m = 0; m < kMarks; ++m) known.emplace_back(mark_name(static_cast<Mark>(m)));
    known.insert(known.end(), kOtherFlags.begin(), kOtherFlags.end());
    known.emplace_back("creator");
  }
  known.insert(known.end(), {"created_at", "age", "key"});
  Remedy remedy = nearest_remedy(name.text, known, {"field", "signal", "flag"});
  if (!remedy.hint.empty()) remedy.hint += "  ";
  remedy.hint += "(SHOW FIELDS; SHOW FILTERS)";
  return refuse(scope_.context, name.span, std::string(plural(scope_.kind)) + " have no field '" + name.text + "'",
                std::move(remedy));
}

}  // namespace tidal::query
