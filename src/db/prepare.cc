// The checks that an operation passes before the log sees it, and the record it becomes.
#include "db/prepare.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/epoch.h"
#include "db/edge_record.h"
#include "db/event_id.h"
#include "db/import_marks.h"
#include "query/json_content.h"
#include "schema/catalog.h"
#include "schema/literal_text.h"
#include "schema/validation.h"
#include "signal/effects.h"
#include "signal/signal_record.h"

namespace tidal::db {
namespace {

constexpr std::size_t kKeyBytesMax = 128;
constexpr std::size_t kIdempotencyKeyBytesMax = 1024;
constexpr std::size_t kContextBytesMax = 4096;
constexpr std::size_t kReasonBytesMax = 1024;

Error invalid(std::string message) { return Error(Code::InvalidArgument, std::move(message)); }

bool is_utf8(std::string_view s) { return simdjson::validate_utf8(s.data(), s.size()); }

bool takes_back(const Operation& operation) { return std::holds_alternative<Unsignal>(operation); }

/// It holds a mark other than seen.
bool can_be_taken_back(const Signal& signal, const SignalDef& def) {
  const unsigned marks = signal::effects_of(def, signal.weight, signal.value).marks;
  return !signal.user.empty() && (marks & ~(1U << static_cast<unsigned>(Mark::Seen))) != 0;
}

Status check_context(std::string_view context) {
  if (context.size() > kContextBytesMax) {
    return invalid("context: expected at most " + std::to_string(kContextBytesMax) + " bytes, got " +
                   std::to_string(context.size()));
  }
  const nlohmann::json json = nlohmann::json::parse(context, nullptr, false);
  if (!json.is_object()) return invalid("context: expected a JSON object");
  constexpr std::array<std::string_view, 4> kKnown = {"surface", "position", "query_id", "profile"};
  for (const auto& [name, value] : json.items()) {
    if (std::ranges::find(kKnown, name) == kKnown.end()) {
      return invalid("context: expected surface, position, query_id or profile, got '" + name + "'");
    }
    if (name == "position" ? !value.is_number_unsigned() : !value.is_string()) {
      return invalid("context." + name + ": expected " + (name == "position" ? "a whole number >= 0" : "a string"));
    }
  }
  return {};
}

Status check_weight(const SignalDef& def, double weight) {
  if (std::isfinite(weight) && weight >= 0) return {};
  return invalid("signal '" + def.name + "': expected a finite weight >= 0, got " + schema::number_text(weight));
}

Status check_value(const SignalDef& def, double value) {
  if (!def.has_value) return invalid("signal '" + def.name + "' declares no VALUE, got " + schema::number_text(value));
  if (std::isfinite(value) && value >= def.value_min && (!def.value_max || value <= *def.value_max)) return {};
  return invalid("signal '" + def.name + "': expected a value in " + schema::number_text(def.value_min) + ".." +
                 (def.value_max ? schema::number_text(*def.value_max) : "") + ", got " + schema::number_text(value));
}

// Edges of the language, whose verbs people try as signals.
constexpr std::array<std::string_view, 6> kEdgeWords = {"follow", "follows", "block", "blocks", "mute", "mutes"};

Error unknown_signal(const schema::Schema& schema, const std::string& name) {
  std::vector<std::string> known;
  for (const SignalDef& candidate : schema.signals) known.push_back(candidate.name);
  ErrorDetail detail;
  detail.nearest = schema::nearest_name(name, known);
  detail.hint = detail.nearest.empty() ? "declare it: DEFINE SIGNAL " + name + " …; SHOW SIGNALS lists them"
                                       : "did you mean '" + detail.nearest + "'?";
  if (detail.nearest.empty() && std::ranges::find(kEdgeWords, name) != kEdgeWords.end()) {
    detail.hint = "an edge is written by RELATE, after DEFINE RELATION";
  }
  return {Code::InvalidArgument, "no signal '" + name + "' is declared", std::move(detail)};
}

Error relation_as_signal(const RelationDef& relation) {
  ErrorDetail detail;
  detail.hint = "write RELATE @" + std::string(kind_name(relation.from)) + " " + relation.name + " @" +
                std::string(kind_name(relation.to));
  return {Code::InvalidArgument, "'" + relation.name + "' is a relation: its edges are written by RELATE",
          std::move(detail)};
}

Error unknown_relation(const schema::Schema& schema, const std::string& name) {
  std::vector<std::string> known;
  for (const RelationDef& candidate : schema.relations) known.push_back(candidate.name);
  ErrorDetail detail;
  detail.nearest = schema::nearest_name(name, known);
  detail.hint = detail.nearest.empty() ? "declare it: DEFINE RELATION " + name + " FROM user TO creator"
                                       : "did you mean '" + detail.nearest + "'?";
  return {Code::InvalidArgument, "no relation '" + name + "' is declared", std::move(detail)};
}

/// Whether any of the signal's marks is one that can be taken back.
bool marks_what_stands(const SignalDef& def) {
  return std::ranges::any_of(def.effects, [](const EffectDef& effect) {
    return effect.kind == EffectDef::Kind::Mark && effect.mark != Mark::Seen;
  });
}

/// The error of the operation with that number in its batch, from 1.
Error numbered(Error error, std::size_t number) {
  ErrorDetail detail = error.detail ? *error.detail : ErrorDetail{};
  detail.statement = static_cast<std::uint32_t>(number);
  return {error.code, std::move(error.message), std::move(detail)};
}

}  // namespace

Status check_time(Timestamp time, std::string_view what) {
  constexpr Timestamp kYear0{-62'167'219'200'000'000};
  constexpr Timestamp kYear10000{253'402'300'800'000'000};
  if (time >= kYear0 && time < kYear10000) return {};
  return invalid(std::string(what) + ": expected a time of the years 0000 to 9999, got " + std::to_string(time.us) +
                 " microseconds since 1970");
}

Status check_key(std::string_view key, std::string_view what) {
  if (key.empty() || key.size() > kKeyBytesMax) {
    return invalid(std::string(what) + ": expected a key of 1 to 128 bytes, got " + std::to_string(key.size()));
  }
  if (!is_utf8(key)) return invalid(std::string(what) + ": key is not valid UTF-8");
  const bool control =
      std::ranges::any_of(key, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control) return invalid(std::string(what) + ": key has a control character");
  return {};
}

wal::Record PreparedRecord::record() const {
  wal::Record r{.type = type,
                .flags = flags,
                .subject_kind = subject_kind,
                .event_time = event_time,
                .subject_key = subject_key,
                .user_key = user_key,
                .payload = payload,
                .extensions = {}};
  const auto extend = [&r](wal::Tag tag, const std::string& bytes) {
    if (!bytes.empty()) r.extensions.push_back({.tag = static_cast<std::uint8_t>(tag), .bytes = bytes});
  };
  extend(wal::Tag::IdempotencyKey, idempotency_key);
  extend(wal::Tag::Context, context);
  extend(wal::Tag::ImportMark, import_mark);
  r.event_id = event_id_of(r);
  r.keeps_duplicate = keep_duplicate;
  return r;
}

bool Preparer::is_live(EntityKind kind, std::string_view key) const {
  if (!staged_.empty()) {
    if (const auto it = staged_.find({kind, std::string(key)}); it != staged_.end()) return it->second;
  }
  const Ordinal found = views_.entities().find(kind, key);
  return found != Ordinal::None && views_.entities().is_live(kind, found);
}

Status Preparer::check_live(EntityKind kind, std::string_view key) const {
  if (is_live(kind, key)) return {};
  return Error(Code::NotFound, std::string(kind_name(kind)) + " '" + std::string(key) + "' does not exist");
}

Status Preparer::check_event_time(std::optional<Timestamp> at, std::string_view what) {
  wrong_part_ = Part::Time;
  if (!at) return {};
  TIDAL_TRY(check_time(*at, "event time"));
  if (*at - horizon_ <= schema_->settings.future_tolerance) return {};
  return invalid(std::string(what) + ": event time " + to_string(*at) + " is more than " +
                 to_string(schema_->settings.future_tolerance) + " ahead of the clock (" + to_string(horizon_) + ")");
}

Result<std::optional<PreparedRecord>> Preparer::prepare(const Operation& operation, WriteReply& reply) {
  wrong_part_ = Part::Whole;
  if (const auto* signal = std::get_if<Signal>(&operation)) return prepare_signal(*signal, reply);
  if (const auto* put = std::get_if<PutOperation>(&operation)) return prepare_put(*put, reply);
  if (const auto* unsignal = std::get_if<Unsignal>(&operation)) return prepare_unsignal(*unsignal, reply);
  if (const auto* relate = std::get_if<Relate>(&operation)) return prepare_relate(*relate, reply);
  if (const auto* hide = std::get_if<Hide>(&operation)) return prepare_hide(*hide, reply);
  return prepare_delete(std::get<DeleteOperation>(operation), reply);
}

Status Preparer::check_user(const std::string& user) {
  TIDAL_TRY(check_key(user, "user"));
  if (!schema_->settings.create_users && !is_live(EntityKind::User, user)) {
    return Error(Code::NotFound, "user '" + user + "' does not exist and create_users is off");
  }
  if (batch_ && !is_live(EntityKind::User, user)) staged_[{EntityKind::User, user}] = true;
  return {};
}

Result<std::optional<PreparedRecord>> Preparer::prepare_signal(const Signal& signal, WriteReply& reply) {
  wrong_part_ = Part::Name;
  const SignalDef* def = schema_->signal(signal.kind);
  if (def == nullptr) return unknown_signal(*schema_, signal.kind);
  if (def->relation) return relation_as_signal(*schema_->relation(def->name));
  TIDAL_TRY(checking(Part::Target, check_key(signal.item, kind_name(def->target))));
  TIDAL_TRY(checking(Part::Weight, check_weight(*def, signal.weight)));
  if (signal.value) TIDAL_TRY(checking(Part::Value, check_value(*def, *signal.value)));
  if (!signal.context.empty()) TIDAL_TRY(checking(Part::Context, check_context(signal.context)));
  wrong_part_ = Part::IdempotencyKey;
  if (signal.idempotency_key.size() > kIdempotencyKeyBytesMax) {
    return invalid("idempotency key: expected at most 1024 bytes, got " +
                   std::to_string(signal.idempotency_key.size()));
  }
  TIDAL_TRY(check_event_time(signal.at, "signal '" + def->name + "'"));
  TIDAL_TRY(checking(Part::Target, check_live(def->target, signal.item)));
  if (!signal.user.empty()) TIDAL_TRY(checking(Part::User, check_user(signal.user)));
  PreparedRecord out;
  out.type = wal::RecordType::Signal;
  out.flags = signal.at ? wal::kFlagTimeGiven : std::uint8_t{0};
  out.subject_kind = def->target;
  out.event_time = signal.at.value_or(now_);
  out.subject_key = signal.item;
  out.user_key = signal.user;
  out.idempotency_key = signal.idempotency_key;
  out.context = signal.context;
  signal::encode_payload({.name = def->name, .weight = signal.weight, .value = signal.value}, out.payload);
  if (batch_ && batch_->takes_back && can_be_taken_back(signal, *def)) {
    wal::Record record = out.record();
    record.keeps_duplicate = batch_->keeps_duplicates;
    standing_.stage_signal(*schema_, {signal.kind, signal.user, signal.item}, record, horizon_);
  }
  reply = WriteReply{.op = "signal", .status = "applied", .seqno = {}, .elapsed_us = 0};
  return std::optional(std::move(out));
}

Result<std::optional<PreparedRecord>> Preparer::prepare_put(const PutOperation& put, WriteReply& reply) {
  TIDAL_TRY(checking(Part::Target, check_key(put.key, kind_name(put.kind))));
  const bool live = is_live(put.kind, put.key);
  if (put.update && !live) {
    return Error(Code::NotFound, std::string(kind_name(put.kind)) + " '" + put.key + "' does not exist");
  }
  wrong_part_ = Part::Whole;
  entity::EntityContent content;
  content.creator = put.entity.creator;
  content.fields = put.entity.fields;
  content.embeddings = put.entity.embeddings;
  content.created_at = put.entity.created_at;
  if (content.created_at) TIDAL_TRY(check_time(*content.created_at, "created_at"));
  if (put.at) TIDAL_TRY(check_time(*put.at, "at"));
  for (const auto& [name, value] : content.fields) {
    if (const auto* time = std::get_if<Timestamp>(&value)) TIDAL_TRY(check_time(*time, "field '" + name + "'"));
  }
  if (!content.created_at && !put.entity.created_at_open && !put.update) content.created_at = now_;
  TIDAL_TRY_ASSIGN(content,
                   query::check_content(content, {.schema = *schema_, .kind = put.kind, .update = put.update}));

  PreparedRecord out;
  out.type = put.update ? wal::RecordType::UpdateEntity : wal::RecordType::PutEntity;
  out.subject_kind = put.kind;
  out.event_time = put.at.value_or(now_);
  out.subject_key = put.key;
  out.payload = entity::encode_content(content);
  if (batch_) {
    staged_[{put.kind, put.key}] = true;
    if (content.creator && !content.creator->empty()) staged_[{EntityKind::Creator, *content.creator}] = true;
  }
  reply = WriteReply{.op = put.update ? "update" : "put",
                     .status = put.update ? "updated" : (live ? "replaced" : "created"),
                     .seqno = {},
                     .elapsed_us = 0};
  return std::optional(std::move(out));
}

Result<std::optional<PreparedRecord>> Preparer::prepare_delete(const DeleteOperation& del, WriteReply& reply) {
  TIDAL_TRY(checking(Part::Target, check_key(del.key, kind_name(del.kind))));
  if (!is_live(del.kind, del.key)) {
    reply = WriteReply{.op = "delete", .status = "absent", .seqno = {}, .elapsed_us = 0};
    return std::optional<PreparedRecord>();
  }
  PreparedRecord out;
  out.type = wal::RecordType::DeleteEntity;
  out.subject_kind = del.kind;
  out.event_time = now_;
  out.subject_key = del.key;
  if (batch_) {
    staged_[{del.kind, del.key}] = false;
    standing_.stage_deletion(*schema_, del.kind, del.key);
  }
  reply = WriteReply{.op = "delete", .status = "deleted", .seqno = {}, .elapsed_us = 0};
  return std::optional(std::move(out));
}

Result<std::optional<PreparedRecord>> Preparer::prepare_unsignal(const Unsignal& unsignal, WriteReply& reply) {
  wrong_part_ = Part::Name;
  const SignalDef* def = schema_->signal(unsignal.kind);
  if (def == nullptr) return unknown_signal(*schema_, unsignal.kind);
  if (def->relation) return invalid("'" + def->name + "' is a relation: its edges are removed by UNRELATE");
  if (!marks_what_stands(*def)) {
    return invalid("signal '" + def->name + "' sets no mark that could be taken back: what it counted stays");
  }
  TIDAL_TRY(checking(Part::Target, check_key(unsignal.item, kind_name(def->target))));
  TIDAL_TRY(checking(Part::User, check_key(unsignal.user, "user")));
  TIDAL_TRY(check_event_time(unsignal.at, "unsignal '" + def->name + "'"));
  TIDAL_TRY(checking(Part::Target, check_live(def->target, unsignal.item)));
  TIDAL_TRY(checking(Part::User, check_live(EntityKind::User, unsignal.user)));
  PreparedRecord out;
  out.type = wal::RecordType::Unsignal;
  out.flags = unsignal.at ? wal::kFlagTimeGiven : std::uint8_t{0};
  out.subject_kind = def->target;
  out.event_time = unsignal.at.value_or(now_);
  out.subject_key = unsignal.item;
  out.user_key = unsignal.user;
  const Standing::SignalKey key{unsignal.kind, unsignal.user, unsignal.item};
  const std::optional<Timestamp> since = standing_.signal_since(*schema_, key);
  const bool stood = since && out.event_time >= *since;
  out.payload = encode_undo({.signal = def->name, .stood = stood});
  if (batch_) standing_.stage_undo(*schema_, key, out.event_time);
  reply = WriteReply{.op = "unsignal", .status = stood ? "applied" : "unchanged", .seqno = {}, .elapsed_us = 0};
  return std::optional(std::move(out));
}

Result<std::optional<PreparedRecord>> Preparer::prepare_relate(const Relate& relate, WriteReply& reply) {
  wrong_part_ = Part::Name;
  const RelationDef* relation = schema_->relation(relate.relation);
  if (relation == nullptr) return unknown_relation(*schema_, relate.relation);
  TIDAL_TRY(checking(Part::User, check_key(relate.from, kind_name(relation->from))));
  TIDAL_TRY(checking(Part::Target, check_key(relate.to, kind_name(relation->to))));
  wrong_part_ = Part::Weight;
  if (!std::isfinite(relate.weight) || relate.weight < 0) {
    return invalid("relation '" + relation->name + "': expected a finite weight >= 0, got " +
                   schema::number_text(relate.weight));
  }
  TIDAL_TRY(check_event_time(relate.at, "relation '" + relation->name + "'"));
  wrong_part_ = Part::Target;
  if (relation->from == relation->to && relate.from == relate.to) {
    return invalid("relation '" + relation->name + "': an edge needs two ends, got " +
                   std::string(kind_name(relation->to)) + " '" + relate.to + "' twice");
  }
  TIDAL_TRY(check_live(relation->to, relate.to));
  wrong_part_ = Part::User;
  if (relation->from == EntityKind::User && !relate.remove) {
    TIDAL_TRY(check_user(relate.from));
  } else {
    TIDAL_TRY(check_live(relation->from, relate.from));
  }
  PreparedRecord out;
  out.type = relate.remove ? wal::RecordType::Unrelate : wal::RecordType::Relate;
  out.flags = relate.at ? wal::kFlagTimeGiven : std::uint8_t{0};
  out.subject_kind = relation->to;
  out.event_time = relate.at.value_or(now_);
  out.subject_key = relate.to;
  const bool of_user = relation->from == EntityKind::User;
  if (of_user) out.user_key = relate.from;
  // An older record changes nothing (edges.h R1): there is then nothing to give or to take back.
  const std::optional<Standing::Word> latest = standing_.edge(*schema_, relate);
  const bool is_heard = Standing::Word::is_heard(latest, out.event_time);
  const bool stands = latest && latest->stands;
  const bool changes = is_heard && stands == relate.remove;
  const bool stood = relate.remove ? changes : !changes;
  out.payload = encode_edge({.relation = relation->name,
                             .stood = stood,
                             .weight = relate.remove ? 1.0 : relate.weight,
                             .from = of_user ? std::string_view() : std::string_view(relate.from)});
  if (batch_) standing_.stage_edge(*schema_, relate, out.event_time);
  reply = WriteReply{.op = relate.remove ? "unrelate" : "relate",
                     .status = changes ? "applied" : "unchanged",
                     .seqno = {},
                     .elapsed_us = 0};
  return std::optional(std::move(out));
}

Result<std::optional<PreparedRecord>> Preparer::prepare_hide(const Hide& hide, WriteReply& reply) {
  TIDAL_TRY(checking(Part::Target, check_key(hide.key, kind_name(hide.kind))));
  wrong_part_ = Part::Reason;
  if (hide.reason.size() > kReasonBytesMax) {
    return invalid("reason: expected at most 1024 bytes, got " + std::to_string(hide.reason.size()));
  }
  if (!is_utf8(hide.reason)) return invalid("reason: not valid UTF-8");
  if (hide.unhide && !hide.reason.empty()) return invalid("reason: UNHIDE takes none");
  TIDAL_TRY(check_event_time(hide.at, hide.unhide ? "unhide" : "hide"));
  TIDAL_TRY(checking(Part::Target, check_live(hide.kind, hide.key)));
  PreparedRecord out;
  out.type = hide.unhide ? wal::RecordType::Unhide : wal::RecordType::Hide;
  out.flags = hide.at ? wal::kFlagTimeGiven : std::uint8_t{0};
  out.subject_kind = hide.kind;
  out.event_time = hide.at.value_or(now_);
  out.subject_key = hide.key;
  out.payload = hide.reason;
  const std::optional<Standing::Word> latest = standing_.hidden(hide.kind, hide.key);
  const bool is_heard = Standing::Word::is_heard(latest, out.event_time);
  const bool is_hidden = latest && latest->stands;
  if (batch_) standing_.stage_hidden(hide.kind, hide.key, {.stands = !hide.unhide, .at = out.event_time});
  reply = WriteReply{.op = hide.unhide ? "unhide" : "hide",
                     .status = is_heard && is_hidden == hide.unhide ? "applied" : "unchanged",
                     .seqno = {},
                     .elapsed_us = 0};
  return std::optional(std::move(out));
}

Error joined(std::vector<Error> errors) {
  Error first = std::move(errors.front());
  first.others.insert(first.others.end(), std::make_move_iterator(errors.begin() + 1),
                      std::make_move_iterator(errors.end()));
  return first;
}

PreparedRecord schema_record(const schema::SchemaChange& change, Timestamp now) {
  PreparedRecord record;
  record.type = wal::RecordType::SchemaChange;
  record.event_time = now;
  record.payload = schema::encode_change(change);
  return record;
}

PreparedRecord erase_record(const ErasedUser& user, Timestamp now) {
  PreparedRecord record;
  record.type = wal::RecordType::Erase;
  record.subject_kind = EntityKind::User;
  record.event_time = now;
  record.payload = encode_erased_user(user);
  record.reply.op = "forget";
  record.reply.status = "applied";
  return record;
}

Result<PreparedBatch> prepare_batch(Preparer& preparer, std::span<const Operation> operations,
                                    const BatchOptions& options) {
  if (options.import_mark && options.import_mark->id.size() != kImportIdBytes) {
    return invalid("import id: expected 32 bytes, got " + std::to_string(options.import_mark->id.size()));
  }
  PreparedBatch batch;
  batch.records.reserve(operations.size());
  batch.replies.reserve(operations.size());
  batch.record_of_reply.reserve(operations.size());
  if (operations.size() > 1) {
    preparer.begin_batch(
        {.takes_back = std::ranges::any_of(operations, takes_back), .keeps_duplicates = options.keep_duplicates});
  }
  std::vector<Error> errors;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    WriteReply reply;
    Result<std::optional<PreparedRecord>> record = preparer.prepare(operations[i], reply);
    if (!record.ok()) {
      errors.push_back(numbered(std::move(record).error(), i + 1));
      continue;
    }
    batch.record_of_reply.push_back(*record ? batch.records.size() : kNoRecord);
    if (*record) {
      batch.records.push_back(std::move(**record));
      batch.records.back().keep_duplicate = options.keep_duplicates;
    }
    batch.replies.push_back(std::move(reply));
  }
  if (!errors.empty()) return joined(std::move(errors));
  if (!options.import_mark) return batch;
  // A record of its own: it is never void, whatever becomes of the operations.
  batch.records.emplace_back();
  batch.records.back().type = wal::RecordType::ImportMark;
  batch.records.back().event_time = preparer.now();
  batch.records.back().import_mark = encode_import_mark(options.import_mark->id, options.import_mark->position);
  return batch;
}

}  // namespace tidal::db
