// Statements to replies, one kind after the other.
#include "db/session.h"

#include <algorithm>
#include <chrono>

#include "base/epoch.h"
#include "db/forget.h"
#include "db/show.h"
#include "db/statement_write.h"
#include "db/user_summary.h"
#include "query/bind_scope.h"
#include "query/define.h"
#include "query/engine.h"
#include "query/history.h"

namespace tidal::db {
namespace {

constexpr std::size_t kBatchStatementsMax = 10'000;

std::int64_t monotonic_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

/// Sets the time a statement took, in whichever reply it gave.
Reply timed(Reply reply, std::int64_t started_us) {
  const std::int64_t elapsed = monotonic_us() - started_us;
  std::visit(
      [elapsed](auto& r) {
        if constexpr (requires { r.elapsed_us; }) {
          r.elapsed_us = elapsed;
        } else {
          r.stats.elapsed_us = elapsed;
        }
      },
      reply);
  return reply;
}

query::ReadViews read_views(const Views& views) {
  return {.schema = &views.schema(),
          .entities = &views.entities(),
          .fields = &views.fields(),
          .items = &views.ledgers().items,
          .creators = &views.ledgers().creators,
          .users = &views.ledgers().users,
          .user_state = &views.user_state(),
          .embeddings = &views.embeddings(),
          .preferences = &views.preferences(),
          .interests = &views.interests(),
          .uniques = &views.uniques(),
          .rollups = &views.rollups(),
          .relations = &views.relations(),
          .weights = &views.weights(),
          .co_engagement = &views.co_engagement(),
          .creator_items = &views.creator_items(),
          .hidden = &views.hidden()};
}

template <class Write>
bool is_write(const query::Statement& statement) {
  const auto* write = std::get_if<query::Write>(&statement.body);
  return write != nullptr && std::holds_alternative<Write>(*write);
}

/// Points an error that knows no place at the part of its statement that it is about.
Error at_statement(Error error, const query::QueryContext& context, const query::Statement& statement,
                   Part part = Part::Whole) {
  if (error.detail && error.detail->line != 0) return error;
  Error placed = query::refuse(context, place_of(statement, part), error.message);
  ErrorDetail detail = placed.detail ? *placed.detail : ErrorDetail{};
  if (error.detail) {
    detail.nearest = error.detail->nearest;
    detail.hint = error.detail->hint;
    detail.expected = error.detail->expected;
    detail.retry_after_ms = error.detail->retry_after_ms;
  }
  Error out(error.code, std::move(error.message), std::move(detail));
  out.others = std::move(error.others);
  return out;
}

/// Points at the key that the error is about, and keeps what it says.
Error at_key(Error error, const query::QueryContext& context, const query::Key& key) {
  if (error.code != Code::NotFound) return error;
  Error placed = query::refuse(context, key.span, error.message);
  placed.code = error.code;
  return placed;
}

/// What a definition is about, for its reply.
SchemaReply reply_about(const query::Statement& statement) {
  SchemaReply reply;
  reply.op = "define";
  if (const auto* define = std::get_if<query::Define>(&statement.body)) {
    if (const auto* field = std::get_if<query::DefineField>(define)) {
      reply.what = "field";
      reply.name = std::string(kind_name(field->name.kind)) + "." + field->name.name.text;
    } else if (const auto* signal = std::get_if<query::DefineSignal>(define)) {
      reply.what = "signal";
      reply.name = signal->name.text;
    } else if (const auto* embedding = std::get_if<query::DefineEmbedding>(define)) {
      reply.what = "embedding";
      reply.name = std::string(kind_name(embedding->name.kind)) + "." + embedding->name.name.text;
    } else if (const auto* relation = std::get_if<query::DefineRelation>(define)) {
      reply.what = "relation";
      reply.name = relation->name.text;
    }
  } else {
    reply.op = "alter";
    reply.what = "settings";
  }
  return reply;
}

/// Which slots have a vector, and the vectors themselves when they are asked for.
void add_embeddings(const Views& views, const query::Get& get, Ordinal entity, EntityReply& reply) {
  const std::vector<EmbeddingDef>& slots = views.schema().embeddings;
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (slots[slot].kind != get.kind || !views.embeddings().has(slot, entity)) continue;
    EmbeddingReply embedding{.name = slots[slot].name, .size = slots[slot].size, .vector = {}};
    if (get.with && get.with->vectors) {
      embedding.vector.resize(slots[slot].size);
      if (!views.embeddings().vector(slot, entity, embedding.vector)) continue;  // removed meanwhile
    }
    reply.embeddings.push_back(std::move(embedding));
  }
}

/// The record of a validated change, answered by an empty reply.
void add_schema_record(const schema::SchemaChange& change, Timestamp now, PreparedBatch& batch) {
  batch.record_of_reply.push_back(batch.records.size());
  batch.replies.emplace_back();
  batch.records.push_back(schema_record(change, now));
}

}  // namespace

