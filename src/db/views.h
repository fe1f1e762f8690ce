// Every view of the database and the order in which they take events. A new view is registered here, in one line.
//
// Schema, entities and embeddings, what the application wrote, are the roots: every other view reads them as of the
// event it takes, and keeps ordinals and positions that mean the same in every replay of one log. So any other view can
// be built aside, beside roots of its own, and put into the place of the one in service (adopt). A derived view reads
// nothing of another: taking one away changes no other's state.
// V1: what readers hold stays whole: a view that was replaced is freed when no EpochGuard from before is left.
// Threads: apply side as Materializer; the const reads as each view says, inside an EpochGuard.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "db/duplicate_window.h"
#include "db/import_marks.h"
#include "db/resolver.h"
#include "db/stores.h"
#include "entity/embedding_store.h"
#include "entity/entity_store.h"
#include "index/field_index.h"
#include "index/hidden.h"
#include "materializer/key_names.h"
#include "materializer/registry.h"
#include "relationship/co_engagement.h"
#include "relationship/creator_items.h"
#include "relationship/creator_items_mat.h"
#include "relationship/edges.h"
#include "relationship/weights.h"
#include "schema/catalog.h"
#include "signal/global_mat.h"
#include "signal/interests.h"
#include "signal/ledger_set.h"
#include "signal/preference.h"
#include "signal/rollups.h"
#include "signal/uniques.h"
#include "signal/user_state.h"

namespace tidal::db {

class Views final : public wal::AppliedIds {
 public:
  /// All of them. `stores` outlives this.
  explicit Views(Stores& stores);
  /// The roots, and of the others those of these names.
  Views(Stores& stores, std::span<const std::string_view> names);
  ~Views() override;
  Views(const Views&) = delete;
  Views& operator=(const Views&) = delete;

  /// Names of the views that can be built aside: all but the roots.
  [[nodiscard]] static std::vector<std::string_view> derived();

  [[nodiscard]] const schema::Schema& schema() const { return catalog_->current(); }
  [[nodiscard]] const schema::Catalog& catalog() const { return *catalog_; }
  [[nodiscard]] const entity::EntityStore& entities() const { return entities_; }
  [[nodiscard]] const entity::EmbeddingStore& embeddings() const { return embeddings_; }
  [[nodiscard]] const index::FieldIndex& fields() const { return state<index::FieldIndex>(); }
  [[nodiscard]] const index::Hidden& hidden() const { return state<index::Hidden>(); }
  [[nodiscard]] const signal::LedgerSet& ledgers() const { return state<signal::LedgerSet>(); }
  [[nodiscard]] const signal::UserState& user_state() const { return state<signal::UserState>(); }
  [[nodiscard]] const signal::Preferences& preferences() const { return state<signal::Preferences>(); }
  [[nodiscard]] const signal::Interests& interests() const { return state<signal::Interests>(); }
  [[nodiscard]] const signal::Uniques& uniques() const { return state<signal::Uniques>(); }
  [[nodiscard]] const signal::Rollups& rollups() const { return state<signal::Rollups>(); }
  [[nodiscard]] const relationship::CreatorItems& creator_items() const { return state<relationship::CreatorItems>(); }
  [[nodiscard]] const relationship::EdgeState& relations() const { return state<relationship::EdgeState>(); }
  [[nodiscard]] const relationship::WeightState& weights() const { return state<relationship::WeightState>(); }
  [[nodiscard]] const relationship::CoEngagement& co_engagement() const { return state<relationship::CoEngagement>(); }
  // acquire: pairs with the release in publish().
  [[nodiscard]] const ImportMarks& import_marks() const { return *import_marks_.load(std::memory_order_acquire); }
  [[nodiscard]] Timestamp newest_event() const;

