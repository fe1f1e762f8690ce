// Arithmetic, comparisons and functions over columns: one pass an operation, no call a value.
//
// K1: out is finite unless an input is kMissing; x/0, log of <= 0, root of a negative and pow of a negative base give
// 0. K2: a comparison with kMissing is 0, `!=` included. Threads: pure functions.
#pragma once

#include <span>

#include "query/bound.h"

namespace tidal::query {

/// Applies a comparison, And, Or, Not, Between, InNumbers, arithmetic or a function to the children's columns, each of
/// out.size() values. `out` is none of them.
void apply(const BoundNode& node, std::span<const std::span<const double>> args, std::span<double> out);

/// NaN becomes 0 and infinities the largest finite values: what reaches an order or a reply.
[[nodiscard]] double finite_or_zero(double x);

}  // namespace tidal::query
