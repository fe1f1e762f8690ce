// Replies and errors as one line of JSON each.
//
// J1: the output is valid JSON for every value: strings are escaped, and bytes that are no UTF-8 become U+FFFD;
// doubles print shortest round-trip (12, not 12.0), and what is not finite prints as null. Members come in a fixed
// order. Source: docs/replies.md.
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "tidal/reply.h"

namespace tidal {
namespace {

using Json = nlohmann::ordered_json;

// Whole numbers print without ".0": a count is 12.
Json to_value(double x) {
  constexpr double kWholeMax = 9007199254740992.0;  // 2^53
  if (!std::isfinite(x)) return nullptr;
  if (std::abs(x) <= kWholeMax && std::floor(x) == x) return static_cast<std::int64_t>(x);
  return x;
}

Json to_value(const Value& value) {
  return std::visit(
      [](const auto& v) -> Json {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>) return nullptr;
        if constexpr (std::is_same_v<T, double>) return to_value(v);
        if constexpr (std::is_same_v<T, Timestamp> || std::is_same_v<T, Duration>) return to_string(v);
        if constexpr (!std::is_same_v<T, std::monostate> && !std::is_same_v<T, double> &&
                      !std::is_same_v<T, Timestamp> && !std::is_same_v<T, Duration>) {
          return v;
        }
      },
      value);
}

Json to_value(const Fields& fields) {
  Json object = Json::object();
  for (const auto& [name, value] : fields) object[name] = to_value(value);
  return object;
}

Json to_value(const std::vector<std::pair<std::string, double>>& numbers) {
  Json object = Json::object();
  for (const auto& [name, number] : numbers) object[name] = to_value(number);
  return object;
}

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json to_value(const ResultItem& item) {
  Json object = Json::object();
  // Entries of users and creators say their kind, since the list is called "items" for them as well.
  if (item.kind != EntityKind::Item) object["kind"] = kind_name(item.kind);
  object["key"] = item.key;
  object["score"] = to_value(item.score);
  object["rank"] = item.rank;
  if (item.kind == EntityKind::Item) object["creator"] = or_null(item.creator);
  object["fields"] = to_value(item.fields);
  object["signals"] = to_value(item.signals);
  object["sources"] = item.sources;
  if (!item.explain.empty()) object["explain"] = to_value(item.explain);
  return object;
}

Json to_value(const std::vector<Warning>& warnings) {
  Json array = Json::array();
  for (const Warning& warning : warnings) array.push_back({{"code", warning.code}, {"message", warning.message}});
  return array;
}

Json to_value(const QueryReply& reply) {
  Json items = Json::array();
  for (const ResultItem& item : reply.items) items.push_back(to_value(item));
  Json stages = Json::object();
  for (const auto& [name, us] : reply.stats.stages) stages[name] = us;
  Json object = {
      {"items", std::move(items)},         {"cursor", or_null(reply.cursor)}, {"total_estimate", reply.total_estimate},
      {"profile", or_null(reply.profile)}, {"sort", or_null(reply.sort)},     {"query_id", reply.query_id}};
  if (reply.partial) object["partial"] = true;
  object["warnings"] = to_value(reply.warnings);
  object["stats"] = {{"seqno", reply.stats.seqno.value},     {"seqno_end", reply.stats.seqno_end.value},
                     {"candidates", reply.stats.candidates}, {"after_filters", reply.stats.after_filters},
                     {"elapsed_us", reply.stats.elapsed_us}, {"stages", std::move(stages)}};
  return object;
}

Json elapsed(std::int64_t us) { return {{"elapsed_us", us}}; }

Json seqno_or_null(SeqNo seqno) { return seqno.value == 0 ? Json(nullptr) : Json(seqno.value); }

Json ok_object(Json ok, const std::vector<Warning>& warnings, std::int64_t elapsed_us) {
  Json object = {{"ok", std::move(ok)}};
  if (!warnings.empty()) object["warnings"] = to_value(warnings);
  object["stats"] = elapsed(elapsed_us);
  return object;
}

Json to_value(const WriteReply& reply) {
  return ok_object({{"op", reply.op}, {"seqno", seqno_or_null(reply.seqno)}, {"status", reply.status}}, reply.warnings,
                   reply.elapsed_us);
}

Json to_value(const SchemaReply& reply) {
  return {{"ok",
           {{"op", reply.op},
            {"what", reply.what},
            {"name", reply.name},
            {"seqno", seqno_or_null(reply.seqno)},
            {"schema_version", reply.schema_version},
            {"class", reply.change_class},
            {"status", reply.status},
            {"migration", nullptr}}},
          {"stats", elapsed(reply.elapsed_us)}};
}

Json to_value(const ForgetReply& reply) {
  Json removed = Json::object();
  for (const auto& [what, count] : reply.removed) removed[what] = count;
  return ok_object({{"op", reply.op},
                    {"seqno", seqno_or_null(reply.seqno)},
                    {"status", reply.status},
                    {"removed", std::move(removed)},
                    {"log", reply.log}},
                   {}, reply.elapsed_us);
}

Json to_value(const BatchReply& reply) {
  Json ok = {{"op", reply.op}};
  if (reply.op == "commit") {
    ok["statements"] = reply.statements;
    ok["seqno"] = seqno_or_null(reply.seqno);
    ok["schema_version"] = reply.schema_version;
  }
  return ok_object(std::move(ok), reply.warnings, reply.elapsed_us);
}

Json to_value(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
  Json object = Json::object();
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

Json to_value(const UserSummary& user) {
  Json interests = Json::array();
  for (const UserSummary::Interest& each : user.interests) {
    interests.push_back({{"field", each.field}, {"value", each.value}, {"weight", to_value(each.weight)}});
  }
  Json creators = Json::array();
  for (const UserSummary::Named& each : user.creators) {
    creators.push_back({{"key", each.name}, {"weight", to_value(each.weight)}});
  }
  Json preference = nullptr;
  if (user.preference_size > 0) {
    preference = {{"size", user.preference_size},
                  {"signals", user.preference_signals},
                  {"interest_vectors", user.interest_vectors}};
  }
  return {{"preference", std::move(preference)},
          {"interests", std::move(interests)},
          {"creators", std::move(creators)},
          {"marks", to_value(user.marks)},
          {"relations", to_value(user.relations)}};
}

Json to_value(const EntityReply& reply) {
  Json entity = {{"kind", kind_name(reply.kind)}, {"key", reply.key}};
  if (reply.kind == EntityKind::Item) entity["creator"] = or_null(reply.creator);
  entity["created_at"] = reply.created_at ? Json(to_string(*reply.created_at)) : Json(nullptr);
  entity["fields"] = to_value(reply.fields);
  if (!reply.embeddings.empty()) {
    Json& embedding = entity["embedding"] = Json::object();
    for (const EmbeddingReply& each : reply.embeddings) {
      embedding[each.name] = each.vector.empty() ? Json(each.size) : Json(each.vector);
    }
  }
  entity["signals"] = to_value(reply.signals);
  if (reply.user) entity["learned"] = to_value(*reply.user);
  if (reply.hidden) entity["hidden"] = {{"at", to_string(reply.hidden->at)}, {"reason", or_null(reply.hidden->reason)}};
  return {{"entity", std::move(entity)}, {"stats", elapsed(reply.elapsed_us)}};
}

Json to_value(const RowsReply& reply) {
  Json rows = Json::array();
  for (const auto& values : reply.rows) {
    Json row = Json::object();
    for (std::size_t i = 0; i < values.size() && i < reply.columns.size(); ++i) {
      row[reply.columns[i]] = to_value(values[i]);
    }
    rows.push_back(std::move(row));
  }
  Json object = {{"rows", std::move(rows)}};
  if (!reply.text.empty()) object["text"] = reply.text;
  object["stats"] = elapsed(reply.elapsed_us);
  return object;
}

// A plan is as deep as its query has filters: nested lists of a few dozen, built by us.
Json to_value(const PlanNode& node) {
  Json object = {{"name", node.name}, {"detail", node.detail}};
  if (node.estimate) object["estimate"] = *node.estimate;
  if (node.selectivity) object["selectivity"] = to_value(*node.selectivity);
  Json children = Json::array();
  for (const PlanNode& child : node.children) children.push_back(to_value(child));
  object["children"] = std::move(children);
  return object;
}

Json to_value(const PlanReply& reply) { return {{"plan", to_value(reply.root)}, {"stats", elapsed(reply.elapsed_us)}}; }

Json to_value(const Error& error) {
  Json object = {{"code", code_name(error.code)}, {"message", error.message}};
  if (error.detail) {
    const ErrorDetail& detail = *error.detail;
    if (detail.statement != 0) object["statement"] = detail.statement;
    if (detail.line != 0) {
      object["line"] = detail.line;
      object["column"] = detail.column;
      object["length"] = detail.length;
    }
    if (!detail.expected.empty()) object["expected"] = detail.expected;
    if (!detail.nearest.empty()) object["nearest"] = detail.nearest;
    if (!detail.hint.empty()) object["hint"] = detail.hint;
  }
  object["retry_after_ms"] =
      error.detail && error.detail->retry_after_ms ? Json(*error.detail->retry_after_ms) : Json(nullptr);
  return object;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string to_json(const Reply& reply) {
  return dump(std::visit([](const auto& r) { return to_value(r); }, reply));
}

std::string to_json(const Error& error) {
  Json object = {{"error", to_value(error)}};
  if (!error.others.empty()) {
    Json errors = Json::array({to_value(error)});
    for (const Error& other : error.others) errors.push_back(to_value(other));
    object["errors"] = std::move(errors);
  }
  return dump(object);
}

}  // namespace tidal
