// From definition statements to a validated schema change.
#include "query/define.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "base/time_text.h"
#include "query/signal_definition.h"
#include "query/syntax_error.h"
#include "schema/literal_text.h"

namespace tidal::query {
namespace {

using schema::Aspect;
using schema::Problem;

// Settings that belong to features of later versions.
constexpr std::string_view kLaterSettings[] = {"min_cohort_size", "rescore"};
constexpr std::string_view kSettingNames[] = {
    "future_tolerance", "past_query_tolerance",   "create_users",  "seen_expires", "hot_gravity",
    "interest_vectors", "relationship_half_life", "log_retention", "log_bytes",    "log_archive"};

Value value_of(const Literal& literal) {
  if (const auto* v = std::get_if<bool>(&literal)) return *v;
  if (const auto* v = std::get_if<std::int64_t>(&literal)) return *v;
  if (const auto* v = std::get_if<double>(&literal)) return *v;
  if (const auto* v = std::get_if<std::string>(&literal)) return *v;
  if (const auto* v = std::get_if<Timestamp>(&literal)) return *v;
  if (const auto* v = std::get_if<Duration>(&literal)) return *v;
  return {};
}

FieldDef field_of(const DefineField& define) {
  FieldDef out;
  out.kind = define.name.kind;
  out.name = define.name.name.text;
  out.type = define.type;
  for (const FieldFlag& flag : define.flags) {
    switch (flag.kind) {
      case FieldFlag::Kind::Indexed: out.indexed = true; break;
      case FieldFlag::Kind::Searchable:
        out.searchable = true;
        out.boost = flag.boost.value_or(1.0);
        out.language = flag.language.value_or("");
        break;
      case FieldFlag::Kind::Dimension: out.dimension = true; break;
      case FieldFlag::Kind::Interest: out.interest = true; break;
      case FieldFlag::Kind::Required: out.required = true; break;
      case FieldFlag::Kind::Default: out.default_value = value_of(flag.value); break;
    }
  }
  return out;
}

EmbeddingDef embedding_of(const DefineEmbedding& define) {
  using Metric = EmbeddingOptions::Metric;
  EmbeddingDef out;
  out.kind = define.name.kind;
  out.name = define.name.name.text;
  // A size beyond 32 bits is no better than none.
  const std::int64_t size = define.options.size.value_or(0);
  out.size = size < 0 || size > std::numeric_limits<std::uint32_t>::max() ? 0 : static_cast<std::uint32_t>(size);
  const Metric metric = define.options.metric.value_or(Metric::Cosine);
  out.metric = metric == Metric::Dot  ? VectorMetric::Dot
               : metric == Metric::L2 ? VectorMetric::L2
                                      : VectorMetric::Cosine;
  const bool halves = define.options.storage == EmbeddingOptions::Storage::F16;
  out.storage = halves ? VectorStorage::F16 : VectorStorage::F32;
  out.preference = define.options.preference;
  return out;
}

RelationDef relation_of(const DefineRelation& define) {
  using Excludes = RelationOptions::Excludes;
  RelationDef out;
  out.name = define.name.text;
  out.from = define.from;
  out.to = define.to;
  if (define.options.excludes) {
    const bool always = *define.options.excludes == Excludes::Always;
    out.excludes = always ? RelationDef::Excludes::Always : RelationDef::Excludes::Feeds;
  }
  out.half_life = define.options.half_life.value_or(Duration{0});
  // 0 means "not given" from here on: what is written as 0 is refused as what is below it.
  if (define.options.half_life && out.half_life.us == 0) out.half_life.us = -1;
  return out;
}

// ---- where in the text a problem is ---------------------------------------------------------------------------------

Span place_in(const DefineField& define, Aspect aspect) {
  const auto flag = [&](FieldFlag::Kind kind) {
    for (const FieldFlag& f : define.flags) {
      if (f.kind == kind) return f.span;
    }
    return define.name.span;
  };
  switch (aspect) {
    case Aspect::Name: return define.name.name.span;
    case Aspect::Type: return define.type_span;
    case Aspect::Indexed: return flag(FieldFlag::Kind::Indexed);
    case Aspect::Searchable: return flag(FieldFlag::Kind::Searchable);
    case Aspect::Dimension: return flag(FieldFlag::Kind::Dimension);
    case Aspect::Interest: return flag(FieldFlag::Kind::Interest);
    case Aspect::Default: return flag(FieldFlag::Kind::Default);
    default: return define.name.span;
  }
}

Span place_in(const SignalOptions& o, Span name, Aspect aspect, std::size_t part) {
  switch (aspect) {
    case Aspect::Value: return o.value ? o.value->span : name;
    case Aspect::Decay: return o.decay ? o.decay->span : name;
    case Aspect::Windows: return part < o.windows.size() ? o.windows[part].span : name;
    case Aspect::Velocity: return o.velocity ? o.velocity->span : name;
    case Aspect::Effects: return part < o.effects.size() ? o.effects[part].span : name;
    default: return name;
  }
}

// ---- a batch --------------------------------------------------------------------------------------------------------

/// Collects the proposals of all statements, and remembers where each came from.
class Batch {
 public:
  explicit Batch(const schema::Schema& base) : base_(base) { proposed_.settings = base.settings; }

