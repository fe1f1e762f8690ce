// Feature columns and condition sets, read from the views.
#include "query/feature_reader.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/assert.h"
#include "query/sources.h"
#include "ranking/formulas.h"

namespace tidal::query {
namespace {

// Keeps no more than two chunks of entities' contents.
constexpr std::size_t kCachedContents = 4'096;

double number_of(const Value& value, double missing) {
  if (const auto* b = std::get_if<bool>(&value)) return *b ? 1 : 0;
  if (const auto* i = std::get_if<std::int64_t>(&value)) return static_cast<double>(*i);
  if (const auto* d = std::get_if<double>(&value)) return *d;
  if (const auto* t = std::get_if<Timestamp>(&value)) return static_cast<double>(t->us);
  if (const auto* d = std::get_if<Duration>(&value)) return static_cast<double>(d->us);
  return missing;
}

bool holds_any(const Value& value, const std::vector<std::string>& wanted) {
  const auto is_wanted = [&](const std::string& s) {
    return std::find(wanted.begin(), wanted.end(), s) != wanted.end();
  };
  if (const auto* s = std::get_if<std::string>(&value)) return is_wanted(*s);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    return std::any_of(list->begin(), list->end(), is_wanted);
  }
  return false;
}

bool holds_all(const Value& value, const std::vector<std::string>& wanted) {
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  return list != nullptr && std::all_of(wanted.begin(), wanted.end(), [&](const std::string& s) {
           return std::find(list->begin(), list->end(), s) != list->end();
         });
}

bool passes(const StoredTest& test, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return false;
  switch (test.kind) {
    case StoredTest::Kind::Having: return true;
    case StoredTest::Kind::AllOf: return holds_all(value, test.values) != test.negated;
    case StoredTest::Kind::AnyOf: return holds_any(value, test.values) != test.negated;
  }
  return false;
}

// Reads at the candidates' creators: `read` gets those that exist, `missing` stands for the rest.
template <class Read>
Status at_creators(const entity::EntityStore& entities, std::span<const Ordinal> items, double missing,
                   std::span<double> out, const Read& read) {
  std::vector<Ordinal> creators;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Ordinal creator = entities.creator_of(items[i]);
    out[i] = missing;
    if (creator == Ordinal::None) continue;
    creators.push_back(creator);
    places.push_back(i);
  }
  std::vector<double> values(creators.size());
  TIDAL_TRY(read(std::span<const Ordinal>(creators), std::span<double>(values)));
  for (std::size_t k = 0; k < places.size(); ++k) out[places[k]] = values[k];
  return {};
}

}  // namespace

struct FeatureReader::ContentCache {
  std::unordered_map<std::uint64_t, entity::EntityContent> contents;
  std::uint64_t reads = 0;
};

FeatureReader::FeatureReader(const ReadViews& views, Timestamp now, std::optional<Ordinal> user)
    : views_(views),
      now_(now),
      user_(user),
      contents_(std::make_unique<ContentCache>()),
      personal_(views, now, user.value_or(Ordinal::None)) {}

FeatureReader::~FeatureReader() = default;

Result<Value> FeatureReader::stored(EntityKind kind, std::string_view field, Ordinal entity) {
  auto& cache = *contents_;
  const std::uint64_t id = (static_cast<std::uint64_t>(kind) << 32U) | to_index(entity);
  auto found = cache.contents.find(id);
  if (found == cache.contents.end()) {
    if (++cache.reads > kStoredReadsMax) {
      return Error(Code::FailedPrecondition, "field '" + std::string(field) + "' is not INDEXED and more than " +
                                                 std::to_string(kStoredReadsMax) +
                                                 " entities would have to be read: narrow the query by a condition on "
                                                 "an indexed field, or declare such a field INDEXED from the start");
    }
    if (cache.contents.size() >= kCachedContents) cache.contents.clear();
    auto content = views_.entities->content(kind, entity);
    // An entity deleted since the query began has no fields any more.
    if (!content.ok() && content.error().code != Code::NotFound) return std::move(content).error();
    found = cache.contents.emplace(id, content.ok() ? std::move(content).value() : entity::EntityContent{}).first;
  }
  const auto value = found->second.fields.find(field);
  if (value != found->second.fields.end()) return value->second;
  const FieldDef* def = views_.schema->field(kind, field);
  return def == nullptr ? Value{} : def->default_value;
}

