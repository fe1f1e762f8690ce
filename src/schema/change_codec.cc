// JSON of a schema change. Enumerations are written by name, spans of time in microseconds (`…_us`).
#include "schema/change_codec.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace tidal::schema {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDecayNames[] = {"none", "exponential", "linear"};
constexpr std::string_view kEffectNames[] = {"preference", "creator", "affinity", "mark"};
constexpr std::string_view kOpNames[] = {"=", "!=", "<", "<=", ">", ">="};
constexpr std::string_view kMetricNames[] = {"cosine", "dot", "l2"};
constexpr std::string_view kStorageNames[] = {"f32", "f16"};
constexpr std::string_view kExcludesNames[] = {"nothing", "feeds", "always"};
constexpr std::string_view kScopeNames[] = {"global", "cohort", "user"};
constexpr std::size_t kFieldTypes = 8;

// ---- writing

/// A default's type is the field's, so only the bare value is written.
Json encode_value(const Value& value) {
  struct Encode {
    Json operator()(std::monostate) const { return nullptr; }
    Json operator()(bool v) const { return v; }
    Json operator()(std::int64_t v) const { return v; }
    Json operator()(double v) const { return v; }
    Json operator()(const std::string& v) const { return v; }
    Json operator()(const std::vector<std::string>& v) const { return v; }
    Json operator()(Timestamp v) const { return v.us; }
    Json operator()(Duration v) const { return v.us; }
  };
  return std::visit(Encode{}, value);
}

Json encode_field(const FieldDef& field) {
  Json j = {{"kind", kind_name(field.kind)}, {"name", field.name}, {"type", field_type_name(field.type)}};
  if (field.indexed) j["indexed"] = true;
  if (field.searchable) {
    j["searchable"] = true;
    j["boost"] = field.boost;
    j["language"] = field.language;
  }
  if (field.dimension) j["dimension"] = true;
  if (field.interest) j["interest"] = true;
  if (field.required) j["required"] = true;
  if (!std::holds_alternative<std::monostate>(field.default_value)) j["default"] = encode_value(field.default_value);
  return j;
}

Json encode_effect(const EffectDef& effect) {
  Json j = {{"kind", kEffectNames[static_cast<std::size_t>(effect.kind)]}};
  if (effect.kind == EffectDef::Kind::Mark) {
    j["mark"] = mark_name(effect.mark);
  } else {
    j["rate"] = effect.rate;
    if (effect.times_value) j["times_value"] = true;
  }
  for (const ValueTest& test : effect.when) {
    j["when"].push_back({{"op", kOpNames[static_cast<std::size_t>(test.op)]}, {"threshold", test.threshold}});
  }
  return j;
}

Json encode_signal(const SignalDef& signal) {
  Json j = {{"name", signal.name},
            {"target", kind_name(signal.target)},
            {"decay", kDecayNames[static_cast<std::size_t>(signal.decay.kind)]},
            {"decay_us", signal.decay.span.us}};
  for (const Role role : kAllRoles) {
    if (signal.has_role(role)) j["roles"].push_back(role_name(role));
  }
  for (const Window w : signal.windows) j["windows"].push_back(window_name(w));
  if (signal.velocity) j["velocity"] = true;
  if (signal.unique) j["unique"] = true;
  if (signal.has_value) {
    j["value_min"] = signal.value_min;
    if (signal.value_max) j["value_max"] = *signal.value_max;
  }
  for (std::size_t i = 0; i < std::size(kScopeNames); ++i) {
    if ((signal.scopes >> i & 1U) != 0) j["scopes"].push_back(kScopeNames[i]);
  }
  for (const EffectDef& effect : signal.effects) j["effects"].push_back(encode_effect(effect));
  if (signal.relation) j["relation"] = true;
  return j;
}

Json encode_embedding(const EmbeddingDef& embedding) {
  Json j = {{"kind", kind_name(embedding.kind)},
            {"name", embedding.name},
            {"size", embedding.size},
            {"metric", metric_name(embedding.metric)},
            {"storage", storage_name(embedding.storage)}};
  if (embedding.preference) j["preference"] = true;
  return j;
}

Json encode_relation(const RelationDef& relation) {
  Json j = {{"name", relation.name}, {"from", kind_name(relation.from)}, {"to", kind_name(relation.to)}};
  if (relation.excludes != RelationDef::Excludes::Nothing) {
    j["excludes"] = kExcludesNames[static_cast<std::size_t>(relation.excludes)];
  }
  if (relation.half_life.us != 0) j["half_life_us"] = relation.half_life.us;
  return j;
}

