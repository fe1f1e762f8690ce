// Arithmetic, comparisons and functions over columns.
#include "query/kernels.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"
#include "ranking/formulas.h"

namespace tidal::query {
namespace {

using Column = std::span<const double>;
using Columns = std::span<const Column>;
using Out = std::span<double>;

template <class F>
void unary(Columns args, Out out, F f) {
  const double* a = args[0].data();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = f(a[i]);
}

template <class F>
void binary(Columns args, Out out, F f) {
  const double* a = args[0].data();
  const double* b = args[1].data();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = f(a[i], b[i]);
}

// Results that overflow are brought back into range at once, so that no later difference of infinities is NaN (K1).
double bounded(double x) {
  constexpr double kMax = std::numeric_limits<double>::max();
  return x > kMax ? kMax : x < -kMax ? -kMax : x;
}

template <class F>
void fold(Columns args, Out out, F f) {
  std::copy(args[0].begin(), args[0].end(), out.begin());
  for (std::size_t k = 1; k < args.size(); ++k) {
    const double* a = args[k].data();
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = f(out[i], a[i]);
  }
}

void compare(Op op, Columns args, Out out) {
  switch (op) {
    case Op::Eq: return binary(args, out, [](double a, double b) { return a == b ? 1.0 : 0.0; });
    case Op::Ne: return binary(args, out, [](double a, double b) { return a < b || a > b ? 1.0 : 0.0; });  // K2
    case Op::Lt: return binary(args, out, [](double a, double b) { return a < b ? 1.0 : 0.0; });
    case Op::Le: return binary(args, out, [](double a, double b) { return a <= b ? 1.0 : 0.0; });
    case Op::Gt: return binary(args, out, [](double a, double b) { return a > b ? 1.0 : 0.0; });
    default: return binary(args, out, [](double a, double b) { return a >= b ? 1.0 : 0.0; });
  }
}

void between(const BoundNode& node, Columns args, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double x = args[0][i];
    const double low = args[1][i];
    const double high = args[2][i];
    const bool comparable = x == x && low == low && high == high;
    const bool inside = x >= low && x <= high;
    out[i] = comparable && inside != node.negated ? 1.0 : 0.0;
  }
}

void in_numbers(const BoundNode& node, Columns args, Out out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double x = args[0][i];
    const bool found = std::find(node.numbers.begin(), node.numbers.end(), x) != node.numbers.end();
    out[i] = x == x && found != node.negated ? 1.0 : 0.0;
  }
}

void arithmetic(Op op, Columns args, Out out) {
  switch (op) {
    case Op::Add: return binary(args, out, [](double a, double b) { return bounded(a + b); });
    case Op::Sub: return binary(args, out, [](double a, double b) { return bounded(a - b); });
    case Op::Mul: return binary(args, out, [](double a, double b) { return bounded(a * b); });
    case Op::Div: return binary(args, out, [](double a, double b) { return b == 0 ? 0.0 : bounded(a / b); });
    default: return unary(args, out, [](double a) { return -a; });
  }
}

double power(double base, double exponent) {
  if (base < 0 || (base == 0 && exponent < 0)) return 0;
  return bounded(std::pow(base, exponent));
}

void function(Op op, Columns args, Out out) {
  switch (op) {
    case Op::Min: return fold(args, out, [](double a, double b) { return std::min(a, b); });
    case Op::Max: return fold(args, out, [](double a, double b) { return std::max(a, b); });
    case Op::Abs: return unary(args, out, [](double a) { return std::abs(a); });
    case Op::Sign: return unary(args, out, [](double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : 0.0; });
    case Op::Sqrt: return unary(args, out, [](double a) { return a > 0 ? std::sqrt(a) : 0.0; });
    case Op::Ln: return unary(args, out, [](double a) { return a > 0 ? std::log(a) : 0.0; });
    case Op::Log10: return unary(args, out, [](double a) { return a > 0 ? std::log10(a) : 0.0; });
    case Op::Log1p: return unary(args, out, [](double a) { return a > -1 ? std::log1p(a) : 0.0; });
    case Op::Exp: return unary(args, out, [](double a) { return bounded(std::exp(a)); });
    case Op::Pow: return binary(args, out, power);
    case Op::Wilson: return binary(args, out, [](double pos, double n) { return ranking::wilson_lower_bound(pos, n); });
    case Op::Recency: return binary(args, out, [](double age, double h) { return ranking::recency(age, h); });
    case Op::Clamp:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::max(args[1][i], std::min(args[0][i], args[2][i]));
      return;
    default:  // If
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = args[0][i] != 0 ? args[1][i] : args[2][i];
  }
}

}  // namespace

void apply(const BoundNode& node, Columns args, Out out) {
  switch (node.op) {
    case Op::And: return fold(args, out, [](double a, double b) { return a * b; });
    case Op::Or: return fold(args, out, [](double a, double b) { return std::max(a, b); });
    case Op::Not: return unary(args, out, [](double a) { return 1.0 - a; });
    case Op::Between: return between(node, args, out);
    case Op::InNumbers: return in_numbers(node, args, out);
    default: break;
  }
  if (node.op >= Op::Eq && node.op <= Op::Ge) return compare(node.op, args, out);
  if (node.op >= Op::Add && node.op <= Op::Neg) return arithmetic(node.op, args, out);
  TIDAL_ASSERT(node.op >= Op::Min && node.op <= Op::Wilson);
  function(node.op, args, out);
}

double finite_or_zero(double x) { return x == x ? bounded(x) : 0.0; }

}  // namespace tidal::query