query::QueryContext Session::context(const query::Statement& statement) const {
  query::QueryContext context;
  context.now = core_.now();
  context.clock_now = core_.clock().now();
  context.seqno = core_.applied();
  context.seqno_now = [this] { return core_.applied(); };
  context.monotonic_us = monotonic_us;
  context.params = &params_;
  context.cursor_key = core_.cursor_key();
  if (statement.source) context.source = *statement.source;
  context.statement = statement.number;
  return context;
}

Result<Reply> Session::execute(const query::Statement& statement) {
  const std::int64_t started = monotonic_us();
  Result<Reply> reply = dispatch(statement);
  if (!reply.ok()) return at_statement(std::move(reply).error(), context(statement), statement);
  return timed(std::move(reply).value(), started);
}

Status Session::finish() {
  if (!batch_) return {};
  batch_.reset();
  return Error(Code::FailedPrecondition, "BEGIN without COMMIT: the batch was dropped, nothing of it was written");
}

Result<Reply> Session::dispatch(const query::Statement& statement) {
  const query::StatementBody& body = statement.body;
  if (const auto* control = std::get_if<query::Control>(&body)) return this->control(statement, *control);
  if (batch_) return stage(statement);
  if (const auto* query = std::get_if<query::Query>(&body)) return run_query(statement, *query);
  if (const auto* write = std::get_if<query::Write>(&body)) {
    if (const auto* forget = std::get_if<query::Forget>(write)) return this->forget(statement, *forget);
    return this->write(statement);
  }
  if (query::is_definition(statement)) return change_schema(statement);
  const base::EpochGuard guard;  // what is read stays, whatever is put into its place meanwhile
  const query::QueryContext context = this->context(statement);
  if (const auto* show = std::get_if<query::Show>(&body)) {
    std::string key;
    if (show->key) {
      TIDAL_TRY_ASSIGN(key, bind_text(*show->key, context));
    }
    return db::show(core_, *show, key);
  }
  if (const auto* explain = std::get_if<query::Explain>(&body)) {
    TIDAL_TRY_ASSIGN(PlanReply plan, query::explain(*explain, read_views(core_.views()), context));
    return Reply(std::move(plan));
  }
  if (const auto* suggest = std::get_if<query::Suggest>(&body)) return query::unavailable(*suggest, context);
  if (const auto* history = std::get_if<query::History>(&body)) {
    TIDAL_TRY_ASSIGN(RowsReply rows, query::answer_history(*history, read_views(core_.views()), context));
    return Reply(std::move(rows));
  }
  return query::not_available_yet(statement);
}

Result<Reply> Session::control(const query::Statement& statement, const query::Control& control) {
  if (std::holds_alternative<query::Begin>(control)) {
    if (batch_) return Error(Code::FailedPrecondition, "BEGIN inside BEGIN: COMMIT or ROLLBACK first");
    batch_.emplace();
    return Reply(BatchReply{.op = "begin", .statements = 0, .seqno = {}});
  }
  if (std::holds_alternative<query::Commit>(control)) {
    if (!batch_) return Error(Code::FailedPrecondition, "COMMIT without BEGIN");
    return commit();
  }
  if (std::holds_alternative<query::Rollback>(control)) {
    if (!batch_) return Error(Code::FailedPrecondition, "ROLLBACK without BEGIN");
    const auto dropped = static_cast<std::uint32_t>(batch_->size());
    batch_.reset();
    return Reply(BatchReply{.op = "rollback", .statements = dropped, .seqno = {}});
  }
  if (const auto* help = std::get_if<query::Help>(&control)) {
    return help->topic ? db::help(help->topic->text) : db::help(std::nullopt);
  }
  if (batch_) return stage(statement);
  if (const auto* get = std::get_if<query::Get>(&control)) return this->get(statement, *get);
  if (const auto* exported = std::get_if<query::ExportUser>(&control)) return export_user(statement, *exported);
  return query::not_available_yet(statement);
}

