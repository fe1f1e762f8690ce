// What a statement is, in its own keywords.
#include "query/define.h"
#include "query/syntax_error.h"

namespace tidal::query {
namespace {

constexpr std::string_view kDefinitions[] = {"FIELD",  "EMBEDDING", "SIGNAL",     "RELATION", "DIMENSION",
                                             "COHORT", "PROFILE",   "EXPERIMENT", "SYNONYM"};
// In the order of their variants.
constexpr std::string_view kAltered[] = {"FIELD",  "EMBEDDING", "SIGNAL",     "RELATION", "DIMENSION",
                                         "COHORT", "PROFILE",   "EXPERIMENT", "SYNONYM",  "SETTINGS"};
constexpr std::string_view kShown[] = {
    "SCHEMA",  "SCHEMA CHANGES", "RELATIONS",  "PROFILE",  "COHORT", "EXPERIMENT", "FIELDS",  "SIGNALS",  "PROFILES",
    "COHORTS", "EXPERIMENTS",    "MIGRATIONS", "SETTINGS", "STATS",  "SORTS",      "FILTERS", "FEATURES", "SOURCES"};

struct Describe {
  std::string operator()(const Query& q) const { return q.op == Query::Op::Search ? "SEARCH" : "RETRIEVE"; }
  std::string operator()(const Suggest&) const { return "SUGGEST"; }
  std::string operator()(const Explain& e) const { return e.item ? "EXPLAIN ITEM" : "EXPLAIN"; }
  std::string operator()(const DryRun&) const { return "DRY RUN"; }
  std::string operator()(const History&) const { return "HISTORY"; }
  std::string operator()(const Write& w) const { return std::visit(*this, w); }
  std::string operator()(const SignalWrite&) const { return "SIGNAL"; }
  std::string operator()(const Unsignal&) const { return "UNSIGNAL"; }
  std::string operator()(const EntityWrite& e) const { return e.update ? "UPDATE" : "PUT"; }
  std::string operator()(const DeleteEntity&) const { return "DELETE"; }
  std::string operator()(const Relate& r) const { return r.remove ? "UNRELATE" : "RELATE"; }
  std::string operator()(const Hide& h) const { return h.unhide ? "UNHIDE" : "HIDE"; }
  std::string operator()(const Forget&) const { return "FORGET USER"; }
  std::string operator()(const Define& d) const { return "DEFINE " + std::string(kDefinitions[d.index()]); }
  std::string operator()(const Alter& a) const { return "ALTER " + std::string(kAltered[a.what.index()]); }
  std::string operator()(const Drop& d) const {
    return "DROP " + std::string(kDefinitions[static_cast<std::size_t>(d.what)]);
  }
  std::string operator()(const Show& s) const {
    return "SHOW " + std::string(kShown[static_cast<std::size_t>(s.what)]);
  }
  std::string operator()(const Control& c) const {
    constexpr std::string_view kNames[] = {"BEGIN",       "COMMIT",           "ROLLBACK", "GET",
                                           "EXPORT USER", "CANCEL MIGRATION", "HELP"};
    return std::string(kNames[c.index()]);
  }
};

}  // namespace

std::string describe(const StatementBody& body) { return std::visit(Describe{}, body); }

Error not_available_yet(const Statement& statement) {
  Span start = statement.span;
  start.length = static_cast<std::uint32_t>(describe(statement.body).size());
  return error_at(statement, start,
                  {.message = describe(statement.body) + " is not available yet", .code = Code::FailedPrecondition});
}

}  // namespace tidal::query
