// Binding of named sorts.
#include "query/sorts.h"

#include <algorithm>
#include <array>

#include "query/expression_binder.h"
#include "query/parser.h"

namespace tidal::query {
namespace {

// Sorts of the language whose views do not exist in this version.
constexpr std::array<std::string_view, 1> kLaterSorts = {"relevance"};

struct Period {
  std::string_view name;
  Window window;
};
constexpr std::array kPeriods = {Period{"hour", Window::Hour}, Period{"day", Window::Day}, Period{"week", Window::Week},
                                 Period{"month", Window::Month}, Period{"all", Window::All}};
constexpr std::string_view kYear = "year";  // no window of signals: the histories have it

class SortBinder {
 public:
  SortBinder(const BindScope& scope, const Query& query, Span span) : scope_(scope), query_(query), span_(span) {}

  Result<BoundSort> bind(const SortEntry& entry, const Call& call);

 private:
  struct Term {
    Role role;
    std::vector<signal::SignalIndex>* signals;
    std::vector<Window> windows{};  // each of which a signal must declare; empty: totals only
    bool optional = false;          // the formula has another form without it: no warning
  };

  [[nodiscard]] Status bind_arguments(const SortEntry& entry, const Call& call);
  [[nodiscard]] Status bind_period(const Call& call);
  [[nodiscard]] Status bind_window(const SortEntry& entry);
  [[nodiscard]] Status bind_terms();
  [[nodiscard]] std::vector<Term> terms();
  [[nodiscard]] Status fill_term(const Term& term, std::string& lacking);
  [[nodiscard]] bool counts(const SignalDef& def) const;
  [[nodiscard]] Status bind_first_field(FieldType type);
  [[nodiscard]] Status bind_personalized();
  void warn(std::string code, std::string message) { sort_.warnings.push_back({std::move(code), std::move(message)}); }

  const BindScope& scope_;
  const Query& query_;
  Span span_;
  BoundSort sort_;
};

bool SortBinder::counts(const SignalDef& def) const {
  if (!def.in_scope(Scope::Global)) return false;
  return scope_.kind == EntityKind::Creator || def.target == scope_.kind;
}

std::vector<SortBinder::Term> SortBinder::terms() {
  const Term up{Role::Positive, &sort_.positives, {}};
  const Term down{Role::Negative, &sort_.negatives, {}};
  const Term views{Role::View, &sort_.views, {}};
  switch (sort_.kind) {
    case SortKind::Hot:
    case SortKind::RedditHot:
    case SortKind::HackerNews:
    case SortKind::Controversial: return {up, down};
    case SortKind::Top: {
      std::vector<Window> windows;
      if (sort_.window != Window::All) windows.push_back(sort_.window);
      return {{Role::Positive, &sort_.positives, windows}, {Role::Negative, &sort_.negatives, windows}};
    }
    case SortKind::HiddenGems: return {up, {Role::Negative, &sort_.negatives, {}, true}, views};
    case SortKind::Shuffle:
      return {up, {Role::Negative, &sort_.negatives, {}, true}, {Role::View, &sort_.views, {}, true}};
    case SortKind::Trending:
      return {{Role::Share, &sort_.shares, {sort_.window}}, {Role::View, &sort_.views, {sort_.window}}};
    case SortKind::Rising: return {{Role::View, &sort_.views, {Window::Hour, Window::Week}}};
    case SortKind::MostViewed: return {views};
    case SortKind::MostLiked: return {up};
    case SortKind::MostCommented: return {{Role::Comment, &sort_.comments, {}}};
    case SortKind::MostShared: return {{Role::Share, &sort_.shares, {}}};
    default: return {};
  }
}

Status SortBinder::fill_term(const Term& term, std::string& lacking) {
  const auto& signals = scope_.schema().signals;
  for (std::size_t s = 0; s < signals.size(); ++s) {
    const SignalDef& def = signals[s];
    if (!def.has_role(term.role) || !counts(def)) continue;
    const bool has_windows = std::all_of(term.windows.begin(), term.windows.end(), [&](Window w) {
      return std::find(def.windows.begin(), def.windows.end(), w) != def.windows.end();
    });
    if (has_windows) {
      term.signals->push_back(static_cast<signal::SignalIndex>(s));
    } else {
      if (!lacking.empty()) lacking += "; ";
      lacking += "'" + def.name + "' has the windows " + declared_windows(def);
    }
  }
  return {};
}

Status SortBinder::bind_terms() {
  const std::vector<Term> all = terms();
  if (all.empty()) return {};
  std::string roles;
  std::string lacking;
  std::string windows;
  bool any = false;
  for (const Term& term : all) {
    std::string lacks;
    TIDAL_TRY(fill_term(term, lacks));
    any = any || !term.signals->empty();
    roles += (roles.empty() ? "" : ", ") + std::string(role_name(term.role));
    if (!lacks.empty()) lacking += (lacking.empty() ? "" : "; ") + lacks;
    for (const Window w : term.windows) {
      if (windows.find(window_name(w)) == std::string::npos)
        windows += (windows.empty() ? "" : " and ") + std::string(window_name(w));
    }
  }
  if (!any && !lacking.empty()) {
    return refuse(scope_.context, span_, sort_.name + " needs the window " + windows + ": " + lacking,
                  {.hint = "ask for another WINDOW, or define a signal that has it"});
  }
  if (!any) {
    return refuse(scope_.context, span_,
                  sort_.name + " needs a signal with one of the roles " + roles + "; there is none",
                  {.hint = "DEFINE SIGNAL my_" + std::string(role_name(all.front().role)) + " ROLE " +
                           std::string(role_name(all.front().role)) + " WINDOWS 1h, 24h, 7d, 30d VELOCITY"});
  }
  for (const Term& term : all) {
    if (!term.signals->empty() || term.optional) continue;
    warn("term_left_out", sort_.name + ": no signal of role " + std::string(role_name(term.role)) +
                              (lacking.empty() ? "" : " with the window " + windows) + ", its term is left out");
  }
  if (any && !lacking.empty())
    warn("signal_left_out", sort_.name + " leaves out signals without the window " + windows + ": " + lacking);
  return {};
}

Status SortBinder::bind_first_field(FieldType type) {
  const auto& fields = scope_.schema().fields;
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const FieldDef& f) { return f.kind == scope_.kind && f.type == type; });
  if (found == fields.end()) {
    return refuse(scope_.context, span_,
                  sort_.name + " orders by the first " + std::string(field_type_name(type)) + " field; " +
                      std::string(plural(scope_.kind)) + " have none");
  }
  sort_.field = found->name;
  return {};
}