  void take(const Statement& statement) {
    if (const auto* define = std::get_if<Define>(&statement.body)) {
      take(statement, *define);
    } else if (const auto* alter = std::get_if<Alter>(&statement.body)) {
      take(statement, *alter);
    }
  }

  [[nodiscard]] Result<schema::Validated> finish() {
    schema::Checked checked = schema::check(base_, proposed_);
    for (Problem& problem : checked.problems) locate(problem);
    if (errors_.empty()) return std::move(checked.validated);
    std::stable_sort(errors_.begin(), errors_.end(), [](const Error& a, const Error& b) {
      const auto place = [](const Error& e) { return std::tie(e.detail->statement, e.detail->line, e.detail->column); };
      return place(a) < place(b);
    });
    Error first = std::move(errors_.front());
    first.others.assign(std::make_move_iterator(errors_.begin() + 1), std::make_move_iterator(errors_.end()));
    return first;
  }

 private:
  template <class T>
  struct Source {
    const Statement* statement;
    const T* define;
  };

  void take(const Statement& statement, const Define& define) {
    if (const auto* field = std::get_if<DefineField>(&define)) {
      proposed_.fields.push_back(field_of(*field));
      fields_.push_back(Source<DefineField>{&statement, field});
    } else if (const auto* signal = std::get_if<DefineSignal>(&define)) {
      const std::size_t before = errors_.size();
      SignalDef def = signal_of(*signal, statement, errors_);
      if (errors_.size() > before) return;
      proposed_.signals.push_back(std::move(def));
      signals_.push_back(Source<DefineSignal>{&statement, signal});
    } else if (const auto* embedding = std::get_if<DefineEmbedding>(&define)) {
      take(statement, *embedding);
    } else if (const auto* relation = std::get_if<DefineRelation>(&define)) {
      const std::size_t before = errors_.size();
      SignalDef def = signal_of(*relation, statement, errors_);
      if (errors_.size() > before) return;
      proposed_.signals.push_back(std::move(def));
      proposed_.relations.push_back(relation_of(*relation));
      relations_.push_back(Source<DefineRelation>{&statement, relation});
    } else {
      errors_.push_back(not_available_yet(statement));
    }
  }

  void take(const Statement& statement, const DefineEmbedding& define) {
    if (define.options.storage == EmbeddingOptions::Storage::I8 || define.options.rescore) {
      const char* what = define.options.rescore ? "RESCORE" : "STORAGE i8";
      return complain(statement, define.name.span,
                      {.message = std::string(what) + " is not available yet",
                       .expected = {"STORAGE f16", "STORAGE f32"},
                       .code = Code::FailedPrecondition});
    }
    proposed_.embeddings.push_back(embedding_of(define));
    embeddings_.push_back(Source<DefineEmbedding>{&statement, &define});
  }

