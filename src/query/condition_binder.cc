// Conditions: AND, OR, NOT, comparisons, IN, ALL, BETWEEN, over fields, flags, numbers and keys.
#include <algorithm>
#include <cmath>
#include <limits>

#include "query/expression_binder.h"
#include "schema/field_value.h"
#include "schema/literal_text.h"

namespace tidal::query {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_field(const BoundNode& node) { return node.op == Op::Feature; }

Op comparison_op(ExprOp op) {
  constexpr Op kOps[] = {Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge};
  return kOps[static_cast<std::size_t>(op) - static_cast<std::size_t>(ExprOp::Eq)];
}

Op mirrored(Op op) {
  switch (op) {
    case Op::Lt: return Op::Gt;
    case Op::Le: return Op::Ge;
    case Op::Gt: return Op::Lt;
    case Op::Ge: return Op::Le;
    default: return op;
  }
}

index::NumberRange range_of(Op op, double value) {
  switch (op) {
    case Op::Lt: return {-kInfinity, value, true, false};
    case Op::Le: return {-kInfinity, value, true, true};
    case Op::Gt: return {value, kInfinity, false, true};
    case Op::Ge: return {value, kInfinity, true, true};
    default: return {value, value, true, true};
  }
}

}  // namespace

Status ExpressionBinder::require_condition(std::uint32_t index) {
  settle(index);
  BoundNode& node = bound_.nodes[index];
  if (node.type != Type::Bool) {
    return refuse(scope_.context, node.span, "expected a condition, got a " + std::string(type_name(node.type)),
                  {.expected = {"condition"},
                   .hint = node.op == Op::Feature ? "compare it with a value, or test exists(f)" : ""});
  }
  if (is_field(node)) node.set = range_set(node, {{1, 1, true, true}}, false);
  return {};
}

Status ExpressionBinder::bind_logic(const ExprNode& ast) {
  const Op op = ast.op == ExprOp::And ? Op::And : ast.op == ExprOp::Or ? Op::Or : Op::Not;
  BoundNode node{.op = op, .type = Type::Bool, .span = ast.span};
  for (std::size_t k = 0; k < ast.children.size(); ++k) {
    TIDAL_TRY(require_condition(child_index(ast, k)));
    node.children.push_back(child_index(ast, k));
  }
  fold(node);
  push(std::move(node));
  return {};
}

void ExpressionBinder::keep_missing(std::uint32_t index) {
  BoundNode& node = bound_.nodes[index];
  if (!is_field(node)) return;
  FeatureRef& feature = bound_.features[node.ref];
  switch (feature.kind) {
    case FeatureRef::Kind::Field:
    case FeatureRef::Kind::StoredField: {
      const FieldDef* def = scope_.schema().field(feature.entity, feature.field);
      const bool has_default = def != nullptr && !std::holds_alternative<std::monostate>(def->default_value);
      // An item without a creator has none of its creator's fields; their defaults do not count for it.
      if (!has_default || feature.of_creator) feature.missing = kMissing;
      return;
    }
    case FeatureRef::Kind::TimeOf:
    case FeatureRef::Kind::CreatedAt:
    case FeatureRef::Kind::Age: feature.missing = kMissing; return;
    default: return;
  }
}

std::int32_t ExpressionBinder::range_set(const BoundNode& field, std::vector<index::NumberRange> ranges, bool negated) {
  const FeatureRef& feature = bound_.features[field.ref];
  if (feature.kind != FeatureRef::Kind::Field || feature.of_creator) return -1;
  for (const index::NumberRange& range : ranges) {
    if (std::isnan(range.low) || std::isnan(range.high)) return -1;
  }
  bound_.sets.push_back(SetRef{.kind = SetRef::Kind::Ranges,
                               .entity = feature.entity,
                               .negated = negated,
                               .field = feature.field,
                               .ranges = std::move(ranges)});
  return static_cast<std::int32_t>(bound_.sets.size()) - 1;
}

Error ExpressionBinder::mismatch(Span span, const BoundNode& left, const BoundNode& right) const {
  const auto either = [&](Type t) { return left.type == t || right.type == t; };
  std::string hint;
  if (either(Type::Real) && either(Type::Duration)) hint = "a duration has a unit: 90s, 20m, 24h, 7d";
  if (either(Type::Moment) && either(Type::String)) hint = "a time stands without quotes: 2026-11-22T12:00Z";
  if (either(Type::Entity) && either(Type::String)) hint = "a key is written @key or @\"any key\"";
  if (either(Type::Real) && either(Type::String)) hint = "numbers stand without quotes, strings in \"…\"";
  if (either(Type::Moment) && either(Type::Duration)) hint = "use age for a time span: age < 7d";
  return refuse(
      scope_.context, span,
      "a " + std::string(type_name(left.type)) + " does not compare with a " + std::string(type_name(right.type)),
      {.expected = {std::string(type_name(left.type))}, .hint = std::move(hint)});
}

