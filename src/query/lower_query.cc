// RETRIEVE, SEARCH, SUGGEST, EXPLAIN and HISTORY: clauses find their place, each at most once.
#include "query/lowering.h"

namespace tidal::query {
namespace {

std::string thousands(std::size_t n) {
  std::string digits = std::to_string(n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

}  // namespace

bool Lowering::once(bool taken, Ref clause, std::string_view name) {
  if (!taken) return true;
  fail(span(clause), {.message = std::string(name) + " is given twice", .hint = "each clause at most once"});
  return false;
}

AnyQuery Lowering::any_query(Ref r) {
  if (r.is(Tag::Suggest)) return suggest(r);
  return query(r);
}

Query Lowering::query(Ref r) {
  Query q;
  q.span = span(r);
  q.op = r.is(Tag::Search) ? Query::Op::Search : Query::Op::Retrieve;
  for (const Ref child : r) {
    if (child.is(Tag::Choice)) {
      q.kind = kind(child);
    } else {
      clause(child, q);
    }
  }
  check_query(r, q);
  return q;
}

void Lowering::clause(Ref r, Query& q) {
  switch (r.tag()) {
    case Tag::QueryText:
    case Tag::VectorOf:
    case Tag::Facets: return search_clause(r, q);
    case Tag::ForUser:
    case Tag::ForItem:
    case Tag::Context:
    case Tag::UsingProfile:
    case Tag::SimilarTo:
    case Tag::From:
    case Tag::Filter:
    case Tag::Exclude:
    case Tag::Cohort:
    case Tag::WindowOf:
    case Tag::Within: return who_and_what(r, q);
    default: return order_and_page(r, q);
  }
}

void Lowering::search_clause(Ref r, Query& q) {
  if (r.is(Tag::QueryText)) {
    if (once(q.text.has_value(), r, "QUERY")) q.text = bind_text(r.first());
  } else if (r.is(Tag::VectorOf)) {
    if (!once(q.vector.has_value(), r, "VECTOR")) return;
    VectorClause& out = q.vector.emplace();
    out.span = span(r);
    for (const Ref part : r) {
      if (part.is(Tag::Slot)) {
        out.slot = name(part.first());
        continue;
      }
      out.vector = bindable<std::vector<Number>>(part, [&](Ref written) {
        std::vector<Number> numbers;
        for (const Ref n : written) numbers.push_back(number(n));
        return numbers;
      });
    }
  } else if (once(!q.facets.empty(), r, "FACETS")) {
    for (const Ref part : r) {
      Facet facet;
      for (const Ref piece : part) {
        if (piece.is(Tag::Ident)) facet.field = name(piece);
        if (piece.is(Tag::Int)) facet.limit = whole(piece);
      }
      q.facets.push_back(std::move(facet));
    }
  }
}

void Lowering::who_and_what(Ref r, Query& q) {
  switch (r.tag()) {
    case Tag::ForUser:
      if (once(q.for_user.has_value(), r, "FOR USER")) q.for_user = key(r.first());
      return;
    case Tag::ForItem:
      if (once(q.for_item.has_value(), r, "FOR ITEM")) q.for_item = key(r.first());
      return;
    case Tag::Context:
      if (once(q.context.has_value(), r, "CONTEXT")) q.context = name(r.first());
      return;
    case Tag::UsingProfile:
      if (once(q.profile.has_value(), r, "USING PROFILE")) q.profile = profile_ref(r.first());
      return;
    case Tag::SimilarTo:
      if (!once(!q.similar_to.empty(), r, "SIMILAR TO")) return;
      for (const Ref child : r) q.similar_to.push_back(key(child));
      return;
    case Tag::From:
      if (once(!q.from.empty(), r, "FROM")) q.from = calls(r);
      return;
    case Tag::Filter:
      if (once(q.filter.has_value(), r, "FILTER")) q.filter = expr(r.first());
      return;
    case Tag::Exclude:
      if (once(q.exclude.has_value(), r, "EXCLUDE")) q.exclude = keys(r.first());
      return;
    case Tag::Cohort:
      if (once(q.cohort.has_value(), r, "COHORT")) q.cohort = cohort(r);
      return;
    case Tag::WindowOf:
      if (once(q.window.has_value(), r, "WINDOW")) q.window = window(r.first());
      return;
    default:
      if (once(q.within.has_value(), r, "WITHIN")) q.within = within(r);
  }
}

void Lowering::order_and_page(Ref r, Query& q) {
  switch (r.tag()) {
    case Tag::SortBy:
      if (once(q.sort.has_value(), r, "SORT BY")) q.sort = sort(r);
      return;
    case Tag::Diversity:
      if (once(!q.diversity.empty(), r, "DIVERSITY")) q.diversity = calls(r);
      return;
    case Tag::Explore:
      if (once(q.explore.has_value(), r, "EXPLORE")) q.explore = explore(r);
      return;
    case Tag::MinScore:
      if (once(q.min_score.has_value(), r, "MIN SCORE")) q.min_score = expr(r.first());
      return;
    case Tag::With:
      if (once(q.with.has_value(), r, "WITH")) q.with = with(r);
      return;
    case Tag::RecordImpressions:
      if (once(q.record_impressions, r, "RECORD IMPRESSIONS")) q.record_impressions = true;
      return;
    case Tag::AsOf:
      if (once(q.as_of.has_value(), r, "AS OF")) q.as_of = bind_time(r.first());
      return;
    case Tag::Deadline:
      if (once(q.deadline.has_value(), r, "DEADLINE")) q.deadline = bind_duration(r.first());
      return;
    case Tag::After:
      if (once(q.after.has_value(), r, "AFTER")) q.after = bind_text(r.first());
      return;
    default:
      if (once(q.limit.has_value(), r, "LIMIT")) q.limit = limit(r);
  }
}

void Lowering::check_query(Ref r, const Query& q) {
  if (q.profile && q.sort) {
    const bool sort_last = q.sort->span.offset > q.profile->span.offset;
    fail(sort_last ? q.sort->span : q.profile->span,
         {.message = "USING PROFILE and SORT BY exclude each other", .hint = "both decide the order: keep one"});
  }
  if (q.op == Query::Op::Search && !q.text && !q.vector) {
    fail(span(r.first()), {.message = "SEARCH needs QUERY or VECTOR",
                           .expected = {"QUERY \"…\"", "VECTOR $v"},
                           .hint = "without either it is RETRIEVE"});
  }
}

KeyList Lowering::keys(Ref r) {
  KeyList out = bindable<std::vector<Key>>(r, [&](Ref written) {
    std::vector<Key> list;
    for (const Ref child : written) list.push_back(key(child));
    return list;
  });
  if (const auto* list = out.written(); list != nullptr && list->size() > limits_.exclude_max) {
    fail(out.span, {.message = "EXCLUDE takes at most " + thousands(limits_.exclude_max) + " keys, got " +
                               thousands(list->size())});
  }
  return out;
}

Cohort Lowering::cohort(Ref r) {
  Cohort out;
  for (const Ref child : r) {
    if (child.is(Tag::Condition)) {
      out.condition = expr(child);
    } else if (says(child, "exact")) {
      out.exact = true;
    } else {
      out.strict = true;
    }
  }
  return out;
}

Within Lowering::within(Ref r) {
  Within out;
  out.span = span(r);
  for (const Ref child : r) {
    switch (child.tag()) {
      case Tag::Choice: out.kind = says(child, "following") ? Within::Kind::Following : Within::Kind::Trending; break;
      case Tag::Cohort: out.cohort = cohort(child); break;
      case Tag::WindowOf: out.window = window(child.first()); break;
      case Tag::Suggest:
        fail(span(child), {.message = "SUGGEST cannot stand in WITHIN", .hint = "it answers words, not items"});
        break;
      default:
        out.kind = Within::Kind::Subquery;
        if (++within_depth_ > limits_.within_depth) {
          fail(out.span,
               {.message = "WITHIN is nested deeper than " + std::to_string(limits_.within_depth) + " levels"});
        } else {
          out.subquery.push_back(query(child));
        }
        --within_depth_;
    }
  }
  return out;
}

Sort Lowering::sort(Ref r) {
  Sort out;
  out.span = span(r);
  for (const Ref child : r) {
    if (child.is(Tag::NamedSort)) {
      out.named = call(child);
    } else if (child.is(Tag::Choice)) {
      out.descending = says(child, "desc");
    } else {
      out.by = expr(child);
    }
  }
  return out;
}

Explore Lowering::explore(Ref r) {
  Explore out;
  out.span = span(r);
  for (const Ref child : r) {
    if (child.is(Tag::Percent)) out.percent = percent(child);
    if (child.is(Tag::PerCreator)) out.per_creator_percent = percent(child.first());
    if (child.is(Tag::Choice)) out.by = says(child, "thompson") ? Explore::By::Thompson : Explore::By::Epsilon;
  }
  return out;
}

With Lowering::with(Ref r) {
  With out;
  out.span = span(r);
  for (const Ref part : r) {
    if (part.is(Tag::WithFields)) {
      if (!once(out.fields.has_value(), part, "fields(…)")) continue;
      FieldList& list = out.fields.emplace();
      list.every = part.has(Tag::Op);
      list.names = names(part);
    } else if (part.is(Tag::WithSignals)) {
      if (!once(!out.signals.empty(), part, "signals(…)")) continue;
      for (const Ref child : part) out.signals.push_back(expr(child));
    } else {
      bool& flag = says(part, "highlights") ? out.highlights : says(part, "explain") ? out.explain : out.vectors;
      if (once(flag, part, word_of(part))) flag = true;
    }
  }
  return out;
}

Whole Lowering::limit(Ref r) {
  Whole out = bind_whole(r.first());
  if (const std::int64_t* n = out.written()) {
    if (*n < 1) fail(out.span, {.message = "LIMIT is at least 1"});
    if (*n > limits_.limit_max) {
      fail(out.span, {.message = "LIMIT is at most " + thousands(static_cast<std::size_t>(limits_.limit_max)),
                      .hint = "further pages go on with AFTER \"cursor\""});
    }
  }
  return out;
}

Suggest Lowering::suggest(Ref r) {
  Suggest out;
  out.prefix = bind_text(r.first());
  for (const Ref child : r) {
    if (child.is(Tag::ForUser) && once(out.for_user.has_value(), child, "FOR USER")) out.for_user = key(child.first());
    if (child.is(Tag::Limit) && once(out.limit.has_value(), child, "LIMIT")) out.limit = limit(child);
  }
  return out;
}

Explain Lowering::explain(Ref r) {
  Explain out;
  for (const Ref child : r) {
    if (child.is(Tag::Mark)) {
      out.analyze = true;
    } else if (child.is(Tag::RawKey) || child.is(Tag::Param)) {
      out.item = key(child);
    } else {
      out.query = any_query(child);
    }
  }
  return out;
}

History Lowering::history(Ref r) {
  History out;
  for (const Ref child : r) {
    switch (child.tag()) {
      case Tag::Ident: out.signals.push_back(name(child)); break;
      case Tag::Choice: out.kind = kind(child); break;
      case Tag::WindowOf:
        if (once(out.window.has_value(), child, "WINDOW")) out.window = window(child.first());
        break;
      case Tag::By:
        if (!once(out.by != History::Step::Default, child, "BY")) break;
        out.by = says(child.first(), "minute") ? History::Step::Minute
                 : says(child.first(), "hour") ? History::Step::Hour
                                               : History::Step::Day;
        break;
      case Tag::Until:
        if (once(out.until.has_value(), child, "UNTIL")) out.until = bind_time(child.first());
        break;
      case Tag::Cohort:
        if (once(out.cohort.has_value(), child, "COHORT")) out.cohort = cohort(child);
        break;
      default: out.key = key(child);
    }
  }
  return out;
}

}  // namespace tidal::query
