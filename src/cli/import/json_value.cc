// Lines to operations, with one reason for each way to be wrong.
#include "cli/import/json_value.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>

#include "base/time_text.h"
#include "cli/import/cell_value.h"
#include "cli/import/json_element.h"

namespace tidal::cli {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

/// The error with the member's name in front.
Error at(std::string_view member, const Error& error) {
  return Error(error.code, std::string(member) + ": " + error.message);
}

Result<std::string> read_key(std::string_view member, const element& value) {
  Result<std::string> key = read_string(value);
  if (!key.ok()) return at(member, key.error());
  if (const std::string defect = key_defect(*key); !defect.empty()) {
    return Error(Code::InvalidArgument, std::string(member) + ": the key " + defect);
  }
  return key;
}

Error unknown_member(std::string_view name, std::string_view op, std::string_view known) {
  return Error(Code::InvalidArgument, "unknown member '" + std::string(name) + "' of op " + std::string(op) +
                                          ", expected " + std::string(known));
}

/// A name that stands twice among the first members; later ones are behind an unknown name in any case, as no operation
/// has so many.
std::string_view repeated_member(const object& members) {
  std::array<std::string_view, 16> names;
  std::size_t count = 0;
  for (const auto member : members) {
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::find(names.begin(), end, member.key) != end) return member.key;
    if (count == names.size()) break;
    names[count++] = member.key;
  }
  return "";
}

Error missing(std::string_view member) { return Error(Code::InvalidArgument, std::string(member) + ": missing"); }

/// A member that must be there, and where its key goes.
struct NamedText {
  std::string_view name;
  std::string* value = nullptr;
};

/// Members that may be there; null: not of this operation.
struct OptionalMembers {
  double* weight = nullptr;
  std::string* reason = nullptr;
};

/// The flat operations: keys, a time, and what is optional.
Status read_members(const object& members, std::string_view op, std::initializer_list<NamedText> texts,
                    std::optional<Timestamp>& time, OptionalMembers optional = {}) {
  for (const auto member : members) {
    const std::string_view name = member.key;
    if (name == "op") continue;
    const auto* text = std::ranges::find(texts, name, &NamedText::name);
    if (text != texts.end()) {
      TIDAL_TRY_ASSIGN(*text->value, read_key(name, member.value));
    } else if (name == "at") {
      Result<Timestamp> read = read_json_time(member.value, "a time");
      if (!read.ok()) return at(name, read.error());
      time = *read;
    } else if (name == "weight" && optional.weight != nullptr) {
      Result<double> read = read_number(member.value);
      if (!read.ok()) return at(name, read.error());
      *optional.weight = *read;
    } else if (name == "reason" && optional.reason != nullptr) {
      Result<std::string> read = read_string(member.value);
      if (!read.ok()) return at(name, read.error());
      *optional.reason = *std::move(read);
    } else {
      std::string known;
      for (const NamedText& each : texts) known += std::string(each.name) + ", ";
      if (optional.weight != nullptr) known += "weight, ";
      if (optional.reason != nullptr) known += "reason, ";
      return unknown_member(name, op, known + "at");
    }
  }
  for (const NamedText& each : texts) {
    if (each.value->empty()) return missing(each.name);
  }
  return {};
}

}  // namespace

struct JsonLineParser::Impl {
  Impl(const Declared& d, bool now) : declared(d), created_at_now(now) {}

  const Declared& declared;
  bool created_at_now;
  simdjson::dom::parser parser;
  std::string refusal;          // why the schema refuses the line that is being read
  bool is_export_mark = false;  // the line that was read

  Result<ImportedOperation> read(const element& root);
  Result<ImportedOperation> read_signal(const object& members);
  Result<ImportedOperation> read_entity(const object& members, std::string_view op);
  Result<ImportedOperation> read_delete(const object& members);
  Result<ImportedOperation> read_unsignal(const object& members);
  Result<ImportedOperation> read_relate(const object& members, bool remove);
  Result<ImportedOperation> read_hide(const object& members, bool unhide);
  Result<ImportedOperation> read_schema(const object& members);
  Status read_export_mark(const object& members);
  Status read_signal_member(std::string_view name, const element& value, Signal& signal);
  Status read_entity_member(std::string_view name, const element& value, PutOperation& put);
  Status read_fields(const element& value, PutOperation& put);
  Status read_embeddings(const element& value, PutOperation& put);
};

