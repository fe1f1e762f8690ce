// Expressions and conditions as flat values: a vector of nodes in which operands stand before their operator.
//
// A1: the children of node i have indices below i; the root is the last node. So no walk needs recursion.
// A2: an expression has at most kMaxExpressionNodes nodes.   Immutable after parsing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tidal/types.h"

namespace tidal::query {

inline constexpr std::size_t kMaxExpressionNodes = 4'096;

/// Where in the script a piece of a statement stands, in bytes. Line and column are computed from the source when an
/// error needs them (syntax_error.h).
struct Span {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  /// Positions are no part of what a statement means: two statements that differ only in layout are equal.
  friend constexpr bool operator==(Span, Span) { return true; }
};

/// `$name`: a value that is bound when the statement is executed, never spliced into its text.
struct Param {
  std::string name;
  bool operator==(const Param&) const = default;
};

/// A written value or a parameter in its place.
template <class T>
struct Bindable {
  std::variant<T, Param> value;
  Span span;
  [[nodiscard]] const Param* param() const { return std::get_if<Param>(&value); }
  /// nullptr for a parameter.
  [[nodiscard]] const T* written() const { return std::get_if<T>(&value); }
  bool operator==(const Bindable&) const = default;
};

/// A name with its place: a field, a signal, a profile …
struct Name {
  std::string text;
  Span span;
  bool operator==(const Name&) const = default;
};

/// `@key` in an expression; its kind comes from what it is compared with.
struct KeyLiteral {
  std::string key;
  bool operator==(const KeyLiteral&) const = default;
};

/// `now`: the one moment of the query.
struct NowLiteral {
  bool operator==(const NowLiteral&) const = default;
};

using Literal = std::variant<std::monostate, bool, std::int64_t, double, std::string, Timestamp, Duration, KeyLiteral,
                             NowLiteral, Param>;

enum class ExprOp : std::uint8_t {
  And,  ///< two or more children (comma and AND are the same); no child is an And
  Or,   ///< two or more children; no child is an Or
  Not,  ///< one
  Eq,   ///< two, as are the other comparisons
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  In,       ///< subject, then the list: literals, or one parameter when `list_param`
  All,      ///< as In: the list field holds every value of the list
  Between,  ///< subject, low, high; both ends belong to it
  Add,      ///< two
  Sub,
  Mul,
  Div,
  Neg,       ///< one
  Constant,  ///< none; `literal`
  Option,    ///< none; `name:word`: path[0] is the name, `literal` the word (string) or a parameter
  Path,      ///< `path`, and the arguments as children when `call`
};

struct ExprNode {
  ExprOp op = ExprOp::Constant;
  bool negated = false;     ///< NOT IN, NOT BETWEEN
  bool list_param = false;  ///< In, All: the whole list is one parameter
  bool call = false;        ///< Path: parentheses were written
  Span span;                ///< of the whole subexpression
  std::vector<std::uint32_t> children;
  Literal literal;
  std::vector<Name> path;  ///< `creator.view.count` has three parts
  bool operator==(const ExprNode&) const = default;
};

struct Expr {
  std::vector<ExprNode> nodes;  ///< never empty in a parsed statement (A1, A2)
  [[nodiscard]] std::uint32_t root() const { return static_cast<std::uint32_t>(nodes.size()) - 1; }
  [[nodiscard]] const ExprNode& root_node() const { return nodes.back(); }
  [[nodiscard]] Span span() const { return nodes.empty() ? Span{} : nodes.back().span; }
  bool operator==(const Expr&) const = default;
};

}  // namespace tidal::query
