// Binding of RETRIEVE's clauses.
#include "query/query_binder.h"

#include <algorithm>
#include <array>

#include "query/expression_binder.h"

namespace tidal::query {
namespace {

// Built-in profiles that order as the sort of their name does.
constexpr std::array<std::string_view, 8> kSortProfiles = {"trending", "rising",        "hot",         "new",
                                                           "top",      "controversial", "hidden_gems", "shuffle"};

// Built-in profiles that do more than a sort, and need views that do not exist in this version.
constexpr std::array<std::string_view, 4> kLaterProfiles = {"for_you", "search", "notification", "audience"};

// Built-in profiles that are a source of the same name and an order.
constexpr std::string_view kBySource = "source_score";
struct SourceProfile {
  std::string_view name;
  std::string_view order;  ///< a sort, or kBySource
};
constexpr std::array kSourceProfiles = {SourceProfile{"following", "new"}, SourceProfile{"related", kBySource}};

Result<std::size_t> bind_limit(const QueryContext& context, const Query& query) {
  if (!query.limit) return static_cast<std::size_t>(kLimitDefault);
  TIDAL_TRY_ASSIGN(const std::int64_t limit, bound_value(context, *query.limit, "LIMIT", "whole number"));
  if (limit < 1 || limit > kLimitMax) {
    return refuse(context, query.limit->span,
                  "LIMIT " + std::to_string(limit) + " is outside 1 to " + std::to_string(kLimitMax),
                  {.hint = "continue with AFTER and the cursor of the reply"});
  }
  return static_cast<std::size_t>(limit);
}

Result<std::int64_t> bind_deadline(const QueryContext& context, const Query& query) {
  if (!query.deadline) return std::int64_t{0};
  TIDAL_TRY_ASSIGN(const Duration deadline, bound_value(context, *query.deadline, "DEADLINE", "duration"));
  if (deadline.us <= 0) return refuse(context, query.deadline->span, "DEADLINE must be above 0");
  return deadline.us;
}

Result<std::vector<Ordinal>> bind_exclude(const BindScope& scope, const Query& query) {
  std::vector<Ordinal> excluded;
  if (!query.exclude) return excluded;
  std::vector<std::string> keys;
  if (const auto* written = query.exclude->written()) {
    for (const Key& key : *written) {
      TIDAL_TRY_ASSIGN(std::string text, bound_value(scope.context, key, "EXCLUDE", "string"));
      keys.push_back(std::move(text));
    }
  } else {
    TIDAL_TRY_ASSIGN(const Value value, param_value(scope.context, *query.exclude->param(), query.exclude->span));
    const auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr) {
      return refuse(scope.context, query.exclude->span, "EXCLUDE takes a list of keys",
                    {.expected = {"list of strings"}});
    }
    keys = *list;
  }
  if (keys.size() > kExcludeMax) {
    return refuse(
        scope.context, query.exclude->span,
        "EXCLUDE lists " + std::to_string(keys.size()) + " keys, the limit is " + std::to_string(kExcludeMax));
  }
  for (const std::string& key : keys) {
    const Ordinal o = scope.views.entities->find(scope.kind, key);
    if (o != Ordinal::None) excluded.push_back(o);  // what does not exist is not there to be excluded
  }
  return excluded;
}

Result<FieldSelection> bind_fields(const BindScope& scope, const Query& query) {
  FieldSelection selection;
  if (!query.with || !query.with->fields) return selection;
  selection.which = query.with->fields->every ? FieldSelection::Which::Every : FieldSelection::Which::Named;
  std::vector<std::string> known;
  for (const FieldDef& f : scope.schema().fields) {
    if (f.kind == scope.kind) known.push_back(f.name);
  }
  for (const Name& name : query.with->fields->names) {
    if (scope.schema().field(scope.kind, name.text) == nullptr) {
      return refuse(scope.context, name.span, std::string(plural(scope.kind)) + " have no field '" + name.text + "'",
                    nearest_remedy(name.text, known, {"field"}));
    }
    selection.names.push_back(name.text);
  }
  return selection;
}

// A sort of that name with no arguments, as a profile or a default means it.
Result<BoundSort> bind_sort_named(const BindScope& scope, const Query& query, std::string_view name, Span span) {
  Call call;
  call.name = {std::string(name), span};
  call.span = span;
  return bind_named_sort(scope, query, call);
}

Call call_of(std::string_view name, Span span) {
  Call call;
  call.name = {std::string(name), span};
  call.span = span;
  return call;
}

Status bind_by_source(const BindScope& scope, const Query& query, BoundQuery& bound) {
  if (query.window) {
    return refuse(scope.context, query.window->span, "WINDOW has no meaning for an order by what the sources found");
  }
  bound.sort = BoundSort{.kind = SortKind::BySource, .name = std::string(kBySource)};
  return {};
}

/// A profile that is a source and an order. FROM replaces its source.
Status bind_source_profile(const BindScope& scope, const Query& query, std::string_view name, Span span,
                           BoundQuery& bound) {
  const auto* profile = std::ranges::find(kSourceProfiles, name, &SourceProfile::name);
  if (query.from.empty()) {
    const std::vector<Call> source = {call_of(name, span)};
    TIDAL_TRY_ASSIGN(bound.sources, bind_sources(scope, source, bound.anchors));
  }
  if (profile->order == kBySource) {
    TIDAL_TRY(bind_by_source(scope, query, bound));
  } else {
    TIDAL_TRY_ASSIGN(bound.sort, bind_sort_named(scope, query, profile->order, span));
  }
  bound.profile = std::string(name) + "@1";
  return {};
}

Status bind_profile(const BindScope& scope, const Query& query, BoundQuery& bound) {
  const ProfileRef& profile = *query.profile;
  if (query.sort) {
    return refuse(scope.context, query.sort->span, "USING PROFILE and SORT BY both decide the order",
                  {.hint = "leave one of them out"});
  }
  const bool of_source =
      std::ranges::find(kSourceProfiles, profile.name, &SourceProfile::name) != kSourceProfiles.end();
  if (!of_source && std::find(kSortProfiles.begin(), kSortProfiles.end(), profile.name) == kSortProfiles.end()) {
    std::vector<std::string> known(kSortProfiles.begin(), kSortProfiles.end());
    for (const SourceProfile& each : kSourceProfiles) known.emplace_back(each.name);
    if (std::find(kLaterProfiles.begin(), kLaterProfiles.end(), profile.name) != kLaterProfiles.end()) {
      return not_yet(scope.context, profile.span, "the profile '" + profile.name + "'",
                     "USING PROFILE trending, hot or new orders without knowing the user");
    }
    return refuse(scope.context, profile.span, "there is no profile '" + profile.name + "'",
                  nearest_remedy(profile.name, known, known));
  }
  if (profile.version && *profile.version != 1) {
    return refuse(scope.context, profile.span,
                  "profile '" + profile.name + "' has no version " + std::to_string(*profile.version),
                  {.expected = {profile.name + "@1"}});
  }
  if (of_source) return bind_source_profile(scope, query, profile.name, profile.span, bound);
  TIDAL_TRY_ASSIGN(bound.sort, bind_sort_named(scope, query, profile.name, profile.span));
  bound.profile = profile.name + "@1";
  return {};
}

// Neither PROFILE nor SORT BY: trending, where it has something to go by.
Status bind_default_order(const BindScope& scope, const Query& query, BoundQuery& bound) {
  if (!query.similar_to.empty())
    return bind_source_profile(scope, query, "related", query.similar_to.front().span, bound);
  const bool scored = std::ranges::any_of(bound.sources, [](const BoundSource& source) {
    return source.kind == BoundSource::Kind::CoEngaged || source.kind == BoundSource::Kind::Related;
  });
  if (scored) return bind_by_source(scope, query, bound);
  if (!bound.sources.empty()) {
    TIDAL_TRY_ASSIGN(bound.sort, bind_sort_named(scope, query, "new", query.from.front().span));
    return {};
  }
  auto trending = bind_sort_named(scope, query, "trending", query.span);
  if (!trending.ok()) {
    if (query.window) return std::move(trending).error();
    TIDAL_TRY_ASSIGN(bound.sort, bind_sort_named(scope, query, "new", query.span));
    bound.profile = "new@1";
    bound.warnings.push_back({"default_order", "ordered by new: " + trending.error().message});
    return {};
  }
  bound.sort = std::move(trending).value();
  bound.profile = "trending@1";
  if (query.for_user && scope.kind == EntityKind::Item) {
    bound.warnings.push_back({"default_profile", "the profile 'for_you' is not available yet: ordered by trending"});
  }
  if (scope.kind == EntityKind::User) {
    bound.warnings.push_back({"default_profile", "the profile 'audience' is not available yet: ordered by trending"});
  }
  return {};
}

/// SIMILAR TO finds by the source `related`, whatever the order.
Status check_anchors(const BindScope& scope, const Query& query, BoundQuery& bound) {
  if (bound.anchors.empty()) return {};
  const Span span = query.similar_to.front().span;
  if (bound.sources.empty()) {
    TIDAL_TRY_ASSIGN(bound.sources, bind_sources(scope, {call_of("related", span)}, bound.anchors));
  }
  const bool used = std::ranges::any_of(
      bound.sources, [](const BoundSource& source) { return source.kind == BoundSource::Kind::Related; });
  if (used) return {};
  return refuse(scope.context, span, "none of the sources looks for what is similar",
                {.hint = "add related to FROM, or leave SIMILAR TO out"});
}

Status bind_min_score(const BindScope& scope, const Query& query, BoundQuery& bound) {
  const Span span = query.min_score->span();
  if (bound.sort.by_text()) {
    return refuse(scope.context, span, "MIN SCORE has no meaning for an order by text");
  }
  if (bound.sort.relative()) {
    return refuse(scope.context, span,
                  "MIN SCORE has no meaning for norm, zscore and rank: they depend on the other candidates");
  }
  TIDAL_TRY_ASSIGN(Bound least, ExpressionBinder(scope, *query.min_score, ExpressionBinder::Use::MinScore).bind());
  const Type type = least.type();
  if (type != bound.sort.type) {
    return refuse(
        scope.context, span,
        "the score is a " + std::string(type_name(bound.sort.type)) + ", MIN SCORE a " + std::string(type_name(type)));
  }
  bound.min_score = std::move(least);
  return {};
}

}  // namespace