void FeatureReader::read_signal(const FeatureRef& f, std::span<const Ordinal> entities, std::span<double> out) const {
  const signal::Ledger& ledger = views_.ledger(f.entity);
  const signal::WindowQuery window{f.signal, f.window, now_, f.ago};
  switch (f.kind) {
    case FeatureRef::Kind::Count: return ledger.counts(window, entities, out);
    case FeatureRef::Kind::Unique:
      return views_.uniques->uniques({.kind = f.entity, .signal = f.signal, .window = f.window, .now = now_}, entities,
                                     out);
    case FeatureRef::Kind::Sum: return ledger.sums(window, entities, out);
    case FeatureRef::Kind::Mean: return ledger.means(window, entities, out);
    case FeatureRef::Kind::Velocity: return ledger.velocities(window, entities, out);
    case FeatureRef::Kind::Acceleration: return ledger.accelerations(window, entities, out);
    case FeatureRef::Kind::DecayScore: return ledger.decay_scores(f.signal, now_, entities, out);
    default: return views_.user_state->net(f.signal, entities, out);
  }
}

Status FeatureReader::read_stored(const FeatureRef& f, std::span<const Ordinal> entities, std::span<double> out) {
  for (std::size_t i = 0; i < entities.size(); ++i) {
    TIDAL_TRY_ASSIGN(const Value value, stored(f.entity, f.field, entities[i]));
    out[i] = number_of(value, f.missing);
  }
  return {};
}

/// Of pairs without an event in the span nothing is read.
Status FeatureReader::read_years(const FeatureRef& f, std::span<const Ordinal> entities, std::span<double> out) {
  constexpr std::int64_t kYearDays = 365;
  const std::int64_t day_us = days(1).us;
  const std::int64_t today = now_.us / day_us - (now_.us % day_us < 0 ? 1 : 0);
  const Timestamp from{(today - kYearDays + 1) * day_us};
  views_.ledger(f.entity).newest_times(f.signal, entities, out);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool is_empty = out[i] < static_cast<double>(from.us);
    out[i] = 0;
    if (is_empty) continue;
    if (++histories_read_ > kStoredReadsMax) {
      return Error(Code::FailedPrecondition, "the year of more than " + std::to_string(kStoredReadsMax) +
                                                 " histories would have to be read: narrow the query by a FILTER");
    }
    TIDAL_TRY_ASSIGN(const std::vector<signal::Bucket> year,
                     views_.rollups->series({.kind = f.entity,
                                             .entity = entities[i],
                                             .signal = f.signal,
                                             .step = signal::RollupStep::Day,
                                             .from = from,
                                             .to = Timestamp{(today + 1) * day_us}}));
    for (const signal::Bucket& day : year) out[i] += static_cast<double>(day.count);
  }
  return {};
}

Status FeatureReader::read_entities(const FeatureRef& f, std::span<const Ordinal> entities, std::span<double> out) {
  switch (f.kind) {
    case FeatureRef::Kind::Field: views_.fields->numbers(f.entity, f.field, entities, f.missing, out); return {};
    case FeatureRef::Kind::StoredField: return read_stored(f, entities, out);
    case FeatureRef::Kind::CreatedAt:
      views_.entities->creation_times(f.entity, entities, kOpenCreationUs, out);
      return {};
    case FeatureRef::Kind::Age:
      views_.entities->creation_times(f.entity, entities, kOpenCreationUs, out);
      for (double& x : out) x = std::max(0.0, static_cast<double>(now_.us) - x);
      return {};
    case FeatureRef::Kind::KeyOrdinal:
      for (std::size_t i = 0; i < out.size(); ++i) out[i] = to_index(entities[i]);
      return {};
    case FeatureRef::Kind::CreatorOrdinal:
      for (std::size_t i = 0; i < out.size(); ++i) {
        const Ordinal creator = views_.entities->creator_of(entities[i]);
        out[i] = creator == Ordinal::None ? kMissing : to_index(creator);
      }
      return {};
    case FeatureRef::Kind::Random:
      for (std::size_t i = 0; i < out.size(); ++i) {
        out[i] = ranking::uniform(f.seed, views_.entities->key_of(f.entity, entities[i]));
      }
      return {};
    case FeatureRef::Kind::PreferenceMatch:
    case FeatureRef::Kind::CreatorAffinity:
    case FeatureRef::Kind::ItemAffinity:
    case FeatureRef::Kind::Interest:
    case FeatureRef::Kind::CoEngagement: personal_.read(f, entities, out); return {};
    case FeatureRef::Kind::SourceScore:
      std::fill(out.begin(), out.end(), 0.0);
      if (sources_ != nullptr) sources_->scores(entities, out);
      return {};
    case FeatureRef::Kind::YearCount: return read_years(f, entities, out);
    case FeatureRef::Kind::TimeOf: views_.user_state->times_of(user(), f.mark, entities, f.missing, out); return {};
    default: read_signal(f, entities, out); return {};
  }
}

