// Expressions as text, with the fewest parentheses that keep their meaning.
#include "query/print_pieces.h"
#include "query/printer.h"
#include "schema/literal_text.h"

namespace tidal::query {
namespace {

/// Binding strength of what a node prints as, loosest first.
enum Level : int { kComma, kOr, kAnd, kNot, kCompare, kSum, kProduct, kUnary, kPrimary };

Level level_of(ExprOp op) {
  switch (op) {
    case ExprOp::And: return kAnd;
    case ExprOp::Or: return kOr;
    case ExprOp::Not: return kNot;
    case ExprOp::Eq:
    case ExprOp::Ne:
    case ExprOp::Lt:
    case ExprOp::Le:
    case ExprOp::Gt:
    case ExprOp::Ge:
    case ExprOp::In:
    case ExprOp::All:
    case ExprOp::Between: return kCompare;
    case ExprOp::Add:
    case ExprOp::Sub: return kSum;
    case ExprOp::Mul:
    case ExprOp::Div: return kProduct;
    case ExprOp::Neg: return kUnary;
    case ExprOp::Constant:
    case ExprOp::Option:
    case ExprOp::Path: return kPrimary;
  }
  return kPrimary;
}

std::string_view sign_of(ExprOp op) {
  switch (op) {
    case ExprOp::Eq: return " = ";
    case ExprOp::Ne: return " != ";
    case ExprOp::Lt: return " < ";
    case ExprOp::Le: return " <= ";
    case ExprOp::Gt: return " > ";
    case ExprOp::Ge: return " >= ";
    case ExprOp::Add: return " + ";
    case ExprOp::Sub: return " - ";
    case ExprOp::Mul: return " * ";
    case ExprOp::Div: return " / ";
    case ExprOp::In: return " IN ";
    case ExprOp::All: return " ALL ";
    default: return " ";
  }
}

class Printer {
 public:
  explicit Printer(const Expr& expr) : expr_(expr) {}

  /// Depth of recursion: that of the written nesting, since chains to the left are printed in a loop.
  std::string node(std::uint32_t i, Level at_least) {
    const ExprNode& n = expr_.nodes[i];
    const std::string text = plain(i);
    const bool negative = n.op == ExprOp::Constant && !text.empty() && text[0] == '-';
    const Level level = negative ? kUnary : level_of(n.op);
    return level < at_least ? "(" + text + ")" : text;
  }

  std::string joined(std::uint32_t i, std::string_view glue, Level at_least) {
    std::string out;
    for (const std::uint32_t child : expr_.nodes[i].children) {
      if (!out.empty()) out += glue;
      out += node(child, at_least);
    }
    return out;
  }

 private:
  std::string plain(std::uint32_t i) {
    const ExprNode& n = expr_.nodes[i];
    switch (n.op) {
      case ExprOp::And: return joined(i, " AND ", kNot);
      case ExprOp::Or: return joined(i, " OR ", kAnd);
      case ExprOp::Not: return "NOT " + node(n.children[0], kNot);
      case ExprOp::Add:
      case ExprOp::Sub: return chain(i, kSum, kProduct);
      case ExprOp::Mul:
      case ExprOp::Div: return chain(i, kProduct, kUnary);
      case ExprOp::Neg: return negation(n);
      case ExprOp::Constant: return print(n.literal);
      case ExprOp::Option: return n.path[0].text + ":" + word(n.literal);
      case ExprOp::Path: return path(n);
      case ExprOp::In:
      case ExprOp::All: return list(n);
      case ExprOp::Between:
        return node(n.children[0], kSum) + (n.negated ? " NOT" : "") + " BETWEEN " + node(n.children[1], kSum) +
               " AND " + node(n.children[2], kSum);
      default: return node(n.children[0], kSum) + std::string(sign_of(n.op)) + node(n.children[1], kSum);
    }
  }

  /// `a + b - c`: what stands to the left is of the same level and needs no parentheses, however long it is.
  std::string chain(std::uint32_t i, Level own, Level operand) {
    std::vector<std::uint32_t> links;
    std::uint32_t at = i;
    while (level_of(expr_.nodes[at].op) == own) {
      links.push_back(at);
      at = expr_.nodes[at].children[0];
    }
    std::string out = node(at, operand);
    for (auto link = links.rbegin(); link != links.rend(); ++link) {
      const ExprNode& n = expr_.nodes[*link];
      out += sign_of(n.op);
      out += node(n.children[1], operand);
    }
    return out;
  }

  /// A sign directly before a number would become part of it, and two signs side by side would be a comment.
  std::string negation(const ExprNode& n) {
    const ExprNode& operand = expr_.nodes[n.children[0]];
    const Literal& v = operand.literal;
    const bool number =
        operand.op == ExprOp::Constant && (std::holds_alternative<std::int64_t>(v) ||
                                           std::holds_alternative<double>(v) || std::holds_alternative<Duration>(v));
    const std::string text = node(n.children[0], kUnary);
    if (text[0] == '-') return "- " + text;
    return number ? "-(" + text + ")" : "-" + text;
  }

  std::string list(const ExprNode& n) {
    std::string out = node(n.children[0], kSum) + (n.negated ? " NOT" : "") + std::string(sign_of(n.op));
    if (n.list_param) return out + print(expr_.nodes[n.children[1]].literal);
    std::string elements;
    for (std::size_t i = 1; i < n.children.size(); ++i) {
      if (i > 1) elements += ", ";
      elements += print(expr_.nodes[n.children[i]].literal);
    }
    return out + "(" + elements + ")";
  }

  std::string path(const ExprNode& n) {
    std::string out;
    for (const Name& part : n.path) out += (out.empty() ? "" : ".") + part.text;
    if (!n.call) return out;
    std::string args;
    for (const std::uint32_t child : n.children) {
      if (!args.empty()) args += ", ";
      args += node(child, kOr);
    }
    return out + "(" + args + ")";
  }

  static std::string word(const Literal& literal) {
    if (const auto* written = std::get_if<std::string>(&literal)) return print_bare_word(*written);
    return print(literal);
  }

  const Expr& expr_;
};

}  // namespace

std::string print(const Expr& expr, bool commas) {
  if (expr.nodes.empty()) return "";
  Printer printer(expr);
  const bool list = commas && expr.root_node().op == ExprOp::And;
  return list ? printer.joined(expr.root(), ", ", kOr) : printer.node(expr.root(), kOr);
}

std::string print(const Literal& literal) {
  struct Print {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(std::int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return schema::real_text(v); }
    std::string operator()(const std::string& v) const { return schema::string_text(v); }
    std::string operator()(Timestamp v) const { return to_string(v); }
    std::string operator()(Duration v) const { return to_string(v); }
    std::string operator()(const KeyLiteral& v) const {
      Key key;
      key.value = v.key;
      return print_key(key);
    }
    std::string operator()(const NowLiteral&) const { return "now"; }
    std::string operator()(const Param& v) const { return "$" + v.name; }
  };
  return std::visit(Print{}, literal);
}

}  // namespace tidal::query