  void take(const Statement& statement, const Alter& alter) {
    const auto* settings = std::get_if<AlterSettings>(&alter.what);
    if (settings == nullptr || alter.from_history) {
      errors_.push_back(not_available_yet(statement));
      return;
    }
    for (const Setting& setting : settings->settings) {
      const auto same = [&](const Setting& other) { return other.name.text == setting.name.text; };
      if (std::count_if(settings->settings.begin(), settings->settings.end(), same) > 1) {
        complain(statement, setting.name.span, {.message = setting.name.text + " is given twice"});
        return;
      }
      take(statement, setting);
    }
    proposed_.has_settings = true;
  }

  void take(const Statement& statement, const Setting& setting) {
    const std::string* text = setting.value.written();
    if (text == nullptr) {
      return complain(statement, setting.value.span, {.message = "a setting takes a literal, not a parameter"});
    }
    setting_places_.push_back({&statement, &setting});
    const std::string& name = setting.name.text;
    Settings& out = proposed_.settings;
    if (name == "future_tolerance") return take_span(statement, setting, *text, out.future_tolerance);
    if (name == "past_query_tolerance") return take_span(statement, setting, *text, out.past_query_tolerance);
    if (name == "seen_expires") return take_span(statement, setting, *text, out.seen_expires, "never");
    if (name == "log_retention") return take_retention(statement, setting, *text, out.log_retention);
    if (name == "log_bytes") return take_size(statement, setting, *text, out.log_bytes);
    if (name == "relationship_half_life") return take_span(statement, setting, *text, out.relationship_half_life);
    if (name == "interest_vectors") return take_count(statement, setting, *text, out.interest_vectors);
    if (name == "create_users") return take_flag(statement, setting, *text, out.create_users);
    if (name == "log_archive") return take_flag(statement, setting, *text, out.log_archive);
    if (name == "hot_gravity") {
      const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), out.hot_gravity);
      if (failure == std::errc() && end == text->data() + text->size() && std::isfinite(out.hot_gravity)) return;
      return complain(statement, setting.value.span, {.message = "hot_gravity is a number", .expected = {"1.8"}});
    }
    unknown(statement, setting);
  }

  void unknown(const Statement& statement, const Setting& setting) {
    const std::string& name = setting.name.text;
    if (std::find(std::begin(kLaterSettings), std::end(kLaterSettings), name) != std::end(kLaterSettings)) {
      return complain(statement, setting.name.span,
                      {.message = "the setting " + name + " is not available yet", .code = Code::FailedPrecondition});
    }
    std::vector<std::string> known(std::begin(kSettingNames), std::end(kSettingNames));
    Complaint complaint;
    complaint.message = "there is no setting '" + name + "'";
    complaint.nearest = schema::nearest_name(name, known);
    complaint.expected = std::move(known);
    complain(statement, setting.name.span, std::move(complaint));
  }

  void take_flag(const Statement& statement, const Setting& setting, const std::string& text, bool& out) {
    if (text == "true" || text == "false") {
      out = text == "true";
      return;
    }
    complain(statement, setting.value.span,
             {.message = setting.name.text + " is true or false", .expected = {"true", "false"}});
  }

