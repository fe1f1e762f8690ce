// The option lists of definitions: flags of fields, options of embeddings, signals, relations and dimensions.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "query/lowering.h"

namespace tidal::query {

// ---- fields and embeddings ------------------------------------------------------------------------------------------

std::vector<FieldFlag> Lowering::field_flags(Ref parent) {
  std::vector<FieldFlag> out;
  for (const Ref child : parent) {
    const bool negated = child.is(Tag::Negated);
    if (!negated && !child.is(Tag::Flag) && !child.is(Tag::Default)) continue;
    FieldFlag flag = field_flag(negated ? child.first() : child);
    flag.negated = negated;
    if (negated && (flag.boost || flag.language)) {
      fail(flag.span, {.message = "NOT SEARCHABLE takes no BOOST and no LANGUAGE"});
    }
    const bool taken = std::any_of(out.begin(), out.end(), [&](const FieldFlag& f) { return f.kind == flag.kind; });
    if (once(taken, child,
             flag.kind == FieldFlag::Kind::Default ? "DEFAULT" : text((negated ? child.first() : child).first())))
      out.push_back(std::move(flag));
  }
  std::sort(out.begin(), out.end(), [](const FieldFlag& a, const FieldFlag& b) { return a.kind < b.kind; });
  return out;
}

FieldFlag Lowering::field_flag(Ref r) {
  FieldFlag out;
  out.span = span(r);
  if (r.is(Tag::Default)) {
    out.kind = FieldFlag::Kind::Default;
    out.value = default_literal(r);
    return out;
  }
  constexpr std::string_view kNames[] = {"indexed", "searchable", "dimension", "interest", "required"};
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (says(r.first(), kNames[i])) out.kind = static_cast<FieldFlag::Kind>(i);
  }
  if (const auto boost = r.find(Tag::Boost)) out.boost = real(boost->first());
  if (const auto language = r.find(Tag::Language)) out.language = string(language->first());
  return out;
}

Literal Lowering::default_literal(Ref r) {
  const std::vector<Ref> parts = r.children();
  if (parts.size() == 1) {
    Literal out = literal(parts[0]);
    const bool plain = !std::holds_alternative<KeyLiteral>(out) && !std::holds_alternative<NowLiteral>(out) &&
                       !std::holds_alternative<Param>(out);
    if (!plain) {
      fail(span(parts[0]),
           {.message = "DEFAULT takes a plain literal", .hint = "a schema must say the same each time it is run"});
    }
    return out;
  }
  if (parts[1].is(Tag::Duration)) return Duration{-duration(parts[1]).us};
  const std::string_view digits = text(parts[1]);
  if (digits.find_first_of(".eE") != std::string_view::npos) return -real(parts[1]);
  // Read with its sign, so that the smallest whole number has a spelling.
  const std::string token = "-" + std::string(digits);
  std::int64_t out = 0;
  if (std::from_chars(token.data(), token.data() + token.size(), out).ec != std::errc()) {
    fail(span(parts[1]), {.message = "the whole number is out of range"});
  }
  return out;
}

EmbeddingOptions Lowering::embedding_options(Ref parent) {
  using Metric = EmbeddingOptions::Metric;
  using Storage = EmbeddingOptions::Storage;
  EmbeddingOptions out;
  for (const Ref child : parent) {
    switch (child.tag()) {
      case Tag::Size:
        if (once(out.size.has_value(), child, "SIZE")) out.size = whole(child.first());
        break;
      case Tag::Metric:
        if (!once(out.metric.has_value(), child, "METRIC")) break;
        out.metric = says(child.first(), "cosine") ? Metric::Cosine
                     : says(child.first(), "dot")  ? Metric::Dot
                                                   : Metric::L2;
        break;
      case Tag::Storage:
        if (!once(out.storage.has_value(), child, "STORAGE")) break;
        out.storage = says(child.first(), "f32")   ? Storage::F32
                      : says(child.first(), "f16") ? Storage::F16
                                                   : Storage::I8;
        break;
      case Tag::Rescore:
        if (once(out.rescore, child, "RESCORE")) out.rescore = true;
        break;
      case Tag::Preference:
        if (once(out.preference, child, "PREFERENCE")) out.preference = true;
        break;
      default: break;
    }
  }
  return out;
}

// ---- signals and relations ------------------------------------------------------------------------------------------

SignalOptions Lowering::signal_options(Ref parent) {
  SignalOptions out;
  for (const Ref child : parent) {
    if (!child.is(Tag::Negated)) {
      signal_option(child, out);
      continue;
    }
    const Ref option = child.first();
    const bool velocity = option.is(Tag::Velocity);
    if (!velocity && !option.is(Tag::Unique)) {
      fail(span(child), {.message = "NOT stands before VELOCITY or UNIQUE only", .hint = "a list is replaced whole"});
      continue;
    }
    std::optional<SignalSwitch>& slot = velocity ? out.velocity : out.unique;
    if (once(slot.has_value(), child, text(option))) slot = SignalSwitch{false, span(child)};
  }
  return out;
}