Result<Reply> Session::stage(const query::Statement& statement) {
  const query::StatementBody& body = statement.body;
  const bool is_change = std::holds_alternative<query::Write>(body) || std::holds_alternative<query::Define>(body) ||
                         std::holds_alternative<query::Alter>(body) || std::holds_alternative<query::Drop>(body);
  if (!is_change) {
    return Error(Code::FailedPrecondition, "a batch holds writes and definitions only: COMMIT or ROLLBACK first");
  }
  const auto* write = std::get_if<query::Write>(&body);
  if (write != nullptr && std::holds_alternative<query::Forget>(*write)) {
    return Error(Code::FailedPrecondition, "FORGET USER stands alone: COMMIT or ROLLBACK first");
  }
  if (write == nullptr && !query::is_definition(statement)) {
    return query::not_available_yet(statement);
  }
  if (batch_->size() == kBatchStatementsMax) {
    return Error(Code::InvalidArgument, "a batch holds at most 10,000 statements");
  }
  batch_->push_back(statement);
  return Reply(BatchReply{.op = "staged", .statements = static_cast<std::uint32_t>(batch_->size()), .seqno = {}});
}

Result<Reply> Session::commit() {
  const std::vector<query::Statement> statements = std::move(*batch_);
  batch_.reset();
  const bool only_writes = std::ranges::all_of(
      statements, [](const query::Statement& s) { return std::holds_alternative<query::Write>(s.body); });
  if (only_writes) return commit_batch(statements);
  const base::MutexLock lock(core_.schema_mutex());
  return commit_batch(statements);
}

Result<Reply> Session::commit_batch(const std::vector<query::Statement>& statements) {
  std::vector<Error> errors;
  const Result<schema::Validated> validated = query::validate_definitions(core_.views().schema(), statements);
  if (!validated.ok()) errors.push_back(validated.error());

  const schema::Schema& schema = validated.ok() ? validated->next : core_.views().schema();
  std::vector<Operation> operations;
  std::vector<const query::Statement*> statement_of;  // the operations
  for (const query::Statement& statement : statements) {
    if (!std::holds_alternative<query::Write>(statement.body)) continue;
    Result<Operation> operation = to_operation(statement, schema, context(statement));
    if (!operation.ok()) {
      errors.push_back(std::move(operation).error());
      continue;
    }
    operations.push_back(std::move(*operation));
    statement_of.push_back(&statement);
  }
  TIDAL_TRY_ASSIGN(const StandingTurns::Turn turn, core_.take_turn(operations));
  Preparer preparer = core_.preparer(schema);
  preparer.begin_batch({.takes_back = std::ranges::any_of(statements, is_write<query::Unsignal>)});
  PreparedBatch batch;
  if (errors.empty() && !validated->change.empty()) {
    add_schema_record(validated->change, core_.now(), batch);
  }
  for (std::size_t i = 0; i < operations.size(); ++i) {
    WriteReply reply;
    Result<std::optional<PreparedRecord>> record = preparer.prepare(operations[i], reply);
    if (!record.ok()) {
      const query::Statement& statement = *statement_of[i];
      errors.push_back(at_statement(std::move(record).error(), context(statement), statement, preparer.wrong_part()));
      continue;
    }
    batch.record_of_reply.push_back(*record ? batch.records.size() : kNoRecord);
    if (*record) batch.records.push_back(std::move(**record));
    batch.replies.push_back(std::move(reply));
  }
  if (!errors.empty()) {
    std::ranges::stable_sort(errors, {}, [](const Error& e) { return e.detail ? e.detail->statement : 0; });
    return joined(std::move(errors));
  }
  TIDAL_TRY(core_.commit(batch));
  BatchReply reply{.op = "commit", .statements = static_cast<std::uint32_t>(statements.size()), .seqno = {}};
  for (const WriteReply& written : batch.replies) {
    reply.seqno = std::max(reply.seqno, written.seqno);
    if (written.status != "void") continue;
    return Error(Code::NotFound, "the batch is committed, but its record at seqno " +
                                     std::to_string(written.seqno.value) +
                                     " found its entity gone when it was applied, and counts nowhere");
  }
  reply.schema_version = core_.views().schema().version;
  return Reply(std::move(reply));
}

Result<Reply> Session::write(const query::Statement& statement) {
  TIDAL_TRY_ASSIGN(const Operation operation, to_operation(statement, core_.views().schema(), context(statement)));
  TIDAL_TRY_ASSIGN(const StandingTurns::Turn turn, core_.take_turn(std::span(&operation, 1)));
  Preparer preparer = core_.preparer();
  Result<PreparedBatch> batch = prepare_batch(preparer, std::span(&operation, 1), {});
  if (!batch.ok()) return at_statement(std::move(batch).error(), context(statement), statement, preparer.wrong_part());
  TIDAL_TRY(core_.commit(*batch));
  return Reply(std::move(batch->replies.front()));
}

