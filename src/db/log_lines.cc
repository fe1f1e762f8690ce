// Decoding payloads and writing them as JSON.
#include "db/log_lines.h"

#include <charconv>
#include <type_traits>
#include <variant>

#include "base/hash.h"
#include "db/edge_record.h"
#include "entity/entity_record.h"
#include "schema/change_codec.h"
#include "schema/statements.h"
#include "signal/signal_record.h"

namespace tidal::db {
namespace {

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out.append("\\u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_quoted(out, text);
}

void append_number(std::string& out, double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;  // shortest that reads back the same
  out.append(buffer, end);
}

void append_value(std::string& out, const Value& value) {
  std::visit(
      [&out](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          out.append("null");
        } else if constexpr (std::is_same_v<T, bool>) {
          out.append(v ? "true" : "false");
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          out.append(std::to_string(v));
        } else if constexpr (std::is_same_v<T, double>) {
          append_number(out, v);
        } else if constexpr (std::is_same_v<T, std::string>) {
          append_quoted(out, v);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          out.push_back('[');
          for (std::size_t i = 0; i < v.size(); ++i) {
            if (i > 0) out.push_back(',');
            append_quoted(out, v[i]);
          }
          out.push_back(']');
        } else {
          append_quoted(out, to_string(v));
        }
      },
      value);
}

std::string_view extension(const wal::Record& record, wal::Tag tag) {
  for (const wal::Extension& each : record.extensions) {
    if (each.tag == static_cast<std::uint8_t>(tag)) return each.bytes;
  }
  return {};
}

Result<std::string> signal_line(const wal::Record& record) {
  TIDAL_TRY_ASSIGN(const signal::SignalPayload payload, signal::decode_payload(record.payload));
  std::string out = R"({"op":"signal")";
  append_member(out, "kind", payload.name);
  if (!record.user_key.empty()) append_member(out, "user", record.user_key);
  append_member(out, record.subject_kind == EntityKind::Creator ? "creator" : "item", record.subject_key);
  append_member(out, "at", to_string(record.event_time));
  if (payload.value) {
    out.append(",\"value\":");
    append_number(out, *payload.value);
  }
  if (payload.weight != 1.0) {
    out.append(",\"weight\":");
    append_number(out, payload.weight);
  }
  if (const std::string_view key = extension(record, wal::Tag::IdempotencyKey); !key.empty()) {
    append_member(out, "key", key);
  }
  if (const std::string_view context = extension(record, wal::Tag::Context); !context.empty()) {
    out.append(",\"context\":").append(context);
  }
  return out + "}";
}

Result<std::string> undo_line(const wal::Record& record) {
  TIDAL_TRY_ASSIGN(const UndoPayload payload, decode_undo(record.payload));
  std::string out = R"({"op":"unsignal")";
  append_member(out, "kind", payload.signal);
  append_member(out, "user", record.user_key);
  append_member(out, "item", record.subject_key);
  append_member(out, "at", to_string(record.event_time));
  return out + "}";
}

Result<std::string> edge_line(const wal::Record& record) {
  TIDAL_TRY_ASSIGN(const EdgePayload payload, decode_edge(record.payload));
  std::string out = record.type == wal::RecordType::Relate ? R"({"op":"relate")" : R"({"op":"unrelate")";
  append_member(out, "relation", payload.relation);
  append_member(out, "from", payload.from.empty() ? record.user_key : payload.from);
  append_member(out, "to", record.subject_key);
  append_member(out, "at", to_string(record.event_time));
  if (payload.weight != 1.0) {
    out.append(",\"weight\":");
    append_number(out, payload.weight);
  }
  return out + "}";
}

std::string hide_line(const wal::Record& record) {
  std::string out = record.type == wal::RecordType::Hide ? R"({"op":"hide")" : R"({"op":"unhide")";
  append_member(out, "kind", kind_name(record.subject_kind));
  append_member(out, "key", record.subject_key);
  append_member(out, "at", to_string(record.event_time));
  if (!record.payload.empty()) append_member(out, "reason", record.payload);
  return out + "}";
}

Result<std::string> schema_line(const wal::Record& record) {
  TIDAL_TRY_ASSIGN(const schema::SchemaChange change, schema::decode_change(record.payload));
  std::string out = R"({"op":"schema")";
  append_member(out, "at", to_string(record.event_time));
  out.append(",\"statements\":");
  append_value(out, schema::to_statements(change));
  return out + "}";
}

/// Nine digits name a float for certain.
void append_embeddings(std::string& out, const entity::EntityContent& content) {
  out.append(",\"embedding\":{");
  bool first = true;
  for (const auto& [name, vector] : content.embeddings) {
    if (!first) out.push_back(',');
    first = false;
    append_quoted(out, name);
    out.append(vector.empty() ? ":null" : ":[");
    for (std::size_t i = 0; i < vector.size(); ++i) {
      if (i > 0) out.push_back(',');
      char digits[32];
      const auto end = std::to_chars(digits, digits + sizeof digits, vector[i], std::chars_format::general, 9);
      out.append(digits, end.ptr);
    }
    if (!vector.empty()) out.push_back(']');
  }
  out.push_back('}');
}

Result<std::string> entity_line(const wal::Record& record) {
  TIDAL_TRY_ASSIGN(const entity::EntityContent content, entity::decode_content(record.payload));
  const bool update = record.type == wal::RecordType::UpdateEntity;
  std::string out = R"({"op":")";
  out.append(update ? "update" : kind_name(record.subject_kind)).append("\"");
  if (update) append_member(out, "kind", kind_name(record.subject_kind));
  append_member(out, "key", record.subject_key);
  if (content.creator && content.creator->empty()) {
    out.append(",\"creator\":null");
  } else if (content.creator) {
    append_member(out, "creator", *content.creator);
  }
  if (content.created_at) append_member(out, "created_at", to_string(*content.created_at));
  append_member(out, "at", to_string(record.event_time));
  if (!content.fields.empty()) {
    out.append(",\"fields\":{");
    bool first = true;
    for (const auto& [name, value] : content.fields) {
      if (!first) out.push_back(',');
      first = false;
      append_quoted(out, name);
      out.push_back(':');
      append_value(out, value);
    }
    out.push_back('}');
  }
  if (!content.embeddings.empty()) append_embeddings(out, content);
  return out + "}";
}

}  // namespace

