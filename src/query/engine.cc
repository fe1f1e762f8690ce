// The pipeline of a query: bind, universe, filter, select, assemble.
#include "query/engine.h"

#include <algorithm>

#include "query/assembly.h"
#include "query/continuation.h"
#include "query/deadline.h"
#include "query/expression_binder.h"
#include "query/filter.h"
#include "query/negatives.h"
#include "query/query_binder.h"
#include "query/selection.h"
#include "query/sources.h"

namespace tidal::query {
namespace {

// Measures the stages, in order.
class StageClock {
 public:
  explicit StageClock(const std::function<std::int64_t()>& monotonic_us)
      : monotonic_us_(monotonic_us), start_us_(monotonic_us()), last_us_(start_us_) {}

  /// A stage may come more than once.
  void end(std::string_view name, QueryStats& stats) {
    const std::int64_t now = monotonic_us_();
    auto stage = std::ranges::find(stats.stages, name, &std::pair<std::string, std::int64_t>::first);
    if (stage == stats.stages.end()) stage = stats.stages.emplace(stage, name, 0);
    stage->second += now - last_us_;
    last_us_ = now;
  }
  [[nodiscard]] std::int64_t start_us() const { return start_us_; }
  [[nodiscard]] std::int64_t elapsed_us() const { return last_us_ - start_us_; }

