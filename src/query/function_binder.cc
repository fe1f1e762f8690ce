// Functions: arithmetic ones, if, exists, time_of, recency, wilson, random, and norm, zscore, rank.
#include <algorithm>
#include <array>
#include <cmath>

#include "query/expression_binder.h"

namespace tidal::query {
namespace {

constexpr std::size_t kAny = kMaxExpressionNodes;

struct NumericFunction {
  std::string_view name;
  Op op;
  std::size_t least;
  std::size_t most;
  bool same_type;  ///< of the arguments, which is also the result's; else everything is a number
};
constexpr std::array kNumericFunctions = {
    NumericFunction{"min", Op::Min, 1, kAny, true},     NumericFunction{"max", Op::Max, 1, kAny, true},
    NumericFunction{"abs", Op::Abs, 1, 1, true},        NumericFunction{"clamp", Op::Clamp, 3, 3, true},
    NumericFunction{"sqrt", Op::Sqrt, 1, 1, false},     NumericFunction{"ln", Op::Ln, 1, 1, false},
    NumericFunction{"log10", Op::Log10, 1, 1, false},   NumericFunction{"log1p", Op::Log1p, 1, 1, false},
    NumericFunction{"exp", Op::Exp, 1, 1, false},       NumericFunction{"pow", Op::Pow, 2, 2, false},
    NumericFunction{"wilson", Op::Wilson, 2, 2, false}, NumericFunction{"sign", Op::Sign, 1, 1, false},
    NumericFunction{"norm", Op::Norm, 1, 1, false},     NumericFunction{"zscore", Op::Zscore, 1, 1, false},
    NumericFunction{"rank", Op::Rank, 1, 1, false},
};

const std::vector<std::string>& function_names() {
  static const auto* names = [] {
    auto* list = new std::vector<std::string>{"if", "exists", "time_of", "recency", "random"};
    for (const auto& f : kNumericFunctions) list->emplace_back(f.name);
    return list;
  }();
  return *names;
}

bool takes_any_scalar(Op op) { return op == Op::Sign || op == Op::Norm || op == Op::Zscore || op == Op::Rank; }

}  // namespace

Error ExpressionBinder::needs_user(const ExprNode& ast, std::string_view what) const {
  return refuse(scope_.context, ast.span, std::string(what) + " needs to know the asking user",
                {.hint = "add FOR USER @key"});
}

Status ExpressionBinder::require_arity(const ExprNode& ast, std::size_t least, std::size_t most) const {
  const std::size_t n = ast.children.size();
  if (n >= least && n <= most) return {};
  const std::string wanted = least == most ? std::to_string(least) : "at least " + std::to_string(least);
  return refuse(scope_.context, ast.span,
                ast.path[0].text + "() takes " + wanted + (wanted == "1" ? " argument" : " arguments") + ", got " +
                    std::to_string(n));
}

Status ExpressionBinder::require_type(const ExprNode& ast, std::size_t argument, Type type) {
  settle(child_index(ast, argument));
  const BoundNode& node = child(ast, argument);
  if (node.type == type) return {};
  const std::string wanted(type_name(type));
  return refuse(
      scope_.context, node.span,
      ast.path[0].text + "() takes a " + wanted + " here, got a " + std::string(type_name(node.type)),
      {.expected = {wanted}, .hint = type == Type::Duration ? "a duration has a unit: 90s, 20m, 24h, 7d" : ""});
}

Status ExpressionBinder::require_same_scalars(const ExprNode& ast, std::size_t first) {
  for (std::size_t k = first; k < ast.children.size(); ++k) {
    settle(child_index(ast, k));
    const BoundNode& node = child(ast, k);
    if (!is_scalar(node.type)) {
      return refuse(
          scope_.context, node.span,
          ast.path[0].text + "() takes numbers, times or durations, got a " + std::string(type_name(node.type)));
    }
    if (node.type != child(ast, first).type) return mismatch(node.span, child(ast, first), node);
  }
  return {};
}

Status ExpressionBinder::bind_if(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 3, 3));
  TIDAL_TRY(require_condition(child_index(ast, 0)));
  TIDAL_TRY(require_same_scalars(ast, 1));
  BoundNode node{.op = Op::If,
                 .type = child(ast, 1).type,
                 .children = {child_index(ast, 0), child_index(ast, 1), child_index(ast, 2)},
                 .span = ast.span};
  fold(node);
  push(std::move(node));
  return {};
}