Status JsonLineParser::Impl::read_signal_member(std::string_view name, const element& value, Signal& signal) {
  if (name == "op") return {};
  if (name == "kind") {
    Result<std::string> kind = read_string(value);
    if (!kind.ok()) return at(name, kind.error());
    signal.kind = *std::move(kind);
    return {};
  }
  if (name == "item" || name == "creator") {
    if (!signal.item.empty()) return Error(Code::InvalidArgument, "the target is given twice");
    TIDAL_TRY_ASSIGN(signal.item, read_key(name, value));
    return {};
  }
  if (value.is_null()) return {};
  if (name == "user") {
    TIDAL_TRY_ASSIGN(signal.user, read_key(name, value));
    return {};
  }
  if (name == "at") {
    Result<Timestamp> time = read_json_time(value, "a time");
    if (!time.ok()) return at(name, time.error());
    signal.at = *time;
    return {};
  }
  if (name == "value" || name == "weight") {
    Result<double> number = read_number(value);
    if (!number.ok()) return at(name, number.error());
    if (name == "value") {
      signal.value = *number;
    } else {
      signal.weight = *number;
    }
    return {};
  }
  if (name == "key") {
    Result<std::string> key = read_string(value);
    if (!key.ok()) return at(name, key.error());
    signal.idempotency_key = *std::move(key);
    return {};
  }
  if (name == "context") {
    if (!value.is_object()) return at(name, expected("an object", value));
    signal.context = simdjson::minify(value);
    return {};
  }
  return unknown_member(name, "signal", "kind, item, user, at, value, weight, key or context");
}

Result<ImportedOperation> JsonLineParser::Impl::read_signal(const object& members) {
  Signal signal;
  for (const auto member : members) TIDAL_TRY(read_signal_member(member.key, member.value, signal));
  if (signal.kind.empty()) return missing("kind");
  if (signal.item.empty()) return missing("item");
  const std::int64_t order = signal.at ? signal.at->us : kTimeless;
  if (!declared.has_signal(signal.kind)) refusal = unknown_signal_reason(declared, signal.kind);
  return ImportedOperation{.what = Operation(std::move(signal)), .order = order};
}

Status JsonLineParser::Impl::read_fields(const element& value, PutOperation& put) {
  if (!value.is_object()) return at("fields", expected("an object", value));
  const object fields = value.get_object().value_unsafe();
  for (const auto field : fields) {
    const std::string_view name = field.key;
    const auto [place, added] = put.entity.fields.emplace(std::string(name), Value());
    if (!added) return Error(Code::InvalidArgument, "fields." + std::string(name) + ": given twice");
    const std::optional<FieldType> type = declared.field(put.kind, name);
    if (!type) {
      if (refusal.empty()) refusal = unknown_field_reason(declared, put.kind, name);
      continue;
    }
    Result<Value> typed = read_typed(field.value, *type);
    if (typed.ok()) {
      place->second = *std::move(typed);
    } else if (refusal.empty()) {
      refusal = "fields." + std::string(name) + ": " + typed.error().message;
    }
  }
  return {};
}

Status JsonLineParser::Impl::read_entity_member(std::string_view name, const element& value, PutOperation& put) {
  if (name == "op" || (name == "kind" && put.update)) return {};
  if (name == "key") {
    TIDAL_TRY_ASSIGN(put.key, read_key(name, value));
    return {};
  }
  if (name == "creator" && put.kind == EntityKind::Item) {
    if (value.is_null()) {
      if (put.update) put.entity.creator = "";
      return {};
    }
    TIDAL_TRY_ASSIGN(put.entity.creator, read_key(name, value));
    return {};
  }
  if (name == "created_at" || name == "at") {
    if (value.is_null()) return {};
    Result<Timestamp> time = read_json_time(value, "a time");
    if (!time.ok()) return at(name, time.error());
    (name == "at" ? put.at : put.entity.created_at) = *time;
    return {};
  }
  if (name == "fields") return read_fields(value, put);
  if (name == "embedding") return read_embeddings(value, put);
  return unknown_member(name, put.update ? "update" : kind_name(put.kind),
                        put.kind == EntityKind::Item ? "key, creator, created_at, at, fields or embedding"
                                                     : "key, created_at, at, fields or embedding");
}

