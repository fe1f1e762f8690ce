// DEFINE, ALTER and DROP as text.
#include "query/print_pieces.h"
#include "query/printer.h"
#include "schema/literal_text.h"
#include "schema/statements.h"

namespace tidal::query {
namespace {

std::string name_text(const Name& name) { return name.text; }

std::string flags_text(const std::vector<FieldFlag>& flags) {
  constexpr std::string_view kNames[] = {"INDEXED", "SEARCHABLE", "DIMENSION", "INTEREST", "REQUIRED", "DEFAULT"};
  std::string out;
  for (const FieldFlag& flag : flags) {
    out += flag.negated ? " NOT " : " ";
    out += kNames[static_cast<std::size_t>(flag.kind)];
    if (flag.boost) out += " BOOST " + schema::number_text(*flag.boost);
    if (flag.language) out += " LANGUAGE " + schema::string_text(*flag.language);
    if (flag.kind == FieldFlag::Kind::Default) out += " " + print(flag.value);
  }
  return out;
}

std::string embedding_text(const EmbeddingOptions& o) {
  constexpr std::string_view kMetrics[] = {"cosine", "dot", "l2"}, kStorages[] = {"f32", "f16", "i8"};
  std::string out;
  if (o.size) out += " SIZE " + std::to_string(*o.size);
  if (o.metric) out += " METRIC " + std::string(kMetrics[static_cast<std::size_t>(*o.metric)]);
  if (o.storage) out += " STORAGE " + std::string(kStorages[static_cast<std::size_t>(*o.storage)]);
  if (o.rescore) out += " RESCORE";
  if (o.preference) out += " PREFERENCE";
  return out;
}

std::string effect_text(const Effect& effect) {
  constexpr std::string_view kKinds[] = {"preference", "creator", "affinity", "mark"};
  std::string out(kKinds[static_cast<std::size_t>(effect.kind)]);
  if (effect.kind == EffectDef::Kind::Mark) {
    out += " " + effect.mark.text;
  } else {
    // A rate is a product: a sum inside it stands in parentheses, a sign of its own apart from the effect's.
    const ExprOp op = effect.rate.root_node().op;
    const bool product = op == ExprOp::Mul || op == ExprOp::Div || op == ExprOp::Neg || op == ExprOp::Constant ||
                         op == ExprOp::Option || op == ExprOp::Path;
    out += effect.minus ? " -" : " +";
    std::string rate = print(effect.rate);
    if (!product) rate = "(" + rate + ")";
    out += (rate[0] == '-' ? " " : "") + rate;
  }
  if (effect.when) out += " WHEN " + print(*effect.when);
  return out;
}

std::string switch_text(const std::optional<SignalSwitch>& s, const char* word) {
  if (!s) return "";
  return std::string(s->on ? " " : " NOT ") + word;
}

std::string signal_text(const SignalOptions& o) {
  constexpr auto scope_name = [](const ScopeClause& s) -> std::string {
    return s.scope == Scope::Global ? "global" : s.scope == Scope::Cohort ? "cohort" : "user";
  };
  std::string out;
  if (!o.roles.empty()) out += " ROLE " + print_list(o.roles, name_text);
  if (o.value) {
    out += " VALUE " + schema::number_text(o.value->min) + "..";
    if (o.value->max) out += schema::number_text(*o.value->max);
  }
  if (o.decay) out += " DECAY " + schema::decay_text(o.decay->decay);
  if (!o.windows.empty()) {
    out += " WINDOWS " + print_list(o.windows, [](const WindowClause& w) { return to_string(w.length); });
  }
  out += switch_text(o.velocity, "VELOCITY") + switch_text(o.unique, "UNIQUE");
  if (!o.scopes.empty()) out += " SCOPE " + print_list(o.scopes, scope_name);
  if (!o.effects.empty()) out += " EFFECTS " + print_list(o.effects, effect_text);
  return out;
}

std::string relation_text(const RelationOptions& o) {
  std::string out;
  if (o.excludes) out += *o.excludes == RelationOptions::Excludes::Always ? " EXCLUDES always" : " EXCLUDES feeds";
  if (o.half_life) out += " HALF LIFE " + to_string(*o.half_life);
  return out + signal_text(o.signal);
}

std::string dimension_text(const DimensionOptions& o) {
  std::string out;
  if (!o.aliases.empty()) out += " ALIAS " + print_list(o.aliases, name_text);
  if (!o.buckets.empty()) {
    out += " BUCKETS " + print_list(o.buckets, [](const Bucket& b) {
             const auto value = [](const Literal& v) { return print(v); };
             return print_bare_word(b.word) + (b.values.empty() ? "" : "(" + print_list(b.values, value) + ")");
           });
  }
  return out;
}

std::string strings_text(const std::vector<std::string>& strings) {
  return print_list(strings, [](const std::string& s) { return schema::string_text(s); });
}

std::string arms_text(const std::vector<Arm>& arms) {
  return " SPLIT " +
         print_list(arms, [](const Arm& a) { return print_profile(a.profile) + ":" + std::to_string(a.weight); });
}

std::string cohort_text(const CohortDefinition& c) {
  std::string out = "COHORT " + c.name.text + " AS " + print(c.as, true);
  if (c.until) out += " UNTIL " + print(*c.until, true);
  if (c.backfill) out += " BACKFILL";
  if (c.backfill_span) out += " " + to_string(*c.backfill_span);
  return out;
}

std::string synonym_text(const SynonymDefinition& s) {
  std::string out = "SYNONYM " + s.name.text + " AS " + strings_text(s.words);
  if (!s.to.empty()) out += " TO " + strings_text(s.to);
  return out;
}

std::string profile_text(const DefineProfile& p) {
  constexpr std::string_view kStageNames[] = {"BASE", "PERSONAL", "RELATION", "SIGNALS", "RECENCY", "PENALTY"};
  std::string out = "PROFILE " + print_profile(p.name);
  if (p.on) out += " ON " + print_kinds(*p.on);
  if (p.extends) out += " EXTENDS " + print_profile(*p.extends);
  if (!p.from.empty()) out += " FROM " + print_list(p.from, print_call);
  for (std::size_t i = 0; i < kStages; ++i) {
    if (p.stages[i]) out += " " + std::string(kStageNames[i]) + " " + print(*p.stages[i]);
  }
  if (p.gate) out += " GATE " + print(*p.gate, true);
  if (!p.cold_start.empty()) out += " COLD START " + print_list(p.cold_start, print_call);
  if (p.compose) out += " COMPOSE " + print(*p.compose);
  if (p.explore) out += " " + print_explore(*p.explore);
  if (!p.diversity.empty()) out += " DIVERSITY " + print_list(p.diversity, print_call);
  if (p.draft) out += " DRAFT";
  return out;
}

struct DefinePrinter {
  std::string operator()(const DefineField& d) const {
    return "FIELD " + print_field(d.name) + " " + std::string(field_type_name(d.type)) + flags_text(d.flags);
  }
  std::string operator()(const DefineEmbedding& d) const {
    return "EMBEDDING " + print_field(d.name) + embedding_text(d.options);
  }
  std::string operator()(const DefineSignal& d) const {
    return "SIGNAL " + d.name.text + (d.on ? " ON " + print_kinds(*d.on) : "") + signal_text(d.options);
  }
  std::string operator()(const DefineRelation& d) const {
    return "RELATION " + d.name.text + " FROM " + std::string(kind_name(d.from)) + " TO " +
           std::string(kind_name(d.to)) + relation_text(d.options);
  }
  std::string operator()(const DefineDimension& d) const {
    return "DIMENSION " + d.name.text + " ON " + print_field(d.on) + dimension_text(d.options);
  }
  std::string operator()(const CohortDefinition& d) const { return cohort_text(d); }
  std::string operator()(const DefineProfile& d) const { return profile_text(d); }
  std::string operator()(const DefineExperiment& d) const {
    std::string out = "EXPERIMENT " + d.name.text + " ON PROFILE " + d.profile.text + arms_text(d.split);
    if (!d.outcomes.empty()) out += " OUTCOMES " + print_list(d.outcomes, name_text);
    return out;
  }
  std::string operator()(const SynonymDefinition& d) const { return synonym_text(d); }
};

struct AlterPrinter {
  std::string operator()(const AlterField& a) const { return "FIELD " + print_field(a.name) + flags_text(a.flags); }
  std::string operator()(const AlterEmbedding& a) const {
    return "EMBEDDING " + print_field(a.name) + embedding_text(a.options);
  }
  std::string operator()(const AlterSignal& a) const { return "SIGNAL " + a.name.text + signal_text(a.options); }
  std::string operator()(const AlterRelation& a) const { return "RELATION " + a.name.text + relation_text(a.options); }
  std::string operator()(const AlterDimension& a) const {
    return "DIMENSION " + a.name.text + dimension_text(a.options);
  }
  std::string operator()(const CohortDefinition& a) const { return cohort_text(a); }
  std::string operator()(const ServeProfile& a) const {
    return "PROFILE " + a.name.text + " SERVE @" + std::to_string(a.version);
  }
  std::string operator()(const AlterExperiment& a) const {
    return "EXPERIMENT " + a.name.text + (a.stop ? " STOP" : arms_text(a.split));
  }
  std::string operator()(const SynonymDefinition& a) const { return synonym_text(a); }
  std::string operator()(const AlterSettings& a) const {
    return "SETTINGS " +
           print_list(a.settings, [](const Setting& s) { return s.name.text + ":" + print_word(s.value); });
  }
};

}  // namespace

std::string print_define(const Define& define) { return "DEFINE " + std::visit(DefinePrinter{}, define); }

std::string print_alter(const Alter& alter) {
  return "ALTER " + std::visit(AlterPrinter{}, alter.what) + (alter.from_history ? " FROM HISTORY" : "") +
         (alter.force ? " FORCE" : "");
}

std::string print_drop(const Drop& drop) {
  constexpr std::string_view kWhat[] = {"FIELD",  "EMBEDDING", "SIGNAL",     "RELATION", "DIMENSION",
                                        "COHORT", "PROFILE",   "EXPERIMENT", "SYNONYM"};
  std::string out = "DROP " + std::string(kWhat[static_cast<std::size_t>(drop.what)]) + " ";
  const bool of_kind = drop.what == Definition::Field || drop.what == Definition::Embedding;
  if (of_kind) out += std::string(kind_name(drop.kind)) + ".";
  out += drop.name.text;
  if (drop.version) out += "@" + std::to_string(*drop.version);
  return out + (drop.force ? " FORCE" : "");
}

}  // namespace tidal::query