Status ExpressionBinder::bind_exists(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 1, 1));
  const ExprNode& argument = ast_.nodes[ast.children[0]];
  if (raw_[ast.children[0]] == 0) {
    return refuse(scope_.context, argument.span, "exists() takes a field", {.expected = {"field"}});
  }
  const bool owned = argument.path.size() == 2;
  const Name& name = argument.path.back();
  const bool of_creator = owned && argument.path[0].text == "creator" && scope_.kind == EntityKind::Item;
  const bool of_user = owned && argument.path[0].text == "user";
  if (argument.path.size() > 2 || (owned && !of_creator && !of_user)) {
    return refuse(scope_.context, argument.span, "exists() takes a field", {.expected = {"field"}});
  }
  if (of_user && !scope_.has_user()) return needs_user(ast, "user." + name.text);
  const EntityKind entity = of_user ? EntityKind::User : of_creator ? EntityKind::Creator : scope_.kind;
  const FieldDef* def = scope_.schema().field(entity, name.text);
  if (def == nullptr && !owned && name.text == "creator" && entity == EntityKind::Item) {
    // A creator that is missing compares with nothing; any ordinal is at least 0.
    push_column({.kind = FeatureRef::Kind::CreatorOrdinal, .entity = EntityKind::Creator}, Type::Real, ast.span);
    const std::uint32_t creator = bound_.root();
    const std::uint32_t zero = push_number(0, Type::Real, ast.span);
    push(BoundNode{.op = Op::Ge, .type = Type::Bool, .children = {creator, zero}, .span = ast.span});
    return {};
  }
  if (def == nullptr) {
    std::vector<std::string> known;
    for (const FieldDef& f : scope_.schema().fields) {
      if (f.kind == entity) known.push_back(f.name);
    }
    return refuse(scope_.context, name.span, std::string(plural(entity)) + " have no field '" + name.text + "'",
                  nearest_remedy(name.text, known, {"field"}));
  }
  if (of_user) {
    TIDAL_TRY_ASSIGN(const Value value, scope_.reader.stored(entity, name.text, scope_.reader.user()));
    push_number(std::holds_alternative<std::monostate>(value) ? 0 : 1, Type::Bool, ast.span);
    return {};
  }
  BoundNode node{.op = Op::Set, .type = Type::Bool, .span = ast.span};
  if (scope_.views.fields->is_indexed(entity, name.text)) {
    bound_.sets.push_back(
        SetRef{.kind = SetRef::Kind::Having, .entity = entity, .of_creator = of_creator, .field = name.text});
    node.set = static_cast<std::int32_t>(bound_.sets.size()) - 1;
  } else {
    bound_.tests.push_back(
        StoredTest{.kind = StoredTest::Kind::Having, .entity = entity, .of_creator = of_creator, .field = name.text});
    node.op = Op::Stored;
    node.ref = static_cast<std::uint32_t>(bound_.tests.size()) - 1;
  }
  push(std::move(node));
  return {};
}

Status ExpressionBinder::bind_time_of(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 1, 1));
  const ExprNode& argument = ast_.nodes[ast.children[0]];
  std::vector<std::string> marks;
  for (std::size_t m = 0; m < kMarks; ++m) marks.emplace_back(mark_name(static_cast<Mark>(m)));
  const std::string name = raw_[ast.children[0]] != 0 && argument.path.size() == 1 ? argument.path[0].text : "";
  const auto found = std::find(marks.begin(), marks.end(), name);
  if (found == marks.end()) {
    return refuse(scope_.context, argument.span, "time_of() takes a mark", nearest_remedy(name, marks, marks));
  }
  if (scope_.kind != EntityKind::Item) {
    return refuse(scope_.context, ast.span, "marks are on items, not on " + std::string(plural(scope_.kind)));
  }
  if (!scope_.has_user()) return needs_user(ast, "time_of(" + name + ")");
  const auto mark = static_cast<Mark>(found - marks.begin());
  if (mark == Mark::Seen && scope_.schema().settings.seen_expires.us == 0) {
    return refuse(scope_.context, argument.span,
                  "the time of 'seen' is kept only while the setting seen_expires is set",
                  {.hint = "ALTER SETTINGS seen_expires:90d"});
  }
  push_column({.kind = FeatureRef::Kind::TimeOf, .mark = mark}, Type::Moment, ast.span);
  return {};
}