const FieldDef* ExpressionBinder::int_field(const ExprNode& ast) const {
  if (ast.op != ExprOp::Path || ast.call || ast.path.size() > 2) return nullptr;
  EntityKind kind = scope_.kind;
  if (ast.path.size() == 2) {
    const bool of_user = ast.path[0].text == "user";
    if (!of_user && (ast.path[0].text != "creator" || scope_.kind != EntityKind::Item)) return nullptr;
    kind = of_user ? EntityKind::User : EntityKind::Creator;
  }
  const FieldDef* field = scope_.schema().field(kind, ast.path.back().text);
  return field != nullptr && field->type == FieldType::Int ? field : nullptr;
}

Status ExpressionBinder::check_int_range(const ExprNode& ast) const {
  const FieldDef* field = nullptr;
  for (const std::uint32_t c : ast.children) {
    if (field == nullptr) field = int_field(ast_.nodes[c]);
  }
  if (field == nullptr) return {};
  for (const std::uint32_t c : ast.children) {
    const BoundNode& value = bound_.nodes[at_[c]];
    const bool beyond = value.beyond_int || (std::isfinite(value.constant) &&
                                             std::abs(value.constant) > static_cast<double>(schema::kIntMax));
    if (value.op != Op::Const || !beyond) continue;
    std::string got = words_of(scope_.context, ast_, c);
    if (const auto* param = std::get_if<Param>(&ast_.nodes[c].literal)) {
      TIDAL_TRY_ASSIGN(const Value bound, param_value(scope_.context, *param, value.span));
      got += " = " + schema::value_text(bound);
    }
    return refuse(scope_.context, value.span, "field '" + field->name + "': " + schema::expected_int(got),
                  {.expected = {"INT"}, .hint = std::string(schema::kIntHint)});
  }
  return {};
}

Status ExpressionBinder::bind_comparison(const ExprNode& ast) {
  const BoundNode& left = child(ast, 0);
  const BoundNode& right = child(ast, 1);
  if (left.type == Type::Entity || right.type == Type::Entity) return bind_key_comparison(ast);
  if (left.type == Type::String || right.type == Type::String) return bind_string_comparison(ast);
  if (left.type == Type::StringList || right.type == Type::StringList) {
    return refuse(scope_.context, ast.span, "a list has no order and no equality",
                  {.expected = {"IN", "ALL"}, .hint = "use IN (…) for any of the values, ALL (…) for all of them"});
  }
  if (left.type != right.type) return mismatch(ast.span, left, right);
  TIDAL_TRY(check_int_range(ast));
  const Op op = comparison_op(ast.op);
  if (left.type == Type::Bool && op != Op::Eq && op != Op::Ne) {
    return refuse(scope_.context, ast.span, "a bool has no order", {.expected = {"=", "!="}});
  }
  keep_missing(child_index(ast, 0));
  keep_missing(child_index(ast, 1));
  BoundNode node{
      .op = op, .type = Type::Bool, .children = {child_index(ast, 0), child_index(ast, 1)}, .span = ast.span};
  if (is_field(left) && right.op == Op::Const) node.set = range_set(left, {range_of(op, right.constant)}, op == Op::Ne);
  if (is_field(right) && left.op == Op::Const) {
    node.set = range_set(right, {range_of(mirrored(op), left.constant)}, op == Op::Ne);
  }
  fold(node);
  push(std::move(node));
  return {};
}

Status ExpressionBinder::bind_between(const ExprNode& ast) {
  const BoundNode& subject = child(ast, 0);
  for (std::size_t k = 0; k < 3; ++k) {
    const BoundNode& node = child(ast, k);
    if (!is_scalar(node.type)) {
      return refuse(scope_.context, node.span,
                    "BETWEEN takes numbers, times or durations, got a " + std::string(type_name(node.type)));
    }
    if (node.type != subject.type) return mismatch(node.span, subject, node);
    keep_missing(child_index(ast, k));
  }
  TIDAL_TRY(check_int_range(ast));
  const BoundNode& low = child(ast, 1);
  const BoundNode& high = child(ast, 2);
  BoundNode node{.op = Op::Between,
                 .type = Type::Bool,
                 .negated = ast.negated,
                 .children = {child_index(ast, 0), child_index(ast, 1), child_index(ast, 2)},
                 .span = ast.span};
  if (is_field(subject) && low.op == Op::Const && high.op == Op::Const) {
    // An empty range is no range to the index; one with a missing end is a range that range_set() refuses.
    std::vector<index::NumberRange> ranges;
    if (!(low.constant > high.constant)) ranges.push_back({low.constant, high.constant, true, true});
    node.set = range_set(subject, std::move(ranges), ast.negated);
  }
  fold(node);
  push(std::move(node));
  return {};
}