Json encode_settings(const Settings& settings) {
  Json j = {{"future_tolerance_us", settings.future_tolerance.us},
            {"past_query_tolerance_us", settings.past_query_tolerance.us},
            {"create_users", settings.create_users},
            {"seen_expires_us", settings.seen_expires.us},
            {"hot_gravity", settings.hot_gravity}};
  // Written when they are not the default, so that records from before they existed keep their bytes.
  const Settings usual;
  if (settings.interest_vectors != usual.interest_vectors) j["interest_vectors"] = settings.interest_vectors;
  if (settings.relationship_half_life != usual.relationship_half_life) {
    j["relationship_half_life_us"] = settings.relationship_half_life.us;
  }
  if (settings.log_retention != usual.log_retention) j["log_retention_us"] = settings.log_retention.us;
  if (settings.log_bytes != usual.log_bytes) j["log_bytes"] = settings.log_bytes;
  if (settings.log_archive != usual.log_archive) j["log_archive"] = settings.log_archive;
  return j;
}

// ---- reading

/// Reads members of one object; the first wrong one is kept as the error, and everything after it reads as absent.
class Reader {
 public:
  explicit Reader(Status& status, const Json& object, std::string where)
      : status_(status), object_(object), where_(std::move(where)) {
    if (!object_.is_object()) fail("");
  }

  [[nodiscard]] const Json* find(const char* member) const {
    if (!status_.ok() || !object_.is_object()) return nullptr;
    const auto it = object_.find(member);
    return it == object_.end() ? nullptr : &*it;
  }
  void fail(std::string_view member) {
    if (!status_.ok()) return;
    std::string message = "schema change: bad member '" + where_;
    if (!member.empty()) message += "." + std::string(member);
    status_ = Error(Code::Corruption, message + "'");
  }

  void boolean(const char* member, bool& out) {
    const Json* j = find(member);
    if (j == nullptr) return;
    if (!j->is_boolean()) return fail(member);
    out = j->get<bool>();
  }
  void integer(const char* member, std::int64_t& out) {
    const Json* j = find(member);
    if (j == nullptr) return;
    const bool in_range = j->is_number_integer() && (!j->is_number_unsigned() || j->get<std::uint64_t>() <= INT64_MAX);
    if (!in_range) return fail(member);
    out = j->get<std::int64_t>();
  }
  void number(const char* member, double& out) {
    const Json* j = find(member);
    if (j == nullptr) return;
    if (!j->is_number()) return fail(member);
    out = j->get<double>();
  }
  void text(const char* member, std::string& out) {
    const Json* j = find(member);
    if (j == nullptr) return;
    if (!j->is_string()) return fail(member);
    out = j->get<std::string>();
  }
  /// Position of the member's text in `names`; -1 when absent or unknown (then failed).
  int choice(const char* member, const std::vector<std::string_view>& names) {
    const Json* j = find(member);
    if (j == nullptr) return -1;
    return choose(member, *j, names);
  }
  int choose(const char* member, const Json& j, const std::vector<std::string_view>& names) {
    if (j.is_string()) {
      const auto& word = j.get_ref<const std::string&>();
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] == word) return static_cast<int>(i);
      }
    }
    fail(member);
    return -1;
  }
  template <class F>
  void each(const char* member, F visit) {
    const Json* j = find(member);
    if (j == nullptr) return;
    if (!j->is_array()) return fail(member);
    for (const Json& element : *j) visit(element);
  }

 private:
  Status& status_;
  const Json& object_;
  std::string where_;
};

template <std::size_t N>
std::vector<std::string_view> list(const std::string_view (&names)[N]) {
  return {std::begin(names), std::end(names)};
}

EntityKind read_kind(Reader& in, const char* member) {
  const int i = in.choice(member, {"item", "user", "creator"});
  return i < 0 ? EntityKind::Item : static_cast<EntityKind>(i);
}

void read_default(Reader& in, FieldDef& field) {
  const Json* j = in.find("default");
  if (j == nullptr) return;
  std::int64_t whole = 0;
  switch (field.type) {
    case FieldType::Keyword:
    case FieldType::Text: in.text("default", field.default_value.emplace<std::string>()); return;
    case FieldType::Int: in.integer("default", field.default_value.emplace<std::int64_t>()); return;
    case FieldType::Float: in.number("default", field.default_value.emplace<double>()); return;
    case FieldType::Bool: in.boolean("default", field.default_value.emplace<bool>()); return;
    case FieldType::Timestamp:
      in.integer("default", whole);
      field.default_value = Timestamp{whole};
      return;
    case FieldType::Duration:
      in.integer("default", whole);
      field.default_value = Duration{whole};
      return;
    case FieldType::KeywordList: {
      auto& words = field.default_value.emplace<std::vector<std::string>>();
      in.each("default", [&](const Json& word) {
        if (!word.is_string()) return in.fail("default");
        words.push_back(word.get<std::string>());
      });
    }
  }
}

