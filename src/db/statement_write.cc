// The statements that write to operations.
#include "db/statement_write.h"

#include "query/bind_scope.h"
#include "query/define.h"
#include "query/json_content.h"

namespace tidal::db {
namespace {

using query::QueryContext;

Error wrong_param(const QueryContext& context, const query::Param& param, query::Span span, std::string_view expected) {
  return query::refuse(context, span, "$" + param.name + " must be " + std::string(expected));
}

Result<double> bind_number(const query::Number& number, const QueryContext& context) {
  if (const double* written = number.written()) return *written;
  TIDAL_TRY_ASSIGN(const Value value, query::param_value(context, *number.param(), number.span));
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  return wrong_param(context, *number.param(), number.span, "a number");
}

Result<Timestamp> bind_time(const query::Time& time, const QueryContext& context) {
  if (const Timestamp* written = time.written()) return *written;
  TIDAL_TRY_ASSIGN(const Value value, query::param_value(context, *time.param(), time.span));
  if (const auto* at = std::get_if<Timestamp>(&value)) return *at;
  return wrong_param(context, *time.param(), time.span, "a time");
}

/// The context object as text, its parameters bound. Which members it may have is checked with the signal.
Result<std::string> bind_context(query::Json object, const QueryContext& context) {
  for (query::Json& member : object.items) {
    if (member.kind != query::Json::Kind::Param) continue;
    TIDAL_TRY_ASSIGN(const Value value, query::param_value(context, query::Param{member.text}, member.span));
    if (const auto* text = std::get_if<std::string>(&value)) {
      member.kind = query::Json::Kind::String;
      member.text = *text;
    } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
      member.kind = query::Json::Kind::Integer;
      member.integer = *whole;
    } else {
      return wrong_param(context, query::Param{member.text}, member.span, "a string or a whole number");
    }
  }
  return query::to_text(object);
}

Result<Operation> signal_operation(const query::SignalWrite& write, const QueryContext& context) {
  Signal signal;
  signal.kind = write.signal.text;
  TIDAL_TRY_ASSIGN(signal.item, bind_text(write.target, context));
  if (write.by) {
    TIDAL_TRY_ASSIGN(signal.user, bind_text(*write.by, context));
  }
  if (write.value) {
    TIDAL_TRY_ASSIGN(signal.value, bind_number(*write.value, context));
  }
  if (write.weight) {
    TIDAL_TRY_ASSIGN(signal.weight, bind_number(*write.weight, context));
  }
  if (write.at) {
    TIDAL_TRY_ASSIGN(signal.at, bind_time(*write.at, context));
  }
  if (write.key) {
    TIDAL_TRY_ASSIGN(signal.idempotency_key, bind_text(*write.key, context));
  }
  if (write.context) {
    TIDAL_TRY_ASSIGN(signal.context, bind_context(*write.context, context));
  }
  return Operation(std::move(signal));
}

Result<Operation> put_operation(const query::Statement& statement, const query::EntityWrite& write,
                                const schema::Schema& schema, const QueryContext& context) {
  PutOperation put;
  put.kind = write.kind;
  put.update = write.update;
  TIDAL_TRY_ASSIGN(put.key, bind_text(write.key, context));
  TIDAL_TRY_ASSIGN(entity::EntityContent content, query::content_from_json(write.content, {.schema = schema,
                                                                                           .kind = write.kind,
                                                                                           .update = write.update,
                                                                                           .params = context.params,
                                                                                           .statement = &statement}));
  put.entity.creator = std::move(content.creator);
  put.entity.created_at = content.created_at;
  put.entity.fields = std::move(content.fields);
  put.entity.embeddings = std::move(content.embeddings);
  return Operation(std::move(put));
}

Result<Operation> unsignal_operation(const query::Unsignal& write, const QueryContext& context) {
  Unsignal out{.kind = write.signal.text};
  TIDAL_TRY_ASSIGN(out.item, bind_text(write.target, context));
  TIDAL_TRY_ASSIGN(out.user, bind_text(write.by, context));
  if (write.at) {
    TIDAL_TRY_ASSIGN(out.at, bind_time(*write.at, context));
  }
  return Operation(std::move(out));
}

Result<Operation> relate_operation(const query::Relate& write, const QueryContext& context) {
  Relate out{.relation = write.relation.text};
  out.remove = write.remove;
  TIDAL_TRY_ASSIGN(out.from, bind_text(write.from, context));
  TIDAL_TRY_ASSIGN(out.to, bind_text(write.to, context));
  if (write.weight) {
    TIDAL_TRY_ASSIGN(out.weight, bind_number(*write.weight, context));
  }
  if (write.at) {
    TIDAL_TRY_ASSIGN(out.at, bind_time(*write.at, context));
  }
  return Operation(std::move(out));
}

Result<Operation> hide_operation(const query::Hide& write, const QueryContext& context) {
  Hide out{.kind = write.kind};
  out.unhide = write.unhide;
  TIDAL_TRY_ASSIGN(out.key, bind_text(write.key, context));
  if (write.reason) {
    TIDAL_TRY_ASSIGN(out.reason, bind_text(*write.reason, context));
  }
  return Operation(std::move(out));
}

}  // namespace