void Lowering::signal_option(Ref r, SignalOptions& out) {
  switch (r.tag()) {
    case Tag::Role:
      if (once(!out.roles.empty(), r, "ROLE")) out.roles = names(r);
      return;
    case Tag::Value: {
      if (!once(out.value.has_value(), r, "VALUE")) return;
      const std::vector<Ref> bounds = r.children();
      ValueClause& range = out.value.emplace();
      range.span = span(r);
      range.min = signed_real(bounds[0]);
      if (bounds.size() > 1) range.max = signed_real(bounds[1]);
      return;
    }
    case Tag::Decay: {
      if (!once(out.decay.has_value(), r, "DECAY")) return;
      DecayClause& clause = out.decay.emplace();
      clause.span = span(r);
      const std::vector<Ref> parts = r.children();
      if (parts.size() == 1) return;
      clause.decay.kind = says(parts[0], "linear") ? Decay::Kind::Linear : Decay::Kind::Exponential;
      clause.decay.span = duration(parts[1]);
      return;
    }
    case Tag::Windows:
      if (!once(!out.windows.empty(), r, "WINDOWS")) return;
      for (const Ref child : r) out.windows.push_back({duration(child), span(child)});
      return;
    case Tag::Velocity:
      if (once(out.velocity.has_value(), r, "VELOCITY")) out.velocity = SignalSwitch{true, span(r)};
      return;
    case Tag::Unique:
      if (once(out.unique.has_value(), r, "UNIQUE")) out.unique = SignalSwitch{true, span(r)};
      return;
    case Tag::Scope:
      if (!once(!out.scopes.empty(), r, "SCOPE")) return;
      for (const Ref child : r) {
        const Scope scope = says(child, "global") ? Scope::Global : says(child, "cohort") ? Scope::Cohort : Scope::User;
        out.scopes.push_back({scope, span(child)});
      }
      return;
    case Tag::Effects:
      if (!once(!out.effects.empty(), r, "EFFECTS")) return;
      for (const Ref child : r) out.effects.push_back(effect(child));
      return;
    default: return;
  }
}

Effect Lowering::effect(Ref r) {
  Effect out;
  out.span = span(r);
  for (const Ref child : r) {
    switch (child.tag()) {
      case Tag::Choice:
        out.kind = says(child, "preference") ? EffectDef::Kind::Preference
                   : says(child, "creator")  ? EffectDef::Kind::Creator
                   : says(child, "affinity") ? EffectDef::Kind::Affinity
                                             : EffectDef::Kind::Mark;
        break;
      case Tag::Op: out.minus = text(child) == "-"; break;
      case Tag::Ident: out.mark = name(child); break;
      case Tag::When: out.when = expr(child.first()); break;
      default: out.rate = expr(child);
    }
  }
  return out;
}

RelationOptions Lowering::relation_options(Ref parent) {
  RelationOptions out;
  for (const Ref child : parent) {
    if (child.is(Tag::Excludes)) {
      if (!once(out.excludes.has_value(), child, "EXCLUDES")) continue;
      const bool always = says(child.first(), "always");
      out.excludes = always ? RelationOptions::Excludes::Always : RelationOptions::Excludes::Feeds;
    } else if (child.is(Tag::HalfLife)) {
      if (once(out.half_life.has_value(), child, "HALF LIFE")) out.half_life = duration(child.first());
    } else {
      signal_option(child, out.signal);
    }
  }
  return out;
}

// ---- dimensions -----------------------------------------------------------------------------------------------------

DimensionOptions Lowering::dimension_options(Ref parent) {
  DimensionOptions out;
  for (const Ref child : parent) {
    if (child.is(Tag::Alias)) {
      if (once(!out.aliases.empty(), child, "ALIAS")) out.aliases = names(child);
    } else if (child.is(Tag::Buckets)) {
      if (!once(!out.buckets.empty(), child, "BUCKETS")) continue;
      for (const Ref part : child) {
        Bucket bucket;
        bucket.span = span(part);
        const std::vector<Ref> pieces = part.children();
        bucket.word = pieces[0].is(Tag::String) ? string(pieces[0]) : std::string(text(pieces[0]));
        for (std::size_t i = 1; i < pieces.size(); ++i) bucket.values.push_back(literal(pieces[i]));
        out.buckets.push_back(std::move(bucket));
      }
    }
  }
  return out;
}

}  // namespace tidal::query