/// An expression of the language itself; what the schema gives no ground for is left out of it.
Status SortBinder::bind_personalized() {
  if (!scope_.has_user()) {
    return refuse(scope_.context, span_, "personalized needs to know the asking user", {.hint = "add FOR USER @key"});
  }
  std::string words = "0.2 * co_engagement + 0.2 * creator_affinity + 0.1 * item_affinity";
  if (scope_.schema().preference_slot() >= 0) {
    words += " + 0.5 * preference_match";
  } else {
    warn("term_left_out", "personalized: no embedding of items is PREFERENCE, its preference term is left out");
  }
  TIDAL_TRY_ASSIGN(const Script script, parse("RETRIEVE items FOR USER @u SORT BY " + words + " DESC"));
  const auto& query = std::get<Query>(script.statements.front().body);
  TIDAL_TRY_ASSIGN(sort_.by, ExpressionBinder(scope_, query.sort->by, ExpressionBinder::Use::Sort).bind());
  sort_.kind = SortKind::Expression;
  return {};
}

Status SortBinder::bind_period(const Call& call) {
  const ExprNode& argument = call.args[0].root_node();
  const std::string word =
      argument.op == ExprOp::Path && !argument.call && argument.path.size() == 1 ? argument.path[0].text : "";
  if (word == kYear) {
    sort_.of_year = true;
    return {};
  }
  const auto* found = std::find_if(kPeriods.begin(), kPeriods.end(), [&](const Period& p) { return p.name == word; });
  if (found == kPeriods.end()) {
    std::vector<std::string> names;
    for (const Period& p : kPeriods) names.emplace_back(p.name);
    names.emplace_back(kYear);
    return refuse(scope_.context, argument.span, "top() takes a period", nearest_remedy(word, names, names));
  }
  sort_.window = found->window;
  return {};
}