Result<Reply> Session::forget(const query::Statement& statement, const query::Forget& forget) {
  TIDAL_TRY_ASSIGN(const std::string key, bind_text(forget.user, context(statement)));
  Result<ForgetReply> reply = forget_user(core_, key);
  if (!reply.ok()) return at_key(std::move(reply).error(), context(statement), forget.user);
  return Reply(std::move(reply).value());
}

Result<Reply> Session::export_user(const query::Statement& statement, const query::ExportUser& exported) {
  TIDAL_TRY_ASSIGN(const std::string key, bind_text(exported.user, context(statement)));
  Result<RowsReply> reply = db::export_user(core_, key);
  if (!reply.ok()) return at_key(std::move(reply).error(), context(statement), exported.user);
  return Reply(std::move(reply).value());
}

Result<Reply> Session::change_schema(const query::Statement& statement) {
  const base::MutexLock lock(core_.schema_mutex());
  TIDAL_TRY_ASSIGN(const schema::Validated validated,
                   query::validate_definitions(core_.views().schema(), std::span(&statement, 1)));
  SchemaReply reply = reply_about(statement);
  if (validated.change.empty()) {
    reply.status = "unchanged";
    reply.schema_version = validated.next.version;
    return Reply(std::move(reply));
  }
  PreparedBatch batch;
  add_schema_record(validated.change, core_.now(), batch);
  TIDAL_TRY(core_.commit(batch));
  reply.status = "applied";
  reply.seqno = batch.replies.front().seqno;
  reply.schema_version = core_.views().schema().version;
  return Reply(std::move(reply));
}

Result<Reply> Session::run_query(const query::Statement& statement, const query::Query& query) {
  const base::EpochGuard guard;
  query::QueryContext context = this->context(statement);
  context.query_id = core_.next_query_id();
  TIDAL_TRY_ASSIGN(QueryReply reply, query::run(query, read_views(core_.views()), context));
  return Reply(std::move(reply));
}

Result<Reply> Session::get(const query::Statement& statement, const query::Get& get) {
  const base::EpochGuard guard;
  const query::QueryContext context = this->context(statement);
  TIDAL_TRY_ASSIGN(std::string key, bind_text(get.key, context));
  const Views& views = core_.views();
  const Ordinal found = views.entities().find(get.kind, key);
  if (found == Ordinal::None || !views.entities().is_live(get.kind, found)) {
    return query::does_not_exist(context, get.key.span, get.kind, key);
  }
  if (get.with && (get.with->highlights || get.with->explain)) {
    return query::not_yet(context, get.with->span, "this part of WITH in GET");
  }
  TIDAL_TRY_ASSIGN(entity::EntityContent content, views.entities().content(get.kind, found));
  for (const FieldDef& field : views.schema().fields) {
    if (field.kind != get.kind || std::holds_alternative<std::monostate>(field.default_value)) continue;
    content.fields.emplace(field.name, field.default_value);  // does nothing when it is set
  }
  EntityReply reply{.kind = get.kind,
                    .key = std::move(key),
                    .creator = content.creator.value_or(""),
                    .created_at = content.created_at,
                    .fields = {},
                    .signals = {}};
  add_embeddings(views, get, found, reply);
  if (const auto hidden = views.hidden().info(get.kind, found)) {
    reply.hidden = HiddenReply{.at = hidden->at, .reason = hidden->reason};
  }
  if (get.kind == EntityKind::User) reply.user = user_summary(views, found, context.now);
  if (!get.with || !get.with->fields || get.with->fields->every) {
    reply.fields = std::move(content.fields);
  } else {
    for (const query::Name& name : get.with->fields->names) {
      if (views.schema().field(get.kind, name.text) == nullptr) {
        return query::refuse(context, name.span,
                             std::string(kind_name(get.kind)) + "s have no field '" + name.text + "'");
      }
      if (const auto it = content.fields.find(name.text); it != content.fields.end()) reply.fields.insert(*it);
    }
  }
  if (get.with && !get.with->signals.empty()) {
    TIDAL_TRY_ASSIGN(reply.signals,
                     query::entity_signals(get.kind, found, get.with->signals, read_views(views), context));
  }
  return Reply(std::move(reply));
}

}  // namespace tidal::db
