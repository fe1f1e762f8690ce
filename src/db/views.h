// Every view of the database and the order in which they take events. A new view is registered here, in one line.
//
// Threads: apply side as Materializer; the const reads as each view says.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "db/duplicate_window.h"
#include "db/import_marks.h"
#include "db/resolver.h"
#include "entity/entity_store.h"
#include "index/field_index.h"
#include "materializer/key_names.h"
#include "materializer/registry.h"
#include "schema/catalog.h"
#include "signal/global_mat.h"
#include "signal/ledger_set.h"
#include "signal/user_state.h"
#include "storage/kv.h"

namespace tidal::db {

class Views {
 public:
  /// `store` outlives this.
  explicit Views(storage::KeyValueStore& store);
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  [[nodiscard]] const schema::Schema& schema() const { return catalog_->current(); }
  [[nodiscard]] const schema::Catalog& catalog() const { return *catalog_; }
  [[nodiscard]] const entity::EntityStore& entities() const { return entities_; }
  [[nodiscard]] const index::FieldIndex& fields() const { return fields_; }
  [[nodiscard]] const signal::LedgerSet& ledgers() const { return ledgers_; }
  [[nodiscard]] const signal::UserState& user_state() const { return user_state_; }
  [[nodiscard]] const ImportMarks& import_marks() const { return *import_marks_; }
  [[nodiscard]] const DuplicateWindow& duplicates() const { return *duplicates_; }
  /// Of a replay up to records appended at `newest`, before it begins: the views may skip what would be gone by then.
  void expect_newest(std::optional<Timestamp> newest) {
    if (newest) duplicates_->expect_newest(*newest);
  }
  [[nodiscard]] Timestamp newest_event() const;

  /// Rolls the read columns; the applier's side.
  void settle(Timestamp now);
  [[nodiscard]] materializer::Registry& registry() { return registry_; }
  [[nodiscard]] const materializer::Registry& registry() const { return registry_; }

 private:
  /// Keys by ordinal, for digests.
  class Names final : public materializer::KeyNames {
   public:
    explicit Names(const entity::EntityStore& entities) : entities_(entities) {}
    [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const override {
      return entities_.key_of(kind, o);
    }

   private:
    const entity::EntityStore& entities_;
  };

  entity::EntityStore entities_;
  index::FieldIndex fields_;
  signal::LedgerSet ledgers_;
  signal::UserState user_state_;
  Names names_;
  // Owned by the registry.
  schema::Catalog* catalog_ = nullptr;
  ImportMarks* import_marks_ = nullptr;
  DuplicateWindow* duplicates_ = nullptr;
  signal::GlobalSignalMaterializer* ledger_mat_ = nullptr;
  std::unique_ptr<Resolver> resolver_;
  materializer::Registry registry_;
};

}  // namespace tidal::db
