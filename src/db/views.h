// Every view of the database and the order in which they take events. A new view is registered here, in one line.
//
// Schema and entities are the roots: every other view reads them as of the event it takes, and keeps ordinals and
// positions that mean the same in every replay of one log. So any other view can be built aside, beside roots of its
// own, and put into the place of the one in service (adopt).
// V1: what readers hold stays whole: a view that was replaced is freed when no EpochGuard from before is left.
// Threads: apply side as Materializer; the const reads as each view says, inside an EpochGuard.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

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

class Views final : public wal::AppliedIds {
 public:
  /// All of them. `store` outlives this.
  explicit Views(storage::KeyValueStore& store);
  /// The roots, and of the others the one of that name.
  Views(storage::KeyValueStore& store, std::string_view only);
  ~Views() override;
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  /// Names of the views that can be built aside: all but the roots.
  [[nodiscard]] static std::vector<std::string_view> derived();

  [[nodiscard]] const schema::Schema& schema() const { return catalog_->current(); }
  [[nodiscard]] const schema::Catalog& catalog() const { return *catalog_; }
  [[nodiscard]] const entity::EntityStore& entities() const { return entities_; }
  // acquire: pairs with the release in publish().
  [[nodiscard]] const index::FieldIndex& fields() const { return *fields_.load(std::memory_order_acquire); }
  [[nodiscard]] const signal::LedgerSet& ledgers() const { return *ledgers_.load(std::memory_order_acquire); }
  [[nodiscard]] const signal::UserState& user_state() const { return *user_state_.load(std::memory_order_acquire); }
  [[nodiscard]] const ImportMarks& import_marks() const { return *import_marks_.load(std::memory_order_acquire); }
  [[nodiscard]] Timestamp newest_event() const;

  /// Of the duplicates in service. Must not run beside adopt().
  void find_first(std::span<const wal::EventId> ids, Timestamp now, std::span<SeqNo> first) const override;
  [[nodiscard]] bool holds(const wal::EventId& id) const override;

  /// Of a replay up to records appended at `newest`, before it begins: the views may skip what would be gone by then.
  void expect_newest(std::optional<Timestamp> newest);
  /// DuplicateWindow::identify().
  void identify(std::span<wal::WalEvent> events) const;
  /// Rolls the read columns; the applier's side.
  void settle(Timestamp now);
  /// Takes the view of that name out of `other`, where it has applied the same events, and puts it into service here.
  /// The applier must not run, and no image of the replaced view be unwritten. Cost: a few pointers.
  void adopt(std::string_view name, Views& other);

  [[nodiscard]] materializer::Registry& registry() { return registry_; }
  [[nodiscard]] const materializer::Registry& registry() const { return registry_; }

 private:
  /// The roots that a derived view follows: those it was built beside, then those it serves beside.
  class Roots final : public materializer::KeyNames, public schema::CurrentSchema {
   public:
    void follow(const schema::Catalog& catalog, const entity::EntityStore& entities) {
      catalog_ = &catalog;
      entities_ = &entities;
    }
    [[nodiscard]] const schema::Schema& current() const override { return catalog_->current(); }
    [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const override {
      return entities_->key_of(kind, o);
    }

   private:
    const schema::Catalog* catalog_ = nullptr;
    const entity::EntityStore* entities_ = nullptr;
  };

  /// What belongs to one derived view besides its materializer.
  struct Part {
    std::string_view name;
    Roots roots;
    // Of these the one that the view keeps apart from its materializer, if any.
    std::unique_ptr<index::FieldIndex> fields;
    std::unique_ptr<signal::LedgerSet> ledgers;
    std::unique_ptr<signal::UserState> user_state;
  };
  struct Retired;
  using MakeView = std::unique_ptr<materializer::Materializer> (*)(Part&);
  struct Derived {
    std::string_view name;
    MakeView make;
  };
  static const std::array<Derived, 5> kDerived;

  void add_roots();
  void add(const Derived& derived);
  /// Lets readers find the view.
  void publish(const Part& part, materializer::Materializer& view);

  entity::EntityStore entities_;
  schema::Catalog* catalog_ = nullptr;  // the registry's
  std::unique_ptr<Resolver> resolver_;
  std::vector<std::unique_ptr<Part>> parts_;
  materializer::Registry registry_;
  // Of the parts and the registry; null where the view is not among these.
  std::atomic<const index::FieldIndex*> fields_{nullptr};
  std::atomic<const signal::LedgerSet*> ledgers_{nullptr};
  std::atomic<const signal::UserState*> user_state_{nullptr};
  std::atomic<const ImportMarks*> import_marks_{nullptr};
  // The applier's and the appending thread's.
  DuplicateWindow* duplicates_ = nullptr;
  signal::GlobalSignalMaterializer* ledger_mat_ = nullptr;
};

}  // namespace tidal::db
