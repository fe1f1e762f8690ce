// The rows of SHOW.
#include "db/show.h"

#include <algorithm>

#include "query/engine.h"
#include "schema/literal_text.h"

namespace tidal::db {
namespace {

using What = query::Show::What;

RowsReply show_fields(const schema::Schema& schema) {
  RowsReply reply;
  reply.columns = {"field", "type", "flags"};
  for (const FieldDef& field : schema.fields) {
    std::string flags;
    const auto flag = [&flags](bool on, std::string_view name) {
      if (on) flags += (flags.empty() ? "" : " ") + std::string(name);
    };
    flag(field.indexed, "INDEXED");
    flag(field.searchable, "SEARCHABLE");
    flag(field.boost != 1.0, "BOOST " + schema::number_text(field.boost));
    flag(!field.language.empty(), "LANGUAGE " + schema::string_text(field.language));
    flag(field.dimension, "DIMENSION");
    flag(field.interest, "INTEREST");
    flag(field.required, "REQUIRED");
    flag(!std::holds_alternative<std::monostate>(field.default_value),
         "DEFAULT " + schema::value_text(field.default_value));
    reply.rows.push_back(
        {std::string(kind_name(field.kind)) + "." + field.name, std::string(field_type_name(field.type)), flags});
  }
  return reply;
}

RowsReply show_signals(const schema::Schema& schema) {
  RowsReply reply;
  reply.columns = {"signal", "on", "roles", "windows", "definition"};
  for (const SignalDef& signal : schema.signals) {
    std::vector<std::string> roles;
    for (const Role role : kAllRoles) {
      if (signal.has_role(role)) roles.emplace_back(role_name(role));
    }
    std::vector<std::string> windows;
    for (const Window window : signal.windows) windows.emplace_back(window_name(window));
    reply.rows.push_back({signal.name, std::string(kind_name(signal.target)) + "s", roles, windows,
                          schema::to_statement(signal, schema.relations)});
  }
  return reply;
}

RowsReply show_settings(const Settings& settings) {
  RowsReply reply;
  reply.columns = {"setting", "value", "meaning"};
  const auto row = [&reply](std::string name, Value value, std::string meaning) {
    reply.rows.push_back({std::move(name), std::move(value), std::move(meaning)});
  };
  row("future_tolerance", settings.future_tolerance, "how far ahead of the clock an event time may lie");
  row("past_query_tolerance", settings.past_query_tolerance, "how far behind the newest event a query's now may lie");
  row("create_users", settings.create_users, "an unknown user of a signal is created");
  row("seen_expires", settings.seen_expires, "after how long a seen item counts as unseen; 0: never");
  row("hot_gravity", settings.hot_gravity, "how fast the sort hot lets items sink");
  row("interest_vectors", settings.interest_vectors, "how many vectors a user may have beside the preference");
  row("relationship_half_life", settings.relationship_half_life, "of the weights that signals give");
  const Value retention = settings.log_retention.us == 0 ? Value("all") : Value(settings.log_retention);
  row("log_retention", retention, "records appended longer ago than this leave the log; all: age removes none");
  row("log_bytes", schema::size_text(settings.log_bytes),
      "beyond this size the oldest segments leave the log, never the newest; all: size removes none");
  row("log_archive", settings.log_archive, "what leaves the log is kept in archive/; false: it is removed");
  return reply;
}

RowsReply show_stats(const Core& core) {
  const DatabaseStats stats = core.stats();
  RowsReply reply;
  reply.columns = {"what", "value"};
  const auto row = [&reply](std::string what, Value value) {
    reply.rows.push_back({std::move(what), std::move(value)});
  };
  const auto count = [](std::uint64_t n) { return Value(static_cast<std::int64_t>(n)); };
  row("items", count(stats.items));
  row("users", count(stats.users));
  row("creators", count(stats.creators));
  row("last_seqno", count(stats.last_seqno.value));
  row("checkpoint_seqno", count(stats.checkpoint_seqno.value));
  row("checkpoint_pause", stats.checkpoint_pause);
  row("schema_version", count(stats.schema_version));
  row("signals_applied", count(stats.signals_applied));
  row("void_records", count(stats.void_records));
  row("newest_event", stats.newest_event ? Value(*stats.newest_event) : Value());
  row("now", stats.now);
  row("log_bytes", count(stats.log_bytes));
  row("log_segments", count(stats.log_segments));
  for (const ViewInfo& view : stats.views) row("memory." + view.name, count(view.memory_bytes));
  if (const std::optional<RebuildProgress> rebuild = core.rebuild_progress()) {
    row("rebuild." + rebuild->view + ".through", count(rebuild->through.value));
    row("rebuild." + rebuild->view + ".target", count(rebuild->target.value));
  }
  row("memory_limit", stats.memory_limit == 0 ? Value() : count(stats.memory_limit));
  return reply;
}

Result<Reply> show_schema(const Core& core, const query::Show& show) {
  std::shared_ptr<const schema::Schema> past;
  const schema::Schema* schema = &core.views().schema();
  if (show.version) {
    past = core.views().catalog().version(*show.version);
    if (!past) {
      return Error(Code::NotFound, "schema version " + std::to_string(*show.version) + " never was; the newest is " +
                                       std::to_string(schema->version));
    }
    schema = past.get();
  }
  RowsReply reply;
  reply.columns = {"statement"};
  reply.text = schema::to_statements(*schema);
  for (std::size_t at = 0; at < reply.text.size();) {
    const std::size_t end = std::min(reply.text.find('\n', at), reply.text.size());
    if (end > at) reply.rows.push_back({reply.text.substr(at, end - at)});
    at = end + 1;
  }
  return Reply(std::move(reply));
}

RowsReply show_changes(const schema::Catalog& catalog) {
  RowsReply reply;
  reply.columns = {"version", "seqno", "at", "fields", "signals"};
  for (const schema::VersionEntry& entry : catalog.versions()) {
    const auto count = [](std::uint64_t n) { return Value(static_cast<std::int64_t>(n)); };
    reply.rows.push_back({count(entry.schema->version), count(entry.seqno.value), entry.at,
                          count(entry.schema->fields.size()), count(entry.schema->signals.size())});
  }
  return reply;
}

/// Edges of one relation at the entity, from its side: "out" begins there, "in" ends there. Dead ends are left out.
void add_edges(const Views& views, std::size_t position, EntityKind kind, Ordinal entity, RowsReply& reply) {
  const RelationDef& relation = views.schema().relations[position];
  const auto add = [&](const char* direction, EntityKind other_kind, const std::vector<relationship::Edge>& edges) {
    for (const relationship::Edge& edge : edges) {
      if (!views.entities().is_live(other_kind, edge.other)) continue;
      reply.rows.push_back({relation.name, std::string(direction), std::string(kind_name(other_kind)),
                            std::string(views.entities().key_of(other_kind, edge.other)), edge.weight, edge.at});
    }
  };
  const auto number = static_cast<std::uint16_t>(position);
  using Order = relationship::EdgeOrder;
  if (relation.from == kind) add("out", relation.to, views.relations().outgoing(number, entity, Order::ByTime));
  if (relation.to == kind) add("in", relation.from, views.relations().incoming(number, entity, Order::ByTime));
}

/// Of the kind that is written, else of every kind that has the key.
Result<Reply> show_relations(const Core& core, const query::Show& show, std::string_view key) {
  const Views& views = core.views();
  RowsReply reply;
  reply.columns = {"relation", "direction", "kind", "key", "weight", "at"};
  bool found = false;
  for (const EntityKind kind : {EntityKind::User, EntityKind::Creator, EntityKind::Item}) {
    if (show.kind && *show.kind != kind) continue;
    const Ordinal entity = views.entities().find(kind, key);
    if (entity == Ordinal::None || !views.entities().is_live(kind, entity)) continue;
    found = true;
    for (std::size_t r = 0; r < views.schema().relations.size(); ++r) add_edges(views, r, kind, entity, reply);
  }
  if (found) return Reply(std::move(reply));
  const std::string what = show.kind ? std::string(kind_name(*show.kind)) : "user, creator or item";
  return Error(Code::NotFound, what + " '" + std::string(key) + "' does not exist");
}

Error unavailable(std::string_view what) {
  return Error(Code::FailedPrecondition, "SHOW " + std::string(what) + " is not available yet");
}

}  // namespace

Result<Reply> show(const Core& core, const query::Show& show, std::string_view key) {
  const schema::Schema& schema = core.views().schema();
  switch (show.what) {
    case What::Schema: return show_schema(core, show);
    case What::SchemaChanges: return Reply(show_changes(core.views().catalog()));
    case What::Fields: return Reply(show_fields(schema));
    case What::Signals: return Reply(show_signals(schema));
    case What::Settings: return Reply(show_settings(schema.settings));
    case What::Stats: return Reply(show_stats(core));
    case What::Sorts: return Reply(query::show_sorts());
    case What::Filters: return Reply(query::show_filters());
    case What::Features: return Reply(query::show_features());
    case What::Sources: return Reply(query::show_sources());
    case What::RelationsOf: return show_relations(core, show, key);
    case What::Profile:
    case What::Profiles: return unavailable("PROFILES");
    case What::Cohort:
    case What::Cohorts: return unavailable("COHORTS");
    case What::Experiment:
    case What::Experiments: return unavailable("EXPERIMENTS");
    case What::Migrations: return unavailable("MIGRATIONS");
  }
  return Error(Code::Internal, "unknown SHOW");
}

}  // namespace tidal::db