FieldDef decode_field(Status& status, const Json& json, std::size_t index) {
  FieldDef field;
  Reader in(status, json, "fields[" + std::to_string(index) + "]");
  field.kind = read_kind(in, "kind");
  in.text("name", field.name);
  if (field.name.empty()) in.fail("name");
  std::vector<std::string_view> types;
  for (std::size_t i = 0; i < kFieldTypes; ++i) types.push_back(field_type_name(static_cast<FieldType>(i)));
  const int type = in.choice("type", types);
  if (type < 0) in.fail("type");
  field.type = type < 0 ? FieldType::Keyword : static_cast<FieldType>(type);
  in.boolean("indexed", field.indexed);
  in.boolean("searchable", field.searchable);
  in.number("boost", field.boost);
  in.text("language", field.language);
  in.boolean("dimension", field.dimension);
  in.boolean("interest", field.interest);
  in.boolean("required", field.required);
  read_default(in, field);
  return field;
}

EffectDef decode_effect(Status& status, const Json& json, const std::string& where) {
  EffectDef effect;
  Reader in(status, json, where);
  const int kind = in.choice("kind", list(kEffectNames));
  if (kind < 0) in.fail("kind");
  effect.kind = kind < 0 ? EffectDef::Kind::Mark : static_cast<EffectDef::Kind>(kind);
  std::vector<std::string_view> marks;
  for (std::size_t i = 0; i < kMarks; ++i) marks.push_back(mark_name(static_cast<Mark>(i)));
  if (const int mark = in.choice("mark", marks); mark >= 0) effect.mark = static_cast<Mark>(mark);
  in.number("rate", effect.rate);
  in.boolean("times_value", effect.times_value);
  in.each("when", [&](const Json& test) {
    Reader when(status, test, where + ".when");
    const int op = when.choice("op", list(kOpNames));
    if (op < 0) when.fail("op");
    ValueTest value_test;
    value_test.op = op < 0 ? ValueTest::Op::Eq : static_cast<ValueTest::Op>(op);
    when.number("threshold", value_test.threshold);
    effect.when.push_back(value_test);
  });
  return effect;
}

SignalDef decode_signal(Status& status, const Json& json, std::size_t index) {
  SignalDef signal;
  const std::string where = "signals[" + std::to_string(index) + "]";
  Reader in(status, json, where);
  in.text("name", signal.name);
  if (signal.name.empty()) in.fail("name");
  signal.target = read_kind(in, "target");
  std::vector<std::string_view> roles, windows;
  for (const Role role : kAllRoles) roles.push_back(role_name(role));
  for (std::size_t i = 0; i < kRingWindows; ++i) windows.push_back(window_name(static_cast<Window>(i)));
  in.each("roles", [&](const Json& role) {
    const int i = in.choose("roles", role, roles);
    if (i >= 0) signal.roles = static_cast<std::uint16_t>(signal.roles | static_cast<unsigned>(kAllRoles[i]));
  });
  if (const int i = in.choice("decay", list(kDecayNames)); i >= 0) signal.decay.kind = static_cast<Decay::Kind>(i);
  in.integer("decay_us", signal.decay.span.us);
  in.each("windows", [&](const Json& window) {
    const int i = in.choose("windows", window, windows);
    if (i >= 0) signal.windows.push_back(static_cast<Window>(i));
  });
  in.boolean("velocity", signal.velocity);
  in.boolean("unique", signal.unique);
  signal.has_value = in.find("value_min") != nullptr;
  in.number("value_min", signal.value_min);
  if (in.find("value_max") != nullptr) in.number("value_max", signal.value_max.emplace());
  signal.scopes = 0;
  in.each("scopes", [&](const Json& scope) {
    const int i = in.choose("scopes", scope, list(kScopeNames));
    if (i >= 0) signal.scopes = static_cast<std::uint8_t>(signal.scopes | 1U << i);
  });
  in.each("effects",
          [&](const Json& effect) { signal.effects.push_back(decode_effect(status, effect, where + ".effects")); });
  in.boolean("relation", signal.relation);
  return signal;
}

