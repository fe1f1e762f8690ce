// Statements back to text.
#include "query/printer.h"

#include <algorithm>

#include "query/print_pieces.h"
#include "schema/literal_text.h"

namespace tidal::query {
namespace {

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

template <class T, class F>
std::string or_param(const Bindable<T>& piece, F print_written) {
  return piece.param() != nullptr ? "$" + piece.param()->name : print_written(*piece.written());
}

std::string kind_word(EntityKind kind) { return std::string(kind_name(kind)); }

}  // namespace

std::string print_bare_word(std::string_view word) {
  const auto fits = [](char c) { return is_word_char(c) || c == '.' || c == '+' || c == '-'; };
  const bool bare = !word.empty() && is_word_char(word[0]) && std::all_of(word.begin(), word.end(), fits) &&
                    word.find("--") == std::string_view::npos;
  return bare ? std::string(word) : schema::string_text(word);
}

std::string print_key(const Key& key) {
  return or_param(key, [](const std::string& k) {
    const auto fits = [](char c) { return is_word_char(c) || c == '.' || c == '-'; };
    const bool bare = !k.empty() && is_word_char(k[0]) && std::all_of(k.begin(), k.end(), fits);
    return "@" + (bare ? k : schema::string_text(k));
  });
}

std::string print_text(const Text& text) {
  return or_param(text, [](const std::string& s) { return schema::string_text(s); });
}
std::string print_word(const Word& word) {
  return or_param(word, [](const std::string& w) { return print_bare_word(w); });
}
std::string print_number(const Number& number) {
  return or_param(number, [](double v) { return schema::number_text(v); });
}
std::string print_whole(const Whole& whole) {
  return or_param(whole, [](std::int64_t v) { return std::to_string(v); });
}
std::string print_time(const Time& time) {
  return or_param(time, [](Timestamp t) { return to_string(t); });
}
std::string print_span(const TimeSpan& span) {
  return or_param(span, [](Duration d) { return to_string(d); });
}
std::string print_window(const WindowRef& window) { return window.all ? "all" : print_span(window.length); }

std::string print_profile(const ProfileRef& profile) {
  return profile.name + (profile.version ? "@" + std::to_string(*profile.version) : "");
}

std::string print_field(const FieldName& field) { return kind_word(field.kind) + "." + field.name.text; }

std::string print_call(const Call& call) {
  std::string out = call.name.text;
  if (call.parentheses) out += "(" + print_list(call.args, [](const Expr& e) { return print(e); }) + ")";
  if (call.word) out += ":" + print_word(*call.word);
  return out;
}

std::string print_cohort(const Cohort& cohort) {
  return "COHORT " + print(cohort.condition, true) + (cohort.exact ? " EXACT" : "") + (cohort.strict ? " STRICT" : "");
}

std::string print_explore(const Explore& explore) {
  std::string out = "EXPLORE " + schema::number_text(explore.percent) + "%";
  if (explore.by == Explore::By::Thompson) out += " BY thompson";
  if (explore.by == Explore::By::Epsilon) out += " BY epsilon";
  if (explore.per_creator_percent) out += " PER CREATOR " + schema::number_text(*explore.per_creator_percent) + "%";
  return out;
}

std::string print_with(const With& with) {
  std::vector<std::string> parts;
  if (with.fields) {
    const auto name_of = [](const Name& n) { return n.text; };
    parts.push_back("fields(" + (with.fields->every ? "*" : print_list(with.fields->names, name_of)) + ")");
  }
  if (!with.signals.empty()) {
    parts.push_back("signals(" + print_list(with.signals, [](const Expr& e) { return print(e); }) + ")");
  }
  if (with.highlights) parts.emplace_back("highlights");
  if (with.explain) parts.emplace_back("explain");
  if (with.vectors) parts.emplace_back("vectors");
  return "WITH " + print_list(parts, [](const std::string& s) { return s; });
}

std::string print_kinds(EntityKind kind) { return kind_word(kind) + "s"; }

namespace {

std::string print_within(const Within& within) {
  switch (within.kind) {
    case Within::Kind::Following: return "WITHIN FOLLOWING";
    case Within::Kind::Subquery: return "WITHIN (" + print(within.subquery.front()) + ")";
    case Within::Kind::Trending: break;
  }
  std::string out = "WITHIN TRENDING";
  if (within.cohort) out += " " + print_cohort(*within.cohort);
  if (within.window) out += " WINDOW " + print_window(*within.window);
  return out;
}

std::string print_search_clauses(const Query& q) {
  std::string out;
  if (q.text) out += " QUERY " + print_text(*q.text);
  if (q.vector) {
    out += " VECTOR " + (q.vector->slot ? q.vector->slot->text + ":" : "");
    out += or_param(q.vector->vector,
                    [](const std::vector<Number>& v) { return "[" + print_list(v, print_number) + "]"; });
  }
  if (!q.facets.empty()) {
    out += " FACETS " + print_list(q.facets, [](const Facet& f) {
             return f.field.text + (f.limit ? ":" + std::to_string(*f.limit) : "");
           });
  }
  return out;
}

std::string print_keys(const KeyList& keys) {
  return or_param(keys, [](const std::vector<Key>& list) { return "[" + print_list(list, print_key) + "]"; });
}

std::string print_sort(const Sort& sort) {
  if (sort.named) return print_call(*sort.named);
  return print(sort.by) + (sort.descending ? " DESC" : " ASC");
}

struct BodyPrinter {
  std::string operator()(const Query& q) const { return print(q); }
  std::string operator()(const Suggest& s) const {
    std::string out = "SUGGEST " + print_text(s.prefix);
    if (s.for_user) out += " FOR USER " + print_key(*s.for_user);
    if (s.limit) out += " LIMIT " + print_whole(*s.limit);
    return out;
  }
  std::string operator()(const Explain& e) const {
    std::string out = "EXPLAIN ";
    if (e.item) out += "ITEM " + print_key(*e.item) + " IN ";
    if (e.analyze) out += "ANALYZE ";
    return out + std::visit(*this, e.query);
  }
  std::string operator()(const DryRun& d) const { return "DRY RUN " + std::visit(*this, d.change); }
  std::string operator()(const History& h) const {
    constexpr std::string_view kSteps[] = {"", "minute", "hour", "day"};
    std::string out = "HISTORY OF " + print_list(h.signals, [](const Name& n) { return n.text; }) + " ON ";
    if (h.kind) out += kind_word(*h.kind) + " ";
    out += print_key(h.key);
    if (h.window) out += " WINDOW " + print_window(*h.window);
    if (h.by != History::Step::Default) out += " BY " + std::string(kSteps[static_cast<std::size_t>(h.by)]);
    if (h.until) out += " UNTIL " + print_time(*h.until);
    if (h.cohort) out += " " + print_cohort(*h.cohort);
    return out;
  }