Result<std::string> bind_text(const query::Bindable<std::string>& text, const QueryContext& context) {
  if (const std::string* written = text.written()) return *written;
  TIDAL_TRY_ASSIGN(const Value value, query::param_value(context, *text.param(), text.span));
  if (const auto* string = std::get_if<std::string>(&value)) return *string;
  return wrong_param(context, *text.param(), text.span, "a string");
}

Result<Operation> to_operation(const query::Statement& statement, const schema::Schema& schema,
                               const QueryContext& context) {
  const query::Write& write = std::get<query::Write>(statement.body);
  if (const auto* signal = std::get_if<query::SignalWrite>(&write)) return signal_operation(*signal, context);
  if (const auto* put = std::get_if<query::EntityWrite>(&write)) return put_operation(statement, *put, schema, context);
  if (const auto* del = std::get_if<query::DeleteEntity>(&write)) {
    TIDAL_TRY_ASSIGN(std::string key, bind_text(del->key, context));
    return Operation(DeleteOperation{.kind = del->kind, .key = std::move(key)});
  }
  if (const auto* unsignal = std::get_if<query::Unsignal>(&write)) return unsignal_operation(*unsignal, context);
  if (const auto* relate = std::get_if<query::Relate>(&write)) return relate_operation(*relate, context);
  if (const auto* hide = std::get_if<query::Hide>(&write)) return hide_operation(*hide, context);
  return query::not_available_yet(statement);
}

namespace {

/// A clause that may be absent, or one that never is.
template <class Clause>
query::Span span_of(const std::optional<Clause>& clause, query::Span whole) {
  return clause ? clause->span : whole;
}

query::Span place_in(const query::SignalWrite& signal, Part part, query::Span whole) {
  switch (part) {
    case Part::Name: return signal.signal.span;
    case Part::Target: return signal.target.span;
    case Part::User: return span_of(signal.by, whole);
    case Part::Value: return span_of(signal.value, whole);
    case Part::Weight: return span_of(signal.weight, whole);
    case Part::Time: return span_of(signal.at, whole);
    case Part::IdempotencyKey: return span_of(signal.key, whole);
    case Part::Context: return span_of(signal.context, whole);
    case Part::Whole:
    case Part::Reason: break;
  }
  return whole;
}

query::Span place_in(const query::Unsignal& unsignal, Part part, query::Span whole) {
  if (part == Part::Name) return unsignal.signal.span;
  if (part == Part::Target) return unsignal.target.span;
  if (part == Part::User) return unsignal.by.span;
  return part == Part::Time ? span_of(unsignal.at, whole) : whole;
}

query::Span place_in(const query::Relate& relate, Part part, query::Span whole) {
  if (part == Part::Name) return relate.relation.span;
  if (part == Part::Target) return relate.to.span;
  if (part == Part::User) return relate.from.span;
  if (part == Part::Weight) return span_of(relate.weight, whole);
  return part == Part::Time ? span_of(relate.at, whole) : whole;
}

}  // namespace

query::Span place_of(const query::Statement& statement, Part part) {
  const auto* write = std::get_if<query::Write>(&statement.body);
  if (write == nullptr) return statement.span;
  const query::Span whole = statement.span;
  if (const auto* signal = std::get_if<query::SignalWrite>(write)) return place_in(*signal, part, whole);
  if (const auto* unsignal = std::get_if<query::Unsignal>(write)) return place_in(*unsignal, part, whole);
  if (const auto* relate = std::get_if<query::Relate>(write)) return place_in(*relate, part, whole);
  if (const auto* hide = std::get_if<query::Hide>(write)) {
    if (part == Part::Target) return hide->key.span;
    return part == Part::Reason ? span_of(hide->reason, whole) : whole;
  }
  if (part != Part::Target) return whole;
  if (const auto* entity = std::get_if<query::EntityWrite>(write)) return entity->key.span;
  const auto* del = std::get_if<query::DeleteEntity>(write);
  return del != nullptr ? del->key.span : whole;
}

}  // namespace tidal::db