  /// Whether a signal with that id, appended at `now`, would be dropped as a duplicate of an applied one. Any thread.
  [[nodiscard]] bool has_applied(const wal::EventId& id, Timestamp now) const;
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
  /// The applier must not run, and no image of the replaced view be unwritten. A store goes with its view, and moves
  /// into ours with the next checkpoint. Cost: a few pointers.
  void adopt(std::string_view name, Views& other);

  [[nodiscard]] materializer::Registry& registry() { return registry_; }
  [[nodiscard]] const materializer::Registry& registry() const { return registry_; }

 private:
  /// States that views keep apart from their materializers, so that what reads them knows of no log.
  template <template <class> class Of>
  using EachState = std::tuple<Of<index::FieldIndex>, Of<index::Hidden>, Of<signal::LedgerSet>, Of<signal::UserState>,
                               Of<signal::Preferences>, Of<signal::Interests>, Of<signal::Uniques>, Of<signal::Rollups>,
                               Of<relationship::CreatorItems>, Of<relationship::EdgeState>,
                               Of<relationship::WeightState>, Of<relationship::CoEngagement>>;
  template <class State>
  using Owned = std::unique_ptr<State>;
  template <class State>
  using Published = std::atomic<const State*>;

  /// The roots that a derived view follows: those it was built beside, then those it serves beside.
  class Roots final : public materializer::KeyNames,
                      public schema::CurrentSchema,
                      public relationship::CurrentEntities,
                      public entity::EmbeddingSource {
   public:
    void follow(const Views& views) { views_ = &views; }
    [[nodiscard]] const schema::Schema& current() const override { return views_->schema(); }
    [[nodiscard]] const entity::EntityStore& entities() const override { return views_->entities_; }
    [[nodiscard]] std::string_view key_of(EntityKind kind, Ordinal o) const override {
      return views_->entities_.key_of(kind, o);
    }
    void prefetch_item(Ordinal item, PrefetchStage stage) const noexcept override {
      views_->embeddings_.prefetch_item(item, stage);
    }
    [[nodiscard]] bool item_vector(Ordinal item, std::span<float> out) const noexcept override {
      return views_->embeddings_.item_vector(item, out);
    }
    [[nodiscard]] bool catalogue_vector(Ordinal creator, std::span<float> out) const noexcept override {
      return views_->embeddings_.catalogue_vector(creator, out);
    }

   private:
    const Views* views_ = nullptr;
  };

  /// What belongs to one derived view besides its materializer: the one state that is its, if any.
  struct Part {
    std::string_view name;
    Roots roots;
    EachState<Owned> states;

    template <class State, class... Arguments>
    [[nodiscard]] State& make(Arguments&&... arguments) {
      return *(std::get<Owned<State>>(states) = std::make_unique<State>(std::forward<Arguments>(arguments)...));
    }
  };
  struct Retired;
  using MakeView = std::unique_ptr<materializer::Materializer> (*)(Part&, Stores&);
  struct Derived {
    std::string_view name;
    MakeView make;
  };
  static const std::array<Derived, 14> kDerived;

  void add_roots();
  void add(const Derived& derived);
  /// Lets readers find the view.
  void publish(const Part& part, materializer::Materializer& view);
  // acquire: pairs with the release in publish().
  template <class State>
  [[nodiscard]] const State& state() const {
    return *std::get<Published<State>>(states_).load(std::memory_order_acquire);
  }

  Stores& stores_;
  entity::EntityStore entities_;
  entity::EmbeddingStore embeddings_;
  Roots own_roots_;                     // of the roots that follow others
  schema::Catalog* catalog_ = nullptr;  // the registry's
  std::unique_ptr<Resolver> resolver_;
  std::vector<std::unique_ptr<Part>> parts_;
  materializer::Registry registry_;
  // Of the parts and the registry; null where the view is not among these.
  EachState<Published> states_;
  std::atomic<const ImportMarks*> import_marks_{nullptr};
  std::atomic<DuplicateWindow*> duplicates_{nullptr};
  // The applier's.
  signal::GlobalSignalMaterializer* ledger_mat_ = nullptr;
};

}  // namespace tidal::db
