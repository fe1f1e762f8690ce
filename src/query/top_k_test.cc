// Top-k selection against sorting everything, ranks against the order of their scores, kernels at their edges.
#include "query/top_k.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "query/kernels.h"

namespace tidal::query {
namespace {

// T1
RC_GTEST_PROP(TopK, EqualsSortingEverything, ()) {
  const auto scores = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 50));
  const auto k = static_cast<std::size_t>(*rc::gen::inRange(1, 40));
  const bool descending = *rc::gen::arbitrary<bool>();
  const int copies = *rc::gen::inRange(1, 60);  // enough that the buffer is cut back
  std::vector<std::string> keys;
  std::vector<std::pair<double, std::string>> all;
  for (int c = 0; c < copies; ++c) {
    for (std::size_t i = 0; i < scores.size(); ++i) {
      keys.push_back("k" + std::to_string((keys.size() * 7919) % 1'000'003));
      all.emplace_back(descending ? -scores[i] : scores[i], keys.back());
    }
  }
  TopK best(k, [&](Ordinal o) { return std::string_view(keys[to_index(o)]); });
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    const double score = scores[i % scores.size()];
    const std::uint64_t rank = rank_of(score, descending);
    if (best.wants(rank)) best.offer({rank, to_ordinal(i), score});
  }
  std::sort(all.begin(), all.end());
  all.resize(std::min(k, all.size()));
  const std::vector<Ranked> got = best.take();
  RC_ASSERT(got.size() == all.size());
  for (std::size_t i = 0; i < got.size(); ++i) RC_ASSERT(keys[to_index(got[i].entity)] == all[i].second);
}

RC_GTEST_PROP(Rank, OrdersAsTheScoreDoesAndGoesBack, (double a, double b)) {
  RC_PRE(std::isfinite(a) && std::isfinite(b));
  RC_ASSERT((a < b) == (rank_of(a, true) < rank_of(b, true)));
  RC_ASSERT((a < b) == (rank_of(a, false) > rank_of(b, false)));
  RC_ASSERT(score_of(rank_of(a, true), true) == a);
  RC_ASSERT(score_of(rank_of(a, false), false) == a);
}

TEST(Rank, MinusZeroIsZero) { EXPECT_EQ(rank_of(-0.0, true), rank_of(0.0, true)); }

double apply_one(Op op, std::initializer_list<double> values) {
  BoundNode node;
  node.op = op;
  std::vector<std::span<const double>> args;
  for (const double& v : values) args.emplace_back(&v, 1);
  double out = 99;
  apply(node, args, {&out, 1});
  return out;
}

// K1
TEST(Kernel, UndefinedResultsAreZero) {
  EXPECT_EQ(apply_one(Op::Div, {5, 0}), 0);
  EXPECT_EQ(apply_one(Op::Ln, {0}), 0);
  EXPECT_EQ(apply_one(Op::Ln, {-1}), 0);
  EXPECT_EQ(apply_one(Op::Log10, {0}), 0);
  EXPECT_EQ(apply_one(Op::Log1p, {-1}), 0);
  EXPECT_EQ(apply_one(Op::Sqrt, {-4}), 0);
  EXPECT_EQ(apply_one(Op::Pow, {-2, 3}), 0);
  EXPECT_EQ(apply_one(Op::Pow, {0, -1}), 0);
  EXPECT_EQ(apply_one(Op::Wilson, {0, 0}), 0);
  EXPECT_EQ(apply_one(Op::Recency, {5, 0}), 0);
}

RC_GTEST_PROP(Kernel, FiniteInputsGiveFiniteResults, (double a, double b)) {
  RC_PRE(std::isfinite(a) && std::isfinite(b));
  for (const Op op : {Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Min, Op::Max, Op::Pow, Op::Wilson, Op::Recency}) {
    RC_ASSERT(std::isfinite(apply_one(op, {a, b})));
  }
  for (const Op op : {Op::Neg, Op::Abs, Op::Sign, Op::Sqrt, Op::Ln, Op::Log10, Op::Log1p, Op::Exp}) {
    RC_ASSERT(std::isfinite(apply_one(op, {a})));
  }
}

TEST(Kernel, OverflowStaysFinite) {
  const double max = std::numeric_limits<double>::max();
  EXPECT_EQ(apply_one(Op::Exp, {1e4}), max);
  EXPECT_EQ(apply_one(Op::Mul, {1e200, -1e200}), -max);
}

// K2
TEST(Kernel, NothingComparesWithWhatIsMissing) {
  for (const Op op : {Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge}) {
    EXPECT_EQ(apply_one(op, {kMissing, 1}), 0);
    EXPECT_EQ(apply_one(op, {1, kMissing}), 0);
  }
  EXPECT_EQ(apply_one(Op::Between, {kMissing, 0, 1}), 0);
  BoundNode outside;
  outside.op = Op::Between;
  outside.negated = true;
  const double missing = kMissing;
  const double zero = 0;
  const double one = 1;
  double out = 99;
  const std::vector<std::span<const double>> args = {{&missing, 1}, {&zero, 1}, {&one, 1}};
  apply(outside, args, {&out, 1});
  EXPECT_EQ(out, 0);
}

TEST(Kernel, IfAndClampChoose) {
  EXPECT_EQ(apply_one(Op::If, {1, 2, 3}), 2);
  EXPECT_EQ(apply_one(Op::If, {0, 2, 3}), 3);
  EXPECT_EQ(apply_one(Op::Clamp, {5, 1, 3}), 3);
  EXPECT_EQ(apply_one(Op::Clamp, {-5, 1, 3}), 1);
  EXPECT_EQ(apply_one(Op::Clamp, {2, 1, 3}), 2);
}

}  // namespace
}  // namespace tidal::query
