// Assembly of reply entries.
#include "query/assembly.h"

#include <algorithm>

#include "query/kernels.h"

namespace tidal::query {
namespace {

bool wanted(const FieldSelection& selection, const std::string& name, const Value& value) {
  switch (selection.which) {
    case FieldSelection::Which::Every: return true;
    case FieldSelection::Which::Named:
      return std::find(selection.names.begin(), selection.names.end(), name) != selection.names.end();
    case FieldSelection::Which::Default: break;
  }
  const auto* text = std::get_if<std::string>(&value);
  return text == nullptr || text->size() <= kDefaultTextBytes;
}

Fields select_fields(const BoundQuery& query, const schema::Schema& schema, const Fields& fields) {
  Fields selected;
  const auto add = [&](const std::string& name, const Value& value) {
    if (!std::holds_alternative<std::monostate>(value) && wanted(query.fields, name, value))
      selected.emplace(name, value);
  };
  for (const auto& [name, value] : fields) add(name, value);
  for (const FieldDef& field : schema.fields) {
    if (field.kind == query.kind && fields.find(field.name) == fields.end()) add(field.name, field.default_value);
  }
  return selected;
}

// The always-on negative, once more against the newest marks: hiding may have happened while the query ran.
bool hidden_meanwhile(const BoundQuery& query, const index::Bitmap& hidden, Ordinal entity) {
  const bool asked = query.filter && query.filter->wants_hidden;
  return query.kind == EntityKind::Item && !asked && hidden.contains(entity);
}

}  // namespace

double shown(double value, Type type) { return type == Type::Moment || type == Type::Duration ? value / 1e6 : value; }

Result<std::vector<std::pair<std::string, double>>> evaluate_signals(const std::vector<BoundSignal>& signals,
                                                                     Ordinal entity, FeatureReader& reader) {
  std::vector<std::pair<std::string, double>> values;
  for (const BoundSignal& signal : signals) {
    Evaluator evaluator(signal.expression, reader);
    double value = 0;
    TIDAL_TRY(evaluator.evaluate(signal.expression.root(), {{&entity, 1}, 0, {}}, {&value, 1}));
    values.emplace_back(signal.words, shown(finite_or_zero(value), signal.expression.type()));
  }
  return values;
}

Result<std::vector<ResultItem>> assemble(const BoundQuery& query, const Selection& selection, std::uint32_t reached,
                                         FeatureReader& reader) {
  const ReadViews& views = reader.views();
  std::vector<ResultItem> items;
  items.reserve(selection.page.size());
  std::optional<Scorer> scorer;
  if (query.explain && !query.sort.by_text()) scorer.emplace(query.sort, query.kind, reader);
  index::Bitmap hidden;
  if (reader.user() != Ordinal::None) hidden = views.user_state->marked(reader.user(), Mark::Hidden);
  for (const Ranked& ranked : selection.page) {
    if (hidden_meanwhile(query, hidden, ranked.entity)) continue;
    ResultItem item;
    item.kind = query.kind;
    item.key = std::string(views.entities->key_of(query.kind, ranked.entity));
    item.score = ranked.score == kLast ? 0 : shown(ranked.score, query.sort.type);
    item.rank = reached + static_cast<std::uint32_t>(items.size()) + 1;
    if (query.kind == EntityKind::Item) {
      const Ordinal creator = views.entities->creator_of(ranked.entity);
      if (creator != Ordinal::None) item.creator = std::string(views.entities->key_of(EntityKind::Creator, creator));
    }
    const bool no_fields = query.fields.which == FieldSelection::Which::Named && query.fields.names.empty();
    if (no_fields) {
      if (!views.entities->is_live(query.kind, ranked.entity)) continue;
    } else {
      auto content = views.entities->content(query.kind, ranked.entity);
      if (!content.ok() && content.error().code == Code::NotFound) continue;
      if (!content.ok()) return std::move(content).error();
      item.fields = select_fields(query, *views.schema, content->fields);
    }
    TIDAL_TRY_ASSIGN(item.signals, evaluate_signals(query.signals, ranked.entity, reader));
    item.sources.emplace_back("scan");
    if (scorer) {
      TIDAL_TRY_ASSIGN(item.explain, scorer->contributions(ranked.entity, item.score));
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace tidal::query
