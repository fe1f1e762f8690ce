// EXPLAIN: the plan of a query as a tree, with estimates, without scoring anything.
#include <algorithm>

#include "query/engine.h"
#include "query/evaluator.h"
#include "query/filter.h"
#include "query/negatives.h"
#include "query/query_binder.h"
#include "query/selection.h"

namespace tidal::query {
namespace {

std::string_view words_of(Cost cost) {
  switch (cost) {
    case Cost::Set: return "by index";
    case Cost::Column: return "by column";
    case Cost::Stored: return "by reading the entity";
  }
  return "";
}

std::string_view words_of(Strategy strategy) {
  switch (strategy) {
    case Strategy::Columns: return "scan of count columns, exact scores for what may enter";
    case Strategy::CreationTimes: return "scan of creation times";
    case Strategy::Candidates: return "exact score of every candidate";
    case Strategy::Bounds: return "histories of those only whose counts of all time could reach the page";
    case Strategy::Texts: return "by the first bytes of the text, texts only where those tie";
  }
  return "";
}

PlanNode scan_node(const BoundQuery& bound, const ReadViews& views, FeatureReader& reader, index::Bitmap& survivors) {
  std::string names;
  for (const BoundSource& source : bound.sources) names += (names.empty() ? "" : ", ") + source.name;
  PlanNode scan{.name = "source",
                .detail = names.empty() ? "scan of live " + std::string(plural(bound.kind)) : names,
                .estimate = {},
                .selectivity = {},
                .children = {}};
  survivors = views.fields->live(bound.kind);
  if (!bound.sources.empty()) {
    const Timestamp not_after = bound.wants_scheduled() ? kEndOfTime : reader.now();
    survivors &= Sources(bound.sources, reader, Deadline(), not_after).reached();
  }
  const Negatives negatives(views, bound.kind, reader.user(), bound.filter ? &*bound.filter : nullptr);
  for (const Negatives::Part& part : negatives.parts()) {
    survivors -= part.entities;
    scan.detail += ", without " + (part.by == "HIDE" ? std::string("what is hidden from all") : part.by);
  }
  if (!bound.excluded.empty()) {
    survivors -= index::Bitmap::of(bound.excluded);
    scan.detail += ", without " + std::to_string(bound.excluded.size()) + " excluded";
  }
  scan.estimate = survivors.cardinality();
  return scan;
}

}  // namespace

Result<PlanReply> explain(const Explain& explain, const ReadViews& views, const QueryContext& context) {
  const auto* query = std::get_if<Query>(&explain.query);
  if (query == nullptr) return unavailable(std::get<Suggest>(explain.query), context);
  if (explain.analyze) return not_yet(context, query->span, "EXPLAIN ANALYZE");
  if (explain.item) return not_yet(context, explain.item->span, "EXPLAIN ITEM");
  const std::int64_t start_us = context.monotonic_us();
  TIDAL_TRY(check_available(context, *query));
  TIDAL_TRY_ASSIGN(const std::optional<Ordinal> user, bind_user(views, context, *query));
  FeatureReader reader(views, context.now, user);
  TIDAL_TRY_ASSIGN(const BoundQuery bound, bind_query({views, context, reader, query->kind}, *query));

  index::Bitmap survivors;
  PlanNode below = scan_node(bound, views, reader, survivors);
  const Deadline never(context.monotonic_us, start_us, 0);
  double remaining = static_cast<double>(survivors.cardinality());
  if (bound.filter) {
    Evaluator evaluator(*bound.filter, reader);
    Filter filter(*bound.filter, evaluator, reader, never);
    for (const FilterPart& part : filter.plan(survivors.cardinality())) {
      remaining *= part.selectivity;
      PlanNode node{.name = "filter",
                    .detail = {},
                    .estimate = static_cast<std::uint64_t>(remaining),
                    .selectivity = part.selectivity,
                    .children = {}};
      node.detail = words_of(context, *query->filter, bound.filter->nodes[part.node].syntax) + " (" +
                    std::string(words_of(part.cost)) + ")";
      node.children.push_back(std::move(below));
      below = std::move(node);
    }
  }
  const SelectionRequest request{.kind = bound.kind, .limit = bound.limit};
  const auto expected = static_cast<std::uint64_t>(remaining);
  // What a scan would meet: as many as are expected to pass, whichever they are.
  const index::Bitmap passing = bound.filter ? index::Bitmap::range(static_cast<std::uint32_t>(expected)) : survivors;
  const Strategy strategy = Selector(bound.sort, request, reader, never).strategy(passing);
  PlanNode score{.name = "score",
                 .detail = bound.profile.empty() ? bound.sort.name : "profile " + bound.profile,
                 .estimate = expected,
                 .selectivity = {},
                 .children = {}};
  score.detail += " (" + std::string(words_of(strategy)) + ")";
  score.children.push_back(std::move(below));
  PlanNode page{.name = "page",
                .detail = "LIMIT " + std::to_string(bound.limit),
                .estimate = std::min<std::uint64_t>(expected, bound.limit),
                .selectivity = {},
                .children = {}};
  page.children.push_back(std::move(score));
  return PlanReply{std::move(page), context.monotonic_us() - start_us};
}

}  // namespace tidal::query