double ExpressionBinder::ordinal_of(const BoundNode& key, EntityKind kind) const {
  const Ordinal o = scope_.views.entities->find(kind, key.text);
  return o == Ordinal::None ? -1 : static_cast<double>(to_index(o));
}

namespace {

bool stands_for_key(const BoundNode& node) {
  return node.op == Op::Const && (node.type == Type::Entity || (node.type == Type::String && node.from_param));
}

}  // namespace

Status ExpressionBinder::bind_key_comparison(const ExprNode& ast) {
  const bool field_left = is_field(child(ast, 0)) && child(ast, 0).type == Type::Entity;
  BoundNode& field = child(ast, field_left ? 0 : 1);
  BoundNode& key = child(ast, field_left ? 1 : 0);
  if (!is_field(field) || field.type != Type::Entity || !stands_for_key(key)) {
    return mismatch(ast.span, child(ast, 0), child(ast, 1));
  }
  if (ast.op != ExprOp::Eq && ast.op != ExprOp::Ne) {
    return refuse(scope_.context, ast.span, "a key has no order", {.expected = {"=", "!=", "IN"}});
  }
  const double ordinal = ordinal_of(key, bound_.features[field.ref].entity);
  const std::uint32_t constant = push_number(ordinal, Type::Real, key.span);
  push(BoundNode{.op = comparison_op(ast.op),
                 .type = Type::Bool,
                 .children = {child_index(ast, field_left ? 0 : 1), constant},
                 .span = ast.span});
  return {};
}

void ExpressionBinder::push_field_condition(const FeatureRef& field, std::vector<std::string> values, bool all,
                                            bool negated, Span span) {
  if (field.kind == FeatureRef::Kind::Field) {
    bound_.sets.push_back(SetRef{.kind = all ? SetRef::Kind::AllKeywords : SetRef::Kind::Keywords,
                                 .entity = field.entity,
                                 .of_creator = field.of_creator,
                                 .negated = negated,
                                 .field = field.field,
                                 .values = std::move(values)});
    push(BoundNode{
        .op = Op::Set, .type = Type::Bool, .set = static_cast<std::int32_t>(bound_.sets.size()) - 1, .span = span});
    return;
  }
  bound_.tests.push_back(StoredTest{.kind = all ? StoredTest::Kind::AllOf : StoredTest::Kind::AnyOf,
                                    .entity = field.entity,
                                    .of_creator = field.of_creator,
                                    .negated = negated,
                                    .field = field.field,
                                    .values = std::move(values)});
  push(BoundNode{
      .op = Op::Stored, .type = Type::Bool, .ref = static_cast<std::uint32_t>(bound_.tests.size()) - 1, .span = span});
}

Status ExpressionBinder::bind_string_comparison(const ExprNode& ast) {
  const BoundNode& left = child(ast, 0);
  const BoundNode& right = child(ast, 1);
  if (left.type == Type::StringList || right.type == Type::StringList) {
    return refuse(scope_.context, ast.span, "a list has no equality",
                  {.expected = {"IN", "ALL"}, .hint = "use IN (…) for any of the values, ALL (…) for all of them"});
  }
  if (left.type != right.type) return mismatch(ast.span, left, right);
  if (ast.op != ExprOp::Eq && ast.op != ExprOp::Ne) {
    return refuse(scope_.context, ast.span, "strings compare by =, != and IN only", {.expected = {"=", "!=", "IN"}});
  }
  const bool negated = ast.op == ExprOp::Ne;
  if (is_field(left) && is_field(right)) {
    return refuse(scope_.context, ast.span, "two fields of the candidate do not compare as strings",
                  {.expected = {"string", "parameter"}});
  }
  const auto is_missing = [](const BoundNode& n) { return n.op == Op::Const && std::isnan(n.constant); };
  if (is_missing(left) || is_missing(right)) {
    push_number(0, Type::Bool, ast.span);
    return {};
  }
  if (!is_field(left) && !is_field(right)) {
    push_number((left.text == right.text) != negated ? 1 : 0, Type::Bool, ast.span);
    return {};
  }
  const BoundNode& field = is_field(left) ? left : right;
  const BoundNode& value = is_field(left) ? right : left;
  push_field_condition(FeatureRef(bound_.features[field.ref]), {value.text}, false, negated, ast.span);
  return {};
}

