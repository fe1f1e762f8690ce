// The walk over an expression's nodes, constants, arithmetic, and the check of the whole.
#include "query/expression_binder.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "query/kernels.h"
#include "schema/field_value.h"

namespace tidal::query {

std::string_view type_name(Type t) {
  switch (t) {
    case Type::Real: return "number";
    case Type::Bool: return "bool";
    case Type::Moment: return "time";
    case Type::Duration: return "duration";
    case Type::String: return "string";
    case Type::StringList: return "list of strings";
    case Type::Entity: return "key";
  }
  return "";
}

ExpressionBinder::ExpressionBinder(const BindScope& scope, const Expr& expression, Use use)
    : scope_(scope),
      ast_(expression),
      use_(use),
      at_(expression.nodes.size()),
      raw_(expression.nodes.size()),
      polarity_(expression.nodes.size(), Polarity::Other) {}

void ExpressionBinder::find_raw_arguments() {
  constexpr std::string_view kTakesName[] = {"exists", "time_of", "interest", "unique"};
  for (const ExprNode& node : ast_.nodes) {
    if (node.op != ExprOp::Path || !node.call) continue;
    const bool takes_name =
        node.path.size() == 1 && std::count(std::begin(kTakesName), std::end(kTakesName), node.path[0].text) != 0;
    for (const std::uint32_t c : node.children) {
      const ExprNode& argument = ast_.nodes[c];
      const bool bare = argument.op == ExprOp::Path && !argument.call;
      const bool window_word =
          node.path.size() > 1 && (argument.op == ExprOp::Option || (bare && argument.path.size() == 1));
      if ((takes_name && bare) || window_word) raw_[c] = 1;
    }
  }
  if (!ast_.nodes.empty()) polarity_.back() = Polarity::Asserted;
  for (std::size_t i = ast_.nodes.size(); i-- > 0;) {
    const ExprNode& node = ast_.nodes[i];
    for (const std::uint32_t c : node.children) {
      if (node.op == ExprOp::And || node.op == ExprOp::Or) polarity_[c] = polarity_[i];
      if (node.op != ExprOp::Not || polarity_[i] == Polarity::Other) continue;
      polarity_[c] = polarity_[i] == Polarity::Asserted ? Polarity::Negated : Polarity::Asserted;
    }
  }
}

Result<Bound> ExpressionBinder::bind() {
  if (ast_.nodes.empty()) return Error(Code::Internal, "an empty expression was bound");
  if (ast_.nodes.size() > kMaxExpressionNodes) {
    return refuse(scope_.context, ast_.span(),
                  "the expression has " + std::to_string(ast_.nodes.size()) + " parts, the limit is " +
                      std::to_string(kMaxExpressionNodes));
  }
  find_raw_arguments();
  for (std::uint32_t i = 0; i < ast_.nodes.size(); ++i) {
    if (raw_[i] != 0) {
      at_[i] = push(BoundNode{.op = Op::Unused, .span = ast_.nodes[i].span});
      continue;
    }
    TIDAL_TRY(bind_node(i));
    at_[i] = bound_.root();
    bound_.nodes.back().syntax = i;
  }
  TIDAL_TRY(check_root());
  return std::move(bound_);
}

Status ExpressionBinder::bind_node(std::uint32_t ast_index) {
  const ExprNode& ast = ast_.nodes[ast_index];
  switch (ast.op) {
    case ExprOp::And:
    case ExprOp::Or:
    case ExprOp::Not: return bind_logic(ast);
    case ExprOp::Eq:
    case ExprOp::Ne:
    case ExprOp::Lt:
    case ExprOp::Le:
    case ExprOp::Gt:
    case ExprOp::Ge: return bind_comparison(ast);
    case ExprOp::In:
    case ExprOp::All: return bind_in(ast);
    case ExprOp::Between: return bind_between(ast);
    case ExprOp::Add:
    case ExprOp::Sub:
    case ExprOp::Mul:
    case ExprOp::Div:
    case ExprOp::Neg: return bind_arithmetic(ast);
    case ExprOp::Constant: return bind_constant(ast);
    case ExprOp::Option: {
      const std::size_t sets = bound_.sets.size();
      TIDAL_TRY(bind_option(ast));
      if (polarity_[ast_index] == Polarity::Asserted && bound_.sets.size() > sets) {
        bound_.wants_relations.push_back(bound_.sets.back().relation);
      }
      return {};
    }
    case ExprOp::Path:
      if (!ast.call && ast.path.size() == 1) {
        if (polarity_[ast_index] == Polarity::Asserted && scope_.kind == EntityKind::Item) {
          bound_.wants_hidden |= ast.path[0].text == "hidden";
          bound_.wants_scheduled |= ast.path[0].text == "scheduled";
        }
      }
      return bind_path(ast);
  }
  return Error(Code::Internal, "an expression node of an unknown kind was bound");
}

std::uint32_t ExpressionBinder::push(BoundNode node) {
  bound_.nodes.push_back(std::move(node));
  return bound_.root();
}

std::uint32_t ExpressionBinder::push_number(double value, Type type, Span span) {
  return push(BoundNode{.op = Op::Const, .type = type, .constant = value, .span = span});
}

void ExpressionBinder::settle(std::uint32_t index) {
  BoundNode& node = bound_.nodes[index];
  if (node.op == Op::Const && std::isnan(node.constant)) node.constant = 0;
}

void ExpressionBinder::fold(BoundNode& node) {
  if (node.op < Op::And || node.op >= Op::Norm || node.children.empty()) return;
  std::vector<std::span<const double>> args;
  bool beyond_int = false;
  for (const std::uint32_t c : node.children) {
    const BoundNode& arg = bound_.nodes[c];
    beyond_int |= arg.beyond_int;
    if (arg.op != Op::Const || arg.type == Type::String || arg.type == Type::Entity) return;
    args.emplace_back(&arg.constant, 1);
  }
  double value = 0;
  apply(node, args, {&value, 1});
  node.op = Op::Const;
  node.constant = value;
  node.beyond_int = beyond_int;
  node.children.clear();
  node.set = -1;
}

Status ExpressionBinder::bind_constant(const ExprNode& ast) {
  Literal literal = ast.literal;
  bool from_param = false;
  if (const auto* param = std::get_if<Param>(&literal)) {
    TIDAL_TRY_ASSIGN(Value value, param_value(scope_.context, *param, ast.span));
    from_param = true;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      push(BoundNode{.op = Op::Const, .type = Type::StringList, .from_param = true, .texts = *list, .span = ast.span});
      return {};
    }
    if (std::holds_alternative<std::monostate>(value)) {
      return refuse(scope_.context, ast.span, "parameter $" + param->name + " is null",
                    {.hint = "test for a missing field with exists(f)"});
    }
    if (auto* b = std::get_if<bool>(&value)) literal = *b;
    if (auto* n = std::get_if<std::int64_t>(&value)) literal = *n;
    if (auto* d = std::get_if<double>(&value)) literal = *d;
    if (auto* s = std::get_if<std::string>(&value)) literal = *s;
    if (auto* t = std::get_if<Timestamp>(&value)) literal = *t;
    if (auto* d = std::get_if<Duration>(&value)) literal = *d;
  }
  BoundNode node{.op = Op::Const, .from_param = from_param, .span = ast.span};
  if (const auto* b = std::get_if<bool>(&literal)) node.type = Type::Bool, node.constant = *b ? 1 : 0;
  if (const auto* n = std::get_if<std::int64_t>(&literal)) {
    node.constant = static_cast<double>(*n);
    node.beyond_int = !schema::is_exact_int(*n);
  }
  if (const auto* d = std::get_if<double>(&literal)) node.constant = finite_or_zero(*d);
  if (const auto* s = std::get_if<std::string>(&literal)) node.type = Type::String, node.text = *s;
  if (const auto* t = std::get_if<Timestamp>(&literal))
    node.type = Type::Moment, node.constant = static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&literal)) {
    node.type = Type::Duration;
    node.constant = static_cast<double>(d->us);
  }
  if (std::holds_alternative<NowLiteral>(literal)) {
    node.type = Type::Moment;
    node.constant = static_cast<double>(scope_.reader.now().us);
  }
  if (const auto* k = std::get_if<KeyLiteral>(&literal)) node.type = Type::Entity, node.text = k->key;
  push(std::move(node));
  return {};
}

