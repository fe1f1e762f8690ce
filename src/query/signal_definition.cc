// From the clauses of DEFINE SIGNAL to a SignalDef.
#include "query/signal_definition.h"

#include <algorithm>
#include <array>
#include <optional>

#include "query/syntax_error.h"
#include "schema/validation.h"

namespace tidal::query {
namespace {

std::optional<Mark> mark_of(std::string_view name) {
  for (std::size_t i = 0; i < kMarks; ++i) {
    if (mark_name(static_cast<Mark>(i)) == name) return static_cast<Mark>(i);
  }
  return std::nullopt;
}

std::optional<double> number_of(const ExprNode& node) {
  if (node.op != ExprOp::Constant) return std::nullopt;
  if (const auto* whole = std::get_if<std::int64_t>(&node.literal)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&node.literal)) return *real;
  return std::nullopt;
}

bool is_value(const ExprNode& node) {
  return node.op == ExprOp::Path && !node.call && node.path.size() == 1 && node.path[0].text == "value";
}

/// `factor`, or `factor * value`.
struct Rate {
  double factor = 0;
  bool times_value = false;
};

std::optional<Rate> combine(const ExprNode& node, const std::vector<std::optional<Rate>>& done) {
  if (const std::optional<double> n = number_of(node)) return Rate{*n, false};
  if (is_value(node)) return Rate{1, true};
  for (const std::uint32_t child : node.children) {
    if (!done[child]) return std::nullopt;
  }
  if (node.op == ExprOp::Neg) {
    const Rate& operand = *done[node.children[0]];
    return Rate{-operand.factor, operand.times_value};
  }
  if (node.op != ExprOp::Mul && node.op != ExprOp::Div) return std::nullopt;
  const Rate &left = *done[node.children[0]], &right = *done[node.children[1]];
  if (node.op == ExprOp::Div) {
    if (right.times_value || right.factor == 0) return std::nullopt;
    return Rate{left.factor / right.factor, left.times_value};
  }
  if (left.times_value && right.times_value) return std::nullopt;
  return Rate{left.factor * right.factor, left.times_value || right.times_value};
}

std::optional<Rate> rate_of(const Expr& expr) {
  std::vector<std::optional<Rate>> done(expr.nodes.size());
  for (std::size_t i = 0; i < expr.nodes.size(); ++i) done[i] = combine(expr.nodes[i], done);
  return done.empty() ? std::nullopt : done.back();
}

std::optional<ValueTest::Op> test_of(ExprOp op, bool flipped) {
  using Op = ValueTest::Op;
  switch (op) {
    case ExprOp::Eq: return Op::Eq;
    case ExprOp::Ne: return Op::Ne;
    case ExprOp::Lt: return flipped ? Op::Gt : Op::Lt;
    case ExprOp::Le: return flipped ? Op::Ge : Op::Le;
    case ExprOp::Gt: return flipped ? Op::Lt : Op::Gt;
    case ExprOp::Ge: return flipped ? Op::Le : Op::Ge;
    default: return std::nullopt;
  }
}

ValueTest test(ValueTest::Op op, double threshold) {
  ValueTest out;
  out.op = op;
  out.threshold = threshold;
  return out;
}

/// `value >= 4`, `4 <= value`, `value BETWEEN 1 AND 2`.
bool add_test(const Expr& expr, std::uint32_t index, std::vector<ValueTest>& out) {
  const ExprNode& node = expr.nodes[index];
  const auto operand = [&](std::size_t i) -> const ExprNode& { return expr.nodes[node.children[i]]; };
  if (node.op == ExprOp::Between && !node.negated && is_value(operand(0))) {
    const std::optional<double> low = number_of(operand(1)), high = number_of(operand(2));
    if (!low || !high) return false;
    out.push_back(test(ValueTest::Op::Ge, *low));
    out.push_back(test(ValueTest::Op::Le, *high));
    return true;
  }
  if (!test_of(node.op, false)) return false;
  const bool flipped = is_value(operand(1));
  if (!flipped && !is_value(operand(0))) return false;
  const std::optional<double> threshold = number_of(operand(flipped ? 0 : 1));
  if (!threshold) return false;
  out.push_back(test(*test_of(node.op, flipped), *threshold));
  return true;
}

/// The place of what is no test, or nothing.
std::optional<Span> read_when(const Expr& expr, std::vector<ValueTest>& out) {
  const ExprNode& root = expr.root_node();
  if (root.op != ExprOp::And) {
    return add_test(expr, expr.root(), out) ? std::nullopt : std::optional<Span>(root.span);
  }
  for (const std::uint32_t child : root.children) {
    if (!add_test(expr, child, out)) return expr.nodes[child].span;
  }
  return std::nullopt;
}

class Reader {
 public:
  Reader(const Statement& statement, std::vector<Error>& errors) : statement_(statement), errors_(errors) {}

