// Writes, control and SHOW, and the choice of what a statement is.
#include "query/lowering.h"

namespace tidal::query {

StatementBody Lowering::statement(Ref r) {
  switch (r.tag()) {
    case Tag::Retrieve:
    case Tag::Search: return query(r);
    case Tag::Suggest: return suggest(r);
    case Tag::Explain: return explain(r);
    case Tag::History: return history(r);
    case Tag::DryRun: {
      std::optional<Change> tried = change(r.first());
      return DryRun{tried ? std::move(*tried) : Change()};
    }
    default: break;
  }
  if (std::optional<Control> out = control(r)) return std::move(*out);
  if (std::optional<Show> out = show(r)) return std::move(*out);
  std::optional<Change> out = change(r);
  if (!out) {
    fail(span(r), {.message = "a statement of no known kind", .code = Code::Internal});
    return Control();
  }
  return std::visit([](auto& what) -> StatementBody { return std::move(what); }, *out);
}

std::optional<Change> Lowering::change(Ref r) {
  if (r.is(Tag::Alter)) return alter(r);
  if (r.is(Tag::Drop)) return drop(r);
  if (std::optional<Write> out = write(r)) return std::move(*out);
  if (std::optional<Define> out = define(r)) return std::move(*out);
  return std::nullopt;
}

std::optional<Write> Lowering::write(Ref r) {
  const std::vector<Ref> parts = r.children();
  switch (r.tag()) {
    case Tag::SignalWrite: return signal_write(r);
    case Tag::Unsignal: {
      Unsignal out;
      out.signal = name(parts[0]);
      out.target = key(parts[1]);
      out.by = key(parts[2].first());
      if (parts.size() > 3) out.at = bind_time(parts[3].first());
      return out;
    }
    case Tag::Put:
    case Tag::Update: {
      EntityWrite out;
      out.update = r.is(Tag::Update);
      out.kind = kind(parts[0]);
      out.key = key(parts[1]);
      out.content = json(parts[2]);
      return out;
    }
    case Tag::Delete: {
      DeleteEntity out;
      out.kind = kind(parts[0]);
      out.key = key(parts[1]);
      return out;
    }
    case Tag::Relate:
    case Tag::Unrelate: return relate(r);
    case Tag::Hide:
    case Tag::Unhide: {
      Hide out;
      out.unhide = r.is(Tag::Unhide);
      out.kind = kind(parts[0]);
      out.key = key(parts[1]);
      if (parts.size() > 2) out.reason = bind_text(parts[2].first());
      return out;
    }
    case Tag::Forget: {
      Forget out;
      out.user = key(parts[0]);
      return out;
    }
    default: return std::nullopt;
  }
}

SignalWrite Lowering::signal_write(Ref r) {
  SignalWrite out;
  for (const Ref child : r) {
    switch (child.tag()) {
      case Tag::Ident: out.signal = name(child); break;
      case Tag::ByUser:
        if (once(out.by.has_value(), child, "BY")) out.by = key(child.first());
        break;
      case Tag::ValueIs:
        if (once(out.value.has_value(), child, "VALUE")) out.value = number(child.first());
        break;
      case Tag::WeightIs:
        if (once(out.weight.has_value(), child, "WEIGHT")) out.weight = number(child.first());
        break;
      case Tag::AtTime:
        if (once(out.at.has_value(), child, "AT")) out.at = bind_time(child.first());
        break;
      case Tag::EventKey:
        if (once(out.key.has_value(), child, "KEY")) out.key = bind_text(child.first());
        break;
      case Tag::EventContext:
        if (once(out.context.has_value(), child, "CONTEXT")) out.context = json(child.first());
        break;
      default: out.target = key(child);
    }
  }
  return out;
}

Relate Lowering::relate(Ref r) {
  Relate out;
  out.remove = r.is(Tag::Unrelate);
  const std::vector<Ref> parts = r.children();
  out.from = key(parts[0]);
  out.relation = name(parts[1]);
  out.to = key(parts[2]);
  for (std::size_t i = 3; i < parts.size(); ++i) {
    if (parts[i].is(Tag::WeightIs)) {
      if (once(out.weight.has_value(), parts[i], "WEIGHT")) out.weight = number(parts[i].first());
    } else if (once(out.at.has_value(), parts[i], "AT")) {
      out.at = bind_time(parts[i].first());
    }
  }
  return out;
}

std::optional<Control> Lowering::control(Ref r) {
  const std::vector<Ref> parts = r.children();
  switch (r.tag()) {
    case Tag::Begin: return Begin{};
    case Tag::Commit: return Commit{};
    case Tag::Rollback: return Rollback{};
    case Tag::Get: {
      Get out;
      out.kind = kind(parts[0]);
      out.key = key(parts[1]);
      if (parts.size() > 2) out.with = with(parts[2]);
      return out;
    }
    case Tag::Export: {
      ExportUser out;
      out.user = key(parts[0]);
      return out;
    }
    case Tag::CancelMigration: {
      CancelMigration out;
      out.id = bind_whole(parts[0]);
      return out;
    }
    case Tag::Help: {
      Help out;
      if (!parts.empty()) out.topic = name(parts[0]);
      return out;
    }
    default: return std::nullopt;
  }
}

std::optional<Show> Lowering::show(Ref r) {
  const std::vector<Ref> parts = r.children();
  Show out;
  switch (r.tag()) {
    case Tag::ShowChanges: out.what = Show::What::SchemaChanges; return out;
    case Tag::ShowSchema:
      out.what = Show::What::Schema;
      if (!parts.empty()) out.version = version(text(parts[0]), span(parts[0]));
      return out;
    case Tag::ShowRelations:
      out.what = Show::What::RelationsOf;
      if (parts.size() > 1) out.kind = kind(parts[0]);
      out.key = key(parts.back());
      return out;
    case Tag::ShowProfile: {
      out.what = Show::What::Profile;
      ProfileRef profile = profile_ref(parts[0]);
      out.version = profile.version;
      out.name = Name{std::move(profile.name), profile.span};
      return out;
    }
    case Tag::ShowCohort:
    case Tag::ShowExperiment:
      out.what = r.is(Tag::ShowCohort) ? Show::What::Cohort : Show::What::Experiment;
      out.name = name(parts[0]);
      return out;
    case Tag::ShowList: break;
    default: return std::nullopt;
  }
  constexpr std::string_view kLists[] = {"fields",   "signals", "profiles", "cohorts", "experiments", "migrations",
                                         "settings", "stats",   "sorts",    "filters", "features",    "sources"};
  for (std::size_t i = 0; i < std::size(kLists); ++i) {
    if (!says(parts[0], kLists[i])) continue;
    out.what = static_cast<Show::What>(static_cast<std::size_t>(Show::What::Fields) + i);
  }
  return out;
}

}  // namespace tidal::query