namespace {

// The type of `left op right`, or nothing when the two do not mix.
std::optional<Type> arithmetic_type(ExprOp op, Type left, Type right) {
  constexpr Type kNumber = Type::Real;
  constexpr Type kTime = Type::Moment;
  constexpr Type kDuration = Type::Duration;
  switch (op) {
    case ExprOp::Add:
      if (left == right && left != kTime) return left;
      if ((left == kTime && right == kDuration) || (left == kDuration && right == kTime)) return kTime;
      return std::nullopt;
    case ExprOp::Sub:
      if (left == kTime && right == kTime) return kDuration;
      if (left == kTime && right == kDuration) return kTime;
      if (left == right) return left;
      return std::nullopt;
    case ExprOp::Mul:
      if (left == kNumber && right == kNumber) return kNumber;
      if ((left == kDuration && right == kNumber) || (left == kNumber && right == kDuration)) return kDuration;
      return std::nullopt;
    default:
      if (left == right && left != kTime) return kNumber;
      if (left == kDuration && right == kNumber) return kDuration;
      return std::nullopt;
  }
}

}  // namespace

Status ExpressionBinder::bind_arithmetic(const ExprNode& ast) {
  constexpr std::string_view kSymbols[] = {"+", "-", "*", "/"};
  constexpr Op kOps[] = {Op::Add, Op::Sub, Op::Mul, Op::Div};
  for (std::size_t k = 0; k < ast.children.size(); ++k) settle(child_index(ast, k));
  const BoundNode& left = child(ast, 0);
  if (ast.op == ExprOp::Neg) {
    if (left.type != Type::Real && left.type != Type::Duration) {
      return refuse(scope_.context, left.span,
                    "'-' takes a number or a duration, got a " + std::string(type_name(left.type)));
    }
    BoundNode node{.op = Op::Neg, .type = left.type, .children = {child_index(ast, 0)}, .span = ast.span};
    fold(node);
    push(std::move(node));
    return {};
  }
  const BoundNode& right = child(ast, 1);
  const auto which = static_cast<std::size_t>(ast.op) - static_cast<std::size_t>(ExprOp::Add);
  const auto type =
      is_scalar(left.type) && is_scalar(right.type) ? arithmetic_type(ast.op, left.type, right.type) : std::nullopt;
  if (!type) {
    const bool boolean = left.type == Type::Bool || right.type == Type::Bool;
    return refuse(scope_.context, ast.span,
                  "a " + std::string(type_name(left.type)) + " " + std::string(kSymbols[which]) + " a " +
                      std::string(type_name(right.type)) + " has no meaning",
                  {.hint = boolean ? "write if(condition, 1, 0) for a number" : ""});
  }
  BoundNode node{
      .op = kOps[which], .type = *type, .children = {child_index(ast, 0), child_index(ast, 1)}, .span = ast.span};
  fold(node);
  push(std::move(node));
  return {};
}

Status ExpressionBinder::check_root() {
  const std::uint32_t root = bound_.root();
  settle(root);
  const BoundNode& node = bound_.nodes[root];
  if (use_ == Use::Filter) return require_condition(root);
  if (is_scalar(node.type)) return {};
  // A string field can be an order of its own; the sort decides.
  if (use_ == Use::Sort && node.op == Op::Feature && node.type == Type::String) return {};
  return refuse(scope_.context, node.span,
                "expected a number, a time or a duration, got a " + std::string(type_name(node.type)),
                {.expected = {"number", "time", "duration"},
                 .hint = node.type == Type::Bool ? "write if(condition, 1, 0) for a number" : ""});
}

}  // namespace tidal::query
