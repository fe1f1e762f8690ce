// Expressions: precedence levels that hold nothing disappear, AND and OR become flat, a sign before a number joins it.
#include "query/lowering.h"

namespace tidal::query {
namespace {

bool is_level(Tag tag) {
  return tag == Tag::Condition || tag == Tag::Or || tag == Tag::And || tag == Tag::Compare || tag == Tag::Sum ||
         tag == Tag::Product;
}

/// The operator's only operand, through every level that adds nothing.
Ref unwrap(Ref r) {
  while (is_level(r.tag())) {
    const Ref only = r.first();
    auto second = r.begin();
    ++second;
    if (second != r.end()) break;
    r = only;
  }
  return r;
}

/// Comma and AND mean the same.
std::optional<ExprOp> connective(Tag tag) {
  if (tag == Tag::Condition || tag == Tag::And) return ExprOp::And;
  if (tag == Tag::Or) return ExprOp::Or;
  return std::nullopt;
}

ExprOp operator_of(std::string_view sign) {
  if (sign == "=") return ExprOp::Eq;
  if (sign == "!=") return ExprOp::Ne;
  if (sign == "<") return ExprOp::Lt;
  if (sign == "<=") return ExprOp::Le;
  if (sign == ">") return ExprOp::Gt;
  if (sign == ">=") return ExprOp::Ge;
  if (sign == "+") return ExprOp::Add;
  if (sign == "-") return ExprOp::Sub;
  if (sign == "*") return ExprOp::Mul;
  return ExprOp::Div;
}

Span joined(Span a, Span b) {
  Span out;
  out.offset = a.offset;
  out.length = b.offset + b.length - a.offset;
  return out;
}

}  // namespace

Expr Lowering::expr(Ref r) {
  Expr out;
  build(r, out.nodes);
  if (out.nodes.size() > kMaxExpressionNodes) {
    fail(span(r), {.message = "the expression has more than 4096 nodes"});
    out.nodes.resize(1);
  }
  return out;
}

std::uint32_t Lowering::push(std::vector<ExprNode>& nodes, ExprNode node, Span at) {
  node.span = at;
  nodes.push_back(std::move(node));
  return static_cast<std::uint32_t>(nodes.size() - 1);
}

std::uint32_t Lowering::build(Ref r, std::vector<ExprNode>& nodes) {
  r = unwrap(r);
  switch (r.tag()) {
    case Tag::Condition:
    case Tag::And: return build_flat(r, ExprOp::And, nodes);
    case Tag::Or: return build_flat(r, ExprOp::Or, nodes);
    case Tag::Sum:
    case Tag::Product: return build_chain(r, nodes);
    case Tag::Compare: return build_compare(r, nodes);
    case Tag::Neg: return build_negation(r, nodes);
    case Tag::Path: return build_path(r, nodes);
    case Tag::Not: {
      ExprNode node;
      node.op = ExprOp::Not;
      node.children.push_back(build(r.first(), nodes));
      return push(nodes, std::move(node), span(r));
    }
    default: return build_literal(r, nodes);
  }
}

std::uint32_t Lowering::build_literal(Ref r, std::vector<ExprNode>& nodes) {
  ExprNode node;
  if (r.is(Tag::Option)) {
    node.op = ExprOp::Option;
    const std::vector<Ref> parts = r.children();
    node.path.push_back(name(parts.front()));
    Word value = word(parts.back());
    if (const std::string* written = value.written()) {
      node.literal = *written;
    } else {
      node.literal = *value.param();
    }
  } else {
    node.literal = literal(r);
  }
  return push(nodes, std::move(node), span(r));
}

/// The operands of a connective, those of the same connective below it taken apart.
void Lowering::gather(Ref r, ExprOp op, std::vector<Ref>& out) const {
  r = unwrap(r);
  if (connective(r.tag()) != op) {
    out.push_back(r);
    return;
  }
  for (const Ref child : r) gather(child, op, out);
}

std::uint32_t Lowering::build_flat(Ref r, ExprOp op, std::vector<ExprNode>& nodes) {
  std::vector<Ref> operands;
  gather(r, op, operands);
  ExprNode node;
  node.op = op;
  for (const Ref operand : operands) node.children.push_back(build(operand, nodes));
  return push(nodes, std::move(node), span(r));
}

/// `a + b - c`: operators of one level, from the left.
std::uint32_t Lowering::build_chain(Ref r, std::vector<ExprNode>& nodes) {
  const std::vector<Ref> parts = r.children();
  std::uint32_t left = build(parts[0], nodes);
  Span at = span(parts[0]);
  for (std::size_t i = 1; i + 1 < parts.size(); i += 2) {
    ExprNode node;
    node.op = operator_of(text(parts[i]));
    node.children = {left, 0};
    node.children[1] = build(parts[i + 1], nodes);
    at = joined(at, span(parts[i + 1]));
    left = push(nodes, std::move(node), at);
  }
  return left;
}

std::uint32_t Lowering::build_compare(Ref r, std::vector<ExprNode>& nodes) {
  const std::vector<Ref> parts = r.children();
  ExprNode node;
  node.children.push_back(build(parts[0], nodes));
  const Ref how = parts[1];
  if (how.is(Tag::Op)) {
    node.op = operator_of(text(how));
    node.children.push_back(build(parts[2], nodes));
    return push(nodes, std::move(node), span(r));
  }
  node.op = how.is(Tag::In) ? ExprOp::In : how.is(Tag::All) ? ExprOp::All : ExprOp::Between;
  for (const Ref part : how) {
    if (part.is(Tag::Negated)) {
      node.negated = true;
    } else if (part.is(Tag::List)) {
      for (const Ref element : part) node.children.push_back(build(element, nodes));
    } else {
      node.list_param = part.is(Tag::Param);
      node.children.push_back(build(part, nodes));
    }
  }
  return push(nodes, std::move(node), span(r));
}

std::uint32_t Lowering::build_negation(Ref r, std::vector<ExprNode>& nodes) {
  const Ref operand = r.first();
  const std::uint32_t child = build(operand, nodes);
  Literal& literal = nodes[child].literal;
  if (operand.is(Tag::Real) || operand.is(Tag::Duration)) {
    if (auto* v = std::get_if<std::int64_t>(&literal)) *v = -*v;
    if (auto* v = std::get_if<double>(&literal)) *v = -*v;
    if (auto* v = std::get_if<Duration>(&literal)) v->us = -v->us;
    nodes[child].span = span(r);
    return child;
  }
  ExprNode node;
  node.op = ExprOp::Neg;
  node.children.push_back(child);
  return push(nodes, std::move(node), span(r));
}

std::uint32_t Lowering::build_path(Ref r, std::vector<ExprNode>& nodes) {
  ExprNode node;
  node.op = ExprOp::Path;
  for (const Ref part : r) {
    if (part.is(Tag::Ident)) {
      node.path.push_back(name(part));
      continue;
    }
    node.call = true;
    for (const Ref arg : part) node.children.push_back(build(arg, nodes));
  }
  return push(nodes, std::move(node), span(r));
}

Call Lowering::call(Ref r) {
  Call out;
  out.span = span(r);
  for (const Ref part : r) {
    if (part.is(Tag::Args)) {
      out.parentheses = true;
      for (const Ref arg : part) out.args.push_back(expr(arg));
    } else if (out.name.text.empty()) {
      out.name = name(part);
    } else {
      out.word = word(part);
    }
  }
  return out;
}

std::vector<Call> Lowering::calls(Ref parent) {
  std::vector<Call> out;
  for (const Ref child : parent) {
    if (child.is(Tag::Call)) out.push_back(call(child));
  }
  return out;
}

}  // namespace tidal::query
