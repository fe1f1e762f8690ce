// From JSON to typed entity content.
#include "query/json_content.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "entity/embedding_check.h"
#include "query/ast.h"
#include "query/syntax_error.h"
#include "schema/entity_key.h"
#include "schema/field_value.h"
#include "schema/validation.h"

namespace tidal::query {
namespace {

constexpr std::size_t kShownNameMax = 64;

/// An error at a piece of the object.
Error at(const ContentRules& rules, Span span, Complaint complaint) {
  if (rules.statement != nullptr) return error_at(*rules.statement, span, std::move(complaint));
  return error_at(Statement(), span, std::move(complaint));
}

/// Puts the member's path before the message of a check that knows no places.
Error with_path(const ContentRules& rules, Span span, const std::string& path, const Error& error) {
  Complaint complaint{.message = path + ": " + error.message, .code = error.code};
  if (error.detail) complaint.hint = error.detail->hint;
  return at(rules, span, std::move(complaint));
}

Result<Value> bound(const Json& json, const ContentRules& rules) {
  if (rules.params != nullptr) {
    if (const auto it = rules.params->find(json.text); it != rules.params->end()) {
      if (const Value* value = it->second.value()) return *value;
      return at(rules, json.span, {.message = "the parameter $" + json.text + " is a vector, which cannot stand here"});
    }
  }
  return at(rules, json.span, {.message = "the parameter $" + json.text + " has no value"});
}

/// A list of strings; its elements may be parameters.
Result<Value> list_value(const Json& json, const std::string& path, const ContentRules& rules) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    const Json& element = json.items[i];
    Value value;
    if (element.kind == Json::Kind::Param) {
      TIDAL_TRY_ASSIGN(value, bound(element, rules));
    } else if (element.kind == Json::Kind::String) {
      value = element.text;
    }
    auto* text = std::get_if<std::string>(&value);
    if (text == nullptr) {
      return at(rules, element.span, {.message = path + "[" + std::to_string(i) + "]: expected a string in a list"});
    }
    out.push_back(std::move(*text));
  }
  return Value(std::move(out));
}

/// The value as written, not yet fitted to a field.
Result<Value> plain_value(const Json& json, const std::string& path, const ContentRules& rules) {
  switch (json.kind) {
    case Json::Kind::Null: return Value();
    case Json::Kind::Bool: return Value(json.boolean);
    case Json::Kind::Integer: return Value(json.integer);
    case Json::Kind::Real: return Value(json.real);
    case Json::Kind::String: return Value(json.text);
    case Json::Kind::Param: return bound(json, rules);
    case Json::Kind::Array: return list_value(json, path, rules);
    case Json::Kind::Object: break;
  }
  return at(rules, json.span,
            {.message = path + ": a nested object", .hint = "fields are flat: declare one for each value inside"});
}

std::vector<std::string> field_names(const ContentRules& rules) {
  std::vector<std::string> out;
  for (const FieldDef& field : rules.schema.fields) {
    if (field.kind == rules.kind) out.push_back(field.name);
  }
  return out;
}

Error undeclared(const std::string& name, Span span, const ContentRules& rules) {
  const std::string shown = printable(name, kShownNameMax);
  Complaint complaint;
  complaint.message = std::string(kind_name(rules.kind)) + "s have no field '" + shown + "'";
  complaint.nearest = schema::nearest_name(name, field_names(rules));
  complaint.expected = {"a declared field"};
  if (complaint.nearest.empty()) {
    complaint.hint =
        "SHOW FIELDS lists them; DEFINE FIELD " + std::string(kind_name(rules.kind)) + "." + shown + " … adds it";
  }
  return at(rules, span, std::move(complaint));
}

/// Fits one field's value and adds it. `span` is the value's place.
Status take_field(const FieldDef& field, Value value, Span span, const ContentRules& rules, Fields& out) {
  const std::string path = "fields." + field.name;
  Result<Value> fitted = schema::fit_value(field, value);
  if (!fitted.ok()) return with_path(rules, span, path, fitted.error());
  if (!std::holds_alternative<std::monostate>(*fitted)) {
    out.insert_or_assign(field.name, std::move(*fitted));
  } else if (rules.update) {
    if (field.required) return at(rules, span, {.message = path + ": a REQUIRED field cannot be removed"});
    out.insert_or_assign(field.name, Value());
  }
  return {};
}

Status check_whole(const entity::EntityContent& content, Span span, const ContentRules& rules) {
  std::size_t bytes = content.creator ? content.creator->size() : 0;
  for (const auto& [name, value] : content.fields) bytes += name.size() + schema::value_bytes(value);
  for (const auto& [name, vector] : content.embeddings) bytes += name.size() + vector.size() * sizeof(float);
  if (bytes > schema::kEntityBytesMax) {
    return at(rules, span, {.message = "the entity: expected at most 4 MiB, got " + std::to_string(bytes) + " bytes"});
  }
  if (rules.update) return {};
  for (const FieldDef& field : rules.schema.fields) {
    if (field.kind != rules.kind || !field.required || content.fields.contains(field.name)) continue;
    return at(rules, span,
              {.message = "fields." + field.name + ": a REQUIRED field is missing",
               .hint = "every " + std::string(kind_name(rules.kind)) + " has one"});
  }
  return {};
}