Status FeatureReader::read(const FeatureRef& f, std::span<const Ordinal> candidates, std::span<double> out) {
  TIDAL_ASSERT(f.kind != FeatureRef::Kind::Score);  // the evaluator has that column itself
  if (!f.of_creator) return read_entities(f, candidates, out);
  return at_creators(
      *views_.entities, candidates, f.missing, out,
      [&](std::span<const Ordinal> creators, std::span<double> values) { return read_entities(f, creators, values); });
}

Status FeatureReader::test(const StoredTest& t, std::span<const Ordinal> candidates, std::span<double> out) {
  const auto read = [&](std::span<const Ordinal> entities, std::span<double> values) -> Status {
    for (std::size_t i = 0; i < entities.size(); ++i) {
      TIDAL_TRY_ASSIGN(const Value value, stored(t.entity, t.field, entities[i]));
      values[i] = passes(t, value) ? 1 : 0;
    }
    return {};
  };
  if (!t.of_creator) return read(candidates, out);
  return at_creators(*views_.entities, candidates, 0, out, read);
}

void FeatureReader::contains(const SetRef& ref, const index::Bitmap& set, std::span<const Ordinal> candidates,
                             std::span<double> out) const {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Ordinal o = ref.of_creator ? views_.entities->creator_of(candidates[i]) : candidates[i];
    out[i] = o != Ordinal::None && set.contains(o) ? 1 : 0;
  }
}

double FeatureReader::interest_in(std::string_view field, std::string_view value) const {
  const int position = views_.schema->field_index(EntityKind::Item, field);
  if (user() == Ordinal::None || position < 0) return 0;
  return views_.interests->interest(user(), static_cast<std::size_t>(position), value, now_);
}

/// What the user's edges lead to; for items what that made.
index::Bitmap FeatureReader::related(const SetRef& ref) const {
  if (user() == Ordinal::None) return {};
  index::Bitmap targets = views_.relations->targets(ref.relation, user());
  const EntityKind to = views_.schema->relations[ref.relation].to;
  return to == ref.entity ? targets : views_.creator_items->items(targets.to_vector());
}

index::Bitmap FeatureReader::resolve(const SetRef& ref) const {
  const index::FieldIndex& fields = *views_.fields;
  index::Bitmap set;
  switch (ref.kind) {
    case SetRef::Kind::Having: return fields.having(ref.entity, ref.field);
    case SetRef::Kind::Marked: {
      const Duration expires = views_.schema->settings.seen_expires;
      set = ref.mark == Mark::Seen && expires.us > 0 ? views_.user_state->marked_since(user(), ref.mark, now_ - expires)
                                                     : views_.user_state->marked(user(), ref.mark);
      if (!ref.negated) return set;
      index::Bitmap rest = fields.live(ref.entity);
      rest -= set;
      return rest;
    }
    case SetRef::Kind::Related: return related(ref);
    case SetRef::Kind::Keywords:
      for (const std::string& value : ref.values) set |= fields.with_keyword(ref.entity, ref.field, value);
      break;
    case SetRef::Kind::AllKeywords:
      set = fields.having(ref.entity, ref.field);
      for (const std::string& value : ref.values) set &= fields.with_keyword(ref.entity, ref.field, value);
      break;
    case SetRef::Kind::Ranges:
      for (const index::NumberRange& range : ref.ranges) set |= fields.in_range(ref.entity, ref.field, range);
      break;
  }
  if (!ref.negated) return set;
  index::Bitmap rest = fields.having(ref.entity, ref.field);
  rest -= set;
  return rest;
}

std::optional<std::uint64_t> FeatureReader::estimate(const SetRef& ref) const {
  if (ref.kind != SetRef::Kind::Keywords || ref.negated) return std::nullopt;
  std::uint64_t sum = 0;
  for (const std::string& value : ref.values) sum += views_.fields->count_keyword(ref.entity, ref.field, value);
  return sum;
}

}  // namespace tidal::query