Result<std::string> fields_json(std::string_view encoded) {
  TIDAL_TRY_ASSIGN(const Fields fields, entity::decode_fields(encoded));
  std::string out = "{";
  for (const auto& [name, value] : fields) {
    if (out.size() > 1) out.push_back(',');
    append_quoted(out, name);
    out.push_back(':');
    append_value(out, value);
  }
  return out + "}";
}

Result<std::optional<std::string>> import_line(const wal::Record& record) {
  std::string line;
  switch (record.type) {
    case wal::RecordType::Signal: {
      TIDAL_TRY_ASSIGN(line, signal_line(record));
      return std::optional(std::move(line));
    }
    case wal::RecordType::PutEntity:
    case wal::RecordType::UpdateEntity: {
      TIDAL_TRY_ASSIGN(line, entity_line(record));
      return std::optional(std::move(line));
    }
    case wal::RecordType::DeleteEntity:
      line = R"({"op":"delete")";
      append_member(line, "kind", kind_name(record.subject_kind));
      append_member(line, "key", record.subject_key);
      return std::optional(line + "}");
    case wal::RecordType::SchemaChange: {
      TIDAL_TRY_ASSIGN(line, schema_line(record));
      return std::optional(std::move(line));
    }
    case wal::RecordType::Unsignal: {
      TIDAL_TRY_ASSIGN(line, undo_line(record));
      return std::optional(std::move(line));
    }
    case wal::RecordType::Relate:
    case wal::RecordType::Unrelate: {
      TIDAL_TRY_ASSIGN(line, edge_line(record));
      return std::optional(std::move(line));
    }
    case wal::RecordType::Hide:
    case wal::RecordType::Unhide: return std::optional(hide_line(record));
    case wal::RecordType::ImportMark:
    case wal::RecordType::Erase:
    case wal::RecordType::Empty: break;
  }
  return std::optional<std::string>();
}

std::string_view record_type_name(wal::RecordType type) {
  switch (type) {
    case wal::RecordType::Signal: return "signal";
    case wal::RecordType::PutEntity: return "put";
    case wal::RecordType::UpdateEntity: return "update";
    case wal::RecordType::DeleteEntity: return "delete";
    case wal::RecordType::SchemaChange: return "schema";
    case wal::RecordType::ImportMark: return "import_mark";
    case wal::RecordType::Unsignal: return "unsignal";
    case wal::RecordType::Relate: return "relate";
    case wal::RecordType::Unrelate: return "unrelate";
    case wal::RecordType::Hide: return "hide";
    case wal::RecordType::Unhide: return "unhide";
    case wal::RecordType::Erase: return "erase";
    case wal::RecordType::Empty: return "empty";
  }
  return "unknown";
}

std::string dump_line(const wal::WalEvent& event) {
  const wal::Record& record = event.record;
  std::string out = "{\"seqno\":" + std::to_string(event.seqno.value);
  append_member(out, "append_time", to_string(event.append_time));
  append_member(out, "type", record_type_name(record.type));
  append_member(out, "time", to_string(record.event_time));
  out.append((record.flags & wal::kFlagTimeGiven) != 0 ? ",\"time_given\":true" : ",\"time_given\":false");
  if ((record.flags & wal::kFlagLost) != 0) out.append(",\"lost\":true");
  if ((record.flags & wal::kFlagErased) != 0) out.append(",\"erased\":true");
  const Result<std::optional<std::string>> line = import_line(record);
  if (!line.ok()) {
    append_member(out, "defect", line.error().message);
  } else if (*line) {
    out.append(",\"record\":").append(**line);
  }
  if (const std::string_view mark = extension(record, wal::Tag::ImportMark); mark.size() == 40) {
    base::Hash256 id;
    std::copy_n(mark.begin(), id.size(), id.begin());
    std::uint64_t position = 0;
    for (std::size_t i = 40; i > 32; --i) position = position << 8 | static_cast<unsigned char>(mark[i - 1]);
    out.append(",\"import\":{\"id\":\"").append(base::to_hex(id)).append("\",\"position\":");
    out.append(std::to_string(position)).append("}");
  }
  return out + "}";
}

}  // namespace tidal::db