Result<std::vector<std::string>> ExpressionBinder::string_list(const ExprNode& ast) {
  if (ast.list_param) {
    const BoundNode& list = child(ast, 1);
    if (list.type != Type::StringList) {
      return refuse(scope_.context, list.span, "IN $name takes a list, got a " + std::string(type_name(list.type)),
                    {.expected = {"list of strings"}});
    }
    return list.texts;
  }
  std::vector<std::string> values;
  for (std::size_t k = 1; k < ast.children.size(); ++k) {
    const BoundNode& value = child(ast, k);
    if (value.op != Op::Const || value.type != Type::String) {
      return refuse(scope_.context, value.span, "expected a string, got a " + std::string(type_name(value.type)),
                    {.expected = {"string"}});
    }
    values.push_back(value.text);
  }
  return values;
}

Status ExpressionBinder::bind_in(const ExprNode& ast) {
  const BoundNode& subject = child(ast, 0);
  const bool all = ast.op == ExprOp::All;
  if (all && !(is_field(subject) && subject.type == Type::StringList)) {
    return refuse(scope_.context, subject.span, "ALL takes a list field, got a " + std::string(type_name(subject.type)),
                  {.expected = {"list field"}, .hint = "use IN (…)"});
  }
  if (subject.type == Type::Entity) return bind_key_in(ast);
  if (is_scalar(subject.type)) return bind_scalar_in(ast);
  if (subject.type == Type::Bool) {
    return refuse(scope_.context, subject.span, "IN takes no bool", {.expected = {"="}});
  }
  TIDAL_TRY_ASSIGN(std::vector<std::string> values, string_list(ast));
  return bind_string_in(ast, std::move(values));
}

Status ExpressionBinder::bind_string_in(const ExprNode& ast, std::vector<std::string> values) {
  const BoundNode& subject = child(ast, 0);
  if (is_field(subject)) {
    push_field_condition(FeatureRef(bound_.features[subject.ref]), std::move(values), ast.op == ExprOp::All,
                         ast.negated, ast.span);
    return {};
  }
  // The asking user's own field: known now.
  const bool found = std::find(values.begin(), values.end(), subject.text) != values.end();
  const bool holds = !std::isnan(subject.constant) && found != ast.negated;
  push_number(holds ? 1 : 0, Type::Bool, ast.span);
  return {};
}

Status ExpressionBinder::bind_scalar_in(const ExprNode& ast) {
  const BoundNode& subject = child(ast, 0);
  BoundNode node{.op = Op::InNumbers,
                 .type = Type::Bool,
                 .negated = ast.negated,
                 .children = {child_index(ast, 0)},
                 .span = ast.span};
  std::vector<index::NumberRange> ranges;
  for (std::size_t k = 1; k < ast.children.size(); ++k) {
    const BoundNode& value = child(ast, k);
    if (value.type != subject.type) return mismatch(value.span, subject, value);
    node.numbers.push_back(value.constant);
    ranges.push_back({value.constant, value.constant, true, true});
  }
  TIDAL_TRY(check_int_range(ast));
  keep_missing(child_index(ast, 0));
  if (is_field(subject)) node.set = range_set(subject, std::move(ranges), ast.negated);
  fold(node);
  push(std::move(node));
  return {};
}

Status ExpressionBinder::bind_key_in(const ExprNode& ast) {
  const BoundNode& subject = child(ast, 0);
  if (!is_field(subject)) return mismatch(ast.span, subject, subject);
  const EntityKind kind = bound_.features[subject.ref].entity;
  BoundNode node{.op = Op::InNumbers,
                 .type = Type::Bool,
                 .negated = ast.negated,
                 .children = {child_index(ast, 0)},
                 .span = ast.span};
  if (ast.list_param) {
    TIDAL_TRY_ASSIGN(const std::vector<std::string> keys, string_list(ast));
    for (const std::string& key : keys) node.numbers.push_back(ordinal_of(BoundNode{.text = key}, kind));
  } else {
    for (std::size_t k = 1; k < ast.children.size(); ++k) {
      const BoundNode& key = child(ast, k);
      if (!stands_for_key(key)) return mismatch(key.span, subject, key);
      node.numbers.push_back(ordinal_of(key, kind));
    }
  }
  push(std::move(node));
  return {};
}

}  // namespace tidal::query
