// Parsing maps, binding them to a header and a schema, applying them to rows.
#include "cli/import/map.h"

#include <algorithm>
#include <array>
#include <utility>

namespace tidal::cli {
namespace {

constexpr std::array<std::string_view, 7> kSignalNames = {"kind", "user", "item", "value", "weight", "at", "key"};
constexpr std::array<std::string_view, 4> kContextNames = {"surface", "position", "query_id", "profile"};

template <std::size_t n>
bool is_one_of(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Error wrong(std::string message) { return Error(Code::InvalidArgument, "map: " + std::move(message)); }

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The part up to the next comma that stands in neither quotes nor parentheses.
std::string_view take_part(std::string_view& text) {
  bool quoted = false;
  bool inside = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '"' && !inside) quoted = !quoted;
    if (c == '(' && !quoted) inside = true;
    if (c == ')' && !quoted && !(end + 1 < text.size() && text[end + 1] == ')')) inside = false;
    if (c == ',' && !quoted && !inside) break;
  }
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<Reader> reader_named(std::string_view text) {
  if (text == "unix") return Reader{Reader::Kind::Unix};
  if (text == "unix_ms") return Reader{Reader::Kind::UnixMs};
  if (text == "iso") return Reader{Reader::Kind::Iso};
  if (text == "json") return Reader{Reader::Kind::Json};
  if (text.size() == 8 && text.substr(0, 6) == "split(" && text.back() == ')') {
    return Reader{Reader::Kind::Split, text[6]};
  }
  if (text == "split(tab)") return Reader{Reader::Kind::Split, '\t'};
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void append_member(std::string& json, std::string_view name, std::string_view value, bool bare) {
  json += json.empty() ? "{\"" : ",\"";
  json.append(name).append("\":");
  if (bare) {
    json.append(value);
    return;
  }
  json.push_back('"');
  for (const char c : value) {
    if (c == '"' || c == '\\') json.push_back('\\');
    json.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  json.push_back('"');
}

}  // namespace

Status Map::parse_pair(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    return wrong("expected name=column, got '" + std::string(text) + "'");
  }
  Pair pair;
  pair.name = text.substr(0, equals);
  std::string_view right = text.substr(equals + 1);
  if (right.empty()) return wrong("'" + pair.name + "=' names no column");
  const bool duplicate =
      std::any_of(pairs_.begin(), pairs_.end(), [&pair](const Pair& known) { return known.name == pair.name; });
  if (duplicate) return wrong("'" + pair.name + "' is given twice");
  if (right.front() == '"') {
    if (right.size() < 2 || right.back() != '"') return wrong("a quote is never closed: " + std::string(right));
    pair.constant = right.substr(1, right.size() - 2);
  } else if (!entity_ && pair.name == "kind") {
    if (right.substr(0, 4) == "col(" && right.back() == ')') {
      pair.column = right.substr(4, right.size() - 5);
      if (pair.column.empty()) return wrong("col() names no column");
    } else {
      pair.constant = right;
    }
  } else {
    const std::size_t colon = right.rfind(':');
    if (colon != std::string_view::npos) {
      const std::optional<Reader> reader = reader_named(right.substr(colon + 1));
      if (!reader) {
        return wrong("unknown reader '" + std::string(right.substr(colon + 1)) +
                     "', expected unix, unix_ms, iso, split(c) or json");
      }
      pair.reader = *reader;
      right = right.substr(0, colon);
    }
    pair.column = right;
  }
  pairs_.push_back(std::move(pair));
  return {};
}

Status Map::check_shape() const {
  const auto has = [this](std::string_view name) {
    return std::any_of(pairs_.begin(), pairs_.end(), [name](const Pair& pair) { return pair.name == name; });
  };
  if (entity_) return has("key") ? Status() : Status(wrong("an entity needs key="));
  if (!has("kind")) return wrong("a signal needs kind=");
  if (!has("item")) return wrong("a signal needs item=");
  for (const Pair& pair : pairs_) {
    if (!is_one_of(kSignalNames, pair.name) && !is_one_of(kContextNames, pair.name)) {
      return wrong("signals have no '" + pair.name +
                   "', expected kind, user, item, value, weight, at, key, surface, position, query_id or profile");
    }
  }
  return {};
}

Result<Map> Map::parse(std::string_view text) {
  Map map;
  const std::size_t colon = text.find(':');
  const std::string_view target = text.substr(0, colon);
  if (colon == std::string_view::npos) return wrong("expected item:, user:, creator: or signal: in front");
  if (target == "item") {
    map.entity_ = EntityKind::Item;
  } else if (target == "user") {
    map.entity_ = EntityKind::User;
  } else if (target == "creator") {
    map.entity_ = EntityKind::Creator;
  } else if (target != "signal") {
    return wrong("expected item:, user:, creator: or signal: in front, got '" + std::string(target) + ":'");
  }
  std::string_view rest = text.substr(colon + 1);
  while (!rest.empty()) {
    constexpr std::string_view kWhere = "where=";
    if (rest.substr(0, kWhere.size()) == kWhere) {
      TIDAL_TRY_ASSIGN(map.where_, Where::parse(rest.substr(kWhere.size())));
      break;
    }
    TIDAL_TRY(map.parse_pair(take_part(rest)));
  }
  TIDAL_TRY(map.check_shape());
  const auto note = [&map](const std::string& column) {
    if (!column.empty()) (is_number(column) ? map.numbered_ : map.needs_header_) = true;
  };
  for (const Pair& pair : map.pairs_) note(pair.column);
  for (const std::string& column : map.where_.columns()) note(column);
  if (map.numbered_ && map.needs_header_) {
    return wrong("columns by number mean that there is no header line, by name that there is one: use one of both");
  }
  return map;
}

Result<std::size_t> Map::place_of(const std::string& column, const std::vector<std::string>& header) const {
  if (numbered_) {
    const std::optional<std::int64_t> number = parse_integer(column);
    if (!number || *number < 1 || *number > 100'000) return wrong("columns are numbered from 1, got '" + column + "'");
    return static_cast<std::size_t>(*number - 1);
  }
  const auto at = std::find(header.begin(), header.end(), column);
  if (at == header.end()) {
    return Error(Code::NotFound, "map: the header has no column '" + column + "', it has: " + listed(header));
  }
  return static_cast<std::size_t>(at - header.begin());
}

Status Map::bind_name(Pair& pair, const Declared& declared) const {
  if (!entity_) {
    if (pair.name == "kind" && pair.column.empty() && !declared.has_signal(pair.constant)) {
      return Error(Code::NotFound, "map: " + unknown_signal_reason(declared, pair.constant));
    }
    return {};
  }
  if (pair.name == "key" || pair.name == "created_at") return {};
  const std::optional<FieldType> type = declared.field(*entity_, pair.name);
  pair.is_field = type.has_value();
  if (type) {
    pair.type = *type;
    return {};
  }
  if (pair.name == "creator" && *entity_ == EntityKind::Item) return {};
  return Error(Code::NotFound, "map: " + unknown_field_reason(declared, *entity_, pair.name));
}

Status Map::bind(const std::vector<std::string>& header, const Declared& declared, bool created_at_now) {
  for (Pair& pair : pairs_) {
    TIDAL_TRY(bind_name(pair, declared));
    if (!pair.column.empty()) {
      TIDAL_TRY_ASSIGN(pair.place, place_of(pair.column, header));
    }
  }
  std::vector<std::size_t> places;
  for (const std::string& column : where_.columns()) {
    TIDAL_TRY_ASSIGN(const std::size_t place, place_of(column, header));
    places.push_back(place);
  }
  where_.bind(std::move(places));
  created_at_now_ = created_at_now;
  declared_ = &declared;
  return {};
}

Status Map::apply_to_signal(const Pair& pair, std::string_view cell, Signal& signal) const {
  const auto key = [&](std::string& target) -> Status {
    if (const std::string defect = key_defect(cell); !defect.empty()) {
      return Error(Code::InvalidArgument, pair.name + ": the key " + defect);
    }
    target = cell;
    return {};
  };
  const auto number = [&]() -> Result<double> {
    const std::optional<double> value = parse_number(cell);
    if (!value) return Error(Code::InvalidArgument, pair.name + ": expected a number, got '" + std::string(cell) + "'");
    return *value;
  };
  if (pair.name == "item") return key(signal.item);
  if (pair.name == "kind") {
    signal.kind = cell;
    return {};
  }
  if (cell.empty()) return {};
  if (pair.name == "user") return key(signal.user);
  if (pair.name == "key") {
    signal.idempotency_key = cell;
  } else if (pair.name == "value") {
    TIDAL_TRY_ASSIGN(signal.value, number());
  } else if (pair.name == "weight") {
    TIDAL_TRY_ASSIGN(signal.weight, number());
  } else if (pair.name == "at") {
    Result<Timestamp> time = read_time(cell, pair.reader);
    if (!time.ok()) return Error(time.error().code, "at: " + time.error().message);
    signal.at = *time;
  } else {
    append_member(signal.context, pair.name, cell, pair.name == "position" && parse_integer(cell).has_value());
  }
  return {};
}

Result<ImportedOperation> Map::signal_of(const std::vector<std::string_view>& cells, std::string& refusal) const {
  Signal signal;
  for (const Pair& pair : pairs_) {
    const std::string_view cell = pair.column.empty()         ? std::string_view(pair.constant)
                                  : pair.place < cells.size() ? cells[pair.place]
                                                              : std::string_view{};
    TIDAL_TRY(apply_to_signal(pair, cell, signal));
  }
  if (!signal.context.empty()) signal.context.push_back('}');
  if (signal.kind.empty()) return Error(Code::InvalidArgument, "kind: is empty");
  if (!declared_->has_signal(signal.kind)) refusal = unknown_signal_reason(*declared_, signal.kind);
  const std::int64_t order = signal.at ? signal.at->us : kTimeless;
  return ImportedOperation{.what = Operation(std::move(signal)), .order = order};
}

Status Map::apply_to_entity(const Pair& pair, std::string_view cell, PutOperation& put, std::string& refusal) const {
  if (pair.is_field) {
    Result<Value> value = read_cell(cell, pair.type, pair.reader);
    if (value.ok()) {
      if (!std::holds_alternative<std::monostate>(*value)) put.entity.fields[pair.name] = *std::move(value);
    } else if (refusal.empty()) {
      refusal = pair.name + ": " + value.error().message;
    }
    return {};
  }
  if (pair.name == "created_at") {
    if (cell.empty()) return {};
    Result<Timestamp> time = read_time(cell, pair.reader);
    if (!time.ok()) return Error(time.error().code, "created_at: " + time.error().message);
    put.entity.created_at = *time;
    return {};
  }
  if (pair.name == "creator" && cell.empty()) return {};
  if (const std::string defect = key_defect(cell); !defect.empty()) {
    return Error(Code::InvalidArgument, pair.name + ": the key " + defect);
  }
  if (pair.name == "creator") {
    put.entity.creator = std::string(cell);
  } else {
    put.key = cell;
  }
  return {};
}

Result<ImportedOperation> Map::entity_of(const std::vector<std::string_view>& cells, std::string& refusal) const {
  PutOperation put;
  put.kind = *entity_;
  for (const Pair& pair : pairs_) {
    const std::string_view cell = pair.column.empty()         ? std::string_view(pair.constant)
                                  : pair.place < cells.size() ? cells[pair.place]
                                                              : std::string_view{};
    TIDAL_TRY(apply_to_entity(pair, cell, put, refusal));
  }
  put.entity.created_at_open = !put.entity.created_at && !created_at_now_;
  return ImportedOperation{.what = Operation(std::move(put)), .order = kEntitiesFirst};
}

Parsed Map::apply(const std::vector<std::string_view>& cells, std::uint64_t line) const {
  if (!where_.passes(cells)) return {};
  std::string refusal;
  Result<ImportedOperation> operation = entity_ ? entity_of(cells, refusal) : signal_of(cells, refusal);
  if (!operation.ok()) return {.operation = std::nullopt, .reason = operation.error().message};
  operation->line = line;
  if (!refusal.empty()) operation->what = Refused{};
  return {.operation = *std::move(operation), .reason = std::move(refusal)};
}

}  // namespace tidal::cli