  [[nodiscard]] std::uint16_t roles(const std::vector<Name>& names) {
    unsigned out = 0;
    std::vector<std::string> known;
    for (const Role role : kAllRoles) known.emplace_back(role_name(role));
    for (const Name& name : names) {
      const auto it = std::find(known.begin(), known.end(), name.text);
      if (it == known.end()) {
        unknown("there is no role '" + name.text + "'", name, known);
      } else {
        out |= static_cast<unsigned>(kAllRoles[it - known.begin()]);
      }
    }
    return static_cast<std::uint16_t>(out);
  }

  [[nodiscard]] std::vector<Window> windows(const std::vector<WindowClause>& lengths) {
    std::vector<Window> out;
    for (const WindowClause& w : lengths) {
      std::optional<Window> known;
      for (std::size_t i = 0; i < kRingWindows; ++i) {
        if (window_span(static_cast<Window>(i)) == w.length) known = static_cast<Window>(i);
      }
      if (!known) {
        add(w.span, {.message = "there is no window of " + to_string(w.length),
                     .expected = {"1h", "24h", "7d", "30d"},
                     .hint = "`all` is always there and not declared"});
      } else if (std::find(out.begin(), out.end(), *known) != out.end()) {
        add(w.span, {.message = "the window " + std::string(window_name(*known)) + " is given twice"});
      } else {
        out.push_back(*known);
      }
    }
    return out;
  }

  [[nodiscard]] EffectDef effect(const Effect& effect) {
    EffectDef out;
    out.kind = effect.kind;
    if (effect.kind == EffectDef::Kind::Mark) {
      const std::optional<Mark> mark = mark_of(effect.mark.text);
      std::vector<std::string> known;
      for (std::size_t i = 0; i < kMarks; ++i) known.emplace_back(mark_name(static_cast<Mark>(i)));
      if (!mark) unknown("there is no mark '" + effect.mark.text + "'", effect.mark, known);
      out.mark = mark.value_or(Mark::Seen);
    } else if (const std::optional<Rate> rate = rate_of(effect.rate)) {
      out.rate = effect.minus ? -rate->factor : rate->factor;
      out.times_value = rate->times_value;
    } else {
      add(effect.rate.span(),
          {.message = "a rate is a number, or a number times `value`", .expected = {"0.05", "0.05 * value"}});
    }
    if (effect.when) {
      if (const std::optional<Span> wrong = read_when(*effect.when, out.when)) {
        add(*wrong, {.message = "WHEN tests the signal's value only",
                     .expected = {"value >= 0.5"},
                     .hint = "several tests are joined by AND"});
      }
    }
    return out;
  }

 private:
  void add(Span span, Complaint complaint) { errors_.push_back(error_at(statement_, span, std::move(complaint))); }
  void unknown(std::string message, const Name& name, std::vector<std::string> known) {
    Complaint complaint;
    complaint.message = std::move(message);
    complaint.nearest = schema::nearest_name(name.text, known);
    complaint.expected = std::move(known);
    add(name.span, std::move(complaint));
  }

  const Statement& statement_;
  std::vector<Error>& errors_;
};

SignalDef signal_of(const SignalOptions& options, const Statement& statement, std::vector<Error>& errors) {
  Reader read(statement, errors);
  SignalDef out;
  out.roles = read.roles(options.roles);
  out.windows = read.windows(options.windows);
  out.velocity = options.velocity && options.velocity->on;
  out.unique = options.unique && options.unique->on;
  if (options.decay) out.decay = options.decay->decay;
  if (options.value) {
    out.has_value = true;
    out.value_min = options.value->min;
    out.value_max = options.value->max;
  }
  unsigned scopes = 0;
  for (const ScopeClause& s : options.scopes) scopes |= static_cast<unsigned>(s.scope);
  if (scopes != 0) out.scopes = static_cast<std::uint8_t>(scopes);
  for (const Effect& effect : options.effects) out.effects.push_back(read.effect(effect));
  return out;
}

}  // namespace

SignalDef signal_of(const DefineSignal& define, const Statement& statement, std::vector<Error>& errors) {
  SignalDef out = signal_of(define.options, statement, errors);
  out.name = define.name.text;
  out.target = define.on.value_or(EntityKind::Item);
  return out;
}

SignalDef signal_of(const DefineRelation& define, const Statement& statement, std::vector<Error>& errors) {
  SignalDef out = signal_of(define.options.signal, statement, errors);
  out.name = define.name.text;
  out.target = define.to;
  out.relation = true;
  return out;
}

}  // namespace tidal::query
