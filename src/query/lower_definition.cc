// DEFINE, ALTER and DROP.
#include <algorithm>

#include "query/lowering.h"

namespace tidal::query {

std::optional<Define> Lowering::define(Ref r) {
  const std::vector<Ref> parts = r.children();
  switch (r.tag()) {
    case Tag::Field: return define_field(r);
    case Tag::Embedding: {
      DefineEmbedding out;
      out.name = field_name(parts[0]);
      out.options = embedding_options(r);
      return out;
    }
    case Tag::Signal: {
      DefineSignal out;
      out.name = name(parts[0]);
      if (const auto on = r.find(Tag::On)) out.on = kind(on->first());
      out.options = signal_options(r);
      return out;
    }
    case Tag::Relation: {
      DefineRelation out;
      out.name = name(parts[0]);
      out.from = kind(parts[1]);
      out.to = kind(parts[2]);
      out.options = relation_options(r);
      return out;
    }
    case Tag::Dimension: {
      DefineDimension out;
      out.name = name(parts[0]);
      out.on = field_name(parts[1]);
      out.options = dimension_options(r);
      return out;
    }
    case Tag::CohortDefinition: return cohort_definition(r);
    case Tag::Profile: return define_profile(r);
    case Tag::Experiment: return define_experiment(r);
    case Tag::Synonym: return synonym(r);
    default: return std::nullopt;
  }
}

DefineField Lowering::define_field(Ref r) {
  DefineField out;
  out.name = field_name(r.first());
  if (const auto type = r.find(Tag::FieldType)) {
    const std::string word = word_of(type->first());
    const bool list = type->has(Tag::Mark);
    out.type_span = span(*type);
    out.type = word == "keyword"     ? (list ? FieldType::KeywordList : FieldType::Keyword)
               : word == "text"      ? FieldType::Text
               : word == "int"       ? FieldType::Int
               : word == "float"     ? FieldType::Float
               : word == "bool"      ? FieldType::Bool
               : word == "timestamp" ? FieldType::Timestamp
                                     : FieldType::Duration;
    if (list && word != "keyword") {
      fail(out.type_span, {.message = "only KEYWORD has lists", .expected = {"KEYWORD[]"}});
    }
  }
  out.flags = field_flags(r);
  return out;
}

CohortDefinition Lowering::cohort_definition(Ref r) {
  CohortDefinition out;
  for (const Ref child : r) {
    switch (child.tag()) {
      case Tag::Ident: out.name = name(child); break;
      case Tag::Condition: out.as = expr(child); break;
      case Tag::Until: out.until = expr(child.first()); break;
      default:
        out.backfill = true;
        if (!child.leaf()) out.backfill_span = duration(child.first());
    }
  }
  return out;
}

SynonymDefinition Lowering::synonym(Ref r) {
  SynonymDefinition out;
  for (const Ref child : r) {
    if (child.is(Tag::Ident)) out.name = name(child);
    if (child.is(Tag::As)) out.words = strings(child);
    if (child.is(Tag::To)) out.to = strings(child);
  }
  return out;
}

std::vector<Arm> Lowering::arms(Ref r) {
  std::vector<Arm> out;
  for (const Ref child : r) {
    const std::vector<Ref> parts = child.children();
    Arm arm;
    arm.profile = profile_ref(parts[0]);
    arm.weight = whole(parts[1]);
    out.push_back(std::move(arm));
  }
  return out;
}

DefineExperiment Lowering::define_experiment(Ref r) {
  DefineExperiment out;
  const std::vector<Ref> parts = r.children();
  out.name = name(parts[0]);
  out.profile = name(parts[1]);
  if (const auto split = r.find(Tag::Split)) out.split = arms(*split);
  if (const auto outcomes = r.find(Tag::Outcomes)) out.outcomes = names(*outcomes);
  return out;
}

DefineProfile Lowering::define_profile(Ref r) {
  DefineProfile out;
  out.name = profile_ref(r.first());
  for (const Ref child : r) {
    if (child.is(Tag::On)) {
      out.on = kind(child.first());
    } else if (child.is(Tag::Extends)) {
      out.extends = profile_ref(child.first());
    } else if (!child.is(Tag::ProfileRef)) {
      profile_option(child, out);
    }
  }
  return out;
}

void Lowering::profile_option(Ref r, DefineProfile& out) {
  switch (r.tag()) {
    case Tag::From:
      if (once(!out.from.empty(), r, "FROM")) out.from = calls(r);
      return;
    case Tag::Stage: {
      constexpr std::string_view kNames[] = {"base", "personal", "relation", "signals", "recency", "penalty"};
      const std::vector<Ref> parts = r.children();
      const std::string word = word_of(parts[0]);
      const auto index = static_cast<std::size_t>(std::find(std::begin(kNames), std::end(kNames), word) - kNames);
      if (once(out.stages[index].has_value(), r, text(parts[0]))) out.stages[index] = expr(parts[1]);
      return;
    }
    case Tag::Gate:
      if (once(out.gate.has_value(), r, "GATE")) out.gate = expr(r.first());
      return;
    case Tag::ColdStart:
      if (once(!out.cold_start.empty(), r, "COLD START")) out.cold_start = calls(r);
      return;
    case Tag::Compose:
      if (once(out.compose.has_value(), r, "COMPOSE")) out.compose = expr(r.first());
      return;
    case Tag::Explore:
      if (once(out.explore.has_value(), r, "EXPLORE")) out.explore = explore(r);
      return;
    case Tag::Diversity:
      if (once(!out.diversity.empty(), r, "DIVERSITY")) out.diversity = calls(r);
      return;
    default:
      if (once(out.draft, r, "DRAFT")) out.draft = true;
  }
}

Alter Lowering::alter(Ref r) {
  Alter out;
  out.from_history = r.has(Tag::FromHistory);
  out.force = r.has(Tag::Force);
  const Ref what = r.first();
  const std::vector<Ref> parts = what.children();
  switch (what.tag()) {
    case Tag::Field: out.what = AlterField{field_name(parts[0]), field_flags(what)}; break;
    case Tag::Embedding: out.what = AlterEmbedding{field_name(parts[0]), embedding_options(what)}; break;
    case Tag::Signal: out.what = AlterSignal{name(parts[0]), signal_options(what)}; break;
    case Tag::Relation: out.what = AlterRelation{name(parts[0]), relation_options(what)}; break;
    case Tag::Dimension: out.what = AlterDimension{name(parts[0]), dimension_options(what)}; break;
    case Tag::CohortDefinition: out.what = cohort_definition(what); break;
    case Tag::Synonym: out.what = synonym(what); break;
    case Tag::Serve: out.what = ServeProfile{name(parts[0]), version(text(parts[1]).substr(1), span(parts[1]))}; break;
    case Tag::Experiment: {
      AlterExperiment changed;
      changed.name = name(parts[0]);
      changed.stop = parts[1].is(Tag::Stop);
      if (!changed.stop) changed.split = arms(parts[1]);
      out.what = std::move(changed);
      break;
    }
    default: {
      AlterSettings changed;
      for (const Ref child : what) {
        const std::vector<Ref> pair = child.children();
        changed.settings.push_back(Setting{name(pair[0]), word(pair[1])});
      }
      out.what = std::move(changed);
    }
  }
  return out;
}

Drop Lowering::drop(Ref r) {
  Drop out;
  out.force = r.has(Tag::Force);
  const Ref what = r.first();
  const Ref named = what.first();
  switch (what.tag()) {
    case Tag::Field:
    case Tag::Embedding: {
      out.what = what.is(Tag::Field) ? Definition::Field : Definition::Embedding;
      FieldName field = field_name(named);
      out.kind = field.kind;
      out.name = std::move(field.name);
      return out;
    }
    case Tag::Profile: {
      out.what = Definition::Profile;
      ProfileRef profile = profile_ref(named);
      out.version = profile.version;
      out.name = Name{std::move(profile.name), profile.span};
      return out;
    }
    case Tag::Signal: out.what = Definition::Signal; break;
    case Tag::Relation: out.what = Definition::Relation; break;
    case Tag::Dimension: out.what = Definition::Dimension; break;
    case Tag::CohortDefinition: out.what = Definition::Cohort; break;
    case Tag::Experiment: out.what = Definition::Experiment; break;
    default: out.what = Definition::Synonym;
  }
  out.name = name(named);
  return out;
}

}  // namespace tidal::query
