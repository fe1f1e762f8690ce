// The list of views, in the order in which they take events.
#include "db/views.h"

#include <algorithm>

#include "entity/entity_mat.h"
#include "index/field_index_mat.h"
#include "signal/user_state_mat.h"

namespace tidal::db {
namespace {

/// What the field index needs of an entity record; the codec is the entity folder's.
Result<index::EntityChange> decode_entity_change(std::string_view payload) {
  TIDAL_TRY_ASSIGN(entity::EntityContent content, entity::decode_content(payload));
  return index::EntityChange{.names_creator = content.creator.has_value() && !content.creator->empty(),
                             .fields = std::move(content.fields)};
}

/// Registers a view and keeps a typed pointer to it; the registry owns it.
template <class View, class... Args>
View* add(materializer::Registry& registry, Args&&... args) {
  auto view = std::make_unique<View>(std::forward<Args>(args)...);
  View* raw = view.get();
  registry.add(std::move(view));
  return raw;
}

}  // namespace

Views::Views(storage::KeyValueStore& store) : entities_(store), names_(entities_) {
  // The order in which views take each event. The schema comes first: what follows reads it as of the event.
  catalog_ = add<schema::Catalog>(registry_);
  add<entity::EntityMaterializer>(registry_, entities_);
  add<index::FieldIndexMaterializer>(
      registry_, fields_,
      index::FieldIndexMaterializer::Inputs{.catalog = *catalog_, .keys = names_, .decode = decode_entity_change});
  ledger_mat_ = add<signal::GlobalSignalMaterializer>(registry_, ledgers_, names_);
  add<signal::UserStateMaterializer>(registry_, user_state_,
                                     signal::UserStateMaterializer::Inputs{.catalog = *catalog_, .keys = names_});
  import_marks_ = add<ImportMarks>(registry_);
  duplicates_ = add<DuplicateWindow>(registry_);

  resolver_ = std::make_unique<Resolver>(*catalog_, entities_);
  registry_.set_resolver(resolver_.get());
}

Timestamp Views::newest_event() const {
  return std::max(ledgers_.items.newest_event(), ledgers_.creators.newest_event());
}

void Views::settle(Timestamp now) { ledger_mat_->settle(now); }

}  // namespace tidal::db