EmbeddingDef decode_embedding(Status& status, const Json& json, std::size_t index) {
  EmbeddingDef embedding;
  Reader in(status, json, "embeddings[" + std::to_string(index) + "]");
  embedding.kind = read_kind(in, "kind");
  in.text("name", embedding.name);
  if (embedding.name.empty()) in.fail("name");
  std::int64_t size = 0;
  in.integer("size", size);
  if (size < 1 || size > 4096) in.fail("size");
  embedding.size = static_cast<std::uint32_t>(size);
  if (const int i = in.choice("metric", list(kMetricNames)); i >= 0) embedding.metric = static_cast<VectorMetric>(i);
  if (const int i = in.choice("storage", list(kStorageNames)); i >= 0)
    embedding.storage = static_cast<VectorStorage>(i);
  in.boolean("preference", embedding.preference);
  return embedding;
}

RelationDef decode_relation(Status& status, const Json& json, std::size_t index) {
  RelationDef relation;
  Reader in(status, json, "relations[" + std::to_string(index) + "]");
  in.text("name", relation.name);
  if (relation.name.empty()) in.fail("name");
  relation.from = read_kind(in, "from");
  relation.to = read_kind(in, "to");
  if (const int i = in.choice("excludes", list(kExcludesNames)); i >= 0) {
    relation.excludes = static_cast<RelationDef::Excludes>(i);
  }
  in.integer("half_life_us", relation.half_life.us);
  return relation;
}

Settings decode_settings(Status& status, const Json& json) {
  Settings settings;
  Reader in(status, json, "settings");
  in.integer("future_tolerance_us", settings.future_tolerance.us);
  in.integer("past_query_tolerance_us", settings.past_query_tolerance.us);
  in.boolean("create_users", settings.create_users);
  in.integer("seen_expires_us", settings.seen_expires.us);
  in.number("hot_gravity", settings.hot_gravity);
  in.integer("interest_vectors", settings.interest_vectors);
  in.integer("relationship_half_life_us", settings.relationship_half_life.us);
  in.integer("log_retention_us", settings.log_retention.us);
  in.integer("log_bytes", settings.log_bytes);
  in.boolean("log_archive", settings.log_archive);
  return settings;
}

/// A reader of format 1 would take the change for another one.
bool needs_format_2(const SchemaChange& change) {
  const Settings usual;
  return !change.embeddings.empty() || !change.relations.empty() ||
         std::ranges::any_of(change.signals, &SignalDef::relation) ||
         (change.has_settings && (change.settings.interest_vectors != usual.interest_vectors ||
                                  change.settings.relationship_half_life != usual.relationship_half_life));
}

}  // namespace

std::string encode_change(const SchemaChange& change) {
  Json j = Json::object();
  if (needs_format_2(change)) j["min_reader"] = 2;
  for (const FieldDef& field : change.fields) j["fields"].push_back(encode_field(field));
  for (const SignalDef& signal : change.signals) j["signals"].push_back(encode_signal(signal));
  for (const EmbeddingDef& embedding : change.embeddings) j["embeddings"].push_back(encode_embedding(embedding));
  for (const RelationDef& relation : change.relations) j["relations"].push_back(encode_relation(relation));
  if (change.has_settings) j["settings"] = encode_settings(change.settings);
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<SchemaChange> decode_change(std::string_view json) {
  const Json j = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!j.is_object()) return Error(Code::Corruption, "schema change: not a JSON object");
  Status status;
  SchemaChange change;
  Reader in(status, j, "change");
  std::int64_t min_reader = kChangeFormat;
  in.integer("min_reader", min_reader);
  if (min_reader > kChangeFormat) {
    return Error(Code::FailedPrecondition, "schema change needs a reader of format " + std::to_string(min_reader) +
                                               ", this program reads format " + std::to_string(kChangeFormat));
  }
  in.each("fields", [&](const Json& f) { change.fields.push_back(decode_field(status, f, change.fields.size())); });
  in.each("signals", [&](const Json& s) { change.signals.push_back(decode_signal(status, s, change.signals.size())); });
  in.each("embeddings",
          [&](const Json& e) { change.embeddings.push_back(decode_embedding(status, e, change.embeddings.size())); });
  in.each("relations",
          [&](const Json& r) { change.relations.push_back(decode_relation(status, r, change.relations.size())); });
  if (const Json* settings = in.find("settings")) {
    change.has_settings = true;
    change.settings = decode_settings(status, *settings);
  }
  TIDAL_TRY(status);
  return change;
}

}  // namespace tidal::schema