 private:
  const std::function<std::int64_t()>& monotonic_us_;
  const std::int64_t start_us_;
  std::int64_t last_us_;
};

// What took candidates away, in order, so that an empty answer can say so.
struct Removal {
  std::string by;
  std::uint64_t count = 0;
};

// 1204 -> "1,204".
std::string grouped(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

Status check_moment(const ReadViews& views, Timestamp now) {
  Timestamp newest{0};
  for (const signal::Ledger* ledger : {views.items, views.creators, views.users}) {
    newest = std::max(newest, ledger->newest_event());
  }
  if (newest - now <= views.schema->settings.past_query_tolerance) return {};  // both are of the years 0 to 9999
  return Error(Code::FailedPrecondition, "the clock says " + to_string(now) + " but events go up to " +
                                             to_string(newest) + ": an answer for a past moment needs AS OF");
}

// One query being answered.
class Run {
 public:
  Run(const Query& query, const ReadViews& views, const QueryContext& context)
      : query_(query), views_(views), context_(context), clock_(context.monotonic_us) {}

  Result<QueryReply> answer();

 private:
  [[nodiscard]] Result<index::Bitmap> survivors(const BoundQuery& bound, FeatureReader& reader,
                                                const Deadline& deadline, const Negatives& negatives);
  [[nodiscard]] index::Bitmap shown(const BoundQuery& bound, const Negatives& negatives, index::Bitmap candidates);
  [[nodiscard]] Result<index::Bitmap> filtered(Filter& filter, const Bound& condition, index::Bitmap survivors);
  [[nodiscard]] index::Bitmap published(const FeatureReader& reader, index::Bitmap survivors);
  void note_removal(std::string by, std::uint64_t count);
  void explain_emptiness(const Selection& selection);

  const Query& query_;
  const ReadViews& views_;
  const QueryContext& context_;
  StageClock clock_;
  QueryReply reply_;
  std::vector<Removal> removals_;
  std::optional<Sources> sources_;
};

/// What the filters leave of what there is or, with sources, of their best.
Result<index::Bitmap> Run::survivors(const BoundQuery& bound, FeatureReader& reader, const Deadline& deadline,
                                     const Negatives& negatives) {
  if (!bound.sources.empty()) {
    sources_.emplace(bound.sources, reader, deadline, bound.wants_scheduled() ? kEndOfTime : reader.now());
  }
  std::optional<Evaluator> evaluator;
  std::optional<Filter> filter;
  if (bound.filter) {
    evaluator.emplace(*bound.filter, reader);
    filter.emplace(*bound.filter, *evaluator, reader, deadline);
  }
  index::Bitmap reached;
  index::Bitmap left;
  for (;;) {
    index::Bitmap candidates = views_.fields->live(bound.kind);
    if (sources_) {
      candidates &= sources_->reached();
      candidates -= reached;  // each is looked at once
      reached |= candidates;
    }
    candidates = shown(bound, negatives, std::move(candidates));
    clock_.end("sources", reply_.stats);
    if (filter) {
      TIDAL_TRY_ASSIGN(candidates, filtered(*filter, *bound.filter, std::move(candidates)));
    }
    if (sources_ && !bound.wants_scheduled()) candidates = published(reader, std::move(candidates));
    clock_.end("filters", reply_.stats);
    if (!sources_) return candidates;
    left |= candidates;
    if (!sources_->reach_on(left)) return sources_->cut(left);
  }
}

/// Without what must not be shown or was not asked for.
index::Bitmap Run::shown(const BoundQuery& bound, const Negatives& negatives, index::Bitmap candidates) {
  reply_.stats.candidates += candidates.cardinality();
  const auto remove = [&](std::string by, const index::Bitmap& entities) {
    const std::uint64_t before = candidates.cardinality();
    candidates -= entities;
    note_removal(std::move(by), before - candidates.cardinality());
  };
  for (Negatives::Part& part : negatives.parts()) remove(std::move(part.by), part.entities);
  if (!bound.excluded.empty()) remove("EXCLUDE", index::Bitmap::of(bound.excluded));
  if (!bound.anchors.empty()) remove("SIMILAR TO itself", index::Bitmap::of(bound.anchors));
  return candidates;
}

Result<index::Bitmap> Run::filtered(Filter& filter, const Bound& condition, index::Bitmap survivors) {
  for (const FilterPart& part : filter.plan(survivors.cardinality())) {
    const std::uint64_t before = survivors.cardinality();
    TIDAL_TRY_ASSIGN(survivors, filter.narrow(part.node, std::move(survivors)));
    std::string words = words_of(context_, *query_.filter, condition.nodes[part.node].syntax);
    // "removed by hidden" would read as if they were.
    if (words == "hidden" || words == "scheduled") words = "asking for what is " + words;
    note_removal(std::move(words), before - survivors.cardinality());
  }
  return survivors;
}

/// Without what is created after the moment of the list, so that it takes no place of a source.
index::Bitmap Run::published(const FeatureReader& reader, index::Bitmap survivors) {
  const std::vector<Ordinal> items = survivors.to_vector();
  std::vector<double> created(items.size());
  views_.entities->creation_times(EntityKind::Item, items, kOpenCreationUs, created);
  std::vector<Ordinal> later;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (created[i] > static_cast<double>(reader.now().us)) later.push_back(items[i]);
  }
  if (later.empty()) return survivors;
  survivors -= index::Bitmap::of(later);
  note_removal("a created_at that has not come yet", later.size());
  return survivors;
}

void Run::note_removal(std::string by, std::uint64_t count) {
  auto removal = std::ranges::find(removals_, by, &Removal::by);
  if (removal == removals_.end()) removal = removals_.insert(removal, {.by = std::move(by)});
  removal->count += count;
}

void Run::explain_emptiness(const Selection& selection) {
  if (!reply_.items.empty()) return;
  note_removal("a created_at that has not come yet", selection.scheduled);
  note_removal("MIN SCORE", selection.below_min_score);
  std::string message = grouped(reply_.stats.candidates) + " candidates";
  for (const Removal& removal : removals_) {
    if (removal.count > 0) message += ", " + grouped(removal.count) + " removed by " + removal.by;
  }
  reply_.warnings.push_back({"empty", std::move(message)});
}

Result<QueryReply> Run::answer() {
  TIDAL_TRY(check_available(context_, query_));
  TIDAL_TRY_ASSIGN(const std::optional<Ordinal> user, bind_user(views_, context_, query_));
  TIDAL_TRY_ASSIGN(const std::optional<Cursor> after, opened_cursor(query_, views_, context_));
  const Cursor cursor = after ? *after : first_cursor(context_);
  FeatureReader reader(views_, cursor.now, user);
  const BindScope scope{views_, context_, reader, query_.kind};
  TIDAL_TRY_ASSIGN(BoundQuery bound, bind_query(scope, query_));
  // A later page answers for the first page's moment, which may lie behind by now.
  if (!after) TIDAL_TRY(check_moment(views_, context_.now));
  if (!bound.sort.has_seed) bound.sort.seed = cursor.seed;
  const Deadline deadline(context_.monotonic_us, clock_.start_us(), bound.deadline_us);
  clock_.end("bind", reply_.stats);

  const Negatives negatives(views_, bound.kind, reader.user(), bound.filter ? &*bound.filter : nullptr);
  TIDAL_TRY_ASSIGN(const index::Bitmap candidates, survivors(bound, reader, deadline, negatives));
  if (sources_) {
    reader.set_sources(&*sources_);
    for (Warning& warning : sources_->warnings()) bound.warnings.push_back(std::move(warning));
  }

  SelectionRequest request{.kind = bound.kind, .limit = std::min(bound.limit, kServedMax - cursor.served.size())};
  if (after) request.after = &*after;
  request.keep_scheduled = bound.wants_scheduled();
  if (bound.min_score) request.min_score = &*bound.min_score;
  Selector selector(bound.sort, request, reader, deadline);
  TIDAL_TRY_ASSIGN(const Selection selection, selector.select(candidates));
  clock_.end("score", reply_.stats);

  TIDAL_TRY_ASSIGN(
      reply_.items,
      assemble(bound, selection,
               {.reached = cursor.reached, .negatives = negatives, .sources = sources_ ? &*sources_ : nullptr},
               reader));
  reply_.kind = bound.kind;
  reply_.profile = bound.profile;
  if (bound.profile.empty()) reply_.sort = bound.sort.name;
  reply_.query_id = context_.query_id;
  reply_.partial = selection.partial || deadline.passed();
  reply_.warnings = std::move(bound.warnings);
  reply_.stats.seqno = context_.seqno;
  reply_.stats.after_filters = candidates.cardinality() - selection.scheduled;
  reply_.total_estimate = reply_.stats.after_filters - selection.below_min_score;
  if (!after) explain_emptiness(selection);
  continue_list(cursor, selection, query_, views_, context_, reply_);
  reply_.stats.seqno_end = context_.seqno_now();
  clock_.end("assemble", reply_.stats);
  reply_.stats.elapsed_us = clock_.elapsed_us();
  return std::move(reply_);
}

}  // namespace

Result<QueryReply> run(const Query& query, const ReadViews& views, const QueryContext& context) {
  return Run(query, views, context).answer();
}

Error unavailable(const Suggest& suggest, const QueryContext& context) {
  return not_yet(context, suggest.prefix.span, "SUGGEST");
}

Result<std::vector<std::pair<std::string, double>>> entity_signals(EntityKind kind, Ordinal entity,
                                                                   const std::vector<Expr>& expressions,
                                                                   const ReadViews& views,
                                                                   const QueryContext& context) {
  FeatureReader reader(views, context.now, std::nullopt);
  const BindScope scope{views, context, reader, kind};
  TIDAL_TRY_ASSIGN(const std::vector<BoundSignal> signals, bind_signals(scope, expressions));
  TIDAL_TRY_ASSIGN(std::vector<SignalValues> rows, evaluate_signals(signals, {&entity, 1}, reader));
  return std::move(rows.front());
}

}  // namespace tidal::query
