// Refusals of the second pass, with their place in the statement.
#include "query/bind_scope.h"

#include "query/printer.h"
#include "query/syntax_error.h"
#include "schema/validation.h"

namespace tidal::query {

Error refuse(const QueryContext& context, Span span, std::string message, Remedy remedy) {
  return error_at(context.source, context.statement, span,
                  {.message = std::move(message),
                   .expected = std::move(remedy.expected),
                   .nearest = std::move(remedy.nearest),
                   .hint = std::move(remedy.hint)});
}

Error not_yet(const QueryContext& context, Span span, std::string_view what, std::string hint) {
  return error_at(context.source, context.statement, span,
                  {.message = std::string(what) + " is not available yet",
                   .hint = std::move(hint),
                   .code = Code::FailedPrecondition});
}

Error does_not_exist(const QueryContext& context, Span span, EntityKind kind, const std::string& key) {
  Error absent = refuse(context, span, std::string(kind_name(kind)) + " '" + key + "' does not exist");
  absent.code = Code::NotFound;
  return absent;
}

Remedy nearest_remedy(std::string_view name, const std::vector<std::string>& known, std::vector<std::string> expected) {
  Remedy remedy{.expected = std::move(expected), .nearest = schema::nearest_name(name, known)};
  if (!remedy.nearest.empty()) remedy.hint = "did you mean '" + remedy.nearest + "'?";
  return remedy;
}

Result<Value> param_value(const QueryContext& context, const Param& param, Span span) {
  if (context.params != nullptr) {
    const auto found = context.params->find(param.name);
    if (found != context.params->end()) {
      if (const Value* value = found->second.value()) return *value;
      return refuse(context, span, "parameter $" + param.name + " is a vector, which cannot stand here");
    }
  }
  return refuse(context, span, "parameter $" + param.name + " has no value");
}

Result<std::size_t> find_signal(const QueryContext& context, const schema::Schema& schema, const Name& name) {
  const int index = schema.signal_index(name.text);
  if (index >= 0) return static_cast<std::size_t>(index);
  std::vector<std::string> known;
  for (const SignalDef& signal : schema.signals) known.push_back(signal.name);
  Remedy remedy = nearest_remedy(name.text, known, {"signal"});
  if (remedy.hint.empty()) remedy.hint = "SHOW SIGNALS lists them";
  return refuse(context, name.span, "there is no signal '" + name.text + "'", std::move(remedy));
}

Status check_counted(const QueryContext& context, const SignalDef& def, const Name& name, EntityKind entity) {
  if (entity == EntityKind::User) {
    if (def.in_scope(Scope::User)) return {};
    return refuse(context, name.span, "signal '" + name.text + "' is not counted by user",
                  {.hint = "only a signal defined with SCOPE global, user is"});
  }
  if (!def.in_scope(Scope::Global)) {
    return refuse(
        context, name.span, "signal '" + name.text + "' is counted by user only",
        {.hint = "user." + name.text + ".count(…) reads it; only a signal defined with SCOPE global, user has both"});
  }
  if (entity == EntityKind::Item && def.target != EntityKind::Item) {
    return refuse(context, name.span,
                  "signal '" + name.text + "' is of " + std::string(plural(def.target)) + ", not of items",
                  {.hint = def.target == EntityKind::Creator ? "creator." + name.text + ".count(…)" : ""});
  }
  return {};
}

std::string words_of(const QueryContext& context, const Expr& expression, std::uint32_t node) {
  const Span span = expression.nodes[node].span;
  if (span.length > 0 && span.offset < context.source.size()) {
    return std::string(context.source.substr(span.offset, span.length));
  }
  // The nodes below it, renumbered: children come first in the copy as well.
  std::vector<char> needed(node + 1);
  needed[node] = 1;
  for (std::uint32_t i = node + 1; i-- > 0;) {
    if (needed[i] == 0) continue;
    for (const std::uint32_t child : expression.nodes[i].children) needed[child] = 1;
  }
  Expr part;
  std::vector<std::uint32_t> at(node + 1);
  for (std::uint32_t i = 0; i <= node; ++i) {
    if (needed[i] == 0) continue;
    at[i] = static_cast<std::uint32_t>(part.nodes.size());
    part.nodes.push_back(expression.nodes[i]);
    for (std::uint32_t& child : part.nodes.back().children) child = at[child];
  }
  return print(part);
}

std::string_view plural(EntityKind kind) {
  return kind == EntityKind::Item ? "items" : kind == EntityKind::User ? "users" : "creators";
}

}  // namespace tidal::query