Status ExpressionBinder::bind_random(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 1, 1));
  TIDAL_TRY(require_type(ast, 0, Type::Real));
  const BoundNode& seed = child(ast, 0);
  if (seed.op != Op::Const || seed.constant < 0 || seed.constant != std::floor(seed.constant) ||
      seed.constant > 9'007'199'254'740'992) {
    return refuse(scope_.context, seed.span, "random() takes a whole number from 0 to 2^53 as its seed");
  }
  push_column(
      {.kind = FeatureRef::Kind::Random, .entity = scope_.kind, .seed = static_cast<std::uint64_t>(seed.constant)},
      Type::Real, ast.span);
  return {};
}

/// interest(field) at the item's own values; interest(field, "value") is one number of the asking user's.
Status ExpressionBinder::bind_interest(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 1, 2));
  const ExprNode& argument = ast_.nodes[ast.children[0]];
  const std::string name = raw_[ast.children[0]] != 0 && argument.path.size() == 1 ? argument.path[0].text : "";
  std::vector<std::string> known;
  for (const FieldDef& field : scope_.schema().fields) {
    if (field.interest) known.push_back(field.name);
  }
  if (std::ranges::find(known, name) == known.end()) {
    return refuse(scope_.context, argument.span, "interest() takes a field of items that is declared INTEREST",
                  nearest_remedy(name, known, known));
  }
  if (!scope_.has_user()) return needs_user(ast, "interest(" + name + ")");
  if (ast.children.size() == 1) {
    if (scope_.kind != EntityKind::Item) {
      return refuse(scope_.context, ast.span, "interest(" + name + ") compares items with the asking user",
                    {.hint = "interest(" + name + ", \"value\") asks about one value"});
    }
    push_column({.kind = FeatureRef::Kind::Interest, .field = name}, Type::Real, ast.span);
    return {};
  }
  const BoundNode& value = child(ast, 1);
  if (value.op != Op::Const || value.type != Type::String) {
    return refuse(scope_.context, value.span, "interest() takes a string as its value", {.expected = {"string"}});
  }
  push_number(scope_.reader.interest_in(name, value.text), Type::Real, ast.span);
  return {};
}

Status ExpressionBinder::bind_recency(const ExprNode& ast) {
  TIDAL_TRY(require_arity(ast, 1, 1));
  TIDAL_TRY(require_type(ast, 0, Type::Duration));
  push_column({.kind = FeatureRef::Kind::Age, .entity = scope_.kind}, Type::Duration, ast.span);
  push(BoundNode{
      .op = Op::Recency, .type = Type::Real, .children = {bound_.root(), child_index(ast, 0)}, .span = ast.span});
  return {};
}

Status ExpressionBinder::bind_function(const ExprNode& ast) {
  const Name& name = ast.path[0];
  if (name.text == "if") return bind_if(ast);
  if (name.text == "exists") return bind_exists(ast);
  if (name.text == "time_of") return bind_time_of(ast);
  if (name.text == "random") return bind_random(ast);
  if (name.text == "recency") return bind_recency(ast);
  if (name.text == "interest") return bind_interest(ast);
  const auto* found = std::find_if(kNumericFunctions.begin(), kNumericFunctions.end(),
                                   [&](const NumericFunction& f) { return f.name == name.text; });
  if (found == kNumericFunctions.end()) {
    Remedy remedy = nearest_remedy(name.text, function_names(), {"function"});
    if (remedy.hint.empty()) remedy.hint = "SHOW FEATURES lists them";
    return refuse(scope_.context, name.span, "there is no function '" + name.text + "'", std::move(remedy));
  }
  TIDAL_TRY(require_arity(ast, found->least, found->most));
  BoundNode node{.op = found->op, .type = Type::Real, .span = ast.span};
  const bool relative = found->op == Op::Norm || found->op == Op::Zscore || found->op == Op::Rank;
  if (relative && use_ != Use::Sort) {
    return refuse(scope_.context, ast.span,
                  name.text + "() compares the candidates with each other: only SORT BY may use it");
  }
  if (found->same_type || takes_any_scalar(found->op)) {
    TIDAL_TRY(require_same_scalars(ast, 0));
    if (found->same_type) node.type = child(ast, 0).type;
    if (found->op == Op::Abs && node.type == Type::Moment) {
      return refuse(scope_.context, ast.span, "abs() takes a number or a duration, got a time");
    }
  } else {
    for (std::size_t k = 0; k < ast.children.size(); ++k) TIDAL_TRY(require_type(ast, k, Type::Real));
  }
  for (std::size_t k = 0; k < ast.children.size(); ++k) node.children.push_back(child_index(ast, k));
  if (relative) node.ref = bound_.relative_columns++;
  fold(node);
  push(std::move(node));
  return {};
}

}  // namespace tidal::query