Result<ImportedOperation> JsonLineParser::Impl::read_entity(const object& members, std::string_view op) {
  PutOperation put;
  put.update = op == "update";
  std::string_view kind_text = op;
  if (put.update) {
    element kind;
    if (members["kind"].get(kind) != simdjson::SUCCESS) return missing("kind");
    if (!kind.is_string()) return at("kind", expected("a string", kind));
    kind_text = kind.get_string().value_unsafe();
  }
  const std::optional<EntityKind> kind = entity_kind(kind_text);
  if (!kind)
    return Error(Code::InvalidArgument, "kind: expected item, user or creator, got '" + std::string(kind_text) + "'");
  put.kind = *kind;
  for (const auto member : members) TIDAL_TRY(read_entity_member(member.key, member.value, put));
  if (put.key.empty()) return missing("key");
  put.entity.created_at_open = !put.update && !put.entity.created_at && !created_at_now;
  return ImportedOperation{.what = Operation(std::move(put)), .order = kEntitiesFirst};
}

Status JsonLineParser::Impl::read_embeddings(const element& value, PutOperation& put) {
  if (!value.is_object()) return at("embedding", expected("an object", value));
  const object slots = value.get_object().value_unsafe();
  for (const auto slot : slots) {
    const std::string path = "embedding." + std::string(slot.key);
    const auto [place, added] = put.entity.embeddings.emplace(std::string(slot.key), std::vector<float>());
    if (!added) return Error(Code::InvalidArgument, path + ": given twice");
    if (slot.value.is_null()) {
      if (!put.update) put.entity.embeddings.erase(place);
      continue;
    }
    std::optional<std::vector<float>> vector = vector_of(slot.value);
    if (!vector) return at(path, expected("an array of numbers", slot.value));
    place->second = *std::move(vector);
  }
  return {};
}

Result<ImportedOperation> JsonLineParser::Impl::read_unsignal(const object& members) {
  Unsignal out;
  TIDAL_TRY(read_members(members, "unsignal", {{"kind", &out.kind}, {"item", &out.item}, {"user", &out.user}}, out.at));
  const std::int64_t order = out.at ? out.at->us : kTimeless;
  return ImportedOperation{.what = Operation(std::move(out)), .order = order};
}

Result<ImportedOperation> JsonLineParser::Impl::read_relate(const object& members, bool remove) {
  Relate out;
  out.remove = remove;
  const std::string_view op = remove ? "unrelate" : "relate";
  double* weight = remove ? nullptr : &out.weight;
  TIDAL_TRY(read_members(members, op, {{"relation", &out.relation}, {"from", &out.from}, {"to", &out.to}}, out.at,
                         {.weight = weight}));
  const std::int64_t order = out.at ? out.at->us : kTimeless;
  return ImportedOperation{.what = Operation(std::move(out)), .order = order};
}

Result<ImportedOperation> JsonLineParser::Impl::read_hide(const object& members, bool unhide) {
  Hide out;
  out.unhide = unhide;
  std::string kind_text;
  std::string* reason = unhide ? nullptr : &out.reason;
  TIDAL_TRY(read_members(members, unhide ? "unhide" : "hide", {{"kind", &kind_text}, {"key", &out.key}}, out.at,
                         {.reason = reason}));
  const std::optional<EntityKind> kind = entity_kind(kind_text);
  if (!kind) return Error(Code::InvalidArgument, "kind: expected item, user or creator, got '" + kind_text + "'");
  out.kind = *kind;
  const std::int64_t order = out.at ? out.at->us : kTimeless;
  return ImportedOperation{.what = Operation(std::move(out)), .order = order};
}

Result<ImportedOperation> JsonLineParser::Impl::read_delete(const object& members) {
  DeleteOperation removed;
  bool has_kind = false;
  for (const auto member : members) {
    const std::string_view name = member.key;
    if (name == "op") continue;
    if (name == "key") {
      TIDAL_TRY_ASSIGN(removed.key, read_key(name, member.value));
    } else if (name == "kind") {
      if (!member.value.is_string()) return at("kind", expected("a string", member.value));
      const std::string_view text = member.value.get_string().value_unsafe();
      const std::optional<EntityKind> kind = entity_kind(text);
      if (!kind)
        return Error(Code::InvalidArgument, "kind: expected item, user or creator, got '" + std::string(text) + "'");
      removed.kind = *kind;
      has_kind = true;
    } else {
      return unknown_member(name, "delete", "kind or key");
    }
  }
  if (!has_kind) return missing("kind");
  if (removed.key.empty()) return missing("key");
  return ImportedOperation{.what = Operation(std::move(removed)), .keeps_place = true};
}