Status check_creator(const std::string& key, Span span, const ContentRules& rules) {
  if (rules.kind != EntityKind::Item) {
    return at(rules, span, {.message = "creator: only items have one"});
  }
  if (rules.update && key.empty()) return {};
  if (const Status s = schema::check_entity_key(key); !s.ok()) return with_path(rules, span, "creator", s.error());
  return {};
}

Status take_creator(const Json& json, const ContentRules& rules, entity::EntityContent& out) {
  TIDAL_TRY_ASSIGN(const Value value, plain_value(json, "creator", rules));
  if (std::holds_alternative<std::monostate>(value)) {
    if (rules.update) out.creator = "";
    return {};
  }
  const auto* key = std::get_if<std::string>(&value);
  if (key == nullptr || key->empty()) {
    return at(
        rules, json.span,
        {.message = "creator: expected a key in a string, got " + (key ? "an empty one" : schema::value_kind(value))});
  }
  TIDAL_TRY(check_creator(*key, json.span, rules));
  out.creator = *key;
  return {};
}

Status take_created_at(const Json& json, const ContentRules& rules, entity::EntityContent& out) {
  TIDAL_TRY_ASSIGN(const Value value, plain_value(json, "created_at", rules));
  if (std::holds_alternative<std::monostate>(value)) {
    if (!rules.update) return {};
    return at(rules, json.span, {.message = "created_at: cannot be removed"});
  }
  Result<Timestamp> time = schema::fit_time(value);
  if (!time.ok()) return with_path(rules, json.span, "created_at", time.error());
  out.created_at = *time;
  return {};
}

Status take_fields(const Json& json, const ContentRules& rules, entity::EntityContent& out) {
  if (json.kind != Json::Kind::Object) {
    return at(rules, json.span, {.message = "fields: expected an object of field values"});
  }
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    const Name& name = json.member_names[i];
    const FieldDef* field = rules.schema.field(rules.kind, name.text);
    if (field == nullptr) return undeclared(name.text, name.span, rules);
    TIDAL_TRY_ASSIGN(Value value, plain_value(json.items[i], "fields." + name.text, rules));
    TIDAL_TRY(take_field(*field, std::move(value), json.items[i].span, rules, out.fields));
  }
  return {};
}

// ---- embeddings

const EmbeddingDef* embedding_named(const std::string& name, Span span, const ContentRules& rules, Status& status) {
  const EmbeddingDef* def = rules.schema.embedding(rules.kind, name);
  if (def != nullptr) return def;
  Complaint complaint;
  complaint.message =
      std::string(kind_name(rules.kind)) + "s have no embedding '" + printable(name, kShownNameMax) + "'";
  std::vector<std::string> known;
  for (const EmbeddingDef& each : rules.schema.embeddings) {
    if (each.kind == rules.kind) known.push_back(each.name);
  }
  complaint.nearest = schema::nearest_name(name, known);
  complaint.expected = std::move(known);
  if (complaint.expected.empty()) {
    complaint.hint = "DEFINE EMBEDDING " + std::string(kind_name(rules.kind)) + "." + printable(name, kShownNameMax) +
                     " SIZE … adds it";
  }
  status = at(rules, span, std::move(complaint));
  return nullptr;
}

/// Checks one slot's vector and adds it. An empty one removes it, in an UPDATE.
Status take_vector(const EmbeddingDef& def, std::vector<float> vector, Span span, const ContentRules& rules,
                   entity::EntityContent& out) {
  Result<std::vector<float>> prepared = entity::prepared_vector(def, std::move(vector));
  if (!prepared.ok()) return with_path(rules, span, "embedding." + def.name, prepared.error());
  out.embeddings.insert_or_assign(def.name, *std::move(prepared));
  return {};
}

/// The numbers of an array. Wider ones than a float become infinite, which the slot refuses.
Result<std::vector<float>> numbers_of(const Json& json, const std::string& path, const ContentRules& rules) {
  std::vector<float> out;
  out.reserve(json.items.size());
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    const Json& element = json.items[i];
    if (element.kind == Json::Kind::Integer) {
      out.push_back(static_cast<float>(element.integer));
    } else if (element.kind == Json::Kind::Real) {
      const bool fits = std::abs(element.real) <= std::numeric_limits<float>::max();
      out.push_back(fits ? static_cast<float>(element.real) : std::numeric_limits<float>::infinity());
    } else {
      return at(rules, element.span, {.message = path + "[" + std::to_string(i) + "]: expected a number"});
    }
  }
  return out;
}