Result<std::optional<Ordinal>> bind_user(const ReadViews& views, const QueryContext& context, const Query& query) {
  if (!query.for_user) return std::optional<Ordinal>();
  TIDAL_TRY_ASSIGN(const std::string key, bound_value(context, *query.for_user, "FOR USER", "string"));
  const Ordinal user = views.entities->find(EntityKind::User, key);
  const bool known = user != Ordinal::None && views.entities->is_live(EntityKind::User, user);
  return std::optional<Ordinal>(known ? user : Ordinal::None);
}

Result<std::vector<BoundSignal>> bind_signals(const BindScope& scope, const std::vector<Expr>& signals) {
  std::vector<BoundSignal> bound;
  for (const Expr& expression : signals) {
    BoundSignal signal;
    TIDAL_TRY_ASSIGN(signal.expression, ExpressionBinder(scope, expression, ExpressionBinder::Use::Signals).bind());
    signal.words = words_of(scope.context, expression, expression.root());
    bound.push_back(std::move(signal));
  }
  return bound;
}

Result<BoundQuery> bind_query(const BindScope& scope, const Query& query) {
  BoundQuery bound;
  bound.kind = query.kind;
  TIDAL_TRY_ASSIGN(bound.limit, bind_limit(scope.context, query));
  TIDAL_TRY_ASSIGN(bound.deadline_us, bind_deadline(scope.context, query));
  if (query.filter) {
    TIDAL_TRY_ASSIGN(bound.filter, ExpressionBinder(scope, *query.filter, ExpressionBinder::Use::Filter).bind());
  }
  if (!query.similar_to.empty() && query.kind != EntityKind::Item) {
    return refuse(scope.context, query.similar_to.front().span,
                  "SIMILAR TO finds items, not " + std::string(plural(query.kind)));
  }
  TIDAL_TRY_ASSIGN(bound.anchors, bind_anchors(scope, query.similar_to));
  TIDAL_TRY_ASSIGN(bound.sources, bind_sources(scope, query.from, bound.anchors));
  if (query.profile) {
    TIDAL_TRY(bind_profile(scope, query, bound));
  } else if (query.sort) {
    TIDAL_TRY_ASSIGN(bound.sort, bind_sort(scope, query));
    if (bound.sort.name.empty()) {
      bound.sort.name =
          words_of(scope.context, query.sort->by, query.sort->by.root()) + (bound.sort.descending ? " DESC" : " ASC");
    }
  } else {
    TIDAL_TRY(bind_default_order(scope, query, bound));
  }
  TIDAL_TRY(check_anchors(scope, query, bound));
  if (query.min_score) TIDAL_TRY(bind_min_score(scope, query, bound));
  TIDAL_TRY_ASSIGN(bound.excluded, bind_exclude(scope, query));
  TIDAL_TRY_ASSIGN(bound.fields, bind_fields(scope, query));
  if (query.with) {
    TIDAL_TRY_ASSIGN(bound.signals, bind_signals(scope, query.with->signals));
    bound.explain = query.with->explain;
    const bool by_expression = bound.sort.kind == SortKind::Expression && query.sort && !query.profile;
    for (std::size_t i = 0; by_expression && i < bound.signals.size(); ++i) {
      bound.signals[i].is_score = query.with->signals[i] == query.sort->by;
    }
  }
  if (scope.has_user() && scope.reader.user() == Ordinal::None) {
    TIDAL_TRY_ASSIGN(const std::string key, bound_value(scope.context, *query.for_user, "FOR USER", "string"));
    bound.warnings.push_back({"unknown_user", "nothing is known of user '" + key + "': answered as for a new one"});
  }
  bound.warnings.insert(bound.warnings.end(), bound.sort.warnings.begin(), bound.sort.warnings.end());
  return bound;
}

}  // namespace tidal::query