  std::string operator()(const Write& w) const { return std::visit(*this, w); }
  std::string operator()(const SignalWrite& s) const {
    std::string out = "SIGNAL " + s.signal.text + " ON " + print_key(s.target);
    if (s.by) out += " BY " + print_key(*s.by);
    if (s.value) out += " VALUE " + print_number(*s.value);
    if (s.weight) out += " WEIGHT " + print_number(*s.weight);
    if (s.at) out += " AT " + print_time(*s.at);
    if (s.key) out += " KEY " + print_text(*s.key);
    if (s.context) out += " CONTEXT " + to_text(*s.context);
    return out;
  }
  std::string operator()(const Unsignal& s) const {
    std::string out = "UNSIGNAL " + s.signal.text + " ON " + print_key(s.target) + " BY " + print_key(s.by);
    if (s.at) out += " AT " + print_time(*s.at);
    return out;
  }
  std::string operator()(const EntityWrite& e) const {
    return (e.update ? "UPDATE " : "PUT ") + kind_word(e.kind) + " " + print_key(e.key) + " " + to_text(e.content);
  }
  std::string operator()(const DeleteEntity& d) const { return "DELETE " + kind_word(d.kind) + " " + print_key(d.key); }
  std::string operator()(const Relate& r) const {
    std::string out = r.remove ? "UNRELATE " : "RELATE ";
    out += print_key(r.from) + " " + r.relation.text + " " + print_key(r.to);
    if (r.weight) out += " WEIGHT " + print_number(*r.weight);
    if (r.at) out += " AT " + print_time(*r.at);
    return out;
  }
  std::string operator()(const Hide& h) const {
    std::string out = (h.unhide ? "UNHIDE " : "HIDE ") + kind_word(h.kind) + " " + print_key(h.key);
    if (h.reason) out += " REASON " + print_text(*h.reason);
    return out;
  }
  std::string operator()(const Forget& f) const { return "FORGET USER " + print_key(f.user); }

