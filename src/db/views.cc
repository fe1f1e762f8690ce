// The list of views, in the order in which they take events.
#include "db/views.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/epoch.h"
#include "entity/entity_mat.h"
#include "index/field_index_mat.h"
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

}  // namespace

// The order in which views take each event, after the roots.
const std::array<Views::Derived, 5> Views::kDerived = {{
    {"field_index",
     [](Part& part) -> std::unique_ptr<Materializer> {
       part.fields = std::make_unique<index::FieldIndex>();
       return std::make_unique<index::FieldIndexMaterializer>(
           *part.fields, index::FieldIndexMaterializer::Inputs{
                             .catalog = part.roots, .keys = part.roots, .decode = decode_entity_change});
     }},
    {"ledger",
     [](Part& part) -> std::unique_ptr<Materializer> {
       part.ledgers = std::make_unique<signal::LedgerSet>();
       return std::make_unique<signal::GlobalSignalMaterializer>(*part.ledgers, part.roots);
     }},
    {"user_state",
     [](Part& part) -> std::unique_ptr<Materializer> {
       part.user_state = std::make_unique<signal::UserState>();
       return std::make_unique<signal::UserStateMaterializer>(
           *part.user_state, signal::UserStateMaterializer::Inputs{.catalog = part.roots, .keys = part.roots});
     }},
    {"import_marks", [](Part&) -> std::unique_ptr<Materializer> { return std::make_unique<ImportMarks>(); }},
    {"duplicates", [](Part&) -> std::unique_ptr<Materializer> { return std::make_unique<DuplicateWindow>(); }},
}};

/// A view that was replaced, until its last reader has gone.
struct Views::Retired {
  std::unique_ptr<Materializer> view;  // goes first: it refers to the part
  std::unique_ptr<Part> part;

  ~Retired() { view.reset(); }
};

Views::Views(storage::KeyValueStore& store) : entities_(store) {
  add_roots();
  for (const Derived& derived : kDerived) add(derived);
}

Views::Views(storage::KeyValueStore& store, std::string_view only) : entities_(store) {
  add_roots();
  for (const Derived& derived : kDerived) {
    if (derived.name == only) add(derived);
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
  registry_.add(std::move(catalog));
  registry_.add(std::make_unique<entity::EntityMaterializer>(entities_));
  resolver_ = std::make_unique<Resolver>(*catalog_, entities_);
  registry_.set_resolver(resolver_.get());
}

void Views::add(const Derived& derived) {
  parts_.push_back(std::make_unique<Part>());
  Part& part = *parts_.back();
  part.name = derived.name;
  part.roots.follow(*catalog_, entities_);
  std::unique_ptr<Materializer> view = derived.make(part);
  publish(part, *view);
  registry_.add(std::move(view));
}

void Views::publish(const Part& part, Materializer& view) {
  // release: pairs with the acquire of the readers, who find the view whole.
  if (part.fields) fields_.store(part.fields.get(), std::memory_order_release);
  if (part.ledgers) ledgers_.store(part.ledgers.get(), std::memory_order_release);
  if (part.user_state) user_state_.store(part.user_state.get(), std::memory_order_release);
  if (auto* marks = dynamic_cast<ImportMarks*>(&view)) import_marks_.store(marks, std::memory_order_release);
  if (auto* duplicates = dynamic_cast<DuplicateWindow*>(&view)) duplicates_ = duplicates;
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
  part->roots.follow(*catalog_, entities_);
  publish(*part, *view);
  auto* retired =
      new Retired{.view = registry_.replace(std::move(view)), .part = std::exchange(*ours, std::move(part))};
  base::retire(static_cast<const Retired*>(retired));
}

Timestamp Views::newest_event() const {
  const signal::LedgerSet& ledgers = this->ledgers();
  return std::max(ledgers.items.newest_event(), ledgers.creators.newest_event());
}

void Views::find_first(std::span<const wal::EventId> ids, Timestamp now, std::span<SeqNo> first) const {
  duplicates_->find_first(ids, now, first);
}

bool Views::holds(const wal::EventId& id) const { return duplicates_->holds(id); }

void Views::expect_newest(std::optional<Timestamp> newest) {
  if (newest && duplicates_ != nullptr) duplicates_->expect_newest(*newest);
}

void Views::identify(std::span<wal::WalEvent> events) const {
  if (duplicates_ != nullptr) duplicates_->identify(events);
}

void Views::settle(Timestamp now) {
  if (ledger_mat_ != nullptr) ledger_mat_->settle(now);
}

}  // namespace tidal::db