Status take_slot(const EmbeddingDef& def, const Json& json, const ContentRules& rules, entity::EntityContent& out) {
  const std::string path = "embedding." + def.name;
  if (json.kind == Json::Kind::Null) {
    if (rules.update) out.embeddings.insert_or_assign(def.name, std::vector<float>());
    return {};
  }
  if (json.kind == Json::Kind::Array) {
    TIDAL_TRY_ASSIGN(std::vector<float> numbers, numbers_of(json, path, rules));
    return take_vector(def, std::move(numbers), json.span, rules, out);
  }
  if (json.kind == Json::Kind::Param && rules.params != nullptr) {
    const auto it = rules.params->find(json.text);
    if (it != rules.params->end() && it->second.vector() != nullptr) {
      return take_vector(def, *it->second.vector(), json.span, rules, out);
    }
  }
  return at(rules, json.span, {.message = path + ": expected an array of " + std::to_string(def.size) + " numbers"});
}

/// `{"content": […]}`, or the array alone when the kind has one slot.
Status take_embeddings(const Json& json, const ContentRules& rules, entity::EntityContent& out) {
  if (json.kind != Json::Kind::Object) {
    const auto of_kind = [&](const EmbeddingDef& def) { return def.kind == rules.kind; };
    const auto& defs = rules.schema.embeddings;
    if (std::ranges::count_if(defs, of_kind) == 1)
      return take_slot(*std::ranges::find_if(defs, of_kind), json, rules, out);
    const std::string kinds = std::string(kind_name(rules.kind)) + "s";
    if (std::ranges::none_of(defs, of_kind)) {
      return at(rules, json.span,
                {.message = "embedding: " + kinds + " have no embedding",
                 .hint = "DEFINE EMBEDDING " + std::string(kind_name(rules.kind)) + ".… SIZE … adds it"});
    }
    return at(rules, json.span, {.message = "embedding: expected an object of vectors by name"});
  }
  for (std::size_t i = 0; i < json.items.size(); ++i) {
    const Name& name = json.member_names[i];
    Status status;
    const EmbeddingDef* def = embedding_named(name.text, name.span, rules, status);
    if (def == nullptr) return status;
    TIDAL_TRY(take_slot(*def, json.items[i], rules, out));
  }
  return {};
}

}  // namespace

Result<entity::EntityContent> content_from_json(const Json& object, const ContentRules& rules) {
  if (object.kind != Json::Kind::Object) return at(rules, object.span, {.message = "expected a JSON object"});
  entity::EntityContent out;
  for (std::size_t i = 0; i < object.items.size(); ++i) {
    const Name& name = object.member_names[i];
    const Json& value = object.items[i];
    if (name.text == "creator") {
      TIDAL_TRY(take_creator(value, rules, out));
    } else if (name.text == "created_at") {
      TIDAL_TRY(take_created_at(value, rules, out));
    } else if (name.text == "fields") {
      TIDAL_TRY(take_fields(value, rules, out));
    } else if (name.text == "embedding") {
      TIDAL_TRY(take_embeddings(value, rules, out));
    } else {
      Complaint complaint;
      complaint.message = "an entity has no member '" + printable(name.text, kShownNameMax) + "'";
      complaint.expected = {"creator", "created_at", "fields", "embedding"};
      complaint.nearest = schema::nearest_name(name.text, complaint.expected);
      const bool field = rules.schema.field(rules.kind, name.text) != nullptr;
      if (field) complaint.hint = "fields stand inside \"fields\": {\"fields\":{\"" + name.text + "\":…}}";
      return at(rules, name.span, std::move(complaint));
    }
  }
  TIDAL_TRY(check_whole(out, object.span, rules));
  return out;
}

Result<entity::EntityContent> check_content(const entity::EntityContent& content, const ContentRules& rules) {
  entity::EntityContent out;
  if (content.creator) TIDAL_TRY(check_creator(*content.creator, Span{}, rules));
  out.creator = content.creator;
  out.created_at = content.created_at;
  for (const auto& [name, value] : content.fields) {
    const FieldDef* field = rules.schema.field(rules.kind, name);
    if (field == nullptr) return undeclared(name, Span{}, rules);
    TIDAL_TRY(take_field(*field, value, Span{}, rules, out.fields));
  }
  for (const auto& [name, vector] : content.embeddings) {
    Status status;
    const EmbeddingDef* def = embedding_named(name, Span{}, rules, status);
    if (def == nullptr) return std::move(status).error();
    if (vector.empty() && rules.update) {
      out.embeddings.insert_or_assign(name, std::vector<float>());
    } else {
      TIDAL_TRY(take_vector(*def, vector, Span{}, rules, out));
    }
  }
  TIDAL_TRY(check_whole(out, Span{}, rules));
  return out;
}

}  // namespace tidal::query