Status SortBinder::bind_arguments(const SortEntry& entry, const Call& call) {
  const std::size_t most = entry.kind == SortKind::Top || entry.kind == SortKind::Shuffle ? 1 : 0;
  if (call.args.size() > most || (call.parentheses && call.args.empty() && most == 0)) {
    return refuse(scope_.context, call.span,
                  std::string(entry.name) + (most == 0 ? " takes no arguments" : " takes one argument"));
  }
  if (call.args.empty()) return {};
  if (entry.kind == SortKind::Top) {
    if (query_.window) {
      return refuse(scope_.context, query_.window->span, "top() has its period already: WINDOW says it twice");
    }
    return bind_period(call);
  }
  TIDAL_TRY_ASSIGN(const Bound seed, ExpressionBinder(scope_, call.args[0], ExpressionBinder::Use::Signals).bind());
  const BoundNode& node = seed.nodes[seed.root()];
  if (node.op != Op::Const || node.type != Type::Real || node.constant < 0) {
    return refuse(scope_.context, call.args[0].span(), "shuffle() takes a number from 0 on as its seed");
  }
  sort_.has_seed = true;
  sort_.seed = static_cast<std::uint64_t>(std::min(node.constant, 9'007'199'254'740'992.0));
  return {};
}

Status SortBinder::bind_window(const SortEntry& entry) {
  if (!query_.window) return {};
  const WindowRef& window = *query_.window;
  if (!entry.windowed) {
    return refuse(scope_.context, window.span, "WINDOW has no meaning for SORT BY " + std::string(entry.name),
                  {.hint = "WINDOW belongs to trending and top"});
  }
  if (window.all) {
    if (entry.kind == SortKind::Trending) {
      return refuse(scope_.context, window.span, "all of time has no velocity: trending takes 1h, 24h, 7d or 30d");
    }
    sort_.window = Window::All;
    return {};
  }
  Duration length;
  if (const auto* written = window.length.written()) {
    length = *written;
  } else {
    TIDAL_TRY_ASSIGN(const Value value, param_value(scope_.context, *window.length.param(), window.span));
    const auto* d = std::get_if<Duration>(&value);
    if (d == nullptr) return refuse(scope_.context, window.span, "WINDOW takes a duration", {.expected = {"duration"}});
    length = *d;
  }
  for (const Window w : {Window::Hour, Window::Day, Window::Week, Window::Month}) {
    if (window_span(w) == length) {
      sort_.window = w;
      return {};
    }
  }
  return refuse(scope_.context, window.span, "there is no window " + to_string(length),
                {.expected = {"1h", "24h", "7d", "30d", "all"}});
}

Result<BoundSort> SortBinder::bind(const SortEntry& entry, const Call& call) {
  sort_.kind = entry.kind;
  sort_.name = entry.name;
  sort_.descending = entry.descending;
  sort_.window = entry.kind == SortKind::Top ? Window::All : Window::Day;
  if (entry.items_only && scope_.kind != EntityKind::Item) {
    return refuse(scope_.context, span_, sort_.name + " orders items, not " + std::string(plural(scope_.kind)));
  }
  TIDAL_TRY(bind_window(entry));
  TIDAL_TRY(bind_arguments(entry, call));
  if (sort_.kind == SortKind::Top) {
    for (const Period& p : kPeriods) {
      if (p.window == sort_.window) sort_.name = "top(" + std::string(p.name) + ")";
    }
    if (sort_.of_year) sort_.name = "top(year)";
  }
  if (sort_.kind == SortKind::Shuffle && sort_.has_seed) sort_.name = "shuffle(" + std::to_string(sort_.seed) + ")";
  if (sort_.kind == SortKind::New || sort_.kind == SortKind::Old || sort_.kind == SortKind::DateSaved)
    sort_.type = Type::Moment;
  if (sort_.kind == SortKind::Alphabetical) TIDAL_TRY(bind_first_field(FieldType::Text));
  if (sort_.kind == SortKind::Shortest || sort_.kind == SortKind::Longest) {
    sort_.type = Type::Duration;
    TIDAL_TRY(bind_first_field(FieldType::Duration));
  }
  if (sort_.kind == SortKind::DateSaved && !scope_.has_user()) {
    return refuse(scope_.context, span_, "date_saved needs to know the asking user", {.hint = "add FOR USER @key"});
  }
  if (sort_.kind == SortKind::Personalized) TIDAL_TRY(bind_personalized());
  TIDAL_TRY(bind_terms());
  if (sort_.kind == SortKind::Trending) {
    const auto& signals = scope_.schema().signals;
    if (std::any_of(sort_.views.begin(), sort_.views.end(), [&](auto s) { return signals[s].unique; })) {
      warn("term_left_out", "trending: its reach term, 0.2 of the distinct users a second, is not available yet");
    }
  }
  return std::move(sort_);
}

}  // namespace

const std::vector<SortEntry>& sort_entries() {
  static const auto* entries = new std::vector<SortEntry>{
      {"new", SortKind::New, true, false, false, "youngest first, by created_at"},
      {"old", SortKind::Old, false, false, false, "oldest first, by created_at"},
      {"hot", SortKind::Hot, true, true, false, "net votes on a log scale over a power of age (setting hot_gravity)"},
      {"trending", SortKind::Trending, true, false, true, "0.5 share velocity + 0.3 view velocity over WINDOW (24h)"},
      {"rising", SortKind::Rising, true, false, false, "views of the last hour against the hour before and the week"},
      {"top", SortKind::Top, true, true, true, "positive less negative votes of hour, day, week, month, year or all"},
      {"most_viewed", SortKind::MostViewed, true, false, false, "all-time count of the view role"},
      {"most_liked", SortKind::MostLiked, true, true, false, "standing positive votes"},
      {"most_commented", SortKind::MostCommented, true, false, false, "all-time count of the comment role"},
      {"most_shared", SortKind::MostShared, true, false, false, "all-time count of the share role"},
      {"controversial", SortKind::Controversial, true, true, false,
       "many votes on both sides: up * down / (up + down)^2"},
      {"hidden_gems", SortKind::HiddenGems, true, true, false, "high quality, few views: wilson / log10(views + 10)"},
      {"shuffle", SortKind::Shuffle, true, true, false, "random(seed) * sqrt(quality); the same seed, the same order"},
      {"alphabetical", SortKind::Alphabetical, false, false, false, "by the first TEXT field"},
      {"shortest", SortKind::Shortest, false, false, false, "by the first DURATION field, short ones first"},
      {"longest", SortKind::Longest, true, false, false, "by the first DURATION field, long ones first"},
      {"date_saved", SortKind::DateSaved, true, true, false, "what the asking user saved last, first"},
      {"personalized", SortKind::Personalized, true, true, false,
       "what fits the asking user: preference, co-engagement, affinity to creator and item"},
      {"reddit_hot", SortKind::RedditHot, true, true, false, "reddit's published formula"},
      {"hn", SortKind::HackerNews, true, true, false, "Hacker News' published formula"},
  };
  return *entries;
}

Result<BoundSort> bind_named_sort(const BindScope& scope, const Query& query, const Call& call) {
  const auto& entries = sort_entries();
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const SortEntry& e) { return e.name == call.name.text; });
  if (found != entries.end()) return SortBinder(scope, query, call.name.span).bind(*found, call);
  if (std::find(kLaterSorts.begin(), kLaterSorts.end(), call.name.text) != kLaterSorts.end()) {
    return not_yet(scope.context, call.name.span, "SORT BY " + call.name.text);
  }
  std::vector<std::string> names;
  for (const SortEntry& e : entries) names.emplace_back(e.name);
  Remedy remedy = nearest_remedy(call.name.text, names, {"sort", "expression ASC", "expression DESC"});
  if (remedy.hint.empty()) remedy.hint = "SHOW SORTS lists them; an expression needs ASC or DESC";
  return refuse(scope.context, call.name.span, "there is no sort '" + call.name.text + "'", std::move(remedy));
}

Result<BoundSort> bind_sort(const BindScope& scope, const Query& query) {
  const Sort& sort = *query.sort;
  if (sort.named) return bind_named_sort(scope, query, *sort.named);
  if (query.window) {
    return refuse(scope.context, query.window->span, "WINDOW has no meaning for an expression",
                  {.hint = "name the window inside it: view.count(24h)"});
  }
  BoundSort bound{.kind = SortKind::Expression, .descending = sort.descending};
  TIDAL_TRY_ASSIGN(bound.by, ExpressionBinder(scope, sort.by, ExpressionBinder::Use::Sort).bind());
  bound.type = bound.by.type();
  if (bound.type == Type::String) {
    bound.kind = SortKind::StringField;
    const FeatureRef& field = bound.by.features[bound.by.nodes.back().ref];
    if (field.of_creator) return not_yet(scope.context, sort.by.span(), "an order by a creator's text");
    bound.field = field.field;
  }
  return bound;
}

}  // namespace tidal::query