  std::string operator()(const Define& d) const { return print_define(d); }
  std::string operator()(const Alter& a) const { return print_alter(a); }
  std::string operator()(const Drop& d) const { return print_drop(d); }

  std::string operator()(const Show& s) const {
    constexpr std::string_view kWhat[] = {"SCHEMA",      "SCHEMA CHANGES", "RELATIONS OF", "PROFILE",  "COHORT",
                                          "EXPERIMENT",  "FIELDS",         "SIGNALS",      "PROFILES", "COHORTS",
                                          "EXPERIMENTS", "MIGRATIONS",     "SETTINGS",     "STATS",    "SORTS",
                                          "FILTERS",     "FEATURES",       "SOURCES"};
    std::string out = "SHOW " + std::string(kWhat[static_cast<std::size_t>(s.what)]);
    if (s.what == Show::What::Schema && s.version) out += " VERSION " + std::to_string(*s.version);
    if (s.kind) out += " " + kind_word(*s.kind);
    if (s.key) out += " " + print_key(*s.key);
    if (s.name) out += " " + s.name->text;
    if (s.what == Show::What::Profile && s.version) out += "@" + std::to_string(*s.version);
    return out;
  }
  std::string operator()(const Control& c) const { return std::visit(*this, c); }
  std::string operator()(const Begin&) const { return "BEGIN"; }
  std::string operator()(const Commit&) const { return "COMMIT"; }
  std::string operator()(const Rollback&) const { return "ROLLBACK"; }
  std::string operator()(const Get& g) const {
    return "GET " + kind_word(g.kind) + " " + print_key(g.key) + (g.with ? " " + print_with(*g.with) : "");
  }
  std::string operator()(const ExportUser& e) const { return "EXPORT USER " + print_key(e.user); }
  std::string operator()(const CancelMigration& c) const { return "CANCEL MIGRATION " + print_whole(c.id); }
  std::string operator()(const Help& h) const { return h.topic ? "HELP " + h.topic->text : "HELP"; }
};

}  // namespace

std::string print(const Query& q) {
  std::string out = q.op == Query::Op::Search ? "SEARCH " : "RETRIEVE ";
  out += print_kinds(q.kind) + print_search_clauses(q);
  if (q.for_user) out += " FOR USER " + print_key(*q.for_user);
  if (q.for_item) out += " FOR ITEM " + print_key(*q.for_item);
  if (q.context) out += " CONTEXT " + q.context->text;
  if (q.profile) out += " USING PROFILE " + print_profile(*q.profile);
  if (!q.similar_to.empty()) out += " SIMILAR TO " + print_list(q.similar_to, print_key);
  if (!q.from.empty()) out += " FROM " + print_list(q.from, print_call);
  if (q.filter) out += " FILTER " + print(*q.filter, true);
  if (q.exclude) out += " EXCLUDE " + print_keys(*q.exclude);
  if (q.cohort) out += " " + print_cohort(*q.cohort);
  if (q.window) out += " WINDOW " + print_window(*q.window);
  if (q.within) out += " " + print_within(*q.within);
  if (q.sort) out += " SORT BY " + print_sort(*q.sort);
  if (!q.diversity.empty()) out += " DIVERSITY " + print_list(q.diversity, print_call);
  if (q.explore) out += " " + print_explore(*q.explore);
  if (q.min_score) out += " MIN SCORE " + print(*q.min_score);
  if (q.with) out += " " + print_with(*q.with);
  if (q.record_impressions) out += " RECORD IMPRESSIONS";
  if (q.as_of) out += " AS OF " + print_time(*q.as_of);
  if (q.deadline) out += " DEADLINE " + print_span(*q.deadline);
  if (q.after) out += " AFTER " + print_text(*q.after);
  if (q.limit) out += " LIMIT " + print_whole(*q.limit);
  return out;
}

std::string print(const StatementBody& body) { return std::visit(BodyPrinter{}, body); }

std::string print(const Statement& statement) { return print(statement.body); }

std::string print(const Script& script) {
  std::string out;
  for (const Statement& statement : script.statements) out += print(statement) + ";\n";
  return out;
}

}  // namespace tidal::query
