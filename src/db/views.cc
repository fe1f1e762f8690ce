// The list of views, in the order in which they take events.
#include "db/views.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/epoch.h"
#include "entity/embedding_mat.h"
#include "entity/entity_mat.h"
#include "index/field_index_mat.h"
#include "index/hidden_mat.h"
#include "relationship/co_engagement_mat.h"
#include "relationship/edges_mat.h"
#include "relationship/weights_mat.h"
#include "signal/interests_mat.h"
#include "signal/preference_mat.h"
#include "signal/rollups_mat.h"
#include "signal/uniques_mat.h"
#include "signal/user_state_mat.h"

namespace tidal::db {
namespace {

using materializer::Materializer;

/// What the field index needs of an entity record; the codec is the entity folder's.
Result<index::EntityChange> decode_entity_change(std::string_view payload) {
  TIDAL_TRY_ASSIGN(entity::EntityContent content, entity::decode_content(payload));
  return index::EntityChange{.names_creator = content.creator.has_value() && !content.creator->empty(),
                             .fields = std::move(content.fields)};
}

/// What the interests need of it.
Result<Fields> decode_fields(std::string_view payload) {
  TIDAL_TRY_ASSIGN(entity::EntityContent content, entity::decode_content(payload));
  return std::move(content.fields);
}

}  // namespace

// The order in which views take each event, after the roots.
const std::array<Views::Derived, 14> Views::kDerived = {{
    {"field_index",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<index::FieldIndexMaterializer>(
           part.make<index::FieldIndex>(),
           index::FieldIndexMaterializer::Inputs{
               .catalog = part.roots, .keys = part.roots, .decode = decode_entity_change});
     }},
    {"creator_items",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<relationship::CreatorItemsMaterializer>(part.make<relationship::CreatorItems>(),
                                                                       part.roots);
     }},
    {"hidden",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<index::HiddenMaterializer>(part.make<index::Hidden>(), part.roots);
     }},
    {"ledger",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::GlobalSignalMaterializer>(part.make<signal::LedgerSet>(), part.roots);
     }},
    {"user_state",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::UserStateMaterializer>(
           part.make<signal::UserState>(),
           signal::UserStateMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"preference",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::PreferenceMaterializer>(
           part.make<signal::Preferences>(),
           signal::PreferenceMaterializer::Inputs{.catalog = part.roots, .keys = part.roots, .embeddings = part.roots});
     }},
    {"interests",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::InterestsMaterializer>(
           part.make<signal::Interests>(),
           signal::InterestsMaterializer::Inputs{.catalog = part.roots, .keys = part.roots, .decode = decode_fields});
     }},
    {"uniques",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::UniquesMaterializer>(
           part.make<signal::Uniques>(),
           signal::UniquesMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"rollups",
     [](Part& part, Stores& stores) -> std::unique_ptr<Materializer> {
       return std::make_unique<signal::RollupsMaterializer>(
           part.make<signal::Rollups>(stores.rollups()),
           signal::RollupsMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"relations",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<relationship::EdgeMaterializer>(
           part.make<relationship::EdgeState>(),
           relationship::EdgeMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"weights",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<relationship::WeightMaterializer>(
           part.make<relationship::WeightState>(),
           relationship::WeightMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"co_engagement",
     [](Part& part, Stores&) -> std::unique_ptr<Materializer> {
       return std::make_unique<relationship::CoEngagementMaterializer>(
           part.make<relationship::CoEngagement>(),
           relationship::CoEngagementMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"import_marks", [](Part&, Stores&) -> std::unique_ptr<Materializer> { return std::make_unique<ImportMarks>(); }},
    {"duplicates", [](Part&, Stores&) -> std::unique_ptr<Materializer> { return std::make_unique<DuplicateWindow>(); }},
}};

/// A view that was replaced, until its last reader has gone.
struct Views::Retired {
  std::unique_ptr<Materializer> view;  // goes first: it refers to the part
  std::unique_ptr<Part> part;

  ~Retired() { view.reset(); }
};

Views::Views(Stores& stores) : Views(stores, derived()) {}

Views::Views(Stores& stores, std::span<const std::string_view> names) : stores_(stores), entities_(stores.entities()) {
  add_roots();
  for (const Derived& derived : kDerived) {
    if (std::ranges::find(names, derived.name) != names.end()) add(derived);
  }
}

Views::~Views() {
  // The views refer to the parts.
  while (!registry_.views().empty()) static_cast<void>(registry_.release(registry_.views().back()->name()));
}

std::vector<std::string_view> Views::derived() {
  std::vector<std::string_view> names;
  for (const Derived& each : kDerived) names.push_back(each.name);
  return names;
}

/// The schema comes first: what follows reads it as of the event.
void Views::add_roots() {
  auto catalog = std::make_unique<schema::Catalog>();
  catalog_ = catalog.get();
  registry_.add_root(std::move(catalog));
  registry_.add_root(std::make_unique<entity::EntityMaterializer>(entities_));
  own_roots_.follow(*this);
  registry_.add_root(std::make_unique<entity::EmbeddingMaterializer>(
      embeddings_, entity::EmbeddingMaterializer::Inputs{.catalog = own_roots_, .keys = own_roots_}));
  resolver_ = std::make_unique<Resolver>(*catalog_, entities_);
  registry_.set_resolver(resolver_.get());
}

void Views::add(const Derived& derived) {
  parts_.push_back(std::make_unique<Part>());
  Part& part = *parts_.back();
  part.name = derived.name;
  part.roots.follow(*this);
  std::unique_ptr<Materializer> view = derived.make(part, stores_);
  publish(part, *view);
  registry_.add(std::move(view));
}

void Views::publish(const Part& part, Materializer& view) {
  const auto publish_state = [this]<class State>(const std::unique_ptr<State>& state) {
    // release: pairs with the acquire of the readers, who find the view whole.
    if (state) std::get<Published<State>>(states_).store(state.get(), std::memory_order_release);
  };
  std::apply([&](const auto&... each) { (publish_state(each), ...); }, part.states);
  if (auto* marks = dynamic_cast<ImportMarks*>(&view)) import_marks_.store(marks, std::memory_order_release);
  if (auto* duplicates = dynamic_cast<DuplicateWindow*>(&view)) {
    duplicates_.store(duplicates, std::memory_order_release);
  }
  if (auto* ledger = dynamic_cast<signal::GlobalSignalMaterializer*>(&view)) ledger_mat_ = ledger;
}

void Views::adopt(std::string_view name, Views& other) {
  const auto named = [name](const std::unique_ptr<Part>& part) { return part->name == name; };
  const auto theirs = std::ranges::find_if(other.parts_, named);
  const auto ours = std::ranges::find_if(parts_, named);
  TIDAL_ASSERT(theirs != other.parts_.end() && ours != parts_.end());
  std::unique_ptr<Part> part = std::move(*theirs);
  other.parts_.erase(theirs);
  std::unique_ptr<Materializer> view = other.registry_.release(name);
  part->roots.follow(*this);
  if (const auto& rollups = std::get<Owned<signal::Rollups>>(part->states)) {
    rollups->move_to(stores_.rollups(), other.stores_.release_rollups());
    std::get<Owned<signal::Rollups>>((*ours)->states)->succeeded_by(*rollups);
  }
  publish(*part, *view);
  auto* retired =
      new Retired{.view = registry_.replace(std::move(view)), .part = std::exchange(*ours, std::move(part))};
  base::retire(static_cast<const Retired*>(retired));
}

Timestamp Views::newest_event() const {
  const signal::LedgerSet& ledgers = this->ledgers();
  return std::max(ledgers.items.newest_event(), ledgers.creators.newest_event());
}

// acquire, in all of these: pairs with the release in publish().

bool Views::has_applied(const wal::EventId& id, Timestamp now) const {
  const base::EpochGuard guard;
  return duplicates_.load(std::memory_order_acquire)->first_of(id, now) != SeqNo{};
}

void Views::find_first(std::span<const wal::EventId> ids, Timestamp now, std::span<SeqNo> first) const {
  duplicates_.load(std::memory_order_acquire)->find_first(ids, now, first);
}

bool Views::holds(const wal::EventId& id) const { return duplicates_.load(std::memory_order_acquire)->holds(id); }

void Views::expect_newest(std::optional<Timestamp> newest) {
  DuplicateWindow* duplicates = duplicates_.load(std::memory_order_acquire);
  if (newest && duplicates != nullptr) duplicates->expect_newest(*newest);
}

void Views::identify(std::span<wal::WalEvent> events) const {
  const DuplicateWindow* duplicates = duplicates_.load(std::memory_order_acquire);
  if (duplicates != nullptr) duplicates->identify(events);
}

void Views::settle(Timestamp now) {
  if (ledger_mat_ != nullptr) ledger_mat_->settle(now);
}

}  // namespace tidal::db
