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

// What has no length comes last under `shortest`, by a score that is nobody's length.
double shown_score(double score, const BoundSort& sort) {
  return sort.kind == SortKind::Shortest && score == kLast ? 0 : shown(score, sort.type);
}

// The signals of a whole page. A signal that the order is by is shown as it was when it ranked.
Result<std::vector<SignalValues>> page_signals(const BoundQuery& query, const Selection& selection,
                                               FeatureReader& reader) {
  static_assert(kLimitMax <= kChunk, "a page is one chunk");
  std::vector<Ordinal> entities;
  entities.reserve(selection.page.size());
  for (const Ranked& ranked : selection.page) entities.push_back(ranked.entity);
  TIDAL_TRY_ASSIGN(std::vector<SignalValues> rows, evaluate_signals(query.signals, entities, reader));
  for (std::size_t s = 0; s < query.signals.size(); ++s) {
    if (!query.signals[s].is_score) continue;
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i][s].second = shown(selection.page[i].score, query.sort.type);
  }
  return rows;
}

}  // namespace

double shown(double value, Type type) { return type == Type::Moment || type == Type::Duration ? value / 1e6 : value; }

Result<std::vector<SignalValues>> evaluate_signals(const std::vector<BoundSignal>& signals,
                                                   std::span<const Ordinal> entities, FeatureReader& reader) {
  std::vector<SignalValues> rows(entities.size());
  std::vector<double> column(entities.size());
  for (const BoundSignal& signal : signals) {
    Evaluator evaluator(signal.expression, reader);
    TIDAL_TRY(evaluator.evaluate(signal.expression.root(), {entities, 0, {}}, column));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i].emplace_back(signal.words, shown(finite_or_zero(column[i]), signal.expression.type()));
    }
  }
  return rows;
}

Result<std::vector<ResultItem>> assemble(const BoundQuery& query, const Selection& selection, const Page& page,
                                         FeatureReader& reader) {
  const ReadViews& views = reader.views();
  std::vector<ResultItem> items;
  items.reserve(selection.page.size());
  std::optional<Scorer> scorer;
  if (query.explain && !query.sort.by_text()) scorer.emplace(query.sort, query.kind, reader);
  TIDAL_TRY_ASSIGN(std::vector<SignalValues> signals, page_signals(query, selection, reader));
  for (std::size_t place = 0; place < selection.page.size(); ++place) {
    const Ranked& ranked = selection.page[place];
    if (page.negatives.exclude(ranked.entity)) continue;  // N1: what was written while the query ran counts
    ResultItem item;
    item.kind = query.kind;
    item.key = std::string(views.entities->key_of(query.kind, ranked.entity));
    item.score = shown_score(ranked.score, query.sort);
    item.rank = page.reached + static_cast<std::uint32_t>(items.size()) + 1;
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
    item.signals = std::move(signals[place]);
    if (page.sources != nullptr) {
      item.sources = page.sources->names_of(ranked.entity);
    } else {
      item.sources.emplace_back("scan");
    }
    if (scorer) {
      TIDAL_TRY_ASSIGN(item.explain, scorer->contributions(ranked.entity, item.score));
    }
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace tidal::query