Result<ImportedOperation> JsonLineParser::Impl::read_schema(const object& members) {
  Definitions definitions;
  for (const auto member : members) {
    const std::string_view name = member.key;
    if (name == "op") continue;
    if (name == "at") {
      Result<Timestamp> time = read_json_time(member.value, "a time");
      if (!time.ok()) return at(name, time.error());
      definitions.at = *time;
    } else if (name == "statements") {
      Result<Value> list = read_list(member.value);
      if (!list.ok()) return at(name, Error(Code::InvalidArgument, "expected an array of strings"));
      for (const std::string& each : std::get<std::vector<std::string>>(*list)) {
        definitions.statements.append(each).push_back('\n');
      }
    } else {
      return unknown_member(name, "schema", "at or statements");
    }
  }
  if (definitions.statements.empty()) return missing("statements");
  return ImportedOperation{.what = std::move(definitions), .keeps_place = true};
}

Status JsonLineParser::Impl::read_export_mark(const object& members) {
  element order;
  if (members["order"].get(order) != simdjson::SUCCESS) return missing("order");
  TIDAL_TRY_ASSIGN(const std::string text, read_string(order));
  if (text != "log") return Error(Code::InvalidArgument, "order: expected log, got '" + text + "'");
  is_export_mark = true;
  return {};
}

Result<ImportedOperation> JsonLineParser::Impl::read(const element& root) {
  if (!root.is_object()) return expected("a JSON object", root);
  const object members = root.get_object().value_unsafe();
  if (const std::string_view name = repeated_member(members); !name.empty()) {
    return Error(Code::InvalidArgument, std::string(name) + ": given twice");
  }
  element op;
  if (members["op"].get(op) != simdjson::SUCCESS) return missing("op");
  if (!op.is_string()) return at("op", expected("a string", op));
  const std::string_view name = op.get_string().value_unsafe();
  if (name == "signal") return read_signal(members);
  if (name == "item" || name == "user" || name == "creator" || name == "update") return read_entity(members, name);
  if (name == "delete") return read_delete(members);
  if (name == "schema") return read_schema(members);
  if (name == "export") {
    TIDAL_TRY(read_export_mark(members));
    return ImportedOperation{};
  }
  if (name == "relate" || name == "unrelate") return read_relate(members, name == "unrelate");
  if (name == "unsignal") return read_unsignal(members);
  if (name == "hide" || name == "unhide") return read_hide(members, name == "unhide");
  return Error(Code::InvalidArgument,
               "op: expected item, user, creator, update, delete, signal, unsignal, relate, unrelate, hide, unhide, "
               "schema or export, got '" +
                   std::string(name) + "'");
}

JsonLineParser::JsonLineParser(const Declared& declared, bool created_at_now)
    : impl_(std::make_unique<Impl>(declared, created_at_now)) {}
JsonLineParser::~JsonLineParser() = default;

Parsed JsonLineParser::parse(std::string_view text, std::uint64_t line) {
  static_assert(simdjson::SIMDJSON_PADDING <= kLinePadding);
  element root;
  const auto code = impl_->parser.parse(text.data(), text.size(), false).get(root);
  if (code == simdjson::UTF8_ERROR) return {.operation = std::nullopt, .reason = "not valid UTF-8"};
  if (code == simdjson::DEPTH_ERROR) return {.operation = std::nullopt, .reason = "JSON nested too deeply"};
  if (code != simdjson::SUCCESS) return {.operation = std::nullopt, .reason = "not valid JSON"};
  impl_->refusal.clear();
  impl_->is_export_mark = false;
  Result<ImportedOperation> operation = impl_->read(root);
  if (!operation.ok()) return {.operation = std::nullopt, .reason = operation.error().message};
  if (impl_->is_export_mark) return {.operation = std::nullopt, .reason = "", .is_export_mark = true};
  operation->line = line;
  if (!impl_->refusal.empty()) operation->what = Refused{};
  return {.operation = *std::move(operation), .reason = impl_->refusal};
}

std::optional<std::vector<float>> read_json_vector(std::string_view text) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS) return std::nullopt;
  return vector_of(root);
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

Result<Value> read_json_cell(std::string_view text, FieldType type) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(text.data(), text.size(), true).get(root) != simdjson::SUCCESS) {
    return Error(Code::InvalidArgument, "not valid JSON");
  }
  return read_typed(root, type);
}

}  // namespace tidal::cli