  void take_count(const Statement& statement, const Setting& setting, const std::string& text, std::int64_t& out) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure == std::errc() && end == text.data() + text.size()) return;
    complain(statement, setting.value.span, {.message = setting.name.text + " is a whole number", .expected = {"4"}});
  }

  void take_size(const Statement& statement, const Setting& setting, const std::string& text, std::int64_t& out) {
    if (const std::optional<std::int64_t> size = schema::parse_size(text)) {
      out = *size;
      return;
    }
    complain(statement, setting.value.span,
             {.message = setting.name.text + " is a size, or all", .expected = {"10GiB", "512MiB", "all"}});
  }

  /// `none` stands for a span of 0.
  void take_span(const Statement& statement, const Setting& setting, const std::string& text, Duration& out,
                 std::string_view none = {}) {
    if (!none.empty() && text == none) {
      out = Duration{0};
      return;
    }
    const Result<Duration> span = base::parse_duration(text);
    if (span.ok()) {
      out = *span;
      return;
    }
    std::vector<std::string> expected = {"a duration such as 5m"};
    if (!none.empty()) expected.emplace_back(none);
    complain(statement, setting.value.span,
             {.message = setting.name.text + ": " + span.error().message, .expected = std::move(expected)});
  }

  /// 0 would read as "keep nothing" and means the opposite: whoever wants that writes the word.
  void take_retention(const Statement& statement, const Setting& setting, const std::string& text, Duration& out) {
    const std::size_t errors = errors_.size();
    take_span(statement, setting, text, out, "all");
    if (errors_.size() > errors || out.us != 0 || text == "all") return;
    complain(statement, setting.value.span,
             {.message = "log_retention must be above 0; write all to keep records of any age", .expected = {"all"}});
  }

  void complain(const Statement& statement, Span span, Complaint complaint) {
    errors_.push_back(error_at(statement, span, std::move(complaint)));
  }

  void locate(Problem& problem) {
    Complaint complaint;
    complaint.message = std::move(problem.message);
    complaint.hint = std::move(problem.hint);
    complaint.code = problem.code;
    switch (problem.of) {
      case Problem::Of::Field: {
        const auto& source = fields_[problem.index];
        return complain(*source.statement, place_in(*source.define, problem.aspect), std::move(complaint));
      }
      case Problem::Of::Signal: {
        const auto& source = signals_[problem.index];
        const DefineSignal& define = *source.define;
        return complain(*source.statement, place_in(define.options, define.name.span, problem.aspect, problem.part),
                        std::move(complaint));
      }
      case Problem::Of::Embedding: {
        const auto& source = embeddings_[problem.index];
        return complain(*source.statement, source.define->name.span, std::move(complaint));
      }
      case Problem::Of::Relation: {
        const auto& source = relations_[problem.index];
        const DefineRelation& define = *source.define;
        return complain(*source.statement,
                        place_in(define.options.signal, define.name.span, problem.aspect, problem.part),
                        std::move(complaint));
      }
      case Problem::Of::Settings: return locate_setting(problem.aspect, std::move(complaint));
    }
  }

  void locate_setting(Aspect aspect, Complaint complaint) {
    const std::string_view name = aspect == Aspect::FutureTolerance        ? "future_tolerance"
                                  : aspect == Aspect::PastQueryTolerance   ? "past_query_tolerance"
                                  : aspect == Aspect::SeenExpires          ? "seen_expires"
                                  : aspect == Aspect::LogRetention         ? "log_retention"
                                  : aspect == Aspect::LogBytes             ? "log_bytes"
                                  : aspect == Aspect::InterestVectors      ? "interest_vectors"
                                  : aspect == Aspect::RelationshipHalfLife ? "relationship_half_life"
                                                                           : "hot_gravity";
    // The last one written decides.
    for (auto place = setting_places_.rbegin(); place != setting_places_.rend(); ++place) {
      if (place->define->name.text != name) continue;
      return complain(*place->statement, place->define->value.span, std::move(complaint));
    }
    errors_.push_back(error_at(Statement(), Span{}, std::move(complaint)));
  }

  const schema::Schema& base_;
  schema::SchemaChange proposed_;
  std::vector<Source<DefineField>> fields_;
  std::vector<Source<DefineSignal>> signals_;
  std::vector<Source<DefineEmbedding>> embeddings_;
  std::vector<Source<DefineRelation>> relations_;
  std::vector<Source<Setting>> setting_places_;
  std::vector<Error> errors_;
};

}  // namespace

bool is_definition(const Statement& statement) {
  if (std::holds_alternative<Define>(statement.body)) return true;
  const auto* alter = std::get_if<Alter>(&statement.body);
  return alter != nullptr && std::holds_alternative<AlterSettings>(alter->what);
}

Result<schema::Validated> validate_definitions(const schema::Schema& base, std::span<const Statement> statements) {
  Batch batch(base);
  for (const Statement& statement : statements) batch.take(statement);
  return batch.finish();
}

}  // namespace tidal::query
